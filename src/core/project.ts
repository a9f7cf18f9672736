import { appealOf } from './appeals.ts'
import { banOf } from './bans.ts'
import { communityOf, ratingsOf } from './community.ts'
import { consensusOf, grantedVerifications, isGranted, judgesOf } from './consensus.ts'
import { provenanceOf } from './provenance.ts'
import { publisherOf } from './publisher.ts'
import { reportsOf } from './reports.ts'
import { moderates, rolesOf } from './roles.ts'
import { signatureOf } from './signature.ts'
import type { ListingState, MemberState, SiteState, World } from './state.ts'
import { statusOf } from './status.ts'
import type { Figures, ListingFigures } from './tiers.ts'
import {
  addFigures,
  endorsementCounts,
  isTrustedCandidate,
  NO_FIGURES,
  tierOf,
  trustedMembers,
} from './tiers.ts'
import { webSeedsOf } from './web-seeds.ts'
import type { Condition, Consensus, ListingView, MemberView, Status, Tier } from './views.ts'

/** Everything that is shown, for a whole world at a moment. */
export interface CatalogueViews {
  members: Map<string, MemberView>
  listings: Map<string, ListingView>
}

/** Projects all streams together; the result depends on nothing but the world and `now`. */
export function projectAll(world: World, now: string, siteName: string): CatalogueViews {
  const figures = new Map<string, Figures>()
  for (const listing of world.listings.values())
    figures.set(
      listing.uploader,
      addFigures(figures.get(listing.uploader) ?? NO_FIGURES, listingFigures(listing, world.site)),
    )
  const figuresOf = (id: string): Figures => figures.get(id) ?? NO_FIGURES
  const candidates = [...world.members.values()].filter((member) =>
    isTrustedCandidate(member, figuresOf(member.id), world.site, now),
  )
  const trusted = trustedMembers(candidates, world.site)
  const members = new Map<string, MemberView>()
  for (const member of world.members.values())
    members.set(member.id, projectMember(member, figuresOf(member.id), world.site, trusted, now))
  const handleOf = (id: string): string => world.members.get(id)?.handle ?? id
  const listings = new Map<string, ListingView>()
  for (const listing of world.listings.values()) {
    const view = projectListing(listing, {
      site: world.site,
      siteName,
      uploader: world.members.get(listing.uploader),
      uploaderView: members.get(listing.uploader),
      handleOf,
    })
    if (view !== null) listings.set(listing.id, view)
  }
  return { members, listings }
}

/** What one listing counts for its uploader. */
export function listingFigures(listing: ListingState, site: SiteState): ListingFigures {
  const ratings = ratingsOf(listing, site)
  const upheld = reportsOf(listing, site).filter(({ state }) => state === 'upheld')
  return {
    status: statusOf(listing, site).status,
    ratings: ratings.length,
    stars: ratings.reduce((sum, { stars }) => sum + stars, 0),
    upheld_at: upheld.reduce<string | null>(
      (latest, { decided_at }) => ((decided_at ?? '') > (latest ?? '') ? decided_at : latest),
      null,
    ),
  }
}

export function projectMember(
  member: MemberState,
  figures: Figures,
  site: SiteState,
  trusted: ReadonlySet<string>,
  now: string,
): MemberView {
  const { tier, conditions } = tierOf(member, figures, site, trusted, now)
  const { published, pending, rejected, suspended } = figures
  const ban = banOf(site, member.id)
  return {
    id: member.id,
    handle: member.handle,
    tier,
    conditions,
    roles: rolesOf(site, member.id),
    joined_at: member.joined_at,
    keys: member.keys.map(({ fingerprint, public_key, registered_at, revoked_at }) => ({
      fingerprint,
      public_key,
      registered_at,
      revoked_at,
    })),
    listings: { published, pending, rejected, suspended },
    identity: member.identity.map(({ kind }) => kind),
    endorsements: member.endorsers.map((by) => ({ by, counts: endorsementCounts(by, site, trusted) })),
    banned: ban && { at: ban.at, reason: ban.reason },
  }
}

/** What a listing's projection looks at beside its own stream. */
export interface ListingSurroundings {
  site: SiteState
  siteName: string
  uploader: MemberState | undefined
  uploaderView: MemberView | undefined
  handleOf: (id: string) => string
}

/** One listing as it is shown; null for a stream that holds no submission this version can read. */
export function projectListing(listing: ListingState, around: ListingSurroundings): ListingView | null {
  const { submitted } = listing
  if (submitted === null) return null
  const { site, uploader, uploaderView, handleOf } = around
  const status = statusOf(listing, site)
  const verifications = grantedVerifications(listing, site)
  const consensus = consensusOf(verifications)
  const signature = signatureOf(listing, uploader, site)
  const publisher = publisherOf(listing, verifications)
  const proof = verifications.at(-1)?.data ?? null
  const handle = uploaderView?.handle ?? listing.uploader
  const uploaderTier: Tier = uploaderView?.tier ?? 'unverified'
  const badge = badgeOf(uploaderTier, uploaderView, consensus, signature.state === 'good')
  return {
    id: listing.id,
    seq: listing.seq,
    model: submitted.name,
    sha256: submitted.sha256,
    md5: submitted.md5,
    size_bytes: submitted.size_bytes,
    verified_by:
      consensus === 'VERIFIED'
        ? verifiedBy(
            verifications.map(({ by }) => handleOf(by)),
            publisher.state === 'equal',
          )
        : [],
    info_hash: submitted.info_hash,
    info_hash_v2: submitted.info_hash_v2,
    piece_length: submitted.piece_length,
    torrent: submitted.torrent,
    trackers: submitted.trackers,
    web_seeds: webSeedsOf(listing, site).seeds,
    files: submitted.files,
    uploader: { id: listing.uploader, handle, tier: uploaderTier },
    tier: badge.tier,
    badge_reasons: badge.reasons,
    status: status.status,
    status_reasons: status.reasons,
    consensus,
    verification: judgesOf(verifications),
    verifications: listing.verifications.map((verification) => ({
      by: verification.by,
      by_handle: handleOf(verification.by),
      at: verification.at,
      judges: verification.data.judges,
      summary: verification.data.summary,
      report: verification.data.report,
      recommendation: verification.data.recommendation,
      granted: isGranted(verification, listing, site),
    })),
    quantisation: {
      claimed: submitted.quantisation,
      proven: proof?.quantisation?.proven ?? [],
      match: proof?.quantisation?.match ?? 'unverified',
      matched: proof?.quantisation?.matched ?? 0,
      total: proof?.quantisation?.total ?? 0,
      bits_per_weight: proof?.quantisation ? proof.quantisation.bits_per_weight_milli / 1000 : null,
    },
    architecture: proof?.architecture ?? null,
    parameters: proof?.parameters ?? null,
    templates: proof?.templates ?? null,
    licence: submitted.licence,
    tags: submitted.tags,
    source: submitted.source,
    publisher,
    provenance: provenanceOf(listing, {
      uploader: handle,
      siteName: around.siteName,
      signature,
      publisher,
      verifications,
      handleOf,
    }),
    signature,
    community: communityOf(listing, site),
    hardware: submitted.hardware,
    readme: submitted.readme,
    benchmarks: submitted.benchmarks,
    review:
      status.review === null
        ? null
        : {
            by_handle: handleOf(status.review.by),
            at: status.review.at,
            seq: status.review.seq,
            decision: status.review.decision,
            reason: status.review.reason,
          },
    appeal: appealOf(listing, site),
    superseded_by: supersededBy(listing, site),
    verification_wanted: isVerificationWanted(listing, status.status, site),
    submitted_at: listing.submitted_at,
    published_at: status.published_at,
    updated_at: listing.updated_at,
    demo: submitted.demo,
  }
}

/** The name under which the publisher's own hub stands among who verified. */
const HUB_NAME = 'huggingface'

/** Who verified: members by handle, and the hub for a digest proved equal and for nothing else (T13). */
function verifiedBy(handles: readonly string[], digestEqual: boolean): string[] {
  const members = handles.map((handle) => (handle === HUB_NAME ? `@${handle}` : handle))
  return [...new Set(digestEqual ? [...members, HUB_NAME] : members)]
}

/** The badge: the gold star needs an Official uploader, a good signature over this file and VERIFIED; without them it falls back to the tier that was earned, and to none where verifiers refuse the file or disagree (T6). */
function badgeOf(
  tier: Tier,
  uploader: MemberView | undefined,
  consensus: Consensus,
  signed: boolean,
): { tier: Tier; reasons: Condition[] } {
  const reasons: Condition[] = [
    condition('T6a', 'Uploader is Official', tier === 'official'),
    condition('T6b', 'Signature over this file by the uploader’s registered key', signed),
    condition('T6c', 'Verified: integrity and form passed and nothing failed', consensus === 'VERIFIED'),
  ]
  if (consensus === 'REFUSED' || consensus === 'SPLIT') return { tier: 'unverified', reasons }
  if (tier !== 'official') return { tier, reasons }
  if (reasons.every(({ met }) => met)) return { tier: 'official', reasons }
  const earned = (of: Tier): boolean =>
    uploader?.conditions.every((each) => each.of !== of || each.met) ?? false
  if (!earned('community')) return { tier: 'unverified', reasons }
  return { tier: earned('trusted') ? 'trusted' : 'community', reasons }
}

function condition(rule: string, sentence: string, met: boolean): Condition {
  return { rule, of: 'official', met, sentence, have: Number(met), need: 1 }
}

/** The latest word of the uploader or a moderator on what takes a listing's place (T13). */
function supersededBy(listing: ListingState, site: SiteState): string | null {
  const latest = listing.superseded.findLast(
    (act) =>
      (act.by === listing.uploader && act.authority.as === 'self') || moderates(act, listing.uploader, site),
  )
  return latest?.listing ?? null
}

/**
 * Whether verifiers should look: nobody has, or since the last time the
 * uploader, a moderator or a rule asked, or a report that counts brought the
 * digest of another file (T9, T12).
 */
function isVerificationWanted(listing: ListingState, status: Status, site: SiteState): boolean {
  if (status === 'withdrawn' || status === 'removed' || status === 'rejected') return false
  const last = listing.verifications.findLast((each) => isGranted(each, listing, site))?.seq
  if (last === undefined) return true
  const asked = listing.verification_requests.some(
    ({ by, seq, authority }) =>
      seq > last &&
      (by === null
        ? authority.as === 'rule' && authority.rule === 'T9'
        : by === listing.uploader || moderates({ by, authority }, listing.uploader, site)),
  )
  return (
    asked ||
    reportsOf(listing, site).some(
      ({ seq, evidence, counts, state }) => seq > last && evidence && counts && state === 'open',
    )
  )
}
