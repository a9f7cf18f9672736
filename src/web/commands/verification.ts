import { canonicalBytes } from '../../core/canonical.ts'
import { recordOf } from '../../core/record.ts'
import type { VerificationReport } from '../../core/report.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { forbidden, InputError } from '../problem.ts'
import { findListing } from './find.ts'
import { appendAtEnd, newEvent } from './append.ts'
import { requireVerifier } from './queue.ts'

/**
 * Records what a granted verifier found (T8, T10): the whole report as a blob,
 * what rules need of it as an event. The same report again changes nothing.
 */
export async function recordVerification(
  deps: AppDeps,
  actor: Actor,
  id: string,
  report: VerificationReport,
): Promise<{ report: string }> {
  const listing = await findListing(deps, id)
  const authority = requireVerifier(deps, actor)
  if (listing.uploader.id === actor.member)
    throw forbidden('Cannot verify your own listing (T10)', 'a verifier other than the uploader')
  if (report.listing !== listing.id)
    throw new InputError([{ field: 'listing', expected: `${listing.id}, the listing it is sent to` }])
  const { info_hash, info_hash_v2 } = report.torrent
  // A listing by v1 info hash alone may turn out to be a hybrid; what it names must be what was verified.
  const same =
    (listing.info_hash === null || info_hash === listing.info_hash) &&
    (listing.info_hash_v2 === null || info_hash_v2 === listing.info_hash_v2)
  if (!same)
    throw new InputError([{ field: 'torrent.info_hash', expected: 'the info hashes of the listing' }])

  const blob = await deps.blobs.put(canonicalBytes(report))
  const { verifications } = deps.catalogue.listingState(listing.id) ?? { verifications: [] }
  const known = verifications.some(({ by, data }) => by === actor.member && data.report === blob)
  if (!known)
    await appendAtEnd(deps, listing.id, [
      newEvent(deps, { by: actor.member, authority }, 'verification_recorded', recordOf(report, blob)),
    ])
  await deps.private.releaseLease(listing.id, actor.member)
  return { report: blob }
}
