import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { localDht } from '../../test/local-dht.ts'
import { digestsOf, libtorrentSeed, makeTorrent } from '../../test/swarm.ts'
import { requireTool, tempDir } from '../../test/tools.ts'
import { isQalError } from '../core/error.ts'
import { decode, encode, Raw, type Encodable } from '../torrent/bencode.ts'
import { addressPolicy } from './addresses.ts'
import { openDht } from './dht.ts'
import { fetchTorrent } from './fetch.ts'

const policy = addressPolicy(['127.0.0.0/8'])
const limits = { policy, maxBytes: 3_000_000, idleTimeoutMs: 10_000 }

describe('a torrent without a tracker', () => {
  it('is found where libtorrent announced it, by its magnet, and estimated as it says', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { routers } = await localDht(t, 8)
    const made = await makeTorrent(t, { 'one.gguf': 200_000 })
    const peer = await libtorrentSeed(t, made.torrentPath, made.dir, { dhtRouter: routers[0] ?? '' })
    const dht = await openDht({ routers, policy })
    t.after(() => dht.close())
    let found: string[] = []
    while (found.length === 0) {
      await wait(50, undefined, { signal: t.signal })
      found = (await dht.findPeers(made.infoHash)).peers
    }
    assert.deepEqual(found, [peer])
    const { seeders, leechers } = await dht.estimate(made.infoHash)
    assert.deepEqual([seeders, leechers], [1, 0])
    const into = await tempDir(t)
    const torrent = { infoHash: made.infoHash, trackers: [] }
    const result = await fetchTorrent({ ...limits, torrent, dht: routers, into })
    assert.deepEqual(await digestsOf(made, into), made.digests)
    assert.deepEqual([result.peers_seen, result.problems], [1, []])
  })

  it('is not looked for where that is not asked, nor where it is private', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { routers } = await localDht(t, 3)
    const made = await makeTorrent(t, { 'one.gguf': 200_000 }, { flags: 'v1' })
    const outer = decode(made.torrent)
    const info = outer.type === 'dictionary' ? outer.entries.get('info') : undefined
    assert.ok(info?.type === 'dictionary')
    const fields = [...info.entries].map(([key, { start, end }]): [string, Encodable] => [
      key,
      new Raw(made.torrent.subarray(start, end)),
    ])
    const torrent = encode(new Map([['info', new Map<string, Encodable>([...fields, ['private', 1]])]]))
    for (const options of [{ torrent: made.torrent }, { torrent, dht: routers }])
      await assert.rejects(
        fetchTorrent({ ...limits, ...options, into: await tempDir(t) }),
        (error) => isQalError(error) && error.code === 'swarm_no_peers' && error.message.includes('names no'),
      )
  })
})
