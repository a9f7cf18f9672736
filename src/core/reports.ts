import type { EventData } from './events.ts'
import { moderates } from './roles.ts'
import type { ListingState, SiteState } from './state.ts'

/** A report with what became of it. */
export interface DecidedReport {
  category: EventData['reported']['category']
  counts: boolean
  state: 'open' | 'upheld' | 'dismissed'
  /** When it was decided; null while it is open. */
  decided_at: string | null
}

/**
 * A listing's reports, each answered by the first decision after it that a
 * moderator was entitled to; a restore dismisses what was open, so that after
 * it only new reporters count (T12).
 */
export function reportsOf(listing: ListingState, site: SiteState): DecidedReport[] {
  const restores = listing.reviews.filter(({ decision }) => decision === 'restore')
  const decisions = [...listing.report_decisions, ...restores.map((review) => ({ ...review, upheld: false }))]
    .filter((decision) => moderates(decision, listing.uploader, site))
    .toSorted((a, b) => a.seq - b.seq)
  return listing.reports.map(({ category, counts, seq }) => {
    const decision = decisions.find((each) => each.seq > seq)
    if (decision === undefined) return { category, counts, state: 'open', decided_at: null }
    return { category, counts, state: decision.upheld ? 'upheld' : 'dismissed', decided_at: decision.at }
  })
}
