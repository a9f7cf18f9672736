import { isBanned } from './bans.ts'
import type { Policy } from './policy.ts'
import { rolesOf } from './roles.ts'
import type { MemberState, SiteState } from './state.ts'
import type { Condition, Status, Tier } from './views.ts'

const DAY_MS = 86_400_000

/** A member's record in figures, summed over their listings. */
export interface Figures {
  published: number
  pending: number
  rejected: number
  suspended: number
  ratings: number
  stars: number
  /** ISO time of the latest report that was upheld; null where none was. */
  upheld_at: string | null
}

export const NO_FIGURES: Figures = {
  published: 0,
  pending: 0,
  rejected: 0,
  suspended: 0,
  ratings: 0,
  stars: 0,
  upheld_at: null,
}

/** What one listing adds to its uploader's figures. */
export interface ListingFigures {
  status: Status
  ratings: number
  stars: number
  upheld_at: string | null
}

export function addFigures(sum: Figures, listing: ListingFigures): Figures {
  const { status } = listing
  return {
    published: sum.published + Number(status === 'published'),
    pending: sum.pending + Number(status === 'pending'),
    rejected: sum.rejected + Number(status === 'rejected'),
    suspended: sum.suspended + Number(status === 'suspended' || status === 'removed'),
    ratings: sum.ratings + listing.ratings,
    stars: sum.stars + listing.stars,
    upheld_at: (sum.upheld_at ?? '') > (listing.upheld_at ?? '') ? sum.upheld_at : listing.upheld_at,
  }
}

/** Whether a member is a root of endorsement: Official or an admin (T4). */
function isRoot(site: SiteState, member: string): boolean {
  return rolesOf(site, member).some((role) => role === 'admin' || role === 'official')
}

/** Whether an endorsement counts: of a root, or of a Trusted member (T4e). */
export function endorsementCounts(endorser: string, site: SiteState, trusted: ReadonlySet<string>): boolean {
  return trusted.has(endorser) || isRoot(site, endorser)
}

/**
 * All Trusted members: the least fixed point of endorsement from admin-granted
 * roots, so that a ring that no root endorses earns nothing (T4).
 * `candidates` meet every other condition of Trusted.
 */
export function trustedMembers(
  candidates: readonly { id: string; endorsers: readonly string[] }[],
  site: SiteState,
): Set<string> {
  const trusted = new Set<string>()
  for (let grew = true; grew;) {
    grew = false
    for (const { id, endorsers } of candidates) {
      if (
        trusted.has(id) ||
        endorsers.filter((each) => endorsementCounts(each, site, trusted)).length <
          site.policy.trusted.endorsements
      )
        continue
      trusted.add(id)
      grew = true
    }
  }
  return trusted
}

/** A member's tier with every condition, met or not (T3, T4, T5). */
export function tierOf(
  member: MemberState,
  figures: Figures,
  site: SiteState,
  trusted: ReadonlySet<string>,
  now: string,
): { tier: Tier; conditions: Condition[] } {
  const conditions = [
    ...communityConditions(member, figures, site.policy, now),
    ...trustedConditions(member, figures, site, trusted),
    ...officialConditions(member, site),
  ]
  const banned = isBanned(site, member.id)
  const holds = (tier: Tier): boolean =>
    conditions.every((condition) => condition.of !== tier || condition.met)
  let tier: Tier = 'unverified'
  if (!member.unknown && !banned) {
    if (holds('community')) tier = 'community'
    if (tier === 'community' && holds('trusted')) tier = 'trusted'
    if (holds('official')) tier = 'official'
  }
  return { tier, conditions }
}

/** Whether everything but the endorsements is there: the candidates of `trustedMembers`. */
export function isTrustedCandidate(
  member: MemberState,
  figures: Figures,
  site: SiteState,
  now: string,
): boolean {
  const conditions = [
    ...communityConditions(member, figures, site.policy, now),
    ...trustedConditions(member, figures, site, new Set()).filter(({ rule }) => rule !== 'T4e'),
  ]
  return !member.unknown && !isBanned(site, member.id) && conditions.every(({ met }) => met)
}

function communityConditions(
  member: MemberState,
  figures: Figures,
  { community }: Policy,
  now: string,
): Condition[] {
  const of = 'community'
  const cleanDays = figures.upheld_at === null ? community.clean_days : daysBetween(figures.upheld_at, now)
  return [
    atLeast('T3a', of, 'Published listings in good standing', figures.published, community.published),
    {
      ...atLeast(
        'T3b',
        of,
        'Mean rating in hundredths of a star, where there are ratings',
        mean(figures),
        community.rating_centi,
      ),
      met: figures.ratings === 0 || mean(figures) >= community.rating_centi,
    },
    atMost('T3c', of, 'Suspended or removed listings', figures.suspended, 0),
    atLeast('T3d', of, 'Days without an upheld report', cleanDays, community.clean_days),
    atLeast('T3e', of, 'Identities proved', member.identity.length, 1),
  ]
}

function trustedConditions(
  member: MemberState,
  figures: Figures,
  site: SiteState,
  trusted: ReadonlySet<string>,
): Condition[] {
  const of = 'trusted'
  const { trusted: policy } = site.policy
  const decided = figures.published + figures.rejected + figures.suspended
  const acceptance = decided === 0 ? 0 : Math.floor((figures.published * 100) / decided)
  const verified = member.identity.filter(({ kind }) => kind !== 'openpgp').length
  const endorsements = member.endorsers.filter((id) => endorsementCounts(id, site, trusted)).length
  return [
    atLeast('T4a', of, 'Published listings in good standing', figures.published, policy.published),
    atLeast('T4b', of, 'E-mail or GitHub identities proved', verified, 1),
    atLeast('T4c', of, 'Percent of decided submissions published', acceptance, policy.acceptance_percent),
    {
      ...atLeast(
        'T4d',
        of,
        'Mean rating in hundredths of a star, where there are ratings',
        mean(figures),
        policy.rating_centi,
      ),
      met: figures.ratings === 0 || mean(figures) >= policy.rating_centi,
    },
    atLeast(
      'T4e',
      of,
      'Endorsements by distinct Trusted or Official members',
      endorsements,
      policy.endorsements,
    ),
  ]
}

function officialConditions(member: MemberState, site: SiteState): Condition[] {
  const granted = rolesOf(site, member.id).includes('official')
  const keys = member.keys.filter((key) => key.revoked_at === null).length
  return [
    atLeast('T5a', 'official', 'Granted by an admin', Number(granted), 1),
    atLeast('T5b', 'official', 'OpenPGP keys registered', keys, 1),
  ]
}

function atLeast(rule: string, of: string, sentence: string, have: number, need: number): Condition {
  return { rule, of, met: have >= need, sentence, have, need }
}

function atMost(rule: string, of: string, sentence: string, have: number, need: number): Condition {
  return { rule, of, met: have <= need, sentence, have, need }
}

/** Mean rating in hundredths of a star, in whole numbers; 0 without ratings. */
function mean({ stars, ratings }: Figures): number {
  return ratings === 0 ? 0 : Math.floor((stars * 100) / ratings)
}

function daysBetween(from: string, to: string): number {
  return Math.max(0, Math.floor((Date.parse(to) - Date.parse(from)) / DAY_MS))
}
