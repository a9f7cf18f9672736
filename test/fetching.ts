/** Sources of a download that misbehave or leave out: what tests of fetching share besides `test/swarm.ts`. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import WebTorrent from 'webtorrent'
import { diskStore } from '../src/swarm/disk-store.ts'
import { layoutOf } from '../src/swarm/layout.ts'
import { nodeHashes } from '../src/swarm/node-hashes.ts'
import { clientTorrent, parseMetainfo } from '../src/torrent/metainfo.ts'
import { startTracker, type TestTorrent } from './swarm.ts'
import { tempDir } from './tools.ts'

/** A copy of the data with a byte changed in every 10,000. */
export async function liesOf(t: TestContext, made: TestTorrent): Promise<string> {
  const dir = await tempDir(t)
  await cp(made.dir, dir, { recursive: true })
  for (const path of made.digests.keys()) {
    const bytes = await readFile(join(dir, path))
    for (let at = 0; at < bytes.length; at += 10_000) bytes[at] = (bytes[at] ?? 0) ^ 0xff
    await writeFile(join(dir, path), bytes)
  }
  return dir
}

/** A peer that serves a folder's bytes whatever they are; libtorrent checks what it sends. Returns its `ip:port`. */
export async function servePeer(t: TestContext, torrent: Uint8Array, dir: string): Promise<string> {
  const metainfo = await parseMetainfo(torrent, nodeHashes)
  const layout = layoutOf(metainfo)
  const client = new WebTorrent({
    dht: false,
    lsd: false,
    utPex: false,
    utp: false,
    natUpnp: false,
    natPmp: false,
    webSeeds: false,
    tracker: false,
    torrentPort: { host: '127.0.0.1', port: 0 },
    maxConns: 10,
  })
  t.after(() => new Promise<void>((resolve) => client.destroy(() => resolve())))
  const store = diskStore(layout, (index) => join(dir, layout.files[index]?.path ?? ''))
  const ours = clientTorrent({ infoBytes: metainfo.infoBytes, trackers: [], web_seeds: [] })
  const added = client.add(ours, { preloadedStore: store, storeCacheSlots: 1, skipVerify: true })
  await once(added, 'ready')
  return `127.0.0.1:${client.torrentPort}`
}

/** A peer that believes its wrong bytes to be right. */
export async function liar(t: TestContext, made: TestTorrent): Promise<string> {
  return servePeer(t, made.torrent, await liesOf(t, made))
}

/** An HTTP server of files with ranges; `mode` makes it misbehave. */
export async function webSeed(t: TestContext) {
  let root = ''
  const asked: string[] = []
  const mode = { current: 'honest' as 'honest' | 'too much' | 'redirect' }
  const running = await startTracker(t, (request, response) => {
    const path = decodeURIComponent(request.url ?? '')
    asked.push(path)
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
    if (mode.current === 'redirect') {
      response.writeHead(302, { location: 'http://10.255.255.1/x' }).end()
    } else if (mode.current === 'too much') {
      response.writeHead(206).end(Buffer.alloc(5_000_000))
    } else {
      readFile(join(root, path)).then(
        (bytes) =>
          response
            .writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes.length}` })
            .end(bytes.subarray(Number(from), Number(to) + 1)),
        () => response.writeHead(404).end(),
      )
    }
  })
  return { url: `http://127.0.0.1:${running.port}/`, serve: (dir: string) => (root = dir), asked, mode }
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 8000
  while (!(await condition())) {
    assert.ok(Date.now() < end, 'still not so after 8 s')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
