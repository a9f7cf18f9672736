import { standingReviews } from './reviews.ts'
import { moderates } from './roles.ts'
import type { ListingState, SiteState } from './state.ts'

export interface Appeal {
  at: string
  /** Name of the text. */
  text: string
  state: 'open' | 'dismissed' | 'decided'
}

/**
 * The uploader's latest appeal (T18): open until a moderator decides on the
 * listing again or dismisses it; null where there was none.
 */
export function appealOf(listing: ListingState, site: SiteState): Appeal | null {
  const appeal = listing.appeals.at(-1)
  if (appeal === undefined) return null
  const { at, text, seq } = appeal
  const later = (act: { by: string; seq: number; authority: ListingState['reviews'][number]['authority'] }) =>
    act.seq > seq && moderates(act, listing.uploader, site)
  if (standingReviews(listing, site).some(later)) return { at, text, state: 'decided' }
  return { at, text, state: listing.appeal_answers.some(later) ? 'dismissed' : 'open' }
}
