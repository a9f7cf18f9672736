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

const Nothing = z.strictObject({})
const BanBody = z.strictObject({
  banned: z.boolean(),
  reason: z.string().max(4_000, 'expected at most 4000 characters').default(''),
})

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

  const acts = [
    ['endorsements', 'community', 'Endorse a member', Nothing, endorse],
    ['endorsements/withdrawal', 'community', 'Withdraw an endorsement', Nothing, withdrawEndorsement],
  ] as const
  for (const [path, scope, summary, body, run] of acts)
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
        await jsonBody(c, body)
        await run(deps, actor, c.req.param('handle') ?? '')
        return c.json(memberIn(c, deps))
      },
    )

  route(
    app,
    {
      method: 'post',
      path: '/api/members/{handle}/ban',
      summary: 'Ban a member, or lift the ban',
      body: BanBody,
      signedIn: true,
      answer: 'The member as they are now',
    },
    async (c) => {
      const actor = await signedIn(c, 'review')
      await setBan(deps, actor, c.req.param('handle') ?? '', await jsonBody(c, BanBody))
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
