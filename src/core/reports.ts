import type { EventData } from './events.ts'
import { standingReviews } from './reviews.ts'
import { moderates } from './roles.ts'
import type { ListingState, SiteState } from './state.ts'

/** A report with what became of it. */
export interface DecidedReport {
  /** Its position in the listing's stream: what a decision names. */
  seq: number
  reporter: string
  category: EventData['reported']['category']
  counts: boolean
  /** Whether the reporter gave the digest of their own file. */
  evidence: boolean
  at: string
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
  if (listing.reports.length === 0) return []
  const restores = standingReviews(listing, site).filter(({ decision }) => decision === 'restore')
  const decisions = [
    ...listing.report_decisions,
    ...restores.map((review) => ({ ...review, upheld: false, reports: null })),
  ]
    .filter((decision) => moderates(decision, listing.uploader, site))
    .toSorted((a, b) => a.seq - b.seq)
  return listing.reports.map((report) => {
    const decision = decisions.find(
      ({ seq, reports }) => seq > report.seq && (reports === null || reports.includes(report.seq)),
    )
    if (decision === undefined) return { ...report, state: 'open', decided_at: null }
    return { ...report, state: decision.upheld ? 'upheld' : 'dismissed', decided_at: decision.at }
  })
}
