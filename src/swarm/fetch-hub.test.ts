import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { startHub, tooMany, type HubFile, type TestHub } from '../../test/hub.ts'
import { makeTorrent, type TestTorrent } from '../../test/swarm.ts'
import { requireTool, tempDir } from '../../test/tools.ts'
import { hubFileUrl } from '../core/hub.ts'
import { addressPolicy } from './addresses.ts'
import { fetchTorrent, type FetchResult } from './fetch.ts'

const COMMIT = 'c0ffee'.padEnd(40, '0')
const SIZE = 40 * 2 ** 20 + 12_345

/** A file that the Hub alone has, in pieces far smaller than what is asked for at once. */
async function onTheHub(t: TestContext): Promise<{ hub: TestHub; made: TestTorrent; bytes: Buffer }> {
  const files: Record<string, HubFile> = {}
  const hub = await startHub(t, { 'org/repo': { commits: { [COMMIT]: files } } })
  const url = hubFileUrl(hub.url, { repository: 'org/repo', commit: COMMIT, path: 'q8/model.gguf' })
  const made = await makeTorrent(t, { 'model.gguf': SIZE }, { pieceLength: 65_536, webSeeds: [url] })
  const bytes = await readFile(join(made.dir, 'model.gguf'))
  files['q8/model.gguf'] = { bytes }
  return { hub, made, bytes }
}

async function fetched(t: TestContext, made: TestTorrent): Promise<FetchResult> {
  const result = await fetchTorrent({
    torrent: made.torrent,
    into: await tempDir(t),
    policy: addressPolicy(['127.0.0.0/8']),
    maxBytes: SIZE,
    idleTimeoutMs: 20_000,
  })
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(result.files[0]?.diskPath ?? '')) hash.update(chunk as Buffer)
  assert.equal(hash.digest('hex'), made.digests.get('model.gguf'))
  return result
}

function resolved(hub: TestHub): number {
  return hub.asked.filter((line) => line.includes('/resolve/')).length
}

describe('when a torrent’s only seed is the Hub', () => {
  it('asks for large ranges, each through an address that is signed for it', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { hub, made } = await onTheHub(t)
    const { bytes_from } = await fetched(t, made)
    assert.ok(bytes_from.web_seeds >= SIZE && bytes_from.peers === 0)
    // 641 pieces: a request each would be held back by the Hub’s own limit in a real model.
    assert.ok(resolved(hub) <= 12, `${resolved(hub)} requests`)
    assert.equal(hub.asked.filter((line) => line.startsWith('CDN')).length, resolved(hub))
  })

  it('goes on after an expired signature, a busy Hub, a cut connection and a page of HTML', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { hub, made, bytes } = await onTheHub(t)
    hub.next.push(tooMany(1), (request) => request.socket.destroy())
    hub.nextCdn.push(
      (_request, response) => response.writeHead(403).end('Auth failed: expired'),
      (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sorry</h1>'),
      (request, response) => {
        const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0])
        response.writeHead(206, { 'content-range': `${request.headers.range?.replace('=', ' ')}/${SIZE}` })
        response.write(bytes.subarray(from, from + 100_000), () => response.destroy())
      },
    )
    await fetched(t, made)
    // What broke off is asked for in large ranges again, not piece by piece.
    assert.ok(resolved(hub) <= 16, `${resolved(hub)} requests`)
  })
})
