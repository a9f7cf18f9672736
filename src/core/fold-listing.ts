import type { ListingEvent } from './events.ts'
import type { Act, ListingState } from './state.ts'

export function emptyListing(id: string): ListingState {
  return {
    id,
    seq: 0,
    unknown: false,
    uploader: '',
    submitted: null,
    submitted_at: '',
    updated_at: '',
    published: null,
    withdrawn_at: null,
    web_seeds: [],
    verifications: [],
    reviews: [],
    undone: [],
    appeals: [],
    appeal_answers: [],
    superseded: [],
    verification_requests: [],
    ratings: {},
    attestations: {},
    comments: [],
    reports: [],
    report_decisions: [],
  }
}

/** Takes an event into a listing's state, in place. What only some may do is kept with its authority, for the projection to judge. */
export function reduceListing(state: ListingState, event: ListingEvent): void {
  state.updated_at = event.at
  switch (event.type) {
    case 'listing_submitted':
      if (state.submitted === null) {
        state.submitted = event.data
        state.uploader = event.by ?? ''
        state.submitted_at = event.at
      }
      break
    case 'listing_published':
      if (event.authority.as === 'rule' && event.authority.rule === 'T7')
        state.published = { at: event.at, rule: event.authority.rule, reason: event.data.reason }
      break
    case 'listing_withdrawn':
      if (event.by === state.uploader) state.withdrawn_at = event.at
      break
    case 'verification_recorded':
      put(state.verifications, event, { data: event.data })
      break
    case 'web_seed_added':
    case 'web_seed_removed':
      put(state.web_seeds, event, { url: event.data.url, added: event.type === 'web_seed_added' })
      break
    case 'verification_requested': {
      const { by, at, seq, authority } = event
      state.verification_requests.push({ by, at, seq, authority })
      break
    }
    case 'review_decided':
      put(state.reviews, event, { decision: event.data.decision, reason: event.data.reason })
      break
    case 'decision_undone':
      put(state.undone, event, { review: event.data.review })
      break
    case 'appealed':
      if (event.by === state.uploader)
        state.appeals.push({ at: event.at, seq: event.seq, text: event.data.text })
      break
    case 'appeal_dismissed':
      put(state.appeal_answers, event, { reason: event.data.reason })
      break
    case 'superseded':
      put(state.superseded, event, { listing: event.data.by })
      break
    case 'text_erased':
      // The text lies beside the ledger; that it is gone changes nothing here.
      break
    case 'reported':
    case 'report_counted':
    case 'reports_decided':
      reduceReport(state, event)
      break
    case 'rated':
    case 'rating_withdrawn':
    case 'attested':
    case 'attestation_withdrawn':
    case 'commented':
    case 'comment_edited':
    case 'comment_withdrawn':
    case 'comment_hidden':
      reduceCommunity(state, event)
  }
}

function reduceReport(
  state: ListingState,
  event: Extract<ListingEvent, { type: 'reported' | 'report_counted' | 'reports_decided' }>,
): void {
  if (event.type === 'reported') {
    const { reporter, category, counts, evidence } = event.data
    // One person is counted once a listing, whatever they report and however often (T12).
    if (state.reports.some((report) => report.reporter === reporter)) return
    const { at, seq } = event
    state.reports.push({ reporter, category, counts, evidence: evidence !== null, at, seq })
  } else if (event.type === 'report_counted') {
    const report = state.reports.find(({ seq }) => seq === event.data.report)
    // Only the site's own rule: it alone can tell whose report it is (T18).
    const byRule = event.authority.as === 'rule' && event.authority.rule === 'T18'
    if (report !== undefined && byRule) report.counts = event.data.counts
  } else {
    const { upheld, reports } = event.data
    put(state.report_decisions, event, { upheld, reports })
  }
}

type CommunityEvent = Extract<
  ListingEvent,
  {
    type:
      | 'rated'
      | 'rating_withdrawn'
      | 'attested'
      | 'attestation_withdrawn'
      | 'commented'
      | 'comment_edited'
      | 'comment_withdrawn'
      | 'comment_hidden'
  }
>

/** What members say: each for themselves alone. */
function reduceCommunity(state: ListingState, event: CommunityEvent): void {
  const { by, at, seq } = event
  if (by === null) return
  const others = by !== state.uploader
  switch (event.type) {
    case 'rated':
      if (others) state.ratings[by] = event.data
      break
    case 'rating_withdrawn':
      delete state.ratings[by]
      break
    case 'attested': {
      const { kind, sha256, hardware } = event.data
      // Of other bytes it says nothing here, and nobody attests their own (T19).
      if (others && sha256 === state.submitted?.sha256)
        state.attestations[by] = { ...state.attestations[by], [kind]: { at, hardware } }
      break
    }
    case 'attestation_withdrawn':
      delete state.attestations[by]?.[event.data.kind]
      break
    case 'commented': {
      const { text, reply_to } = event.data
      const answered = state.comments.find((comment) => comment.seq === reply_to)
      state.comments.push({
        seq,
        by,
        at,
        text,
        reply_to: answered === undefined ? null : (answered.reply_to ?? answered.seq),
        edited_at: null,
        withdrawn_at: null,
        hides: [],
      })
      break
    }
    case 'comment_edited':
    case 'comment_withdrawn': {
      const comment = state.comments.find((each) => each.seq === event.data.comment && each.by === by)
      if (comment === undefined || comment.withdrawn_at !== null) break
      if (event.type === 'comment_withdrawn') comment.withdrawn_at = at
      else {
        comment.text = event.data.text
        comment.edited_at = at
      }
      break
    }
    case 'comment_hidden': {
      const comment = state.comments.find((each) => each.seq === event.data.comment)
      if (comment !== undefined) put(comment.hides, event, { hidden: event.data.hidden })
      break
    }
  }
}

/** Keeps what was done with who did it, when and by what right; what nobody did is left out. */
function put<Fact extends object>(list: (Act & Fact)[], event: ListingEvent, fact: Fact): void {
  const { by, at, seq, authority } = event
  if (by !== null) list.push({ by, at, seq, authority, ...fact })
}
