import { moderates } from './roles.ts'
import type { ListingState, SiteState } from './state.ts'

/** Web seeds that a listing may have at a time. */
export const MAX_WEB_SEEDS = 50

export interface WebSeeds {
  /** Where a listing's files are on the web too, those of its submission first. */
  seeds: string[]
  /** What a moderator removed: only a moderator adds it again. */
  closed: string[]
}

/** A listing's web seeds as its uploader and moderators have added and removed them (T16). */
export function webSeedsOf(listing: ListingState, site: SiteState): WebSeeds {
  const seeds = new Set(listing.submitted?.web_seeds)
  const closed = new Set<string>()
  for (const act of listing.web_seeds) {
    const { url, added } = act
    const ruling = moderates(act, listing.uploader, site)
    const own = act.by === listing.uploader && act.authority.as === 'self'
    if (!ruling && !own) continue
    if (ruling && !added) closed.add(url)
    if (ruling && added) closed.delete(url)
    if (!added) seeds.delete(url)
    else if (!closed.has(url) && seeds.size < MAX_WEB_SEEDS) seeds.add(url)
  }
  return { seeds: [...seeds], closed: [...closed] }
}
