import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { h } from 'preact'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { axeFaults } from '../../../../test/axe.ts'
import { launchChromium } from '../../../../test/chromium.ts'
import { buildClient } from '../../../../test/fixtures/client.ts'
import { CONTEXT } from '../../../../test/fixtures/listing-fixtures.ts'
import { servePages, type PageServer } from '../../../../test/fixtures/page-server.ts'
import { hasTool, requireTool } from '../../../../test/tools.ts'
import type { IdentifyMatch } from '../../page-types.ts'
import { InspectPage, renderPage } from '../../pages/index.ts'
import { manyTensors, modelWith, TINY, torrentOf } from './dropped-fixture.ts'

const MARKUP = '"><img src=x onerror="document.title=1"><script>document.title=2</script>'
const HOSTILE = `${MARKUP}\u202egpj.exe\u001b[31m`
const ROOT = '[data-island="inspect"]'

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const LISTED: IdentifyMatch = {
  sha256: sha256Of(TINY),
  info_hash: null,
  info_hash_v2: null,
  id: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  url: '/models/01ARZ3NDEKTSV4RRFFQ69G5FAV/tiny',
  model: 'Tiny as listed',
  path: 'tiny-Q8_0.gguf',
  size_bytes: TINY.length,
  uploader: 'alice',
  tier: 'community',
  status: 'published',
  consensus: 'VERIFIED',
  verification: { integrity: 'pass', form: 'pass', behaviour: 'pass' },
  demo: false,
}

async function choose(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  await page.setInputFiles(`${ROOT} [data-part=input]`, { name, mimeType: '', buffer: Buffer.from(bytes) })
}

async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).first().innerText()).replaceAll(/\s+/g, ' ')
}

it('has Chromium to inspect files in', (t) => {
  requireTool(t, 'chromium')
})

/** What the tests of a page do with real files in a real browser; pictures go to QAL_PICTURES, where it is set. */
describe('when a file is inspected in Chromium', { skip: !hasTool('chromium') }, () => {
  let browser: Browser
  let context: BrowserContext
  let server: PageServer
  let client: Awaited<ReturnType<typeof buildClient>>
  let scratch: string
  let hostile: Uint8Array<ArrayBuffer>
  let torrent: Uint8Array<ArrayBuffer>
  /** What the site answers, by prefix. */
  const known = new Map<string, { matches: IdentifyMatch[]; more: boolean }>()
  const asked: string[] = []
  const faults: string[] = []

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'qal-inspect-'))
    const text = { type: 'string', value: HOSTILE } as const
    hostile = await modelWith({
      'general.name': text,
      'general.description': text,
      'general.tags': { type: 'array', of: 'string', values: [HOSTILE, 'chat'] },
      'tokenizer.chat_template': { type: 'string', value: `{{ x.__class__.__mro__ }}\n${HOSTILE}` },
    })
    torrent = await torrentOf(TINY, 'tiny-Q8_0.gguf', {
      trackers: [['udp://tracker.example.org:1']],
      comment: MARKUP,
    })
    client = await buildClient()
    server = await servePages(client.directory, (path, request) => {
      if (path === '/inspect') return renderPage(h(InspectPage, { context: { ...CONTEXT, path } }))
      if (!path.startsWith('/api/identify/')) return null
      asked.push(`${request.method} ${path}`)
      const prefix = path.slice(-5)
      const answer = known.get(prefix) ?? { matches: [], more: false }
      return new TextEncoder().encode(JSON.stringify({ version: 1, prefix, ...answer }))
    })
    browser = await launchChromium()
    context = await browser.newContext({ bypassCSP: false, reducedMotion: 'reduce' })
  })
  after(async () => {
    await browser.close()
    await server.close()
    await client.remove()
    await rm(scratch, { recursive: true, force: true })
    assert.deepEqual(faults, [], 'no error and no refusal by the policy in any page')
  })

  async function visit(within = context): Promise<Page> {
    const page = await within.newPage()
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text())
    })
    await page.goto(`${server.url}/inspect`)
    await page.waitForSelector(`${ROOT}[data-state=waiting]`)
    return page
  }

  async function inspected(name: string, bytes: Uint8Array, until = '[data-known=answered]'): Promise<Page> {
    const page = await visit()
    await choose(page, name, bytes)
    await page.waitForSelector(ROOT + until)
    return page
  }

  it('proves the label, shows what is in it and says that nobody has listed it', async () => {
    const page = await inspected('tiny-Q8_0.gguf', TINY)
    assert.match(await textOf(page, '.stamp'), /ACCEPTED/)
    assert.match(await textOf(page, '#label-proof'), /21 of 21 tensors/)
    assert.equal(await page.locator('.tensors tbody tr').count(), 21)
    assert.match(await textOf(page, '.metadata'), /tokenizer\.ggml\.tokens .* and 308 more items/)
    const said = await textOf(page, '#known')
    assert.match(said, /unknown/i)
    assert.ok(said.includes(sha256Of(TINY)))
    assert.ok(said.includes(createHash('md5').update(TINY).digest('hex')))
    assert.equal(await page.locator('.broadcast').count(), 0)
    await page.close()
  })

  it('uploads nothing and tells the site no more than five digits', async () => {
    asked.length = 0
    const requests: string[] = []
    const page = await visit()
    page.on('request', (request) => requests.push(`${request.method()} ${request.url()}`))
    await choose(page, 'tiny-Q8_0.gguf', TINY)
    await page.waitForSelector(`${ROOT}[data-known=answered]`)
    const five = `/api/identify/${sha256Of(TINY).slice(0, 5)}`
    assert.deepEqual(asked, [`GET ${five}`])
    assert.deepEqual(requests, [`GET ${server.url}${five}`])
    await page.close()
  })

  it('names the listing that it is, and the refusal where that was refused', async () => {
    const prefix = LISTED.sha256.slice(0, 5)
    known.set(prefix, { matches: [{ ...LISTED, sha256: 'f'.repeat(64), id: 'x' }, LISTED], more: false })
    const page = await inspected('renamed.gguf', TINY)
    const said = await textOf(page, '#known')
    assert.match(said, /exactly this listing/i)
    assert.match(said, /Tiny as listed/)
    assert.match(said, /Community/)
    assert.equal(await page.getAttribute('#known a', 'href'), LISTED.url)
    assert.equal(await page.locator('.known-match').count(), 1)
    assert.equal(await page.locator('.broadcast').count(), 0)

    known.set(prefix, { matches: [{ ...LISTED, status: 'rejected', consensus: 'REFUSED' }], more: false })
    await choose(page, 'renamed.gguf', TINY)
    await page.waitForSelector('.broadcast')
    assert.match(await textOf(page, '.broadcast'), /Known bad.*rejected and REFUSED/i)

    known.set(prefix, { matches: [], more: true })
    await choose(page, 'renamed.gguf', TINY)
    await page.waitForFunction(() => document.querySelector('#known')?.textContent?.includes('Cannot tell'))
    assert.equal(await page.locator('.broadcast').count(), 0)
    known.clear()
    await page.close()
  })

  it('says MISLABELLED for what the tensors contradict, and which tensors', async () => {
    const page = await inspected('model.gguf', TINY)
    assert.match(await textOf(page, '.stamp'), /ACCEPTED/)
    await page.fill('#label', 'Q4')
    await page.keyboard.press('Enter')
    assert.match(await textOf(page, '#label-error'), /Q4_K_M/)
    assert.equal(await page.getAttribute('#label', 'aria-invalid'), 'true')
    await page.fill('#label', 'Q4_K_M')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.broadcast')
    assert.match(await textOf(page, '.stamp'), /MISLABELLED/)
    assert.ok((await page.locator('.tensor-differs').count()) > 0)
    await page.check('.tensor-only input')
    assert.equal(
      await page.locator('.tensors tbody tr').count(),
      await page.locator('.tensor-differs').count(),
    )
    await page.close()
  })

  it('shows what a stranger wrote as text, and what cannot be seen by its number', async () => {
    const page = await inspected(`${HOSTILE.replaceAll('/', '')}.gguf`, hostile)
    assert.match(await textOf(page, '.stamp'), /REFUSED/)
    await page.click('.template summary')
    assert.equal(await page.locator(`${ROOT} img, ${ROOT} script`).count(), 0)
    assert.equal(await page.title(), 'Inspect a file · Qal.to')
    const shown = await page.evaluate(() => document.body.innerText)
    // eslint-disable-next-line no-control-regex -- none may be left
    assert.doesNotMatch(shown, /[\u202a-\u202e\u001b]/)
    for (const panel of ['.metadata', '.template-text', '.title-card'])
      assert.ok((await page.locator(`${panel} .hazard`).count()) >= 1, panel)
    assert.match(await textOf(page, '.template-text'), /__class__/)
    await page.close()
  })

  it('reads a .torrent and refuses a broken one by its code, with what to do', async () => {
    const page = await inspected('tiny.torrent', torrent)
    const said = await textOf(page, '#torrent')
    assert.match(said, /hybrid/)
    assert.match(said, /<script>/)
    assert.equal(await page.locator('#torrent script').count(), 0)
    assert.equal(await page.locator('#files tbody tr').count(), 1)
    await choose(page, 'broken.torrent', torrent.slice(0, -3))
    await page.waitForSelector('.torrent-refused')
    const refused = await textOf(page, '.torrent-refused')
    assert.match(refused, /torrent_bencode_truncated/i)
    assert.match(refused, /cut short/)
    await page.close()
  })

  it('takes what is dropped anywhere on the page', async () => {
    const page = await visit()
    const data = await page.evaluateHandle((bytes) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([Uint8Array.from(bytes)], 'dropped-Q8_0.gguf'))
      return transfer
    }, Array.from(TINY))
    await page.dispatchEvent('footer', 'drop', { dataTransfer: data })
    await page.waitForSelector(`${ROOT}[data-known=answered]`)
    assert.match(await textOf(page, '.title-card'), /dropped-Q8_0\.gguf/i)
    await page.close()
  })

  it('goes on without a network, and asks when there is one again', async () => {
    const own = await browser.newContext()
    const page = await visit(own)
    await own.setOffline(true)
    faults.length = 0
    await choose(page, 'tiny-Q8_0.gguf', TINY)
    await page.waitForSelector(`${ROOT}[data-known=failed]`)
    assert.match(await textOf(page, '.stamp'), /ACCEPTED/)
    assert.ok((await textOf(page, '#known')).includes(sha256Of(TINY)))
    await own.setOffline(false)
    await page.click('#known button:has-text("Ask again")')
    await page.waitForSelector(`${ROOT}[data-known=answered]`)
    // The one error there may be is the browser's own word about the network.
    assert.deepEqual(
      faults.splice(0).filter((fault) => !/ERR_INTERNET_DISCONNECTED/.test(fault)),
      [],
    )
    await own.close()
  })

  it('shows how far it is with a large file, and stops', async () => {
    const path = join(scratch, 'sparse.gguf')
    const file = await open(path, 'w')
    await file.write(TINY)
    await file.truncate(8 * 2 ** 30)
    await file.close()
    const page = await visit()
    await page.setInputFiles(`${ROOT} [data-part=input]`, path)
    await page.waitForFunction(
      (selector) => /MB\/s · .* left/.test(document.querySelector(selector)?.textContent ?? ''),
      '#known .run-figures',
    )
    // The header was read meanwhile, and what follows its tensors was found.
    assert.match(await textOf(page, '#findings'), /gguf_trailing_data/)
    await page.click('#known button:has-text("Cancel")')
    await page.waitForSelector(`${ROOT}[data-hash=cancelled]`)
    assert.match(await textOf(page, '#known'), /was not hashed/)
    await page.close()
  })

  it('pages and searches thousands of tensors', async () => {
    const tensors = Array.from({ length: 3_000 }, (_, index) => `blk.${index}.x`)
    const page = await visit()
    await choose(page, 'many.gguf', manyTensors(tensors))
    await page.waitForSelector('.tensors tbody tr')
    assert.equal(await page.locator('.tensors tbody tr').count(), 100)
    const next = page.locator('#tensors button:has-text("Next")')
    await next.click()
    assert.match(await textOf(page, '#tensors .paged'), /101 to 200 of 3,000/)
    await page.fill('#tensor-search', 'blk.2999.')
    assert.equal(await page.locator('.tensors tbody tr').count(), 1)
    await page.fill('#tensor-search', 'no such tensor')
    assert.match(await textOf(page, '#tensors .paged'), /No tensors/)
    await page.close()
  })

  it('is used from the keyboard alone', async () => {
    const page = await inspected('tiny-Q8_0.gguf', TINY)
    const seen: string[] = []
    for (let turn = 0; turn < 60; turn += 1) {
      await page.keyboard.press('Tab')
      const focus = await page.evaluate(() => {
        const active = document.activeElement
        if (active === null || active === document.body) return null
        const style = getComputedStyle(active)
        return {
          name: `${active.tagName} ${active.id} ${active.textContent?.slice(0, 40)}`,
          seen: style.outlineStyle,
        }
      })
      if (focus === null) break
      assert.notEqual(focus.seen, 'none', focus.name)
      seen.push(focus.name)
    }
    for (const wanted of ['INPUT  ', 'INPUT label', 'Compare', 'SUMMARY', 'metadata-search', 'tensor-search'])
      assert.ok(
        seen.some((name) => name.includes(wanted)),
        `reached ${wanted}: ${seen.join('; ')}`,
      )
    await page.close()
  })

  for (const [size, viewport] of Object.entries({
    wide: { width: 1280, height: 900 },
    phone: { width: 390, height: 844 },
  }))
    it(`has no violation of WCAG 2.2 AA in any state, and fits the screen, ${size}`, async () => {
      const own = await browser.newContext({ viewport, reducedMotion: 'reduce', bypassCSP: true })
      const states: [string, string, Uint8Array | null, string][] = [
        ['idle', '', null, ''],
        ['accepted', 'tiny-Q8_0.gguf', TINY, '[data-known=answered]'],
        ['mislabelled', 'tiny-Q4_K_M.gguf', TINY, '[data-known=answered]'],
        ['hostile', 'hostile.gguf', hostile, '[data-known=answered]'],
        ['foreign', 'program.gguf', Buffer.from('\x7fELF'), '[data-known=answered]'],
        ['torrent', 'tiny.torrent', torrent, '[data-known=answered]'],
        ['torrent-refused', 'tiny.torrent', torrent.slice(0, -1), '[data-phase=read]'],
      ]
      const found: string[] = []
      for (const [name, fileName, bytes, until] of states) {
        const page = await visit(own)
        if (bytes !== null) {
          await choose(page, fileName, bytes)
          await page.waitForSelector(ROOT + until)
        }
        const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
        if (over > 0) found.push(`${name}: ${over} px too wide`)
        const folder = process.env['QAL_PICTURES']
        if (folder !== undefined) {
          await mkdir(folder, { recursive: true })
          await page.screenshot({ path: join(folder, `inspect-${name}-${size}.png`), fullPage: true })
        }
        for (const fault of await axeFaults(page)) found.push(`${name}: ${fault}`)
        await page.close()
      }
      await own.close()
      assert.deepEqual(found, [])
    })

  it('says where to go without scripts', async () => {
    const own = await browser.newContext({ javaScriptEnabled: false })
    const page = await own.newPage()
    await page.goto(`${server.url}/inspect`)
    assert.match((await page.textContent('noscript')) ?? '', /bin\/qal inspect/)
    assert.equal(await page.locator(ROOT).isVisible(), false)
    await own.close()
  })
})
