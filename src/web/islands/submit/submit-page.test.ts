import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { h } from 'preact'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { axeFaults } from '../../../../test/axe.ts'
import { launchChromium } from '../../../../test/chromium.ts'
import { buildClient } from '../../../../test/fixtures/client.ts'
import { SIGNED_IN } from '../../../../test/fixtures/listing-fixtures.ts'
import { servePages, type PageServer } from '../../../../test/fixtures/page-server.ts'
import { hasTool, requireTool } from '../../../../test/tools.ts'
import type { IdentifyMatch } from '../../page-types.ts'
import { renderPage, SubmitPage } from '../../pages/index.ts'
import { modelWith, TINY, torrentOf } from '../inspect/dropped-fixture.ts'

const TRACKERS = ['http://127.0.0.1:8080/announce', 'udp://127.0.0.1:8080/announce']
const ZONE = '[data-part=local] input[type=file]'

const digest = (name: string, bytes: Uint8Array): string => createHash(name).update(bytes).digest('hex')

async function choose(page: Page, ...files: [string, Uint8Array][]): Promise<void> {
  await page.setInputFiles(
    ZONE,
    files.map(([name, bytes]) => ({ name, mimeType: '', buffer: Buffer.from(bytes) })),
  )
}

async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).first().innerText()).replaceAll(/\s+/g, ' ')
}

/** The file in the form's own field, as it would be sent. */
async function attached(page: Page): Promise<{ name: string; bytes: Buffer } | null> {
  const found = await page.evaluate(async () => {
    const file = document.querySelector<HTMLInputElement>('#torrent')?.files?.[0]
    if (file === undefined) return null
    return { name: file.name, bytes: [...new Uint8Array(await file.arrayBuffer())] }
  })
  return found && { name: found.name, bytes: Buffer.from(found.bytes) }
}

it('has Chromium to fill forms in', (t) => {
  requireTool(t, 'chromium')
})

/** Pictures of the states go to the folder that QAL_PICTURES names, where it is set. */
describe('when a submission is filled in from files in Chromium', { skip: !hasTool('chromium') }, () => {
  let browser: Browser
  let server: PageServer
  let client: Awaited<ReturnType<typeof buildClient>>
  let scratch: string
  let hostile: Uint8Array<ArrayBuffer>
  const known = new Map<string, IdentifyMatch[]>()
  const sent: string[] = []
  const faults: string[] = []

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'qal-submit-'))
    hostile = await modelWith({ 'tokenizer.chat_template': { type: 'string', value: '{{ x.__class__ }}' } })
    client = await buildClient()
    server = await servePages(client.directory, (path, request) => {
      if (request.method === 'POST') sent.push(path)
      if (path.startsWith('/api/identify/')) {
        const prefix = path.slice(-5)
        const answer = { version: 1, prefix, matches: known.get(path) ?? [], more: false }
        return new TextEncoder().encode(JSON.stringify(answer))
      }
      if (path !== '/submit') return null
      const form = { values: {}, errors: {}, problem: null }
      return renderPage(h(SubmitPage, { trackers: TRACKERS, form, context: { ...SIGNED_IN, path } }))
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

  async function visit(within?: BrowserContext): Promise<Page> {
    // A context of its own, because a draft is kept.
    const own = within ?? (await browser.newContext({ reducedMotion: 'reduce' }))
    const page = await own.newPage()
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text())
    })
    await page.goto(`${server.url}/submit`)
    await page.waitForSelector('[data-part=local]:not([hidden])')
    return page
  }

  it('fills the form, proves the label and makes the very torrent that the command line makes', async () => {
    const page = await visit()
    await choose(page, ['tiny-Q8_0.gguf', TINY])
    await page.waitForSelector('form[data-state=filled]')
    assert.equal(await page.inputValue('#name'), 'Tiny Q8_0')
    assert.equal(await page.inputValue('#quantisation'), 'Q8_0')
    assert.equal(await page.inputValue('#size_bytes'), String(TINY.length))
    assert.equal(await page.inputValue('#sha256'), digest('sha256', TINY))
    assert.equal(await page.inputValue('#md5'), digest('md5', TINY))
    assert.equal(await page.inputValue('#licence'), 'cc0-1.0')
    assert.match(await page.inputValue('#hardware'), /of memory at/)
    assert.match(await textOf(page, '.local-found'), /21 of 21 tensors match Q8_0: the label is proven/)
    const expected = await torrentOf(TINY, 'tiny-Q8_0.gguf', { trackers: TRACKERS.map((url) => [url]) })
    const made = await attached(page)
    assert.equal(made?.name, 'tiny-Q8_0.gguf.torrent')
    assert.deepEqual(made.bytes, Buffer.from(expected))
    const download = page.waitForEvent('download')
    await page.click('.local-made a')
    const saved = join(scratch, 'saved.torrent')
    await (await download).saveAs(saved)
    assert.deepEqual(await readFile(saved), Buffer.from(expected))
    assert.equal(await page.locator('.field-wrong').count(), 0)
    assert.equal(await page.locator('.broadcast').count(), 0)
    await page.context().close()
  })

  it('warns across the page of a lie and of a trap, and still names what the tensors are', async () => {
    const page = await visit()
    await choose(page, ['tiny-Q4_K_M.gguf', TINY])
    await page.waitForSelector('form[data-state=filled]')
    assert.match(await textOf(page, '.broadcast'), /Mislabelled.*Q4_K_M.*Q8_0/i)
    assert.equal(await page.inputValue('#quantisation'), 'Q8_0')
    await choose(page, ['trap-Q8_0.gguf', hostile])
    await page.waitForFunction(() =>
      /Refused/i.test(document.querySelector('.broadcast-word')?.textContent ?? ''),
    )
    await choose(page, ['tiny-Q8_0.gguf', TINY])
    await page.waitForSelector('.broadcast', { state: 'detached' })
    await page.context().close()
  })

  it('takes what a person wrote for what it is, and holds it against the tensors', async () => {
    const page = await visit()
    await page.fill('#name', 'My own Q4_K_M')
    await choose(page, ['tiny-Q8_0.gguf', TINY])
    await page.waitForSelector('form[data-state=filled]')
    assert.equal(await page.inputValue('#name'), 'My own Q4_K_M')
    assert.match(await textOf(page, '.local-found'), /The name says Q4_K_M, but every tensor matches Q8_0/)
    await page.fill('#name', 'My own Q8_0')
    await page.fill('#quantisation', 'Q6_K')
    await page.keyboard.press('Tab')
    await page.waitForFunction(() =>
      /listing says Q6_K, but every tensor matches Q8_0/.test(
        document.querySelector('.local-found')?.textContent ?? '',
      ),
    )
    await page.context().close()
  })

  it('shows what a .torrent holds before anything is sent, and holds the file against it', async () => {
    const torrent = await torrentOf(TINY, 'tiny-Q8_0.gguf', { webSeeds: ['https://example.org/tiny.gguf'] })
    const page = await visit()
    sent.length = 0
    await choose(page, ['a.torrent', torrent])
    await page.waitForSelector('.local-torrent')
    const said = await textOf(page, '.local-torrent')
    for (const part of [
      'hybrid',
      'tiny-Q8_0.gguf',
      'https://example.org/tiny.gguf',
      'none: peers are found by DHT',
    ])
      assert.ok(said.includes(part), part)
    assert.match(await textOf(page, '.local-found'), /does not name this site’s tracker/)
    assert.equal(await page.inputValue('#size_bytes'), String(TINY.length))
    assert.deepEqual((await attached(page))?.bytes, Buffer.from(torrent))
    await choose(page, ['tiny-Q8_0.gguf', TINY])
    await page.waitForSelector('form[data-state=filled]')
    assert.match(await textOf(page, '.local-found'), /holds exactly this file/)
    const other = Uint8Array.from(TINY)
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1
    await choose(page, ['tiny-Q8_0.gguf', other])
    await page.waitForFunction(() => /its v2 root differs/.test(document.body.textContent ?? ''))
    // The torrent that a person gave stays where it is.
    assert.deepEqual((await attached(page))?.bytes, Buffer.from(torrent))
    assert.deepEqual(sent, [])
    await page.context().close()
  })

  it('refuses a .torrent in its own field by code, with what to do', async () => {
    const torrent = await torrentOf(TINY, 'tiny.gguf')
    const page = await visit()
    await page.setInputFiles('#torrent', {
      name: 'cut.torrent',
      mimeType: '',
      buffer: Buffer.from(torrent.subarray(0, -5)),
    })
    await page.waitForFunction(() =>
      /cannot be listed/.test(document.querySelector('.local-found')?.textContent ?? ''),
    )
    assert.match(await textOf(page, '.local-found'), /cut short/)
    await page.context().close()
  })

  it('names a listing that has the file or the torrent already', async () => {
    const sha256 = digest('sha256', TINY)
    const match = {
      sha256,
      id: 'x',
      url: '/models/x',
      model: 'Tiny as listed',
      path: 'tiny.gguf',
      uploader: 'bob',
      tier: 'trusted',
      status: 'published',
      consensus: 'VERIFIED',
    } as IdentifyMatch
    known.set(`/api/identify/${sha256.slice(0, 5)}`, [match])
    const infoHash = 'c1'.repeat(20)
    known.set(`/api/identify/info-hash/${infoHash.slice(0, 5)}`, [{ ...match, info_hash: infoHash }])
    const page = await visit()
    await choose(page, ['tiny-Q8_0.gguf', TINY])
    await page.waitForSelector('.local-listed')
    assert.match(await textOf(page, '.local-listed'), /listed already.*Tiny as listed.*Trusted/i)
    await page.fill('#info_hash', `magnet:?xt=urn:btih:${infoHash}&dn=x-Q4_0.gguf&xl=42`)
    await page.waitForSelector('.field-said a')
    assert.match(await textOf(page, '.field-said'), /v1 info hash, 42 B.*Listed already: Tiny as listed/)
    known.clear()
    await page.context().close()
  })

  it('fills from a pasted magnet', async () => {
    const page = await visit()
    await page.fill('#info_hash', `magnet:?xt=urn:btih:${'d2'.repeat(20)}&dn=x-Q4_0.gguf&xl=42`)
    assert.equal(await page.inputValue('#size_bytes'), '42')
    assert.equal(await page.inputValue('#quantisation'), 'Q4_0')
    await page.context().close()
  })

  it('says beside a field what is wrong with it once it was left, and sends nothing that the server would refuse', async () => {
    const page = await visit()
    sent.length = 0
    await page.fill('#sha256', 'abc')
    assert.equal(await page.getAttribute('#sha256', 'aria-invalid'), null)
    await page.keyboard.press('Tab')
    await page.waitForSelector('#sha256-error')
    assert.match(await textOf(page, '#sha256-error'), /64/)
    assert.equal(await page.getAttribute('#sha256', 'aria-invalid'), 'true')
    assert.match((await page.getAttribute('#sha256', 'aria-describedby')) ?? '', /sha256-hint.*sha256-error/)
    await page.fill('#name', 'A model')
    await page.fill('#tags', 'good <b>')
    await page.click('form.submit button[type=submit]')
    await page.waitForSelector('#info_hash-error')
    assert.ok((await page.locator('#tags-error').count()) === 1)
    assert.deepEqual(sent, [])
    await page.fill('#sha256', 'ab'.repeat(32))
    await page.waitForSelector('#sha256-error', { state: 'detached' })
    assert.equal(await page.getAttribute('#sha256', 'aria-invalid'), null)
    await page.context().close()
  })

  it('stops reading a large file when told to', async () => {
    const path = join(scratch, 'sparse-Q8_0.gguf')
    const large = await open(path, 'w')
    await large.truncate(8 * 2 ** 30)
    await large.close()
    const page = await visit()
    await page.setInputFiles(ZONE, path)
    await page.waitForFunction(() =>
      /MB\/s · .* left/.test(document.querySelector('[data-part=run]')?.textContent ?? ''),
    )
    await page.click('[data-part=run] button')
    await page.waitForSelector('form[data-state=cancelled]')
    assert.equal(await page.inputValue('#sha256'), '')
    await page.context().close()
  })

  for (const [size, viewport] of Object.entries({
    wide: { width: 1280, height: 900 },
    phone: { width: 390, height: 844 },
  }))
    it(`has no violation of WCAG 2.2 AA in any state, and fits the screen, ${size}`, async () => {
      const torrent = await torrentOf(TINY, 'tiny-Q8_0.gguf')
      const states: [string, [string, Uint8Array][]][] = [
        ['idle', []],
        ['filled', [['tiny-Q8_0.gguf', TINY]]],
        ['lying', [['tiny-Q4_K_M.gguf', TINY]]],
        [
          'torrent',
          [
            ['tiny-Q8_0.gguf', TINY],
            ['tiny.torrent', torrent],
          ],
        ],
        ['torrent-refused', [['tiny.torrent', torrent.subarray(0, -1)]]],
      ]
      const found: string[] = []
      for (const [name, files] of states) {
        const own = await browser.newContext({ viewport, reducedMotion: 'reduce', bypassCSP: true })
        const page = await visit(own)
        if (files.length > 0) await choose(page, ...files)
        if (files.some(([file]) => file.endsWith('.gguf')))
          await page.waitForSelector('form[data-state=filled]')
        else if (files.length > 0) await page.waitForSelector('.local-found dl')
        const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
        if (over > 0) found.push(`${name}: ${over} px too wide`)
        const folder = process.env['QAL_PICTURES']
        if (folder !== undefined) {
          await mkdir(folder, { recursive: true })
          await page.screenshot({ path: join(folder, `submit-${name}-${size}.png`), fullPage: true })
        }
        for (const fault of await axeFaults(page)) found.push(`${name}: ${fault}`)
        await own.close()
      }
      assert.deepEqual(found, [])
    })
})
