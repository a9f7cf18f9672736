import { grantedVerifications } from './consensus.ts'
import type { ListingState, MemberState, SiteState } from './state.ts'
import type { SignatureView } from './views.ts'

/**
 * What is known of a listing's signature (T14). It is good only where a granted
 * verifier checked it over the very bytes listed and the key is the uploader's
 * own and not revoked.
 */
export function signatureOf(
  listing: ListingState,
  uploader: MemberState | undefined,
  site: SiteState,
): SignatureView {
  const given = listing.submitted?.signature ?? null
  if (given === null) return { state: 'none', fingerprint: null, blob: null }
  const shown = { fingerprint: given.fingerprint, blob: given.blob }
  const checked = grantedVerifications(listing, site).filter(({ data }) => data.signature !== null)
  // A newer event may have revoked the key: an unknown uploader's signature is never good (T1).
  if (uploader?.unknown) return { ...shown, state: 'unchecked' }
  const worst = checked.find(({ data }) => data.signature?.state !== 'good')
  if (worst?.data.signature) return { ...shown, state: worst.data.signature.state }
  if (checked.length === 0) return { ...shown, state: 'unchecked' }
  const overThisFile = checked.every(
    ({ data }) =>
      data.signature?.fingerprint === given.fingerprint && data.sha256 === listing.submitted?.sha256,
  )
  if (!overThisFile) return { ...shown, state: 'bad' }
  const key = uploader?.keys.find(({ fingerprint }) => fingerprint === given.fingerprint)
  if (key === undefined) return { ...shown, state: 'unknown_key' }
  // A key retired in good order keeps what was signed before; a compromised one keeps nothing.
  const lost = key.revoked_at !== null && (key.compromised || key.revoked_at <= listing.submitted_at)
  return { ...shown, state: lost ? 'revoked' : 'good' }
}
