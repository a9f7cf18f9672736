import type { JudgeVerdict, Judges } from './events.ts'
import { authorityHeld } from './roles.ts'
import type { ListingState, SiteState } from './state.ts'
import type { Consensus } from './views.ts'

export type Verification = ListingState['verifications'][number]

/** The latest verification of each verifier whose word moves a badge (T8, T10); none for a subject that is unknown (T1). */
export function grantedVerifications(listing: ListingState, site: SiteState): Verification[] {
  if (listing.unknown) return []
  const latest = new Map<string, Verification>()
  for (const verification of listing.verifications)
    if (isGranted(verification, listing, site))
      latest.set(verification.by, ofTheseBytes(verification, listing))
  return [...latest.values()].toSorted((a, b) => a.seq - b.seq)
}

export function isGranted(verification: Verification, listing: ListingState, site: SiteState): boolean {
  if (verification.by === listing.uploader) return false
  return authorityHeld(site, verification.by, verification.authority, ['verifier'])
}

/** Integrity that passed over bytes other than those listed says nothing of these (T8). */
function ofTheseBytes(verification: Verification, listing: ListingState): Verification {
  const { data } = verification
  if (data.judges.integrity !== 'pass' || data.sha256 === listing.submitted?.sha256) return verification
  return { ...verification, data: { ...data, judges: { ...data.judges, integrity: 'pending' } } }
}

/** What verifiers say together (T9). Without a verification it is PENDING, never good. */
export function consensusOf(verifications: readonly Verification[]): Consensus {
  if (verifications.length === 0) return 'PENDING'
  const refusing = verifications.filter(({ data }) => hasFailed(data.judges))
  if (refusing.length === verifications.length) return 'REFUSED'
  if (refusing.length > 0) return 'SPLIT'
  const proven = verifications.every(
    ({ data }) => data.judges.integrity === 'pass' && data.judges.form === 'pass',
  )
  return proven ? 'VERIFIED' : 'PENDING'
}

/** Each judge over all verifiers: a fail wins, then the weakest word (T8). */
export function judgesOf(verifications: readonly Verification[]): Judges {
  const judge = (name: keyof Judges): JudgeVerdict => {
    const words = new Set(verifications.map(({ data }) => data.judges[name]))
    if (words.has('fail')) return 'fail'
    if (words.size === 0 || words.has('pending')) return 'pending'
    return words.has('skipped') ? 'skipped' : 'pass'
  }
  return { integrity: judge('integrity'), form: judge('form'), behaviour: judge('behaviour') }
}

function hasFailed(judges: Judges): boolean {
  return judges.integrity === 'fail' || judges.form === 'fail' || judges.behaviour === 'fail'
}
