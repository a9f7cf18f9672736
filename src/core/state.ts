import type { Authority, IdentityKind, ListingSubmitted, Role, VerificationRecorded } from './events.ts'
import type { AttestationKind, Decision, ReportCategory } from './community-events.ts'
import type { Policy } from './policy.ts'

/** What one stream's events come to. Plain JSON, so that a catalogue can keep it. */
export interface SiteState {
  seq: number
  unknown: boolean
  policy: Policy
  policy_seq: number
  /** Every grant with the positions it held from and, once revoked, until. */
  grants: { member: string; role: Role; from: number; until: number | null }[]
  /** Every ban with the positions it held from and, once lifted, until. */
  bans: {
    member: string
    by: string | null
    at: string
    reason: string | null
    from: number
    until: number | null
  }[]
}

export interface MemberState {
  id: string
  seq: number
  unknown: boolean
  handle: string
  joined_at: string
  identity: { kind: IdentityKind; at: string }[]
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
  /** Web seeds added and removed since it was submitted; whether who did so might is for the projection to say. */
  web_seeds: (Act & { url: string; added: boolean })[]
  verifications: (Act & { data: VerificationRecorded })[]
  reviews: (Act & { decision: Decision; reason: string | null })[]
  /** Reviews taken back; whether who did so might is for the projection to say. */
  undone: (Act & { review: number })[]
  appeals: { at: string; seq: number; text: string }[]
  appeal_answers: (Act & { reason: string | null })[]
  superseded: (Act & { listing: string | null })[]
  verification_requests: (Omit<Act, 'by'> & { by: string | null })[]
  /** The latest rating of each member. */
  ratings: Record<string, { stars: number; works: boolean | null }>
  /** The latest word of each member, of each kind. */
  attestations: Record<string, Partial<Record<AttestationKind, { at: string; hardware: string | null }>>>
  comments: {
    seq: number
    by: string
    at: string
    text: string
    /** The comment it answers: always a first one. */
    reply_to: number | null
    edited_at: string | null
    withdrawn_at: string | null
    hides: (Act & { hidden: boolean })[]
  }[]
  reports: {
    reporter: string
    category: ReportCategory
    counts: boolean
    evidence: boolean
    at: string
    seq: number
  }[]
  /** Decisions on the reports they name, or on all that were open then. */
  report_decisions: (Act & { upheld: boolean; reports: number[] | null })[]
}

/** Who did something to a listing when, and by what right: whether that held is for the projection to say. */
export interface Act {
  by: string
  at: string
  seq: number
  authority: Authority
}

/** All streams reduced: the input of every projection. */
export interface World {
  site: SiteState
  members: Map<string, MemberState>
  listings: Map<string, ListingState>
}
