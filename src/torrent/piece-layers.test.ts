import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { parseMetainfo } from './metainfo.ts'
import { asMap, content, dropV1, edited, fileTree as tree, torrentOf } from './torrent-fixture.ts'

describe('when pieces cost more to check than a torrent has bytes', () => {
  it('checks a layer that many files share once', async () => {
    let hashed = 0
    const counting = {
      ...nodeHashes,
      sha256: (bytes: Uint8Array) => {
        hashed++
        return nodeHashes.sha256(bytes)
      },
    }
    const single = await torrentOf({ 'a.gguf': content(50_000) }, nodeHashes)
    const bytes = edited(single.bytes, (info) => {
      dropV1(info)
      const one = asMap(tree(info).get('a.gguf'))
      info.set(
        'file tree',
        new Map(Array.from({ length: 5_000 }, (_, index) => [`f${String(index).padStart(4, '0')}`, one])),
      )
    })
    await parseMetainfo(bytes, counting)
    assert.ok(hashed < 50, `${hashed} hashes`)
  })
})
