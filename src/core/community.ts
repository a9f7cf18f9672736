import type { AttestationKind } from './community-events.ts'
import { isBanned } from './bans.ts'
import { reportsOf } from './reports.ts'
import { moderates } from './roles.ts'
import type { ListingState, SiteState } from './state.ts'
import type { CommentView, ListingView } from './views.ts'

/** The ratings that count: one a member, none by somebody banned now (T11, T18). */
export function ratingsOf(
  listing: ListingState,
  site: SiteState,
): { stars: number; works: boolean | null }[] {
  const all = Object.entries(listing.ratings)
  return (site.bans.length === 0 ? all : all.filter(([by]) => !isBanned(site, by))).map(([, each]) => each)
}

/** What members say of a listing, as it is shown (T11, T12, T19). */
export function communityOf(listing: ListingState, site: SiteState): ListingView['community'] {
  const ratings = ratingsOf(listing, site)
  const stars = ratings.reduce((sum, rating) => sum + rating.stars, 0)
  const open = reportsOf(listing, site).filter(({ state, counts }) => state === 'open' && counts)
  return {
    ratings: ratings.length,
    rating_centi: ratings.length === 0 ? null : Math.floor((stars * 100) / ratings.length),
    rank_centi: rankOf(stars, ratings.length, site),
    works: ratings.filter(({ works }) => works === true).length,
    works_not: ratings.filter(({ works }) => works === false).length,
    attestations: attestationsOf(listing, site),
    comments: listing.comments.filter(({ withdrawn_at }) => withdrawn_at === null).length,
    reports_open: open.length,
    report_categories: countBy(open.map(({ category }) => category)),
  }
}

/** By what listings are ranked: the mean with some middling ratings added, so that one vote of five stars does not win (T11). */
function rankOf(stars: number, count: number, { policy: { ratings } }: SiteState): number | null {
  if (count === 0) return null
  return Math.floor((stars * 100 + ratings.prior_votes * ratings.prior_centi) / (count + ratings.prior_votes))
}

/** Distinct members who checked these bytes or ran them, and on what (T19). */
function attestationsOf(listing: ListingState, site: SiteState): ListingView['community']['attestations'] {
  const counted = Object.entries(listing.attestations).filter(([by]) => !isBanned(site, by))
  const of = (kind: AttestationKind) => counted.flatMap(([, each]) => each[kind] ?? [])
  // A map: what members typed must not meet the names that every object has.
  const hardware = Map.groupBy(
    of('works').flatMap((each) => each.hardware ?? []),
    (name) => name,
  )
  return {
    members: counted.filter(([, { checksum, works }]) => checksum !== undefined || works !== undefined)
      .length,
    checksum: of('checksum').length,
    works: of('works').length,
    hardware: [...hardware]
      .map(([name, { length: members }]) => ({ name, members }))
      .toSorted((a, b) => b.members - a.members || (a.name < b.name ? -1 : 1)),
  }
}

/** A listing's comments in the order they were written, withdrawn and hidden ones without their text. */
export function commentsOf(listing: ListingState, site: SiteState): CommentView[] {
  return listing.comments.map(({ seq, by, at, text, reply_to, edited_at, withdrawn_at, hides }) => {
    const ruling = hides.findLast((act) => moderates(act, listing.uploader, site))
    const hidden = ruling?.hidden ?? isBanned(site, by)
    const state = withdrawn_at !== null ? 'withdrawn' : hidden ? 'hidden' : 'shown'
    return { seq, by, at, text: state === 'shown' ? text : null, reply_to, edited_at, state }
  })
}

function countBy<Key extends string>(keys: readonly Key[]): Partial<Record<Key, number>> {
  const counts: Partial<Record<Key, number>> = {}
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1
  return counts
}
