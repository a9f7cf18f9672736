import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { launchChromium } from '../../test/chromium.ts'
import { makeTorrent, startTracker } from '../../test/swarm.ts'
import { requireTool } from '../../test/tools.ts'
import { clientTorrent, parseMetainfo } from '../torrent/metainfo.ts'
import { nodeHashes } from './node-hashes.ts'
import { startSeeder } from './seed.ts'

const BUNDLE = new URL('../../node_modules/webtorrent/dist/webtorrent.min.js', import.meta.url)

describe('when a browser downloads', () => {
  it('gets the exact bytes of a hybrid from our seeder over WebRTC, found through our WebSocket tracker', async (t) => {
    if (!requireTool(t, 'libtorrent', 'chromium')) return
    let torrentFile = new Uint8Array()
    const trackers = await startTracker(t, (request, response) => {
      const send = (type: string, body: string | Uint8Array) =>
        response.writeHead(200, { 'content-type': type }).end(body)
      if (request.url === '/webtorrent.js') {
        readFile(BUNDLE).then(
          (code) => send('text/javascript', code),
          () => response.writeHead(500).end(),
        )
      } else if (request.url === '/a.torrent') send('application/x-bittorrent', torrentFile)
      else send('text/html', '<!doctype html><title>test</title>')
    })
    const made = await makeTorrent(t, { 'm/model.gguf': 1_500_001, 'm/tail.bin': 70_000 })
    const metainfo = await parseMetainfo(made.torrent, nodeHashes)
    torrentFile = clientTorrent({ ...metainfo, trackers: [[trackers.ws]] })
    const seeder = await startSeeder({ trackers: [trackers.ws], host: '127.0.0.1' })
    t.after(() => seeder.close())
    await seeder.add({ torrent: made.torrent, path: made.dir })

    const browser = await launchChromium()
    t.after(() => browser.close())
    const page = await browser.newPage()
    const elsewhere: string[] = []
    page.on('request', (request) => {
      if (new URL(request.url()).host !== `127.0.0.1:${trackers.port}`) elsewhere.push(request.url())
    })
    await page.goto(`http://127.0.0.1:${trackers.port}/`)
    const got = (await page.evaluate(DOWNLOAD)) as {
      infoHash: string
      types: string[]
      digests: [string, string][]
    }
    assert.equal(got.infoHash, made.infoHash)
    assert.deepEqual(got.types, ['webrtc'])
    assert.deepEqual(new Map(got.digests.filter(([path]) => !path.includes('.pad'))), made.digests)
    assert.deepEqual(elsewhere, [])
    await until(() => trackers.tracker.counts(made.infoHash).completed === 1)
    await browser.close()
    await until(() => trackers.tracker.counts(made.infoHash).seeders === 1)
  })
})

/** Runs in the page; text, because it is no code of this process. */
const DOWNLOAD = `(async () => {
  const { default: WebTorrent } = await import('/webtorrent.js')
  const bytes = new Uint8Array(await (await fetch('/a.torrent')).arrayBuffer())
  const client = new WebTorrent({ tracker: { rtcConfig: { iceServers: [] } } })
  const types = []
  const torrent = await new Promise((resolve, reject) => {
    client.on('error', reject)
    const adding = client.add(bytes)
    adding.on('wire', (wire) => types.push(wire.type))
    adding.on('error', reject)
    adding.on('done', () => resolve(adding))
  })
  const digests = []
  for (const file of torrent.files) {
    const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer())
    digests.push([file.path, Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, '0')).join('')])
  }
  return { infoHash: torrent.infoHash, types: [...new Set(types)], digests }
})()`

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 8000
  while (!condition()) {
    assert.ok(Date.now() < end, 'still not so after 8 s')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
