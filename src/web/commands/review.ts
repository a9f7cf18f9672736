import type { Decision } from '../../core/community-events.ts'
import type { Authority } from '../../core/events.ts'
import { QalError } from '../../core/error.ts'
import type { Sha256 } from '../../core/ids.ts'
import { putText } from '../../store/texts.ts'
import { heldRole } from '../actor.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { findListing } from './find.ts'
import { DuplicateError, forbidden, InputError } from '../problem.ts'
import type { ListingView, MemberView } from '../../core/views.ts'
import { append, newEvent } from './append.ts'

/**
 * By what right a member may decide on a listing (T10): moderators and admins
 * by their role; verifiers by theirs and Trusted members by the rule, for
 * approve and reject, while no moderator has decided and no verifier refuses;
 * nobody on their own. Null where they may not.
 */
export function reviewAuthority(
  deps: Pick<AppDeps, 'catalogue'>,
  member: MemberView,
  listing: ListingView,
  decision: Decision,
): Authority | null {
  if (listing.uploader.id === member.id) return null
  const moderates = heldRole(deps, member, ['moderator', 'admin'])
  if (moderates !== null) return moderates
  const mild = decision === 'approve' || decision === 'reject'
  const contested = listing.consensus === 'REFUSED' || listing.consensus === 'SPLIT'
  if (!mild || listing.review !== null || (contested && decision === 'approve')) return null
  return (
    heldRole(deps, member, ['verifier']) ?? (member.tier === 'trusted' ? { as: 'rule', rule: 'T10' } : null)
  )
}

/** Decides on a listing. Two reviewers at once: the second gets `ledger_conflict` and sees what the first did. */
export async function review(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { decision: Decision; reason: string; seen_seq?: number | undefined },
): Promise<void> {
  const listing = await findListing(deps, id)
  const member = deps.catalogue.member(actor.member)
  const authority = member ? reviewAuthority(deps, member, listing, input.decision) : null
  if (authority === null)
    throw forbidden(
      `Cannot ${input.decision} this listing: moderators and admins decide; Trusted members and verifiers only where no moderator has decided and no verifier refuses; nobody on their own uploads (T10)`,
      'a reviewer other than the uploader',
    )
  const reason = input.reason.trim()
  if (reason === '' && (input.decision === 'reject' || input.decision === 'remove'))
    throw new InputError([{ field: 'reason', expected: 'a reason that the uploader sees' }])
  refuseNonsense(listing, input.decision)
  if (input.decision === 'approve' || input.decision === 'restore') refuseSecond(deps, listing)
  await append(deps, `listing/${listing.id}`, sameAsSeen(listing, input.seen_seq), [
    newEvent(deps, { by: actor.member, authority }, 'review_decided', {
      decision: input.decision,
      reason: await reasonText(deps, reason),
    }),
  ])
}

/** The position to append at, where the listing is still as whoever decides has seen it; else `ledger_conflict`. */
export function sameAsSeen(listing: ListingView, seen: number | undefined): number {
  if (seen === undefined || seen === listing.seq) return listing.seq
  throw new QalError(
    'ledger_conflict',
    'Cannot record your decision: the listing has changed since you opened it. Read what is new, then decide again',
    { field: 'seen_seq', expected: String(listing.seq), found: String(seen) },
  )
}

/** A reason kept beside the ledger; null where none was given. */
export async function reasonText(
  deps: Pick<AppDeps, 'blobs' | 'random'>,
  reason: string,
): Promise<Sha256 | null> {
  const text = reason.trim()
  return text === '' ? null : putText(deps.blobs, text, deps.random(16))
}

/** Of two listings of the same file only one is published (T7). */
function refuseSecond(deps: AppDeps, listing: ListingView): void {
  const other = deps.catalogue.duplicateOf(listing)
  if (other !== null && other.id !== listing.id)
    throw new DuplicateError(other.field, { id: other.id, url: `/models/${other.id}` }, 'publish')
}

function refuseNonsense(listing: ListingView, decision: Decision): void {
  const { status } = listing
  const fits =
    decision === 'remove' ||
    (decision === 'restore' ? status === 'suspended' || status === 'rejected' || status === 'removed' : true)
  if (status === 'withdrawn' || !fits)
    throw new QalError('input_decision', `Cannot ${decision} a listing that is ${status}`, {
      field: 'decision',
      expected: 'a decision that changes its status',
      found: decision,
    })
}
