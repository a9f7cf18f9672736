import type {
  Authority,
  EventData,
  ListingSubmitted,
  ReportCategory,
  Role,
  VerificationRecorded,
} from './events.ts'
import type { Policy } from './policy.ts'

/** What one stream's events come to. Plain JSON, so that a catalogue can keep it. */
export interface SiteState {
  seq: number
  unknown: boolean
  policy: Policy
  policy_seq: number
  /** Every grant with the positions it held from and, once revoked, until. */
  grants: { member: string; role: Role; from: number; until: number | null }[]
}

export interface MemberState {
  id: string
  seq: number
  unknown: boolean
  handle: string
  joined_at: string
  identity: { kind: EventData['identity_proved']['kind']; at: string }[]
  keys: {
    fingerprint: string
    public_key: string
    registered_at: string
    revoked_at: string | null
    compromised: boolean
  }[]
  endorsers: string[]
}

export interface ListingState {
  id: string
  seq: number
  unknown: boolean
  uploader: string
  submitted: ListingSubmitted | null
  submitted_at: string
  updated_at: string
  published: { at: string; rule: string; reason: string } | null
  withdrawn_at: string | null
  verifications: { by: string; at: string; seq: number; authority: Authority; data: VerificationRecorded }[]
  reviews: {
    by: string
    at: string
    seq: number
    authority: Authority
    decision: EventData['review_decided']['decision']
    reason: string | null
  }[]
  /** The latest rating of each member. */
  ratings: Record<string, { stars: number; works: boolean | null }>
  comments: { by: string; at: string; text: string }[]
  reports: {
    reporter: string
    category: ReportCategory
    counts: boolean
    at: string
    seq: number
  }[]
  /** Decisions on the reports open then; whether the decider might is for the projection to say. */
  report_decisions: { by: string; at: string; seq: number; authority: Authority; upheld: boolean }[]
}

/** All streams reduced: the input of every projection. */
export interface World {
  site: SiteState
  members: Map<string, MemberState>
  listings: Map<string, ListingState>
}
