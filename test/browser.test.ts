import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { tinyLlama } from '../src/gguf/tiny-llama.ts'
import { launchChromium } from './chromium.ts'
import { qal, runSite, tokenFor, type RunningSite } from './site.ts'
import { hasTool, inCi } from './tools.ts'

const chromium = hasTool('chromium')

interface Created {
  torrent: string
  sha256: string
  file: string
}

/** Waits for an island to say one of `wanted`, and gives what it says. */
async function state(page: Page, island: string, wanted: RegExp, withinMs = 60_000): Promise<string> {
  const selector = `[data-island="${island}"]`
  const end = Date.now() + withinMs
  for (;;) {
    const now = (await page.getAttribute(selector, 'data-state')) ?? ''
    if (wanted.test(now)) return now
    const text = await page.textContent(selector)
    assert.ok(Date.now() < end, `${island} is ${now}: ${text}`)
    await page.waitForTimeout(100)
  }
}

/** What a person does, in a real browser against the real site, seeder and tracker. */
describe(
  'when a person uses the site',
  { skip: chromium || inCi() ? false : 'chromium is not installed' },
  () => {
    let site: RunningSite
    let browser: Browser
    let scratch: string
    const outside: string[] = []

    before(async () => {
      scratch = await mkdtemp(join(tmpdir(), 'qal-browser-'))
      site = await runSite()
      browser = await launchChromium()
    })
    after(async () => {
      await browser.close()
      assert.equal(await site.stop(), 0)
      await rm(scratch, { recursive: true, force: true })
    })

    /** A model that the site's own seeder seeds. */
    async function seeded(name: string, seed: number): Promise<Created> {
      const file = join(site.data, 'seed', name)
      await writeFile(file, tinyLlama({ seed, name, type: 'F16' }))
      const torrent = `${file}.torrent`
      const announce = ['http', 'udp', 'ws'].flatMap((scheme) => [
        '--announce',
        `${site.url.replace('http', scheme)}/announce`,
      ])
      const { stdout, stderr, code } = await qal(['create', file, '-o', torrent, '--json', ...announce])
      assert.equal(code, 0, stderr)
      const created = JSON.parse(stdout) as { files: { sha256: string }[] }
      return { torrent, file, sha256: created.files[0]?.sha256 ?? '' }
    }

    async function signedIn(handle: string, role?: string): Promise<{ context: BrowserContext; page: Page }> {
      const context = await browser.newContext({ viewport: { width: 1400, height: 1000 } })
      const page = await context.newPage()
      page.on('request', (request) => {
        if (!request.url().startsWith(site.url) && !request.url().startsWith('data:'))
          outside.push(request.url())
      })
      page.on('pageerror', (error) => outside.push(`error: ${error.message}`))
      await page.goto(`${site.url}/sign-in`)
      await page.fill('input[name=token], textarea[name=token]', await tokenFor(site, handle, role))
      await page.click('form[action="/sign-in/token"] button[type=submit]')
      await page.waitForURL(`${site.url}/`)
      return { context, page }
    }

    async function submitByForm(page: Page, model: Created, sha256 = model.sha256): Promise<string> {
      await page.goto(`${site.url}/submit`)
      await page.setInputFiles('input[name=torrent]', model.torrent)
      await page.fill('input[name=name]', 'Browser model F16')
      await page.fill('[name=sha256]', sha256)
      await page.fill('[name=readme]', 'A **tiny** model.\n\n<script>alert(1)</script>')
      await page.fill('[name=tags]', 'chat, test')
      await page.click('form[action="/submit"] button[type=submit]')
      await page.waitForURL(/\/models\//)
      return page.url().replace(/[?#].*/, '')
    }

    it('submits by form, sees errors beside the fields, is approved, checks and downloads', async () => {
      const model = await seeded('browser-F16.gguf', 11)
      const uploader = await signedIn('browser-uploader')
      await uploader.page.goto(`${site.url}/submit`)
      await uploader.page.setInputFiles('input[name=torrent]', model.torrent)
      await uploader.page.fill('input[name=name]', 'Browser model F16')
      await uploader.page.fill('[name=sha256]', 'f'.repeat(64))
      await uploader.page.fill('[name=size_bytes]', '5')
      await uploader.page.click('form[action="/submit"] button[type=submit]')
      const refused = uploader.page.locator('#size_bytes, [name=size_bytes]')
      assert.equal(await refused.getAttribute('aria-invalid'), 'true')
      assert.equal(await uploader.page.inputValue('input[name=name]'), 'Browser model F16')

      const url = await submitByForm(uploader.page, model)
      const text = await uploader.page.textContent('main')
      assert.ok(!(await uploader.page.content()).includes('<script>alert'))
      assert.match(text ?? '', /waits in the queue/)

      const moderator = await signedIn('browser-mod', 'moderator')
      await moderator.page.goto(url)
      await moderator.page.click('form:has(input[value=approve]) button[type=submit]')
      await moderator.page.waitForSelector('.notice:has-text("was recorded")')

      const { page } = uploader
      await page.goto(site.url)
      assert.match((await page.textContent('main')) ?? '', /Browser model F16/)

      await page.goto(url)
      await page.setInputFiles('[data-island="check-file"] input[type=file]', model.file)
      assert.equal(await state(page, 'check-file', /match|error/), 'match')

      const wrong = new Uint8Array(await readFile(model.file))
      wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1
      const wrongPath = join(scratch, 'wrong.gguf')
      await writeFile(wrongPath, wrong)
      await page.setInputFiles('[data-island="check-file"] input[type=file]', wrongPath)
      assert.equal(await state(page, 'check-file', /mismatch|error/), 'mismatch')
      assert.match((await page.textContent('#tool-broadcast')) ?? '', /\S/)

      await page.click('[data-island="download-here"] [data-part=start]')
      assert.equal(await state(page, 'download-here', /match|error/), 'match')
      const saved = page.waitForEvent('download')
      await page.click('[data-island="download-here"] a[download]')
      const path = join(scratch, 'saved.gguf')
      await (await saved).saveAs(path)
      assert.deepEqual(await readFile(path), await readFile(model.file))
      assert.deepEqual(
        outside.filter((request) => !request.startsWith('blob:')),
        [],
      )
      await uploader.context.close()
      await moderator.context.close()
    })

    it('says mismatch when the swarm delivers what the listing does not say', async () => {
      const model = await seeded('browser-lying-F16.gguf', 12)
      const { page, context } = await signedIn('browser-liar')
      const url = await submitByForm(page, model, '0'.repeat(64))
      await page.goto(url)
      await page.click('[data-island="download-here"] [data-part=start]')
      assert.equal(await state(page, 'download-here', /match|error/), 'mismatch')
      assert.equal(await page.locator('[data-island="download-here"] a[download]').count(), 0)
      await context.close()
    })

    it('signs in by the link that the terminal shows', async () => {
      const context = await browser.newContext()
      const page = await context.newPage()
      await page.goto(`${site.url}/sign-in`)
      await page.fill('input[name=handle]', 'walk-in')
      await page.click('form[action="/sign-in"] button[type=submit]')
      const link = /(http:\S+\/sign-in\/\S+)/.exec(site.output())?.[1]
      assert.ok(link, site.output())
      await page.goto(link)
      assert.match((await page.textContent('header')) ?? '', /walk-in/)
      await context.close()
    })
  },
)
