import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import type { MemberView } from '../../core/views.ts'
import type { Scope } from '../../store/private.ts'
import { endorse, setBan, withdrawEndorsement } from '../commands/standing.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { notFound } from '../problem.ts'
import { jsonBody } from './body.ts'
import { route } from './route.ts'

/** Something a member may do to another: one row serves the API and the pages' forms. */
export interface MemberAct {
  /** Below `/api/members/{handle}/`, and below `/members/{handle}/` as a form. */
  path: string
  scope: Scope
  summary: string
  /** What a page says when it is done. */
  done: string
  body: z.ZodObject
  run: (deps: AppDeps, actor: Actor, handle: string, body: unknown) => Promise<void>
}

const Nothing = z.strictObject({})
const BanBody = z.strictObject({
  banned: z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]),
  reason: z.string().max(4_000, 'expected at most 4000 characters').default(''),
})

/** All that members do to each other. */
export const MEMBER_ACTS: readonly MemberAct[] = [
  {
    path: 'endorsements',
    scope: 'community',
    summary: 'Endorse a member',
    done: 'Your endorsement was recorded',
    body: Nothing,
    run: endorse,
  },
  {
    path: 'endorsements/withdrawal',
    scope: 'community',
    summary: 'Withdraw an endorsement',
    done: 'Your endorsement was withdrawn',
    body: Nothing,
    run: withdrawEndorsement,
  },
  {
    path: 'ban',
    scope: 'review',
    summary: 'Ban a member, or lift the ban',
    done: 'Your decision was recorded',
    body: BanBody,
    run: (deps, actor, handle, body) => setBan(deps, actor, handle, body as z.infer<typeof BanBody>),
  },
]

/** Members: what they are, and what others say of them or do to them. */
export function memberRoutes(
  app: OpenAPIHono,
  deps: AppDeps,
  signedIn: (c: Context, scope: Scope) => Promise<Actor>,
): void {
  route(
    app,
    {
      method: 'get',
      path: '/api/members/{handle}',
      summary: 'A member, with tier and reasons',
      answer: 'The member',
    },
    async (c) => {
      await deps.catalogue.catchUp(deps.ledger)
      return c.json(memberIn(c, deps))
    },
  )

  for (const { path, scope, summary, body, run } of MEMBER_ACTS)
    route(
      app,
      {
        method: 'post',
        path: `/api/members/{handle}/${path}`,
        summary,
        body,
        signedIn: true,
        answer: 'The member as they are now',
      },
      async (c) => {
        const actor = await signedIn(c, scope)
        await run(deps, actor, c.req.param('handle') ?? '', await jsonBody(c, body))
        return c.json(memberIn(c, deps))
      },
    )
}

function memberIn(c: Context, deps: AppDeps): MemberView {
  const handle = c.req.param('handle') ?? ''
  const member = deps.catalogue.memberByHandle(handle)
  if (!member) throw notFound(`member ${handle}`)
  return member
}
