import type { ReportCategory } from '../../core/community-events.ts'
import { Sha256 } from '../../core/ids.ts'
import type { ListingView, MemberView } from '../../core/views.ts'
import { putText } from '../../store/texts.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { hmac } from '../hmac.ts'
import { findListing } from './find.ts'
import { forbidden, notFound } from '../problem.ts'
import { appendAtEnd, newEvent } from './append.ts'

const DAY_MS = 86_400_000

/** Rates a listing; the latest rating of a member counts, never one of their own upload (T11). */
export async function rate(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { stars: number; works?: boolean | undefined },
): Promise<void> {
  const { listing } = await othersListing(deps, actor, id, 'rate')
  await appendAtEnd(deps, listing.id, [
    newEvent(deps, self(actor), 'rated', { stars: input.stars, works: input.works ?? null }),
  ])
}

export async function comment(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { text: string },
): Promise<void> {
  const listing = await findListing(deps, id)
  const text = await putText(deps.blobs, input.text, deps.random(16))
  await appendAtEnd(deps, listing.id, [newEvent(deps, self(actor), 'commented', { text, reply_to: null })])
}

/**
 * Reports a listing. The report names no one: the reporter is blinded by the
 * site's secret. Whether it counts towards suspension is decided now, by the
 * policy's account age and a proved identity (T12).
 */
export async function report(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { category: ReportCategory; text: string },
): Promise<{ counts: boolean }> {
  const { listing, member } = await othersListing(deps, actor, id, 'report')
  const age = deps.now().getTime() - Date.parse(member.joined_at)
  const { account_age_days } = deps.catalogue.site().policy.reports
  const counts = member.identity.length > 0 && age >= account_age_days * DAY_MS
  await appendAtEnd(deps, listing.id, [
    newEvent(deps, { by: null, authority: { as: 'self' } }, 'reported', {
      category: input.category,
      reporter: Sha256.parse(await hmac(deps.secret, `${listing.id}${member.id}`)),
      counts,
      text: await putText(deps.blobs, input.text, deps.random(16)),
      evidence: null,
    }),
  ])
  return { counts }
}

async function othersListing(
  deps: AppDeps,
  actor: Actor,
  id: string,
  action: string,
): Promise<{ listing: ListingView; member: MemberView }> {
  const listing = await findListing(deps, id)
  const member = deps.catalogue.member(actor.member)
  if (!member) throw notFound(`member ${actor.member}`)
  if (listing.uploader.id === actor.member)
    throw forbidden(`Cannot ${action} your own listing`, 'a listing of another member')
  return { listing, member }
}

function self(actor: Actor): { by: Actor['member']; authority: { as: 'self' } } {
  return { by: actor.member, authority: { as: 'self' } }
}
