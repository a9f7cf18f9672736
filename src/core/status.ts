import { consensusOf, grantedVerifications } from './consensus.ts'
import { reportsOf } from './reports.ts'
import { standingReviews, type Review } from './reviews.ts'
import { moderates } from './roles.ts'
import type { ListingState, SiteState } from './state.ts'
import type { Consensus, Status } from './views.ts'

export interface StatusView {
  status: Status
  reasons: string[]
  /** When it came to be published; null while it is not. */
  published_at: string | null
  consensus: Consensus
  reports_open: number
  /** The review that stands. */
  review: Review | null
}

/** A listing's status, derived from its own stream and the roles of the site alone (T1, T7, T9, T12). */
export function statusOf(listing: ListingState, site: SiteState): StatusView {
  const reviews = standingReviews(listing, site)
  // A moderator's decision stands until a moderator decides again (T10).
  const ruling = reviews.findLast((each) => moderates(each, listing.uploader, site))
  const review = ruling ?? reviews.at(-1) ?? null
  const verifications = grantedVerifications(listing, site)
  const consensus = consensusOf(verifications)
  const open = reportsOf(listing, site).filter(({ state, counts }) => state === 'open' && counts)
  const common = { consensus, reports_open: open.length, review, published_at: null }

  if (listing.unknown || site.unknown)
    return {
      ...common,
      status: 'pending',
      reasons: ['The record holds an event that this version does not know (T1)'],
    }
  if (review?.decision === 'remove')
    return { ...common, status: 'removed', reasons: ['Removed by a moderator (T10)'] }
  if (review?.decision === 'reject')
    return { ...common, status: 'rejected', reasons: refusals(verifications, 'Rejected by a reviewer (T7)') }
  // After the refusals: an uploader must not improve a record by withdrawing what was refused.
  if (listing.withdrawn_at !== null)
    return { ...common, status: 'withdrawn', reasons: ['Withdrawn by its uploader'] }

  const approvedAt = listing.published?.at ?? review?.at ?? null
  if (approvedAt === null)
    return {
      ...common,
      status: 'pending',
      reasons:
        consensus === 'REFUSED'
          ? refusals(verifications, 'Waits for a reviewer; the verifiers refuse it (T9)')
          : ['Waits for a reviewer (T7)'],
    }

  // A moderator who decided later than the last verification has seen its evidence and overrules it (T10).
  const overruled = ruling !== undefined && (verifications.at(-1)?.seq ?? 0) < ruling.seq
  if (open.length >= site.policy.reports.suspend_at)
    return {
      ...common,
      status: 'suspended',
      reasons: [`Hidden by ${open.length} open reports until a moderator decides (T12)`],
    }
  if (consensus === 'REFUSED' && !overruled)
    return {
      ...common,
      status: 'suspended',
      reasons: refusals(verifications, 'Hidden because verification failed (T9)'),
    }
  if (consensus === 'SPLIT' && !overruled)
    return {
      ...common,
      status: 'suspended',
      reasons: refusals(verifications, 'Hidden because verifiers disagree (T9)'),
    }
  return {
    ...common,
    status: 'published',
    published_at: approvedAt,
    reasons:
      review === null
        ? [`Published at once by rule ${listing.published?.rule}: ${listing.published?.reason}`]
        : ['Approved by a reviewer (T7)'],
  }
}

function refusals(verifications: ReturnType<typeof grantedVerifications>, first: string): string[] {
  const reasons = verifications.flatMap(({ data }) =>
    data.recommendation.decision === 'reject' ? data.recommendation.reasons : [],
  )
  return [first, ...new Set(reasons)]
}
