import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { VerificationReport } from '../../core/report.ts'
import type { Scope } from '../../store/private.ts'
import { actorOf, moderates, requireActor } from '../actor.ts'
import { findListing } from '../commands/find.ts'
import { claim, heartbeat, queue } from '../commands/queue.ts'
import { submit } from '../commands/submit.ts'
import { MAX_SUBMISSION_BYTES, Submission, submissionOfForm } from '../commands/submission.ts'
import { recordVerification } from '../commands/verification.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { presentModel, textsOf } from '../present.ts'
import { forbidden, notFound } from '../problem.ts'
import { check, formBody, jsonBody } from './body.ts'
import { LISTING_ACTS } from './acts.ts'
import { actionPage } from '../actions.ts'
import { commentPage } from '../comments.ts'
import { ClaimBody, CommentsQuery, ModelsQuery, PageQuery } from './documents.ts'
import { identifyRoutes } from './identify.ts'
import { memberRoutes } from './members.ts'
import { route } from './route.ts'

const PER_PAGE = 50
/** A report names every check of every file; the longest paths of 2,000 files fit. */
const MAX_REPORT_BYTES = 16 * 1024 * 1024

/** The HTTP API of DESIGN, with its OpenAPI document beside it. */
export function createApi(deps: AppDeps): OpenAPIHono {
  const app = new OpenAPIHono()
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' })
  const signedIn = async (c: Context, scope: Scope): Promise<Actor> =>
    requireActor(await actorOf(c, deps), scope)

  route(
    app,
    {
      method: 'get',
      path: '/api/models',
      summary: 'Search and list',
      query: ModelsQuery,
      answer: 'A page of listings',
    },
    async (c) => {
      const query = check(ModelsQuery, c.req.query())
      await deps.catalogue.catchUp(deps.ledger)
      const uploader = query.status === 'published' ? undefined : await ownOnly(c, deps)
      const { items, total, facets } = deps.catalogue.search({ ...query, perPage: PER_PAGE, uploader })
      return c.json({
        version: 1,
        generated_at: deps.now().toISOString(),
        total,
        page: query.page,
        pages: Math.max(1, Math.ceil(total / PER_PAGE)),
        facets,
        models: items.map((view) => presentModel(view, deps)),
      })
    },
  )

  route(
    app,
    { method: 'get', path: '/api/models/{id}', summary: 'One listing', answer: 'The listing with its texts' },
    async (c) => {
      const view = await findListing(deps, idIn(c))
      return c.json({ ...presentModel(view, deps), texts: await textsOf(view, deps) })
    },
  )

  route(
    app,
    {
      method: 'post',
      path: '/api/submissions',
      summary: 'Submit a listing, as JSON or as a form with a .torrent',
      body: Submission,
      multipart: true,
      maxBodyBytes: MAX_SUBMISSION_BYTES,
      signedIn: true,
      status: 201,
      answer: 'The new listing',
    },
    async (c) => {
      const actor = await signedIn(c, 'submit')
      const submitted = await submit(deps, actor, await submissionBody(c))
      const view = await findListing(deps, submitted.id)
      return c.json({ ...submitted, url: `/models/${submitted.id}`, model: presentModel(view, deps) }, 201, {
        location: `/models/${submitted.id}`,
      })
    },
  )

  route(
    app,
    { method: 'get', path: '/api/queue', summary: 'What waits for a reviewer', answer: 'The queue' },
    async (c) => {
      await deps.catalogue.catchUp(deps.ledger)
      const entries = await queue(deps)
      return c.json({
        version: 1,
        generated_at: deps.now().toISOString(),
        queue: entries.map(({ listing, job }) => ({ model: presentModel(listing, deps), job })),
      })
    },
  )

  route(
    app,
    {
      method: 'post',
      path: '/api/queue/claims',
      summary: 'Claim the next verification, or keep a claim alive',
      body: ClaimBody,
      signedIn: true,
      answer: 'The claimed listing and until when, or null where nothing waits',
    },
    async (c) => {
      const actor = await signedIn(c, 'verify')
      const body = await jsonBody(c, ClaimBody)
      await deps.catalogue.catchUp(deps.ledger)
      if (body.listing !== undefined && body.release) {
        await deps.private.releaseLease(body.listing, actor.member)
        return c.json({ released: body.listing })
      }
      if (body.listing !== undefined)
        return c.json({ lease_until: await heartbeat(deps, actor, body.listing, body) })
      const claimed = await claim(deps, actor, { except: new Set(body.except), last: new Set(body.last) })
      return c.json({
        claim: claimed && { ...claimed, listing: presentModel(claimed.listing, deps) },
      })
    },
  )

  route(
    app,
    {
      method: 'post',
      path: '/api/models/{id}/verifications',
      summary: 'Record a verification report',
      body: VerificationReport,
      maxBodyBytes: MAX_REPORT_BYTES,
      signedIn: true,
      status: 201,
      answer: 'Recorded',
    },
    async (c) => {
      const actor = await signedIn(c, 'verify')
      const report = await jsonBody(c, VerificationReport)
      return c.json(await recordVerification(deps, actor, idIn(c), report), 201)
    },
  )

  route(
    app,
    {
      method: 'get',
      path: '/api/models/{id}/comments',
      summary: 'Comments, newest first, each with its first replies; or one thread with all of them',
      query: CommentsQuery,
      answer: 'A page of comments',
    },
    async (c) => {
      const { page, thread = null } = check(CommentsQuery, c.req.query())
      return c.json(await commentPage(await findListing(deps, idIn(c)), { page, thread }, deps))
    },
  )

  for (const { path, scope, summary, body, status, run } of LISTING_ACTS)
    route(
      app,
      {
        method: 'post',
        path: `/api/models/{id}/${path}`,
        summary,
        body,
        signedIn: true,
        status,
        answer: 'What was recorded, or the listing as it is now',
      },
      async (c) => {
        const actor = await signedIn(c, scope)
        const recorded = await run(deps, actor, idIn(c), await jsonBody(c, body))
        return c.json(recorded ?? presentModel(await findListing(deps, idIn(c)), deps), status)
      },
    )

  route(
    app,
    {
      method: 'get',
      path: '/api/site',
      summary: 'What a client should know of this site',
      answer: 'Its name and announce URLs',
    },
    async (c) =>
      c.json({ version: 1, name: deps.site.name, trackers: deps.site.trackers, demo: deps.site.demo }),
  )

  route(
    app,
    {
      method: 'get',
      path: '/api/audit',
      summary: 'What moderators, admins, the operator and the rules did, newest first',
      query: PageQuery,
      answer: 'A page of actions',
    },
    async (c) => {
      const { page } = check(PageQuery, c.req.query())
      return c.json({ version: 1, generated_at: deps.now().toISOString(), ...(await actionPage(page, deps)) })
    },
  )

  memberRoutes(app, deps, signedIn)
  identifyRoutes(app, deps)
  app.get('/api/openapi.json', (c) =>
    c.json(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: { title: `${deps.site.name} API`, version: '1' },
        servers: [{ url: deps.site.baseUrl }],
      }),
    ),
  )
  app.all('/api/*', (c) => {
    throw notFound(`the address ${c.req.path}`)
  })
  return app
}

function idIn(c: Context): string {
  return c.req.param('id') ?? ''
}

/** A submission from JSON or from a form; a form's .torrent joins the rest in base64. */
async function submissionBody(c: Context): Promise<Submission> {
  const type = c.req.header('content-type') ?? ''
  if (!/^(?:multipart\/form-data|application\/x-www-form-urlencoded)/.test(type))
    return jsonBody(c, Submission)
  const { fields, file } = await formBody(c, 'torrent')
  return check(Submission, formSubmission(fields, file))
}

export function formSubmission(
  fields: Record<string, string>,
  file: Uint8Array | null,
): Record<string, unknown> {
  return { ...submissionOfForm(fields), ...(file ? { torrent: file.toBase64() } : {}) }
}

/** Lists of what is not published are for moderators, whole, and for members, their own. */
async function ownOnly(c: Context, deps: AppDeps): Promise<string | undefined> {
  const actor = requireActor(await actorOf(c, deps), 'submit')
  const member = deps.catalogue.member(actor.member)
  if (!member) throw forbidden('Cannot list what is not published', 'a member')
  return moderates(member.roles) ? undefined : member.id
}
