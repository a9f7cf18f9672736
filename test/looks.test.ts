import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { axeFaults } from './axe.ts'
import { launchChromium } from './chromium.ts'
import { allPages } from './fixtures/all-pages.ts'
import { buildClient } from './fixtures/client.ts'
import { servePages } from './fixtures/page-server.ts'
import type { PageServer } from './fixtures/page-server.ts'
import { hasTool, requireTool } from './tools.ts'

const SIZES = { wide: { width: 1400, height: 900 }, phone: { width: 390, height: 844 } } as const

async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['QAL_PICTURES']
  if (folder === undefined) return
  await mkdir(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}

it('has Chromium to look at the pages', (t) => {
  requireTool(t, 'chromium')
})

/** Pictures of every page go to the folder that QAL_PICTURES names, where it is set. */
describe('when every page is looked at in Chromium', { skip: !hasTool('chromium') }, () => {
  let browser: Browser
  let server: PageServer
  let client: Awaited<ReturnType<typeof buildClient>>
  let pages: Record<string, string>

  before(async () => {
    client = await buildClient()
    pages = allPages()
    server = await servePages(client.directory, (path) => pages[path.slice(1)] ?? null)
    browser = await launchChromium()
  })
  after(async () => {
    await browser.close()
    await server.close()
    await client.remove()
  })

  /** Everything wrong with a page, in words: axe's violations, and what a narrow screen would cut off. */
  async function faults(context: BrowserContext, name: string, size: string): Promise<string[]> {
    const page = await context.newPage()
    const found: string[] = []
    page.on('pageerror', (error) => found.push(`${name} ${size}: ${error.message}`))
    page.on('console', (message) => {
      if (message.type() === 'error') found.push(`${name} ${size}: ${message.text()}`)
    })
    await page.goto(`${server.url}/${name}`)
    await page.evaluate(() => document.fonts.ready.then(() => null))
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    if (over > 0) found.push(`${name} ${size}: ${over} px too wide`)
    await picture(page, `${name}-${size}`)
    for (const fault of await axeFaults(page)) found.push(`${name} ${size}: ${fault}`)
    await page.close()
    return found
  }

  for (const [size, viewport] of Object.entries(SIZES))
    it(`has no violation of WCAG 2.2 AA and fits the screen, ${size}`, async () => {
      const context = await browser.newContext({ viewport, reducedMotion: 'reduce', bypassCSP: true })
      const found: string[] = []
      for (const name of Object.keys(pages)) found.push(...(await faults(context, name, size)))
      await context.close()
      assert.deepEqual(found, [])
    })

  it('keeps every word of the consensus where colours are forced', async () => {
    const context = await browser.newContext({ viewport: SIZES.wide, forcedColors: 'active' })
    const page = await context.newPage()
    await page.goto(`${server.url}/model-mislabelled`)
    const words = await page.locator('.chamber').allInnerTexts()
    assert.deepEqual(
      words.map((text) => /PASSED|FAILED|SKIPPED|PENDING/i.exec(text)?.[0].toLowerCase()),
      ['passed', 'failed', 'passed'],
    )
    assert.equal(await page.locator('.stamp').isVisible(), true)
    assert.notEqual(
      await page
        .locator('.chamber')
        .first()
        .evaluate((chamber) => getComputedStyle(chamber).borderTopWidth),
      '0px',
    )
    await picture(page, 'model-mislabelled-forced')
    await context.close()
  })

  it('moves nothing where motion is reduced', async () => {
    const context = await browser.newContext({ reducedMotion: 'reduce' })
    const page = await context.newPage()
    await page.goto(`${server.url}/model-mislabelled`)
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0)
    await context.close()
  })

  it('opens and closes the filters from the keyboard on a phone, without scripts', async () => {
    const context = await browser.newContext({ viewport: SIZES.phone, javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto(`${server.url}/home`)
    assert.equal(await page.locator('#facets').isVisible(), false)
    await page.focus('.facets-open')
    await page.keyboard.press('Enter')
    assert.equal(await page.locator('#facets').isVisible(), true)
    await picture(page, 'home-filters-phone')
    await page.keyboard.press('Escape')
    assert.equal(await page.locator('#facets').isVisible(), false)
    await context.close()
  })

  it('reaches every link, button and field from the keyboard with a visible focus', async () => {
    const context = await browser.newContext({ viewport: SIZES.wide })
    const page = await context.newPage()
    await page.goto(`${server.url}/queue`)
    const count = await page.locator('a[href], button:visible, input:visible, summary').count()
    const seen = new Set<string>()
    for (let turn = 0; turn < count + 5; turn += 1) {
      await page.keyboard.press('Tab')
      const focus = await page.evaluate(() => {
        const active = document.activeElement
        if (active === null || active === document.body) return null
        const own = getComputedStyle(active)
        const overlay = getComputedStyle(active, '::after')
        const box = active.closest('.search') ?? active
        return {
          name: `${active.tagName} ${active.textContent?.trim().slice(0, 30)} ${active.getAttribute('href') ?? ''}`,
          outlined: own.outlineStyle !== 'none' || overlay.outlineStyle !== 'none' || box !== active,
        }
      })
      if (focus === null) break
      assert.ok(focus.outlined, `focus is seen on ${focus.name}`)
      seen.add(focus.name)
    }
    for (const word of ['Skip to the content', 'Decide', 'Sign out'])
      assert.ok(
        [...seen].some((name) => name.includes(word)),
        `reached ${word}`,
      )
    await context.close()
  })

  it('keeps the listing page within its budget', async () => {
    const { gzipSync } = await import('node:zlib')
    const html = gzipSync(pages['home'] ?? '').byteLength
    const css = /href="(\/assets\/main-[^"]+\.css)"/.exec(pages['home'] ?? '')?.[1] ?? ''
    const styles = gzipSync(await readFile(join(client.directory, css))).byteLength
    assert.ok(html + styles < 45_000, `${html} + ${styles} bytes`)
  })
})
