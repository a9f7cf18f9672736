import { Hono } from 'hono'
import { actionPage } from '../actions.ts'
import { check } from '../api/body.ts'
import { PageQuery } from '../api/documents.ts'
import type { AppDeps } from '../deps.ts'
import { AuditPage } from '../pages/audit-page.tsx'
import { contextOf, page } from './pages.tsx'

/** The public page of actions. */
export function auditRoutes(deps: AppDeps): Hono {
  const app = new Hono()
  app.get('/audit', async (c) => {
    const { page: n } = check(PageQuery, c.req.query())
    return page(c, <AuditPage context={await contextOf(c, deps)} {...await actionPage(n, deps)} />)
  })
  return app
}
