import type { Context } from 'hono'
import { Hono } from 'hono'
import { z } from 'zod'
import { IdentityKind } from '../../core/events.ts'
import { isPlain } from '../../core/fields.ts'
import { Fingerprint } from '../../core/ids.ts'
import type { Scope } from '../../store/private.ts'
import { actorOf, endSession, requireActor } from '../actor.ts'
import { check, formBody, limitBody } from '../api/body.ts'
import { withdrawIdentity } from '../commands/identities.ts'
import { keyChallenge, registerOwnKey, revokeKey } from '../commands/keys.ts'
import { issueToken } from '../commands/members.ts'
import { memberOf } from '../commands/people.ts'
import { ALL_SCOPES, type Actor, type AppDeps } from '../deps.ts'
import { leaveNotice, takeNotice } from '../notice.ts'
import { AccountPage } from '../pages/account-page.tsx'
import type { AccountPageProps } from '../page-types.ts'
import { forbidden, InputError, notFound, problemOf } from '../problem.ts'
import { waysOf } from './sign-in.tsx'
import { contextOf, page } from './pages.tsx'

const DAY_MS = 86_400_000
const MAX_TOKENS = 50
/** A key of several thousand signatures is still smaller. */
const MAX_KEY_CHARS = 200_000

const KeyBody = z.strictObject({
  public_key: z.string().min(1, 'expected an armored public key').max(MAX_KEY_CHARS),
  challenge: z.string().min(1).max(2_000),
  signature: z.string().min(1, 'expected an armored signature').max(20_000),
})
const RevokeBody = z.strictObject({
  fingerprint: Fingerprint,
  why: z.enum(['retired', 'compromised']),
})
const TokenBody = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1, 'expected a name')
    .max(60)
    .refine(isPlain, 'expected plain text on one line'),
  days: z.coerce.number().int().min(1, 'expected 1 to 366').max(366, 'expected 1 to 366'),
  submit: z.literal('on').optional(),
  community: z.literal('on').optional(),
  review: z.literal('on').optional(),
  verify: z.literal('on').optional(),
})

const NOTICES: Record<string, string> = {
  identity: 'The account was added to yours',
  'identity-removed': 'The account was removed from yours',
  key: 'The key was registered',
  'key-revoked': 'The key was revoked',
  'token-revoked': 'The token was revoked',
}

/** A member's own account: identities, keys, tokens, sessions. */
export function accountRoutes(deps: AppDeps): Hono {
  const app = new Hono()

  app.get('/account', async (c) => {
    const actor = await actorOf(c, deps)
    if (actor === null) return c.redirect('/sign-in?next=/account', 303)
    return show(c, deps, actor, { notice: await takeNotice(c, deps, '/account', NOTICES) })
  })

  const act = (
    path: string,
    run: (actor: Actor, fields: Record<string, string>, c: Context) => Promise<string>,
  ) =>
    app.post(`/account/${path}`, limitBody(300_000), async (c) => {
      const actor = ownerOf(await actorOf(c, deps))
      const { fields } = await formBody(c)
      try {
        return c.redirect(await run(actor, fields, c), 303)
      } catch (error) {
        const { status, detail } = problemOf(error)
        if (status >= 500 || !(error instanceof InputError || status === 422)) throw error
        return show(c, deps, actor, {
          form: {
            values: fields,
            errors:
              error instanceof InputError
                ? Object.fromEntries(error.errors.map(({ field, expected }) => [field, expected]))
                : { [problemOf(error).field ?? '']: detail },
            problem: { title: 'It was not recorded', detail },
          },
          status,
        })
      }
    })

  act('keys', async (actor, fields, c) => {
    await registerOwnKey(deps, actor, check(KeyBody, fields))
    return leaveNotice(c, deps, '/account', 'key')
  })
  act('keys/revoke', async (actor, fields, c) => {
    const { fingerprint, why } = check(RevokeBody, fields)
    await revokeKey(deps, actor, { fingerprint, compromised: why === 'compromised' })
    return leaveNotice(c, deps, '/account', 'key-revoked')
  })
  act('identities/remove', async (actor, fields, c) => {
    await withdrawIdentity(deps, actor.member, check(z.strictObject({ kind: IdentityKind }), fields).kind)
    return leaveNotice(c, deps, '/account', 'identity-removed')
  })
  act('tokens/revoke', async (actor, fields, c) => {
    const tokens = await deps.private.tokensOf(actor.member)
    const found = tokens.find(({ hash }) => hash.slice(0, 16) === fields['id'])
    if (found === undefined) throw notFound('this token')
    await deps.private.revokeToken(found.hash)
    return leaveNotice(c, deps, '/account', 'token-revoked')
  })
  act('sign-out', async (actor, _fields, c) => {
    await deps.private.endSessions(actor.member, deps.now().toISOString())
    endSession(c)
    return '/'
  })

  app.post('/account/tokens', limitBody(8_192), async (c) => {
    const actor = ownerOf(await actorOf(c, deps))
    const { fields } = await formBody(c)
    const body = TokenBody.safeParse(fields)
    const scopes = ALL_SCOPES.filter((scope) => fields[scope] === 'on' && scope !== 'admin')
    if (!body.success || scopes.length === 0)
      return show(c, deps, actor, {
        form: {
          values: fields,
          errors: body.success
            ? { scopes: 'expected at least one thing that it may do' }
            : Object.fromEntries(body.error.issues.map(({ path, message }) => [path.join('.'), message])),
          problem: null,
        },
        status: 422,
      })
    if ((await deps.private.tokensOf(actor.member)).length >= MAX_TOKENS)
      throw new InputError([{ field: 'name', expected: `at most ${MAX_TOKENS} tokens: revoke one first` }])
    const { name, days } = body.data
    const { token } = await issueToken(deps, actor.member, scopes, days * DAY_MS, name)
    return show(c, deps, actor, { newToken: token })
  })
  return app
}

/** Keys, identities and tokens are for who holds all rights of the member: a token with fewer must not make more of itself. */
function ownerOf(found: Actor | null): Actor {
  const actor = requireActor(found, 'submit')
  if (!ALL_SCOPES.every((scope: Scope) => actor.scopes.has(scope)))
    throw forbidden(
      'Cannot change the account with this token: it has fewer rights',
      'a session with all rights',
    )
  return actor
}

async function show(
  c: Context,
  deps: AppDeps,
  actor: Actor,
  over: Partial<Pick<AccountPageProps, 'notice' | 'newToken' | 'form'>> & { status?: number },
): Promise<Response> {
  await deps.catalogue.catchUp(deps.ledger)
  const now = deps.now().toISOString()
  const tokens = await deps.private.tokensOf(actor.member)
  // What is on the page is the member's alone.
  c.header('cache-control', 'no-store')
  return page(
    c,
    <AccountPage
      context={await contextOf(c, deps)}
      member={memberOf(deps, actor)}
      ways={waysOf(deps)}
      challenge={await keyChallenge(deps, actor)}
      tokens={tokens.map(({ hash, name, scopes, expires_at }) => ({
        id: hash.slice(0, 16),
        name: name ?? 'by the operator',
        scopes,
        expires_at,
        expired: expires_at <= now,
      }))}
      newToken={over.newToken ?? null}
      form={over.form ?? { values: {}, errors: {}, problem: null }}
      notice={over.notice ?? null}
    />,
    over.status ?? 200,
  )
}
