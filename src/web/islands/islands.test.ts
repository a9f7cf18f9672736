import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { h } from 'preact'
import type { Browser, Page } from 'playwright-core'
import { launchChromium } from '../../../test/chromium.ts'
import { buildClient } from '../../../test/fixtures/client.ts'
import { model, OFFICIAL, PENDING, SIGNED_IN } from '../../../test/fixtures/listing-fixtures.ts'
import { modelPage, QUEUE } from '../../../test/fixtures/page-fixtures.ts'
import { servePages } from '../../../test/fixtures/page-server.ts'
import type { PageServer } from '../../../test/fixtures/page-server.ts'
import { hasTool, requireTool } from '../../../test/tools.ts'
import { ModelPage, QueuePage, renderPage, SubmitPage } from '../pages/index.ts'

const SIZE = 5_000_011
const bytes = randomBytes(SIZE)
const sha256 = createHash('sha256').update(bytes).digest('hex')
const shard = randomBytes(1_234)

const listing = model({
  sha256,
  size_bytes: SIZE,
  signature: { state: 'none', fingerprint: null, blob: null },
  files: [
    {
      path: 'tiny/tiny-00001-of-00002.gguf',
      size_bytes: SIZE,
      sha256,
      md5: null,
      pieces_root: null,
      role: 'shard',
    },
    {
      path: 'tiny/tiny-00002-of-00002.gguf',
      size_bytes: shard.byteLength,
      sha256: createHash('sha256').update(shard).digest('hex'),
      md5: null,
      pieces_root: null,
      role: 'shard',
    },
  ],
})

let queueTurns = 0

function queuePage(): string {
  queueTurns += 1
  const fraction = queueTurns === 1 ? 0.25 : 0.75
  return renderPage(
    h(QueuePage, {
      ...QUEUE,
      pending: [{ model: PENDING, job: { state: 'running', step: `turn ${queueTurns}`, fraction } }],
    }),
  )
}

const SUBMIT_CONTEXT = { ...SIGNED_IN, path: '/submit' }

it('has Chromium to run the islands in', (t) => {
  requireTool(t, 'chromium')
})

describe('when the islands run in Chromium', { skip: !hasTool('chromium') }, () => {
  let browser: Browser
  let server: PageServer
  let client: Awaited<ReturnType<typeof buildClient>>
  let scratch: string
  const faults: string[] = []

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'qal-islands-'))
    client = await buildClient()
    server = await servePages(client.directory, (path) => {
      if (path === '/model') return renderPage(h(ModelPage, modelPage(listing)))
      if (path === '/alarm') return renderPage(h(ModelPage, modelPage({ ...OFFICIAL, status: 'rejected' })))
      if (path === '/queue') return queuePage()
      if (path.startsWith('/api/identify/'))
        return new TextEncoder().encode('{"version":1,"prefix":"","matches":[],"more":false}')
      if (path === '/submit')
        return renderPage(
          h(SubmitPage, {
            trackers: ['udp://127.0.0.1:8080/announce', 'ws://127.0.0.1:8080/announce'],
            context: SUBMIT_CONTEXT,
            form: { values: {}, errors: {}, problem: null },
          }),
        )
      return null
    })
    browser = await launchChromium()
  })
  after(async () => {
    await browser.close()
    await server.close()
    await client.remove()
    await rm(scratch, { recursive: true, force: true })
    assert.deepEqual(faults, [], 'no error and no refusal by the policy in any page')
  })

  async function visit(path: string): Promise<Page> {
    const page = await browser.newPage()
    page.on('pageerror', (error) => faults.push(`${path}: ${error.message}`))
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(`${path}: ${message.text()}`)
    })
    await page.goto(server.url + path)
    return page
  }

  const CHECK = '[data-island="check-file"]'

  async function checkBytes(name: string, content: Buffer, state: string): Promise<Page> {
    const page = await visit('/model')
    await page.setInputFiles(`${CHECK} input[type=file]`, {
      name,
      mimeType: 'application/octet-stream',
      buffer: content,
    })
    await page.waitForSelector(`${CHECK}[data-state=${state}]`, { timeout: 20_000 })
    return page
  }

  it('says MATCH for the listed bytes, whatever the file is called', async () => {
    const page = await checkBytes('renamed.bin', bytes, 'match')
    const said = await page.textContent(`${CHECK} [data-part=result]`)
    assert.match(said ?? '', /renamed\.bin is exactly tiny-00001-of-00002\.gguf of “Llama 3\.3 70B Instruct”/)
    assert.match(said ?? '', /all 5,000,011 bytes/)
    assert.ok(said?.includes(sha256))
    assert.equal(await page.locator('.broadcast').count(), 0)
    await page.close()
  })

  it('names the other shard that it is', async () => {
    const page = await checkBytes('shard', shard, 'match')
    assert.match(
      (await page.textContent(`${CHECK} [data-part=result]`)) ?? '',
      /exactly tiny\/tiny-00002-of-00002\.gguf/,
    )
    await page.close()
  })

  it('says MISMATCH for one flipped bit, with the emergency broadcast and what to do', async () => {
    const wrong = Buffer.from(bytes)
    wrong[SIZE - 1] = (wrong[SIZE - 1] ?? 0) ^ 1
    const page = await checkBytes('wrong.gguf', wrong, 'mismatch')
    const broadcast = (await page.textContent('.broadcast')) ?? ''
    assert.match(broadcast, /Mismatch/)
    assert.ok(broadcast.includes(`Expected SHA-256 ${sha256}`))
    assert.ok(broadcast.includes(`Got SHA-256 ${createHash('sha256').update(wrong).digest('hex')}`))
    assert.match(broadcast, /The size is right, the bytes are not/)
    assert.match(broadcast, /Do not run this file/)
    assert.equal(await page.getAttribute('#tool-broadcast', 'role'), 'alert')
    // A right file chosen afterwards takes the alarm away.
    await page.setInputFiles(`${CHECK} input[type=file]`, { name: 'x', mimeType: '', buffer: bytes })
    await page.waitForSelector(`${CHECK}[data-state=match]`)
    assert.equal(await page.locator('.broadcast').count(), 0)
    await page.close()
  })

  it('tells a wrong size and never calls a prefix a match', async () => {
    const page = await checkBytes('short.gguf', bytes.subarray(0, SIZE - 1), 'mismatch')
    assert.match((await page.textContent('.broadcast')) ?? '', /Expected 5,000,011 bytes, got 5,000,010/)
    await page.close()
    const empty = await checkBytes('empty', Buffer.alloc(0), 'mismatch')
    await empty.close()
  })

  it('warns of the size at once, shows progress, and stops when cancelled', async () => {
    const path = join(scratch, 'sparse.gguf')
    const file = await open(path, 'w')
    await file.truncate(8 * 2 ** 30)
    await file.close()
    const page = await visit('/model')
    await page.setInputFiles(`${CHECK} input[type=file]`, path)
    await page.waitForSelector(`${CHECK}[data-state=running]`)
    assert.match((await page.textContent(`${CHECK} .size-warning`)) ?? '', /this file has 8,589,934,592/)
    await page.waitForFunction(
      (selector) => /MB\/s · .* left/.test(document.querySelector(selector)?.textContent ?? ''),
      `${CHECK} [data-part=figures]`,
    )
    await page.click(`${CHECK} [data-part=cancel]`)
    await page.waitForSelector(`${CHECK}[data-state=cancelled]`)
    assert.match((await page.textContent(`${CHECK} [data-part=result]`)) ?? '', /was not checked/)
    assert.equal(await page.locator(`${CHECK} [data-part=run]`).isVisible(), false)
    await page.close()
  })

  it('reads a file on disk as outside judges do', async () => {
    const path = join(scratch, 'model.gguf')
    await writeFile(path, bytes)
    const page = await visit('/model')
    await page.setInputFiles(`${CHECK} input[type=file]`, path)
    await page.waitForSelector(`${CHECK}[data-state=match]`)
    await page.close()
  })

  it('keeps the check but not the download on a rejected listing', async () => {
    const page = await visit('/alarm')
    assert.equal(await page.locator(CHECK).count(), 1)
    assert.equal(await page.locator('[data-island="download-here"]').count(), 0)
    await page.close()
  })

  it('copies the whole digest', async () => {
    const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] })
    const page = await context.newPage()
    await page.goto(`${server.url}/model`)
    const button = page.locator('#trust button[data-copy]').first()
    await button.click()
    await page.waitForFunction(() =>
      document.querySelector('#trust button[data-copy]')?.textContent?.startsWith('Copied'),
    )
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), sha256)
    await context.close()
  })

  it('fetches nothing of WebTorrent before it is asked to', async () => {
    const asked: string[] = []
    const page = await browser.newPage()
    page.on('request', (request) => asked.push(request.url()))
    await page.goto(`${server.url}/model`, { waitUntil: 'networkidle' })
    assert.ok(asked.length > 3)
    assert.deepEqual(
      asked.filter((url) => !url.startsWith(server.url) || /webtorrent|client\.torrent/.test(url)),
      [],
    )
    await page.close()
  })

  it('fills the submission from a local file and keeps a draft', async () => {
    const page = await visit('/submit')
    await page.setInputFiles('[data-part=local] input[type=file]', {
      name: 'a.gguf',
      mimeType: '',
      buffer: bytes,
    })
    await page.waitForSelector('form[data-state=filled]')
    assert.equal(await page.inputValue('#sha256'), sha256)
    assert.equal(await page.inputValue('#md5'), createHash('md5').update(bytes).digest('hex'))
    assert.equal(await page.inputValue('#size_bytes'), String(SIZE))
    await page.fill('#name', 'A draft')
    await page.reload()
    assert.equal(await page.inputValue('#name'), 'A draft')
    assert.equal(await page.inputValue('#sha256'), sha256)
    await page.close()
  })

  it('exchanges the jobs of the queue and leaves an open review as it is', async () => {
    const page = await visit('/queue')
    await page.click('.queue-review summary')
    await page.fill('.review-reject textarea', 'half a sentence')
    await page.waitForFunction(
      () => document.querySelector('.job progress')?.getAttribute('value') === '0.75',
      null,
      {
        timeout: 10_000,
      },
    )
    assert.match((await page.textContent('.job')) ?? '', /75 %/)
    assert.equal(await page.inputValue('.review-reject textarea'), 'half a sentence')
    await page.close()
  })

  it('works without scripts where it can', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto(`${server.url}/model`)
    assert.equal(await page.locator(`${CHECK} [data-part=ask]`).isVisible(), false)
    assert.equal(await page.locator('#check .command').isVisible(), true)
    assert.equal(await page.locator('button[data-copy]').first().isVisible(), false)
    assert.equal(await page.locator('a[href^="magnet:"]').first().isVisible(), true)
    await context.close()
  })
})
