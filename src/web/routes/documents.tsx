import { readFile } from 'node:fs/promises'
import { Hono } from 'hono'
import type { AppDeps } from '../deps.ts'
import { renderDocument } from '../markdown.ts'
import { DocumentPage } from '../pages/document-page.tsx'
import { contextOf, page } from './pages.tsx'

const DOCUMENTS = [
  { path: '/trust', file: 'trust.md', title: 'The rules' },
  { path: '/guide', file: 'guide.md', title: 'Guide' },
] as const

/** Text pages are the files of docs/ themselves, so that page and file cannot differ. */
export function documentRoutes(deps: AppDeps): Hono {
  const app = new Hono()
  for (const { path, file, title } of DOCUMENTS)
    app.get(path, async (c) => {
      const source = await readFile(new URL(`../../../docs/${file}`, import.meta.url), 'utf8')
      return page(
        c,
        <DocumentPage context={await contextOf(c, deps)} title={title} {...renderDocument(source)} />,
      )
    })
  return app
}
