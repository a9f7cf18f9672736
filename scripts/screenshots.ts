/** Takes the pictures of the README from a running site with its demo: `node scripts/screenshots.ts`. */
import { setTimeout as wait } from 'node:timers/promises'
import { launchChromium } from '../test/chromium.ts'
import { runSite } from '../test/site.ts'
import type { ModelItem } from '../src/web/page-types.ts'

const site = await runSite({ demo: true })
const browser = await launchChromium()
try {
  for (let tries = 0; !/demo: done/.test(site.output()); tries++) {
    if (tries > 720) throw new Error(`The demo is not done after three minutes:\n${site.output()}`)
    await wait(250)
  }
  // One round of the scraper, so that seeders are shown.
  await wait(20_000)
  const { models } = (await (await fetch(`${site.url}/models.json`)).json()) as { models: ModelItem[] }
  const official = models.find(({ tier }) => tier === 'official')
  const page = await browser.newPage({ viewport: { width: 1400, height: 1100 } })
  for (const [name, path] of [
    ['listing', '/'],
    ['model-page', official?.url ?? '/'],
  ] as const) {
    await page.goto(site.url + path, { waitUntil: 'networkidle' })
    await page.screenshot({ path: new URL(`../docs/${name}.png`, import.meta.url).pathname })
  }
} finally {
  await browser.close()
  await site.stop()
}
