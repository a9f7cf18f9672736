import type { Context } from 'hono'
import { getSignedCookie, setSignedCookie, deleteCookie } from 'hono/cookie'
import { isBanned } from '../core/bans.ts'
import type { Role } from '../core/events.ts'
import { MemberId } from '../core/ids.ts'
import { QalError } from '../core/error.ts'
import type { MemberView } from '../core/views.ts'
import type { Scope } from '../store/private.ts'
import type { Actor, AppDeps } from './deps.ts'
import { ALL_SCOPES } from './deps.ts'
import { forbidden } from './problem.ts'

const COOKIE = 'qal_session'
const SESSION_MS = 7 * 86_400_000

/** SHA-256 of a token, as it is stored. */
export async function tokenHash(token: string): Promise<string> {
  const bytes = new TextEncoder().encode(token)
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).toHex()
}

/** Who sent the request: by bearer token, else by signed session; null for a visitor. A bad token is an error, not a visitor. */
export async function actorOf(c: Context, deps: AppDeps): Promise<Actor | null> {
  const actor = await signedInAs(c, deps)
  return actor && { ...actor, banned: isBanned(deps.catalogue.site(), actor.member) }
}

async function signedInAs(c: Context, deps: AppDeps): Promise<Actor | null> {
  const header = c.req.header('authorization')
  if (header !== undefined) return byToken(/^Bearer +(\S{1,200})$/i.exec(header)?.[1], deps)
  const session = await getSignedCookie(c, deps.secret, COOKIE)
  if (!session) return null
  const [id, expires, scopes = '', began = '0'] = session.split('.')
  const member = MemberId.safeParse(id)
  if (!member.success || !(Number(expires) > deps.now().getTime())) return null
  const since = await deps.private.sessionsSince(member.data)
  if (since !== null && Number(began) < Date.parse(since)) return null
  const held = scopes.split(' ')
  return {
    member: member.data,
    scopes: new Set(ALL_SCOPES.filter((scope) => held.includes(scope))),
    until: Number(expires),
  }
}

/** The actor behind a token; throws `http_unauthorised` for one that is unknown or expired. */
export async function byToken(token: string | undefined, deps: AppDeps): Promise<Actor> {
  const found = token === undefined ? null : await deps.private.findToken(await tokenHash(token))
  if (found === null || Date.parse(found.expires_at) <= deps.now().getTime())
    throw new QalError('http_unauthorised', 'Cannot sign in: the token is unknown or has expired', {
      field: 'authorization',
      expected: 'Bearer TOKEN, with a token from `bin/qal admin token` that has not expired',
    })
  return { member: found.member, scopes: new Set(found.scopes), until: Date.parse(found.expires_at) }
}

/** Signs a member in for a week; by a token, for no more than the token allows and no longer. */
export async function startSession(c: Context, deps: AppDeps, actor: Actor): Promise<void> {
  const now = deps.now().getTime()
  const expires = Math.min(now + SESSION_MS, actor.until)
  await setSignedCookie(
    c,
    COOKIE,
    `${actor.member}.${expires}.${[...actor.scopes].join(' ')}.${now}`,
    deps.secret,
    {
      path: '/',
      httpOnly: true,
      sameSite: 'Lax',
      secure: deps.site.baseUrl.startsWith('https:'),
      maxAge: Math.floor((expires - now) / 1000),
    },
  )
}

export function endSession(c: Context): void {
  deleteCookie(c, COOKIE, { path: '/' })
}

/** The actor, who must be signed in with this scope. */
export function requireActor(actor: Actor | null, scope: Scope): Actor {
  if (actor === null)
    throw new QalError('http_unauthorised', 'Cannot do this for a visitor: sign in first', {
      expected: 'a signed-in session, or Authorization: Bearer TOKEN',
    })
  if (actor.banned)
    throw forbidden('Cannot do this: a moderator banned this account (T18)', 'an account that is not banned')
  if (!actor.scopes.has(scope))
    throw forbidden(
      `Cannot do this with this token: it lacks the scope ${scope}`,
      `a token with the scope ${scope}`,
    )
  return actor
}

/** Whether these roles see what is not published. */
export function moderates(roles: readonly Role[]): boolean {
  return roles.includes('moderator') || roles.includes('admin')
}

/** The role among `allowed` that a member holds now, with the place in the site's stream that says so (T2). */
export function heldRole(
  deps: Pick<AppDeps, 'catalogue'>,
  member: MemberView,
  allowed: readonly Role[],
): { as: 'role'; role: Role; site_seq: number } | null {
  const role = allowed.find((each) => member.roles.includes(each))
  return role === undefined ? null : { as: 'role', role, site_seq: deps.catalogue.site().seq }
}
