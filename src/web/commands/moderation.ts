import { lift } from '../../core/lift.ts'
import { ListingId, Sha256 } from '../../core/ids.ts'
import type { ListingView } from '../../core/views.ts'
import { putText } from '../../store/texts.ts'
import { heldRole } from '../actor.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { forbidden, InputError, notFound } from '../problem.ts'
import { append, appendAtEnd, newEvent, type Act } from './append.ts'
import { findListing } from './find.ts'
import { findComment } from './community.ts'
import { asModerator, memberOf, self } from './people.ts'
import { reasonText, sameAsSeen } from './review.ts'

const DAY_MS = 86_400_000
/** Longer chains than this are no chains of versions. */
const MAX_SUCCESSORS = 100

/** Takes the decision that stands back: who made it, or a moderator (T10). */
export async function undoDecision(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { seen_seq?: number | undefined },
): Promise<void> {
  const listing = await findListing(deps, id)
  const { review } = listing
  if (review === null) throw notFound('a decision on this listing')
  const made = deps.catalogue.listingState(listing.id)?.reviews.find(({ seq }) => seq === review.seq)
  const own = made?.by === actor.member
  const act = own ? self(actor) : asModerator(deps, actor, listing, 'undo a decision')
  await append(deps, `listing/${listing.id}`, sameAsSeen(listing, input.seen_seq), [
    newEvent(deps, act, 'decision_undone', { review: review.seq }),
  ])
}

/** Hides a comment from a page, or shows it again. */
export async function hideComment(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { comment: number; hidden: boolean },
): Promise<void> {
  const listing = await findListing(deps, id)
  const act = asModerator(deps, actor, listing, 'hide comments')
  const found = findComment(deps, listing, input.comment)
  if (found === undefined || found.state === 'withdrawn') throw notFound(`comment ${input.comment}`)
  if ((found.state === 'hidden') === input.hidden) return
  await appendAtEnd(deps, listing.id, [
    newEvent(deps, act, 'comment_hidden', { comment: found.seq, hidden: input.hidden }),
  ])
}

/** Appeals against the decision that stands, as the listing's uploader (T18). */
export async function appeal(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { text: string },
): Promise<void> {
  const listing = await findListing(deps, id)
  if (listing.uploader.id !== actor.member)
    throw forbidden('Cannot appeal: only the uploader of a listing may (T18)', 'a listing of yours')
  const decided = ['rejected', 'suspended', 'removed'].includes(listing.status)
  if (!decided || listing.appeal?.state === 'open')
    throw new InputError([
      {
        field: 'listing',
        expected: decided
          ? 'no open appeal: a moderator has yet to answer yours'
          : 'a listing that was rejected, suspended or removed',
      },
    ])
  const text = await putText(deps.blobs, input.text, deps.random(16))
  await appendAtEnd(deps, listing.id, [newEvent(deps, self(actor), 'appealed', { text })])
}

/** Answers an open appeal without another decision (T18). */
export async function dismissAppeal(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { reason: string; seen_seq?: number | undefined },
): Promise<void> {
  const listing = await findListing(deps, id)
  const act = asModerator(deps, actor, listing, 'answer an appeal')
  if (listing.appeal?.state !== 'open') throw notFound('an open appeal on this listing')
  const reason = await reasonText(deps, input.reason)
  if (reason === null)
    throw new InputError([{ field: 'reason', expected: 'a reason that the uploader sees' }])
  await append(deps, `listing/${listing.id}`, sameAsSeen(listing, input.seen_seq), [
    newEvent(deps, act, 'appeal_dismissed', { reason }),
  ])
}

/** Takes a listing back, as its uploader: after a refusal it stays what it was. */
export async function withdrawListing(deps: AppDeps, actor: Actor, id: string): Promise<void> {
  const listing = await findListing(deps, id)
  if (listing.uploader.id !== actor.member)
    throw forbidden('Cannot withdraw: only the uploader of a listing may', 'a listing of yours')
  if (!['pending', 'published', 'suspended'].includes(listing.status))
    throw new InputError([{ field: 'listing', expected: `a listing that is not ${listing.status}` }])
  await appendAtEnd(deps, listing.id, [newEvent(deps, self(actor), 'listing_withdrawn', {})])
}

/** Says which published listing takes this one's place, or takes that back (T13). */
export async function supersede(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { by: string | null },
): Promise<void> {
  const listing = await findListing(deps, id)
  const own = listing.uploader.id === actor.member
  const act: Act = own ? self(actor) : asModerator(deps, actor, listing, 'supersede a listing')
  if (input.by !== null) refuseSuccessor(deps, listing, await findListing(deps, input.by), own)
  if ((input.by ?? null) === listing.superseded_by) return
  await appendAtEnd(deps, listing.id, [
    newEvent(deps, act, 'superseded', {
      by: input.by === null ? null : ListingId.parse(input.by.toUpperCase()),
    }),
  ])
}

function refuseSuccessor(deps: AppDeps, listing: ListingView, newer: ListingView, own: boolean): void {
  if (newer.status !== 'published') refuse('a listing that is published')
  if (own && newer.uploader.id !== listing.uploader.id) refuse('a listing of yours')
  let next: ListingView | null = newer
  for (let n = 0; next !== null; n++) {
    if (next.id === listing.id || n >= MAX_SUCCESSORS) refuse('a listing that this one does not supersede')
    next = next.superseded_by === null ? null : deps.catalogue.listing(next.superseded_by)
  }
}

function refuse(expected: string): never {
  throw new InputError([{ field: 'by', expected }])
}

/** Asks verifiers to look again (T9): a moderator at any time, the uploader a day after the last time. */
export async function requestVerification(deps: AppDeps, actor: Actor, id: string): Promise<void> {
  const listing = await findListing(deps, id)
  const own = listing.uploader.id === actor.member
  const act: Act = own ? self(actor) : asModerator(deps, actor, listing, 'ask for a verification')
  if (listing.verification_wanted)
    throw new InputError([
      { field: 'listing', expected: 'a listing that does not wait for verifiers already' },
    ])
  if (['withdrawn', 'removed', 'rejected'].includes(listing.status))
    throw new InputError([{ field: 'listing', expected: `a listing that is not ${listing.status}` }])
  const last = listing.verifications.at(-1)?.at
  if (own && last !== undefined && deps.now().getTime() - Date.parse(last) < DAY_MS)
    throw new InputError([{ field: 'listing', expected: 'a day since the last verification' }])
  await appendAtEnd(deps, listing.id, [
    newEvent(deps, act, 'verification_requested', { reason: 'on_demand' }),
  ])
}

/**
 * Erases a text of a listing for ever: its author or a moderator. What remains
 * in the ledger is the name of a text that nobody can guess from it (T15).
 */
export async function eraseText(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { text: string },
): Promise<void> {
  const listing = await findListing(deps, id)
  const author = await authorOf(deps, listing.id, input.text)
  if (author === undefined) throw notFound('this text on this listing')
  const role = heldRole(deps, memberOf(deps, actor), ['moderator', 'admin'])
  const act: Act | null =
    author === actor.member ? self(actor) : role === null ? null : { by: actor.member, authority: role }
  if (act === null) throw forbidden('Cannot erase a text of somebody else (T15)', 'a text of yours')
  await deps.blobs.delete(input.text)
  await appendAtEnd(deps, listing.id, [
    newEvent(deps, act, 'text_erased', { text: Sha256.parse(input.text) }),
  ])
}

/** Who wrote a text that an event of the listing names: null for a report's, undefined for none. */
async function authorOf(deps: AppDeps, listing: string, text: string): Promise<string | null | undefined> {
  for (const stored of await deps.ledger.readStream(`listing/${listing}`)) {
    const event = lift(stored)
    const named = Object.entries(event?.data ?? {}).some(
      ([field, value]) => TEXT_FIELDS.has(field) && value === text,
    )
    if (named && event?.type !== 'text_erased') return event?.by ?? null
  }
  return undefined
}

const TEXT_FIELDS: ReadonlySet<string> = new Set(['text', 'reason', 'readme', 'benchmarks'])
