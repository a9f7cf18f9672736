import type { AttestationKind } from '../../core/community-events.ts'
import { commentsOf } from '../../core/community.ts'
import type { EventData, EventType } from '../../core/events.ts'
import { Sha256 } from '../../core/ids.ts'
import type { CommentView, ListingView } from '../../core/views.ts'
import { putText } from '../../store/texts.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { forbidden, InputError, notFound } from '../problem.ts'
import { appendAtEnd, newEvent } from './append.ts'
import { findListing } from './find.ts'
import { othersListing, self } from './people.ts'

const MINUTE_MS = 60_000

/** Rates a listing; the latest rating of a member counts, never one of their own upload (T11). */
export async function rate(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { stars: number; works?: boolean | undefined },
): Promise<void> {
  const { listing } = await othersListing(deps, actor, id, 'rate')
  await say(deps, actor, listing, 'rated', { stars: input.stars, works: input.works ?? null })
}

export async function withdrawRating(deps: AppDeps, actor: Actor, id: string): Promise<void> {
  const listing = await findListing(deps, id)
  const { ratings = {} } = deps.catalogue.listingState(listing.id) ?? {}
  if (!Object.hasOwn(ratings, actor.member)) throw notFound('a rating of yours on this listing')
  await say(deps, actor, listing, 'rating_withdrawn', {})
}

/** Writes a comment, or a reply to one, which then stands under the first comment of its thread. */
export async function comment(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { text: string; reply_to?: number | null | undefined },
): Promise<{ comment: number }> {
  const listing = await findListing(deps, id)
  const reply_to = input.reply_to ?? null
  const answered = reply_to === null ? undefined : findComment(deps, listing, reply_to)
  if (reply_to !== null && answered?.state !== 'shown')
    throw new InputError([{ field: 'reply_to', expected: 'a comment that is shown on this page' }])
  const text = await putText(deps.blobs, input.text, deps.random(16))
  const [event] = await say(deps, actor, listing, 'commented', { text, reply_to })
  return { comment: event?.seq ?? 0 }
}

/** Changes a comment, by its author and within the policy's minutes. What it said before is erased. */
export async function editComment(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { comment: number; text: string },
): Promise<void> {
  const { listing, found } = await ownComment(deps, actor, id, input.comment)
  const { edit_minutes } = deps.catalogue.site().policy.comments
  if (deps.now().getTime() - Date.parse(found.at) > edit_minutes * MINUTE_MS)
    throw forbidden(
      `Cannot change this comment: it is older than ${edit_minutes} minutes. Withdraw it, or answer it`,
      `a comment of the last ${edit_minutes} minutes`,
    )
  const text = await putText(deps.blobs, input.text, deps.random(16))
  await say(deps, actor, listing, 'comment_edited', { comment: found.seq, text })
  if (found.text !== null) await deps.blobs.delete(found.text)
}

/** Takes a comment back, by its author: its text is erased, its place in the thread stays (T15). */
export async function withdrawComment(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { comment: number },
): Promise<void> {
  const { listing, found } = await ownComment(deps, actor, id, input.comment)
  await say(deps, actor, listing, 'comment_withdrawn', { comment: found.seq })
  if (found.text !== null) await deps.blobs.delete(found.text)
}

/**
 * Attests that a member's own copy matched, or that it works for them (T19).
 * The digest is that of the file they checked: another than the listed one is
 * refused, and belongs into a report.
 */
export async function attest(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { kind: AttestationKind; sha256: string; hardware?: string | undefined },
): Promise<void> {
  const { listing } = await othersListing(deps, actor, id, 'attest')
  if (input.sha256 !== listing.sha256)
    throw new InputError([
      {
        field: 'sha256',
        expected: `${listing.sha256}, the listed file's; report another with its digest as evidence`,
      },
    ])
  if (input.kind === 'checksum' && input.hardware !== undefined)
    throw new InputError([{ field: 'hardware', expected: 'none for a checksum' }])
  const sha256 = Sha256.parse(input.sha256)
  await say(deps, actor, listing, 'attested', { kind: input.kind, sha256, hardware: input.hardware ?? null })
}

export async function withdrawAttestation(
  deps: AppDeps,
  actor: Actor,
  id: string,
  kind: AttestationKind,
): Promise<void> {
  const listing = await findListing(deps, id)
  const own = deps.catalogue.listingState(listing.id)?.attestations[actor.member]
  if (own?.[kind] === undefined) throw notFound('an attestation of yours on this listing')
  await say(deps, actor, listing, 'attestation_withdrawn', { kind })
}

/** A comment by its position in the listing's stream. */
export function findComment(
  deps: Pick<AppDeps, 'catalogue'>,
  listing: ListingView,
  position: number,
): CommentView | undefined {
  const state = deps.catalogue.listingState(listing.id)
  return state === null
    ? undefined
    : commentsOf(state, deps.catalogue.site()).find(({ seq }) => seq === position)
}

async function ownComment(
  deps: AppDeps,
  actor: Actor,
  id: string,
  position: number,
): Promise<{ listing: ListingView; found: CommentView }> {
  const listing = await findListing(deps, id)
  const found = findComment(deps, listing, position)
  if (found === undefined || found.state === 'withdrawn') throw notFound(`comment ${position}`)
  if (found.by !== actor.member)
    throw forbidden('Cannot change a comment of somebody else', 'your own comment')
  return { listing, found }
}

function say<Type extends EventType>(
  deps: AppDeps,
  actor: Actor,
  listing: ListingView,
  type: Type,
  data: EventData[Type],
) {
  return appendAtEnd(deps, listing.id, [newEvent(deps, self(actor), type, data)])
}
