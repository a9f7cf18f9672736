import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { h } from 'preact'
import type { Browser, Page } from 'playwright-core'
import { nodeHashes } from '../src/swarm/node-hashes.ts'
import { startSeeder } from '../src/swarm/seed.ts'
import { clientTorrent, parseMetainfo } from '../src/torrent/metainfo.ts'
import { ModelPage, renderPage } from '../src/web/pages/index.ts'
import { launchChromium } from './chromium.ts'
import { buildClient } from './fixtures/client.ts'
import { model } from './fixtures/listing-fixtures.ts'
import { modelPage } from './fixtures/page-fixtures.ts'
import { servePages } from './fixtures/page-server.ts'
import type { Answer, PageServer } from './fixtures/page-server.ts'
import { makeTorrent, startTracker } from './swarm.ts'
import type { TestTorrent } from './swarm.ts'
import { hasTool, requireTool, runTool, tempDir } from './tools.ts'

const ROOT = '[data-island="download-here"]'
const NAME = 'set/b-model.gguf'
const NEEDED = ['chromium', 'libtorrent', 'mktorrent']

function nothing(): Answer {
  return null
}

it('has what a download needs', (t) => {
  requireTool(t, ...NEEDED)
})

/** Against a real tracker and seeder; test/browser.test.ts does the same through the whole site. */
describe('when a model is downloaded in Chromium', { skip: !NEEDED.every((tool) => hasTool(tool)) }, () => {
  let browser: Browser
  let server: PageServer
  let client: Awaited<ReturnType<typeof buildClient>>
  let answer: (path: string) => Answer = nothing

  before(async () => {
    client = await buildClient()
    server = await servePages(client.directory, (path) => answer(path))
    browser = await launchChromium()
  })
  after(async () => {
    await browser.close()
    await server.close()
    await client.remove()
  })

  /** Opens a listing of one file of a torrent, announced at a tracker. */
  async function open(made: TestTorrent, tracker: string, sha256 = made.digests.get(NAME)): Promise<Page> {
    const bytes = await readFile(join(made.dir, NAME))
    const metainfo = await parseMetainfo(made.torrent, nodeHashes)
    const listing = model({
      sha256: sha256 ?? '',
      size_bytes: bytes.byteLength,
      trackers: [tracker],
      magnet: null,
      files: [
        {
          path: NAME,
          size_bytes: bytes.byteLength,
          sha256: sha256 ?? '',
          md5: null,
          pieces_root: null,
          role: 'model',
        },
      ],
    })
    answer = (path) => {
      if (path === `/models/${listing.id}.client.torrent`) return clientTorrent(metainfo)
      return path === '/model' ? renderPage(h(ModelPage, modelPage(listing))) : null
    }
    const page = await browser.newPage()
    await page.goto(`${server.url}/model`)
    return page
  }

  // Sizes that are no whole pieces, so that the last of one file and the first of the next meet.
  const FILES = { 'set/a.txt': 100_001, [NAME]: 3_000_017, 'set/c.txt': 70_003 }

  const makers = {
    hybrid: (t: TestContext, tracker: string) => makeTorrent(t, FILES, { trackers: [tracker] }),
    // Without padding: the model begins in the middle of a piece.
    'v1 without padding': async (t: TestContext, tracker: string) => {
      const made = await makeTorrent(t, FILES, { flags: 'v1' })
      const path = join(await tempDir(t), 'plain.torrent')
      const { code, stderr } = await runTool('mktorrent', [
        '-l',
        '16',
        '-a',
        tracker,
        '-o',
        path,
        join(made.dir, 'set'),
      ])
      assert.equal(code, 0, stderr)
      return { ...made, torrent: await readFile(path), torrentPath: path }
    },
  }
  for (const [kind, make] of Object.entries(makers))
    it(`takes one file out of a torrent of three (${kind}), checks it, and only then lets it be saved`, async (t) => {
      const tracker = await startTracker(t)
      const made = await make(t, tracker.ws)
      const seeder = await startSeeder({ trackers: [tracker.ws], host: '127.0.0.1' })
      t.after(() => seeder.close())
      await seeder.add({ torrent: made.torrent, path: made.dir })
      const page = await open(made, tracker.ws)
      assert.match((await page.textContent('#download')) ?? '', /Peers and trackers will see your IP address/)
      assert.equal(await page.getAttribute(ROOT, 'data-state'), 'idle')
      await page.click(`${ROOT} [data-part=start]`)
      await page.waitForSelector(`${ROOT}:is([data-state=match], [data-state=error])`, { timeout: 40_000 })
      assert.equal(await page.getAttribute(ROOT, 'data-state'), 'match', (await page.textContent(ROOT)) ?? '')
      const saving = page.waitForEvent('download')
      await page.click(`${ROOT} a[download]`)
      const saved = await saving
      assert.equal(saved.suggestedFilename(), 'b-model.gguf')
      const digest = createHash('sha256')
        .update(await readFile(await saved.path()))
        .digest('hex')
      assert.equal(digest, made.digests.get(NAME))
      await page.close()
    })

  it('says mismatch, and offers nothing to save, where the torrent holds other bytes than the listing says', async (t) => {
    const tracker = await startTracker(t)
    const made = await makeTorrent(t, FILES, { trackers: [tracker.ws] })
    const seeder = await startSeeder({ trackers: [tracker.ws], host: '127.0.0.1' })
    t.after(() => seeder.close())
    await seeder.add({ torrent: made.torrent, path: made.dir })
    const page = await open(made, tracker.ws, '0'.repeat(64))
    await page.click(`${ROOT} [data-part=start]`)
    await page.waitForSelector(`${ROOT}[data-state=mismatch]`, { timeout: 40_000 })
    assert.equal(await page.locator(`${ROOT} a[download]`).count(), 0)
    assert.match((await page.textContent('.broadcast')) ?? '', /Nothing was saved/)
    await page.close()
  })

  it('says that it waits while there is no peer, and keeps nothing when cancelled', async (t) => {
    const tracker = await startTracker(t)
    const made = await makeTorrent(t, FILES, { trackers: [tracker.ws] })
    const page = await open(made, tracker.ws)
    await page.click(`${ROOT} [data-part=start]`)
    await page.waitForFunction(
      (selector) => /looking for peers/.test(document.querySelector(selector)?.textContent ?? ''),
      `${ROOT} [data-part=figures]`,
    )
    assert.equal(await page.getAttribute(ROOT, 'data-state'), 'waiting')
    await page.click(`${ROOT} [data-part=cancel]`)
    await page.waitForSelector(`${ROOT}[data-state=cancelled]`)
    assert.equal(await page.locator(`${ROOT} [data-part=start]`).isVisible(), true)
    await page.close()
  })

  it('says what failed where the .torrent is gone', async (t) => {
    const tracker = await startTracker(t)
    const made = await makeTorrent(t, FILES, { trackers: [tracker.ws] })
    const page = await open(made, tracker.ws)
    answer = nothing
    await page.click(`${ROOT} [data-part=start]`)
    await page.waitForSelector(`${ROOT}[data-state=error]`)
    assert.match((await page.textContent(`${ROOT} [data-part=result]`)) ?? '', /the \.torrent answered 404/)
    await page.close()
  })
})
