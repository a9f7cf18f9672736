import type { grantedVerifications } from './consensus.ts'
import type { ListingSubmitted } from './events.ts'
import type { ListingState } from './state.ts'
import type { ProvenanceStep, PublisherView, SignatureView } from './views.ts'

/** What the chain looks at beside the listing's own stream. */
interface ChainSurroundings {
  uploader: string
  siteName: string
  signature: SignatureView
  publisher: PublisherView
  verifications: ReturnType<typeof grantedVerifications>
  handleOf: (id: string) => string
}

/**
 * The source chain (T13): who published, quantised, mirrored, uploaded and
 * verified, each a claim with its evidence. A claim is proved only by evidence
 * a granted verifier recorded; nothing is proved by being said.
 */
export function provenanceOf(
  listing: ListingState,
  { uploader, siteName, signature, publisher, verifications, handleOf }: ChainSurroundings,
): ProvenanceStep[] {
  const { submitted } = listing
  if (submitted === null) return []
  const { source } = submitted
  const steps: ProvenanceStep[] = []
  if (source.repository !== null) steps.push(publisherStep(submitted, source.repository, publisher))
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
  const broken = verifications.filter(({ data }) => data.judges.integrity === 'fail')
  // Integrity also fails for the publisher's word or a signature: those contradict steps of their own.
  const torn = broken.some(
    ({ data }) =>
      data.sha256 !== submitted.sha256 ||
      (data.publisher?.state !== 'differs' && data.signature?.state !== 'bad'),
  )
  steps.push({
    step: 'mirror',
    who: siteName,
    what: `listed, info hash ${(submitted.info_hash ?? submitted.info_hash_v2 ?? '').slice(0, 8)}`,
    state: torn ? 'contradicted' : intact ? 'proved' : 'claimed',
    evidence: torn
      ? 'the bytes of the torrent differ from what was submitted'
      : intact
        ? 'downloaded over BitTorrent, bytes as submitted'
        : broken.length > 0
          ? 'downloaded with the listed SHA-256; integrity failed for another step of this chain'
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

/**
 * The publisher's step: proved where the hub itself names the same SHA-256 for
 * that file at that commit. That is a word about bytes: that the repository's
 * owner uploaded them here it does not say.
 */
function publisherStep(
  { sha256: listed, source: { commit, path } }: ListingSubmitted,
  repository: string,
  { state, hub, renamed_to, sha256, reason, at }: PublisherView,
): ProvenanceStep {
  const pinned = commit === null ? '' : ` at commit ${commit.slice(0, 12)}`
  const named = `named by the uploader${pinned}`
  const where = `${path ?? ''}${pinned}${hub === null ? '' : `, ${hostOf(hub)}`}${renamed_to === null ? '' : `, now named ${renamed_to}`}`
  const evidence: Record<PublisherView['state'], string> = {
    none: named,
    unpinned: `${named}, no commit pinned: nothing to compare with`,
    no_path: `${named}; which of its files this is was not said`,
    unasked: `${named}; its digest was not asked for yet`,
    unknown: `${named}; its digest is unknown: ${reason ?? 'the hub did not tell'}`,
    equal: `SHA-256 and size equal the repository’s own file ${where}`,
    differs:
      sha256 === null || sha256 === listed
        ? `the repository’s own file differs: ${reason ?? 'see the report'} (${where})`
        : `SHA-256 of the repository’s own file is ${sha256.slice(0, 12)}…, of this one ${listed.slice(0, 12)}…: ${where}`,
  }
  return {
    step: 'publisher',
    who: repository,
    what: state === 'equal' || state === 'differs' ? 'published, compared' : 'published',
    state: state === 'equal' ? 'proved' : state === 'differs' ? 'contradicted' : 'claimed',
    evidence: evidence[state],
    at: state === 'equal' || state === 'differs' ? at : null,
  }
}

function hostOf(url: string): string {
  return url.replace(/^https?:\/\//, '').replace(/[/?#].*$/s, '')
}
