import type { Context } from 'hono'
import { Hono } from 'hono'
import type { VNode } from 'preact'
import type { ListingView, MemberView } from '../../core/views.ts'
import { check, formBody, limitBody } from '../api/body.ts'
import { formSubmission } from '../api/api.ts'
import { findListing } from '../commands/find.ts'
import { LISTING_ACTS } from '../api/acts.ts'
import { MEMBER_ACTS } from '../api/members.ts'
import { ModelsQuery } from '../api/documents.ts'
import { actorOf, moderates, requireActor } from '../actor.ts'
import { jobOf, queue } from '../commands/queue.ts'
import { reviewAuthority } from '../commands/review.ts'
import { submit } from '../commands/submit.ts'
import { formField, MAX_SUBMISSION_BYTES, Submission } from '../commands/submission.ts'
import type { AppDeps } from '../deps.ts'
import { leaveNotice, takeNotice } from '../notice.ts'
import { HomePage } from '../pages/home-page.tsx'
import { InspectPage } from '../pages/inspect-page.tsx'
import { MemberPage } from '../pages/member-page.tsx'
import { ModelPage } from '../pages/model-page.tsx'
import { QueuePage } from '../pages/queue-page.tsx'
import { renderPage } from '../pages/render.ts'
import { SubmitPage } from '../pages/submit-page.tsx'
import type { FormState, MemberPageProps, ModelPageProps, NamedListing, PageContext } from '../page-types.ts'
import { commentPage } from '../comments.ts'
import { getText } from '../../store/texts.ts'
import type { ListingState } from '../../core/state.ts'
import { memoryOf, modelUrl, presentModel, reportsWithTexts, templateUsesOf, textsOf } from '../present.ts'
import { InputError, notFound, problemOf } from '../problem.ts'

const PER_PAGE = 50
const NOTICES: Record<string, string> = {
  submitted: 'Submitted. It waits in the queue: a verifier downloads it over BitTorrent, so keep seeding',
  published: 'Published at once, as your tier allows. Verification follows, so keep seeding',
  'reports-uncounted':
    'Your report was recorded for the moderators. It does not count towards hiding the listing: your account is new, has no proved identity, or a report of yours was dismissed of late (T12)',
  ...Object.fromEntries(LISTING_ACTS.map(({ path, done }) => [noticeCode(path), done])),
}

const MEMBER_NOTICES: Readonly<Record<string, string>> = Object.fromEntries(
  MEMBER_ACTS.map(({ path, done }) => [noticeCode(path), done]),
)

/** The pages that show and change the catalogue. */
export function pageRoutes(deps: AppDeps): Hono {
  const app = new Hono()

  app.get('/', async (c) => {
    const parsed = ModelsQuery.safeParse(blanksAway(c.req.query()))
    const query = parsed.success ? parsed.data : ModelsQuery.parse({})
    await deps.catalogue.catchUp(deps.ledger)
    const { items, total, facets } = deps.catalogue.search({
      ...query,
      status: 'published',
      perPage: PER_PAGE,
    })
    return page(
      c,
      <HomePage
        context={await contextOf(c, deps)}
        query={{ ...query, tag: query.tag ?? null, quant: query.quant ?? null, tier: query.tier ?? null }}
        items={items.map((view) => presentModel(view, deps))}
        total={total}
        pages={Math.max(1, Math.ceil(total / PER_PAGE))}
        facets={facets}
      />,
    )
  })

  app.get('/models/:id', (c) => modelPage(c, deps))
  app.get('/models/:id/:slug', (c) => modelPage(c, deps))

  app.get('/inspect', async (c) => page(c, <InspectPage context={await contextOf(c, deps)} />))

  app.get('/submit', async (c) => {
    const context = await contextOf(c, deps)
    if (context.member === null) return c.redirect('/sign-in?next=/submit', 303)
    const form = { values: {}, errors: {}, problem: null }
    return page(c, <SubmitPage context={context} form={form} trackers={deps.site.trackers} />)
  })

  app.post('/submit', limitBody(MAX_SUBMISSION_BYTES), async (c) => {
    const actor = requireActor(await actorOf(c, deps), 'submit')
    const { fields, file } = await formBody(c, 'torrent')
    try {
      const submitted = await submit(deps, actor, check(Submission, formSubmission(fields, file)))
      const notice = submitted.status === 'published' ? 'published' : 'submitted'
      return c.redirect(await leaveNotice(c, deps, `/models/${submitted.id}`, notice), 303)
    } catch (error) {
      const form = formAgain(fields, error)
      const context = await contextOf(c, deps)
      return page(
        c,
        <SubmitPage context={context} form={form} trackers={deps.site.trackers} />,
        problemOf(error).status,
      )
    }
  })

  app.get('/queue', async (c) => {
    await deps.catalogue.catchUp(deps.ledger)
    const context = await contextOf(c, deps)
    const entries = await queue(deps)
    const decided = (['rejected', 'suspended', 'published', 'removed'] as const)
      .flatMap((status) => deps.catalogue.search({ status, sort: 'new', page: 1, perPage: 50 }).items)
      .filter(({ review: decision, status }) => decision !== null || status === 'suspended')
      .toSorted((a, b) => (a.updated_at < b.updated_at ? 1 : -1))
      .slice(0, 20)
    return page(
      c,
      <QueuePage
        context={context}
        mayReview={mayReviewAny(context)}
        pending={entries.map(({ listing, job }) => ({ model: presentModel(listing, deps), job }))}
        decided={decided.map((view) => presentModel(view, deps))}
        attention={
          moderates(context.member?.roles ?? [])
            ? deps.catalogue.forModerators(50).map((view) => presentModel(view, deps))
            : null
        }
      />,
    )
  })

  app.get('/members/:handle', async (c) => {
    await deps.catalogue.catchUp(deps.ledger)
    const handle = c.req.param('handle')
    const member = deps.catalogue.memberByHandle(handle)
    if (!member) throw notFound(`member @${handle}`)
    const context = await contextOf(c, deps)
    const sees = context.member?.id === member.id || moderates(context.member?.roles ?? [])
    const { items } = deps.catalogue.search({
      uploader: member.id,
      // What is not published is for the uploader and for moderators.
      status: sees ? 'all' : 'published',
      sort: 'new',
      page: 1,
      perPage: PER_PAGE,
    })
    return page(
      c,
      <MemberPage
        context={context}
        member={member}
        listings={items.map((view) => presentModel(view, deps))}
        {...await standingOf(member, context, deps)}
        notice={await takeNotice(c, deps, `/members/${handle}`, MEMBER_NOTICES)}
      />,
    )
  })

  for (const { path, scope, body, run } of MEMBER_ACTS)
    app.post(`/members/:handle/${path}`, limitBody(16_384), async (c) => {
      const actor = requireActor(await actorOf(c, deps), scope)
      const { fields } = await formBody(c)
      const handle = c.req.param('handle') ?? ''
      await run(deps, actor, handle, check(body, fields))
      return c.redirect(await leaveNotice(c, deps, `/members/${handle}`, noticeCode(path)), 303)
    })
  for (const { path, scope, body, run } of LISTING_ACTS)
    app.post(`/models/:id/${path}`, limitBody(65_536), async (c) => {
      const actor = requireActor(await actorOf(c, deps), scope)
      const { fields } = await formBody(c)
      const id = c.req.param('id') ?? ''
      const recorded = await run(deps, actor, id, check(body, fields))
      const uncounted = path === 'reports' && recorded !== null && 'why_not' in recorded && recorded.why_not
      const code = uncounted ? 'reports-uncounted' : noticeCode(path)
      return c.redirect(await leaveNotice(c, deps, `/models/${id.toUpperCase()}`, code), 303)
    })

  return app
}

/** What every page shows of the site and of the visitor. */
export async function contextOf(c: Context, deps: AppDeps): Promise<PageContext> {
  const actor = await actorOf(c, deps)
  const member = actor === null ? null : deps.catalogue.member(actor.member)
  return {
    siteName: deps.site.name,
    demo: deps.site.demo,
    path: c.req.path,
    baseUrl: deps.site.baseUrl,
    member: member ? { id: member.id, handle: member.handle, tier: member.tier, roles: member.roles } : null,
    now: deps.now().toISOString(),
  }
}

/** A page as a response. */
export function page(c: Context, vnode: VNode, status = 200): Response {
  return c.html(renderPage(vnode), status as 200)
}

async function modelPage(c: Context, deps: AppDeps): Promise<Response> {
  const asked = c.req.param('id') ?? ''
  const moved = redirectOfHash(asked, deps)
  if (moved !== null) return c.redirect(moved, 302)
  const view = await findListing(deps, asked)
  const context = await contextOf(c, deps)
  const model = presentModel(view, deps)
  const member = context.member === null ? null : deps.catalogue.member(context.member.id)
  const own = member !== null && member.id === view.uploader.id
  const others = member !== null && !own
  const moderator = others && moderates(member.roles)
  const props: ModelPageProps = {
    context: { ...context, path: model.url },
    model,
    texts: await textsOf(view, deps),
    memory: await memoryOf(view, deps),
    templateUses: templateUsesOf(view, deps),
    comments: await commentPage(view, askedComments(c), deps),
    may: {
      review: member !== null && reviewAuthority(deps, member, view, 'reject') !== null,
      rate: others,
      comment: member !== null,
      report: others,
      moderate: moderator,
      undo: view.review !== null && (moderator || view.review.by_handle === member?.handle),
      own,
    },
    mine: member === null ? null : wordsOf(member.id, deps.catalogue.listingState(view.id)),
    reports: moderates(member?.roles ?? []) ? await reportsWithTexts(view, deps) : null,
    appealText:
      view.appeal !== null && (own || moderator) ? await getText(deps.blobs, view.appeal.text) : null,
    successor: successorOf(view, deps),
    earlier: deps.catalogue
      .predecessors(view.id)
      .filter(({ status }) => status === 'published')
      .map((older) => ({ id: older.id, model: older.model, url: modelUrl(older) })),
    lookalike: named(deps.catalogue.lookalikeOf(view)),
    next: await nextOf(view, member, deps),
    notice: await takeNotice(c, deps, `/models/${view.id}`, NOTICES),
  }
  return page(c, <ModelPage {...props} />)
}

/** What is said of a member, and what the visitor may say. */
async function standingOf(
  member: MemberView,
  { member: visitor }: PageContext,
  deps: AppDeps,
): Promise<Pick<MemberPageProps, 'endorsers' | 'banReason' | 'lookalikes' | 'may'>> {
  const others = visitor !== null && visitor.id !== member.id
  const endorsed = member.endorsements.some(({ by }) => by === visitor?.id)
  const earlier = deps.catalogue
    .handlesLike(member.handle)
    .filter(
      ({ joined_at, id }) =>
        joined_at < member.joined_at || (joined_at === member.joined_at && id < member.id),
    )
  return {
    endorsers: member.endorsements.map(({ by, counts }) => ({
      handle: deps.catalogue.member(by)?.handle ?? by,
      counts,
    })),
    banReason:
      member.banned === null || member.banned.reason === null
        ? null
        : await getText(deps.blobs, member.banned.reason),
    lookalikes: earlier.map(({ handle }) => handle),
    may: {
      endorse: others ? (endorsed ? 'withdraw' : 'endorse') : null,
      ban: others && moderates(visitor.roles),
    },
  }
}

/** Which comments an address asks for: a page of all, or of one thread. */
function askedComments(c: Context): { page: number; thread: number | null } {
  const thread = c.req.query('thread')
  return {
    page: pageNumber(c.req.query('comments')),
    thread: thread === undefined ? null : pageNumber(thread),
  }
}

/** A page number as an address says it; anything else is the first. */
function pageNumber(text: string | undefined): number {
  return text !== undefined && /^[1-9]\d{0,5}$/.test(text) ? Number(text) : 1
}

/** What a member said of a listing before. */
function wordsOf(member: string, listing: ListingState | null): ModelPageProps['mine'] {
  const own = listing?.attestations[member] ?? {}
  return {
    rating: listing?.ratings[member] ?? null,
    attestations: (['checksum', 'works'] as const).filter((kind) => own[kind] !== undefined),
  }
}

/** Only what is published takes a listing's place for visitors. */
function successorOf(view: ListingView, deps: AppDeps): NamedListing | null {
  const newer = view.superseded_by === null ? null : deps.catalogue.listing(view.superseded_by)
  return newer?.status === 'published' ? named(newer) : null
}

function named(listing: { id: string; model: string } | null): NamedListing | null {
  return listing && { id: listing.id, model: listing.model, url: modelUrl(listing) }
}

/** What its uploader and moderators see while a listing is undecided or its verification is to come. */
async function nextOf(
  view: ListingView,
  member: MemberView | null,
  deps: AppDeps,
): Promise<ModelPageProps['next']> {
  const concerns = member !== null && (member.id === view.uploader.id || moderates(member.roles))
  const open = view.status === 'pending' || (view.status === 'published' && view.consensus === 'PENDING')
  return concerns && open ? { job: await jobOf(deps, view.id), trackers: deps.site.trackers } : null
}

function noticeCode(path: string): string {
  return path.replace('/', '-')
}

/** Info hashes and SHA-256 lead to the listing that has them. */
function redirectOfHash(asked: string, deps: AppDeps): string | null {
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(asked)) return null
  const [id] = deps.catalogue.byHash(asked.toLowerCase())
  return id === undefined ? null : `/models/${id}`
}

function mayReviewAny({ member }: PageContext): boolean {
  return member !== null && (member.tier === 'trusted' || member.roles.some((role) => role !== 'official'))
}

/** The form as it was sent, each error beside its field. */
function formAgain(values: Record<string, string>, error: unknown): FormState {
  const problem = problemOf(error)
  if (problem.status >= 500) throw error
  const list =
    error instanceof InputError
      ? error.errors
      : [{ field: problem.field ?? '', expected: problem.expected ?? problem.detail }]
  return {
    values,
    errors: Object.fromEntries(list.map(({ field, expected }) => [formField(field), expected])),
    problem: {
      title: problem.title,
      detail: problem.detail,
      ...(problem.existing ? { existing: problem.existing.url } : {}),
    },
  }
}

function blanksAway(query: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''))
}
