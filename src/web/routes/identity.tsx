import type { Context } from 'hono'
import { Hono } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { z } from 'zod'
import { isQalError, QalError } from '../../core/error.ts'
import { MemberId } from '../../core/ids.ts'
import { actorOf, startSession } from '../actor.ts'
import { formBody, limitBody } from '../api/body.ts'
import { memberOfAccount, proveAccount, type ProvedAccount } from '../commands/identities.ts'
import { joinAs, parseHandle } from '../commands/members.ts'
import { ALL_SCOPES, type AppDeps } from '../deps.ts'
import { finishGithub, startGithub } from '../github.ts'
import { hmac } from '../hmac.ts'
import { SignInPage } from '../pages/sign-in-page.tsx'
import { SignInStepPage } from '../pages/sign-in-step-page.tsx'
import { forbidden, notFound } from '../problem.ts'
import { issueTicket, localPath, readTicket, redeemTicket } from '../tickets.ts'
import { contextOf, page } from './pages.tsx'
import { waysOf } from './sign-in.tsx'
import { leaveNotice } from '../notice.ts'

const GITHUB_SECONDS = 10 * 60
const MAIL_SECONDS = 30 * 60
const HANDLE_SECONDS = 30 * 60
/** Mails to one address an hour: whoever types in somebody else's must not be able to flood it. */
const MAILS_AN_HOUR = 3
const HOUR_MS = 3_600_000
const GITHUB_COOKIE = 'qal_github'

const Address = z
  .email('expected an e-mail address')
  .max(254, 'expected at most 254 characters')
  .transform((address) => address.toLowerCase())
/** `link`: the member who asked to add the account to theirs; null signs in. */
const shared = { link: MemberId.nullable(), next: z.string() }
const MailTicket = z.object({ ...shared, account: z.string() })
const GithubTicket = z.object({ ...shared, state: z.string(), verifier: z.string() })
const HandleTicket = z.object({
  kind: z.enum(['email', 'github']),
  account: z.string(),
  shown: z.string(),
  next: z.string(),
})

/**
 * Signing in by an account elsewhere, and adding one to a member (T20). A link
 * or a return that was asked for to sign in never adds anything to who happens
 * to be signed in, and one that was asked for to add works for that member
 * alone: else somebody could have their own account added to another's.
 */
export function identityRoutes(deps: AppDeps): Hono {
  const app = new Hono()
  const redirectUri = `${deps.site.baseUrl}/sign-in/github/callback`

  app.get('/sign-in/github', async (c) => {
    const github = deps.signIn?.github
    if (github === undefined) throw notFound('a sign-in by GitHub on this site')
    const { url, state, verifier } = startGithub(github, redirectUri)
    const link = await linking(c, deps, c.req.query('link') === '1')
    const next = localPath(c.req.query('next'))
    const ticket = await issueTicket(deps, 'github', { link, next, state, verifier }, GITHUB_SECONDS)
    setCookie(c, GITHUB_COOKIE, ticket, {
      path: '/sign-in/github',
      httpOnly: true,
      // Lax: GitHub sends the visitor back by a plain link.
      sameSite: 'Lax',
      secure: deps.site.baseUrl.startsWith('https:'),
      maxAge: GITHUB_SECONDS,
    })
    return c.redirect(url, 302)
  })

  app.get('/sign-in/github/callback', async (c) => {
    const github = deps.signIn?.github
    if (github === undefined) throw notFound('a sign-in by GitHub on this site')
    const ticket = getCookie(c, GITHUB_COOKIE)
    deleteCookie(c, GITHUB_COOKIE, { path: '/sign-in/github' })
    const { state, verifier, link, next } = await redeemTicket(deps, 'github', GithubTicket, ticket)
    const code = c.req.query('code')
    if (c.req.query('state') !== state || code === undefined || code.length > 500)
      throw new QalError(
        'http_unauthorised',
        'Cannot sign in: GitHub did not send you back with what this browser asked for; try again',
      )
    const { id, login } = await finishGithub(github, redirectUri, { code, verifier })
    return arrive(c, deps, { kind: 'github', account: String(id) }, { shown: `GitHub ${login}`, link, next })
  })

  app.post('/sign-in/email', limitBody(4_096), async (c) => {
    const { fields } = await formBody(c)
    const next = localPath(fields['next'])
    const context = await contextOf(c, deps)
    const answer = (error: string | null, status = 200): Response =>
      page(
        c,
        <SignInPage
          context={context}
          ways={waysOf(deps)}
          sent={error === null ? 'email' : null}
          error={error}
          next={next}
        />,
        status,
      )
    if (deps.signIn?.sendMail === undefined) throw notFound('a sign-in by e-mail on this site')
    const address = Address.safeParse(fields['email']?.trim())
    if (!address.success) return answer(address.error.issues[0]?.message ?? 'expected an e-mail address', 422)
    const link = await linking(c, deps, fields['link'] === '1')
    if (!(await mayMail(deps, address.data)))
      return answer(
        `This address was sent ${MAILS_AN_HOUR} links within the hour; use the last, or wait`,
        429,
      )
    const ticket = await issueTicket(deps, 'email', { account: address.data, link, next }, MAIL_SECONDS)
    await deps.signIn.sendMail(
      address.data,
      `Sign in to ${deps.site.name}`,
      `Somebody, hopefully you, asked to sign in to ${deps.site.name} with this address.\n\n` +
        `${deps.site.baseUrl}/sign-in/email/${ticket}\n\n` +
        `The link works once, for ${MAIL_SECONDS / 60} minutes. If it was not you, do nothing.\n`,
    )
    return answer(null)
  })

  // Mail programs open links by themselves: the link shows a button, and only the button signs in.
  app.get('/sign-in/email/:ticket', async (c) => {
    const ticket = c.req.param('ticket')
    const { data } = await readTicket(deps, 'email', MailTicket, ticket)
    const known = await memberOfAccount(deps, { kind: 'email', account: data.account })
    return page(
      c,
      <SignInStepPage
        context={await contextOf(c, deps)}
        step="confirm"
        ticket={ticket}
        account={data.account}
        handle={known === null ? null : (deps.catalogue.member(known)?.handle ?? null)}
        suggestion=""
        error={null}
      />,
    )
  })

  app.post('/sign-in/email/:ticket', limitBody(4_096), async (c) => {
    const { account, link, next } = await redeemTicket(deps, 'email', MailTicket, c.req.param('ticket'))
    return arrive(c, deps, { kind: 'email', account }, { shown: account, link, next })
  })

  app.post('/sign-in/handle', limitBody(8_192), async (c) => {
    const { fields } = await formBody(c)
    const { data } = await readTicket(deps, 'handle', HandleTicket, fields['ticket'])
    const proved = { kind: data.kind, account: data.account }
    try {
      const handle = parseHandle(fields['handle'] ?? '')
      // Somebody who pressed twice is there already.
      const known = await memberOfAccount(deps, proved)
      const member = known ?? (await joinAs(deps, handle))
      await proveAccount(deps, member, proved)
      await startSession(c, deps, { member, scopes: new Set(ALL_SCOPES), until: Infinity })
      return c.redirect(localPath(data.next), 303)
    } catch (error) {
      if (!isQalError(error) || error.code !== 'input_handle') throw error
      return chooseHandle(
        c,
        deps,
        { ...data, typed: fields['handle'] ?? '' },
        error.facts.expected ?? error.message,
      )
    }
  })
  return app
}

/** After an account was shown: signs its member in, adds it to who asked for that, or lets a newcomer choose a handle. */
async function arrive(
  c: Context,
  deps: AppDeps,
  proved: ProvedAccount,
  { shown, link, next }: { shown: string; link: MemberId | null; next: string },
): Promise<Response> {
  await deps.catalogue.catchUp(deps.ledger)
  if (link !== null) {
    if ((await linking(c, deps, true)) !== link)
      throw forbidden('Cannot add this account: you are signed in as somebody else now', 'the same member')
    await proveAccount(deps, link, proved)
    return c.redirect(await leaveNotice(c, deps, '/account', 'identity'), 303)
  }
  const member = await memberOfAccount(deps, proved)
  if (member === null)
    return chooseHandle(c, deps, { ...proved, shown, next, typed: suggestionOf(shown) }, null)
  await startSession(c, deps, { member, scopes: new Set(ALL_SCOPES), until: Infinity })
  return c.redirect(localPath(next), 303)
}

async function chooseHandle(
  c: Context,
  deps: AppDeps,
  { typed, ...data }: z.infer<typeof HandleTicket> & { typed: string },
  error: string | null,
): Promise<Response> {
  const ticket = await issueTicket(deps, 'handle', data, HANDLE_SECONDS)
  return page(
    c,
    <SignInStepPage
      context={await contextOf(c, deps)}
      step="handle"
      ticket={ticket}
      account={data.shown}
      handle={null}
      suggestion={typed.slice(0, 32)}
      error={error}
    />,
    error === null ? 200 : 422,
  )
}

/** The member who adds an account to theirs, with all rights of theirs; null for signing in. */
async function linking(c: Context, deps: AppDeps, asked: boolean): Promise<MemberId | null> {
  if (!asked) return null
  const actor = await actorOf(c, deps)
  if (actor === null || actor.banned || !ALL_SCOPES.every((scope) => actor.scopes.has(scope)))
    throw forbidden(
      'Cannot add an account: sign in first, and not by a token with fewer rights',
      'a session with all rights of its member',
    )
  return actor.member
}

function suggestionOf(shown: string): string {
  const name = shown.startsWith('GitHub ') ? shown.slice(7) : (shown.split('@')[0] ?? '')
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, '-')
    .replaceAll(/^[-_]+|[-_]+$/g, '')
}

/** Takes one of the hour's places for an address. */
async function mayMail(deps: AppDeps, address: string): Promise<boolean> {
  const hour = Math.floor(deps.now().getTime() / HOUR_MS)
  const code = await hmac(deps.secret, `mail ${address}`)
  const until = new Date((hour + 1) * HOUR_MS).toISOString()
  for (let place = 0; place < MAILS_AN_HOUR; place++)
    if (await deps.private.useOnce(`mail ${code} ${hour} ${place}`, until)) return true
  return false
}
