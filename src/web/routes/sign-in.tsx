import { Hono } from 'hono'
import { z } from 'zod'
import { isQalError } from '../../core/error.ts'
import { formBody, limitBody } from '../api/body.ts'
import { byToken, endSession, startSession } from '../actor.ts'
import { ensureMember, parseHandle } from '../commands/members.ts'
import { ALL_SCOPES, type AppDeps } from '../deps.ts'
import type { SignInPageProps } from '../page-types.ts'
import { SignInPage } from '../pages/sign-in-page.tsx'
import { issueTicket, localPath, redeemTicket } from '../tickets.ts'
import { contextOf, page } from './pages.tsx'

const LINK_SECONDS = 15 * 60
const Link = z.object({ handle: z.string(), next: z.string() })

/**
 * Sign-in without a password: a link shown on the server's own terminal, where
 * the site is on loopback and so the terminal is the visitor's; or a token of
 * the operator's. A link works once and for 15 minutes.
 */
export function signInRoutes(deps: AppDeps): Hono {
  const app = new Hono()
  const terminalLink = deps.site.loopback && deps.showLink !== undefined

  app.get('/sign-in', async (c) =>
    page(
      c,
      <SignInPage
        context={await contextOf(c, deps)}
        ways={waysOf(deps)}
        sent={null}
        error={null}
        next={localPath(c.req.query('next'))}
      />,
    ),
  )

  app.post('/sign-in', limitBody(4_096), async (c) => {
    const { fields } = await formBody(c)
    const next = localPath(fields['next'])
    const show = async (sent: boolean, error: string | null, status = 200): Promise<Response> =>
      page(
        c,
        <SignInPage
          context={await contextOf(c, deps)}
          ways={waysOf(deps)}
          sent={sent ? 'terminal' : null}
          error={error}
          next={next}
        />,
        status,
      )
    if (!terminalLink || deps.showLink === undefined)
      return show(false, 'This site is not on loopback: sign in with a token of its operator', 403)
    try {
      const handle = parseHandle(fields['handle'] ?? '')
      const link = await issueTicket(deps, 'terminal', { handle, next }, LINK_SECONDS)
      deps.showLink(handle, `${deps.site.baseUrl}/sign-in/${link}`)
      return await show(true, null)
    } catch (error) {
      if (isQalError(error)) return show(false, error.facts.expected ?? error.message, 422)
      throw error
    }
  })

  app.get('/sign-in/:link', async (c) => {
    const { handle, next } = await redeemTicket(deps, 'terminal', Link, c.req.param('link'))
    const member = await ensureMember(deps, parseHandle(handle))
    await startSession(c, deps, { member, scopes: new Set(ALL_SCOPES), until: Infinity })
    return c.redirect(localPath(next), 303)
  })

  app.post('/sign-in/token', limitBody(4_096), async (c) => {
    const { fields } = await formBody(c)
    const actor = await byToken(fields['token']?.trim(), deps)
    await startSession(c, deps, actor)
    return c.redirect(localPath(fields['next']), 303)
  })

  app.post('/sign-out', (c) => {
    endSession(c)
    return c.redirect('/', 303)
  })
  return app
}

/** What the sign-in page offers. */
export function waysOf(deps: AppDeps): SignInPageProps['ways'] {
  return {
    terminal: deps.site.loopback && deps.showLink !== undefined,
    github: deps.signIn?.github !== undefined,
    email: deps.signIn?.sendMail !== undefined,
  }
}
