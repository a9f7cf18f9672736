import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** What of axe's answer is read here. */
interface AxeResults {
  violations: { id: string; nodes: { target: string[]; failureSummary?: string }[] }[]
}

let source: string | null = null

/** What axe finds against WCAG 2.2 AA on a page, in words; the page's context must bypass its CSP. */
export async function axeFaults(page: Page): Promise<string[]> {
  source ??= readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  await page.evaluate(source)
  const { violations } = await page.evaluate(
    (tags) =>
      (globalThis as unknown as { axe: { run: (d: Document, o: object) => Promise<AxeResults> } }).axe.run(
        document,
        { runOnly: tags },
      ),
    RULES,
  )
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary ?? ''}`),
  )
}
