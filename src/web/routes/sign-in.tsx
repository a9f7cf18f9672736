import { Hono } from 'hono'
import { sign, verify } from 'hono/jwt'
import { isQalError, QalError } from '../../core/error.ts'
import { formBody, limitBody } from '../api/body.ts'
import { byToken, endSession, startSession } from '../actor.ts'
import { ensureMember, parseHandle } from '../commands/members.ts'
import { ALL_SCOPES, type AppDeps } from '../deps.ts'
import { SignInPage } from '../pages/sign-in-page.tsx'
import { contextOf, page } from './pages.tsx'

const LINK_SECONDS = 15 * 60

/**
 * Sign-in without a password: a link shown on the server's own terminal, where
 * the site is on loopback and so the terminal is the visitor's; or a token of
 * the operator's. A link works once and for 15 minutes.
 */
export function signInRoutes(deps: AppDeps): Hono {
  const app = new Hono()
  const terminalLink = deps.site.loopback && deps.showLink !== undefined
  const secret = deps.secret.toHex()

  app.get('/sign-in', async (c) =>
    page(
      c,
      <SignInPage
        context={await contextOf(c, deps)}
        terminalLink={terminalLink}
        sent={false}
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
          terminalLink={terminalLink}
          sent={sent}
          error={error}
          next={next}
        />,
        status,
      )
    if (!terminalLink || deps.showLink === undefined)
      return show(false, 'This site is not on loopback: sign in with a token of its operator', 403)
    try {
      const handle = parseHandle(fields['handle'] ?? '')
      const exp = Math.floor(deps.now().getTime() / 1000) + LINK_SECONDS
      const jti = deps.random(16).toHex()
      const link = await sign({ handle, next, exp, jti }, secret, 'HS256')
      deps.showLink(handle, `${deps.site.baseUrl}/sign-in/${link}`)
      return await show(true, null)
    } catch (error) {
      if (isQalError(error)) return show(false, error.facts.expected ?? error.message, 422)
      throw error
    }
  })

  app.get('/sign-in/:link', async (c) => {
    const { handle, next, jti, exp } = await openLink(c.req.param('link'), secret)
    if (!(await deps.private.useOnce(jti, new Date(exp * 1000).toISOString())))
      throw new QalError('http_unauthorised', 'Cannot sign in: this link was used already; ask for a new one')
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

interface Link {
  handle: string
  next: string
  jti: string
  exp: number
}

async function openLink(text: string, secret: string): Promise<Link> {
  try {
    const { handle, next, jti, exp } = await verify(text, secret, 'HS256')
    if (
      typeof handle === 'string' &&
      typeof next === 'string' &&
      typeof jti === 'string' &&
      typeof exp === 'number'
    )
      return { handle, next, jti, exp }
  } catch {
    // Whatever is wrong with it, the answer is the same.
  }
  throw new QalError(
    'http_unauthorised',
    'Cannot sign in: this link is not ours or has expired; ask for a new one',
  )
}

/** A path of this site; anything else would be an open redirect. */
function localPath(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])[\w\-./?=&%]*$/.test(next) ? next : '/'
}
