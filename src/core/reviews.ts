import { authorityHeld, moderates } from './roles.ts'
import type { ListingState, SiteState } from './state.ts'

export type Review = ListingState['reviews'][number]

/**
 * The reviews that count: by somebody who might (T10), and not taken back since
 * by a moderator or by who made them.
 */
export function standingReviews(listing: ListingState, site: SiteState): Review[] {
  const undone = new Set(
    listing.undone
      .filter(({ by, authority, review }) => {
        const taken = listing.reviews.find(({ seq }) => seq === review)
        if (taken === undefined) return false
        return taken.by === by || moderates({ by, authority }, listing.uploader, site)
      })
      .map(({ review }) => review),
  )
  return listing.reviews.filter((review) => !undone.has(review.seq) && isValidReview(review, listing, site))
}

/** Trusted members review by the rule recorded with the event, others by a granted role; only moderators restore and remove; nobody judges their own (T10). */
function isValidReview(review: Review, listing: ListingState, site: SiteState): boolean {
  if (review.by === listing.uploader) return false
  if (moderates(review, listing.uploader, site)) return true
  if (review.decision !== 'approve' && review.decision !== 'reject') return false
  if (review.authority.as === 'rule') return review.authority.rule === 'T10'
  return authorityHeld(site, review.by, review.authority, ['verifier'])
}
