import type { grantedVerifications } from './consensus.ts'
import type { ListingState } from './state.ts'
import type { ProvenanceStep, SignatureView } from './views.ts'

/**
 * The source chain (T13): who published, quantised, mirrored, uploaded and
 * verified, each a claim with its evidence. A claim is proved only by evidence
 * a granted verifier recorded; nothing is proved by being said.
 */
export function provenanceOf(
  listing: ListingState,
  uploader: string,
  siteName: string,
  signature: SignatureView,
  verifications: ReturnType<typeof grantedVerifications>,
  handleOf: (id: string) => string,
): ProvenanceStep[] {
  const { submitted } = listing
  if (submitted === null) return []
  const { source } = submitted
  const steps: ProvenanceStep[] = []
  if (source.repository !== null)
    steps.push({
      step: 'publisher',
      who: source.repository,
      what: 'published',
      state: 'claimed',
      evidence:
        source.commit === null
          ? 'named by the uploader, no commit pinned'
          : `named by the uploader at commit ${source.commit.slice(0, 12)}`,
      at: null,
    })
  if (source.quantised_by !== null) {
    const proof = verifications.at(-1)?.data.quantisation ?? null
    const contradicted = proof?.match === 'mislabelled'
    steps.push({
      step: 'quantiser',
      who: source.quantised_by,
      what: `quantised${submitted.quantisation === null ? '' : ` to ${submitted.quantisation}`}`,
      // The recipe proves what was done, not who did it.
      state: contradicted ? 'contradicted' : 'claimed',
      evidence:
        proof === null
          ? 'named by the uploader'
          : `${proof.matched} of ${proof.total} tensors match ${(contradicted ? proof.claimed : proof.proven[0]) ?? 'no known recipe'}`,
      at: null,
    })
  }
  const intact =
    verifications.length > 0 && verifications.every(({ data }) => data.judges.integrity === 'pass')
  const torn = verifications.some(({ data }) => data.judges.integrity === 'fail')
  steps.push({
    step: 'mirror',
    who: siteName,
    what: `listed, info hash ${(submitted.info_hash ?? submitted.info_hash_v2 ?? '').slice(0, 8)}`,
    state: torn ? 'contradicted' : intact ? 'proved' : 'claimed',
    evidence: torn
      ? 'the bytes of the torrent differ from what was submitted'
      : intact
        ? 'downloaded over BitTorrent, bytes as submitted'
        : 'not downloaded by a verifier yet',
    at: listing.submitted_at,
  })
  const bad = signature.state !== 'none' && signature.state !== 'unchecked' && signature.state !== 'good'
  steps.push({
    step: 'uploader',
    who: `@${uploader}`,
    what: submitted.signature === null ? 'uploaded' : 'uploaded, signed',
    state: bad ? 'contradicted' : signature.state === 'good' ? 'proved' : 'claimed',
    evidence:
      signature.state === 'good'
        ? `OpenPGP signature of ${signature.fingerprint?.slice(-16)} over this file`
        : bad
          ? `the signature is ${signature.state.replaceAll('_', ' ')}`
          : 'signed in as this member',
    at: listing.submitted_at,
  })
  for (const { by, at, data } of verifications) {
    const failed = Object.values(data.judges).includes('fail')
    const passed = data.judges.integrity === 'pass' && data.judges.form === 'pass'
    steps.push({
      step: 'verification',
      who: `@${handleOf(by)}`,
      what: failed ? 'verified and refused' : passed ? 'verified' : 'checked in part',
      state: failed ? 'contradicted' : passed ? 'proved' : 'claimed',
      evidence: `report ${data.report.slice(0, 12)}`,
      at,
    })
  }
  return steps
}
