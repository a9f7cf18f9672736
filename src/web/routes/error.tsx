import type { Context } from 'hono'
import type { AppDeps } from '../deps.ts'
import { ErrorPage } from '../pages/error-page.tsx'
import { problemOf } from '../problem.ts'
import { contextOf, page } from './pages.tsx'

/** Any error as a page that says what to do. A session that cannot be read is a visitor's here, so that the error itself is shown. */
export async function errorPage(c: Context, deps: AppDeps, error: unknown): Promise<Response> {
  const { status, title, detail } = problemOf(error)
  const context = await contextOf(c, deps).catch(() => ({
    siteName: deps.site.name,
    demo: deps.site.demo,
    path: c.req.path,
    baseUrl: deps.site.baseUrl,
    member: null,
    now: deps.now().toISOString(),
  }))
  return page(c, <ErrorPage context={context} status={status} title={title} detail={detail} />, status)
}
