import type { ReportCategory } from './community-events.ts'
import type { FileRole, IdentityKind, Judges, Role, SourceType, TemplateRecorded } from './events.ts'

/** The four uploader tiers of the mission. */
export type Tier = 'unverified' | 'community' | 'trusted' | 'official'

export type Status = 'pending' | 'published' | 'rejected' | 'suspended' | 'removed' | 'withdrawn'

/** What the granted verifiers' judges say together (docs/trust.md T9). */
export type Consensus = 'VERIFIED' | 'REFUSED' | 'SPLIT' | 'PENDING'

/** One condition of a rule with its figures: why a tier or badge is held, or what is missing. */
export interface Condition {
  rule: string
  /** For which tier or badge it is asked. */
  of: string
  met: boolean
  sentence: string
  have: number
  need: number
}

export interface MemberView {
  id: string
  handle: string
  tier: Tier
  conditions: Condition[]
  roles: Role[]
  joined_at: string
  keys: { fingerprint: string; public_key: string; registered_at: string; revoked_at: string | null }[]
  listings: { published: number; pending: number; rejected: number; suspended: number }
  identity: IdentityKind[]
  /** Who endorses, and whether that counts now (T4e). */
  endorsements: { by: string; counts: boolean }[]
  /** Since when and why, where a moderator banned them (T18). */
  banned: { at: string; reason: string | null } | null
}

export interface CommentView {
  /** Its position in the listing's stream: what an edit, a reply or a moderator names. */
  seq: number
  by: string
  at: string
  /** Name of the text; null where it is not shown. */
  text: string | null
  /** The first comment that it answers. */
  reply_to: number | null
  edited_at: string | null
  state: 'shown' | 'withdrawn' | 'hidden'
}

export interface FileView {
  path: string
  size_bytes: number
  sha256: string | null
  md5: string | null
  pieces_root: string | null
  role: FileRole
}

/** A step of the source chain: a claim with its evidence and state. */
export interface ProvenanceStep {
  step: 'publisher' | 'quantiser' | 'mirror' | 'uploader' | 'verification'
  who: string
  what: string
  state: 'proved' | 'claimed' | 'contradicted'
  evidence: string
  at: string | null
}

export interface VerificationView {
  by: string
  by_handle: string
  at: string
  judges: Judges
  summary: { integrity: string; form: string; behaviour: string }
  /** SHA-256 of the whole report in the blob store. */
  report: string
  recommendation: { decision: 'approve' | 'reject' | 'review'; reasons: string[] }
  /** Whether an admin had granted the verifier's role when it was recorded; others are shown and move nothing. */
  granted: boolean
}

export interface QuantisationView {
  claimed: string | null
  /** File types whose recipe the tensors match; empty where nothing was proven. */
  proven: string[]
  match: 'exact' | 'variant' | 'mislabelled' | 'unknown' | 'unverified'
  matched: number
  total: number
  bits_per_weight: number | null
}

export interface SignatureView {
  /** `unchecked`: given, but no verifier has checked it yet. */
  state: 'none' | 'unchecked' | 'good' | 'bad' | 'expired' | 'unknown_key' | 'weak' | 'revoked'
  fingerprint: string | null
  blob: string | null
}

/** What is known of the file that the source names, at the publisher's own hub (T13). */
export interface PublisherView {
  /**
   * `none`: no repository named; `unpinned`: no commit; `no_path`: no file;
   * `unasked`: no verifier has asked yet; `unknown`: the hub did not tell.
   */
  state: 'none' | 'unpinned' | 'no_path' | 'unasked' | 'unknown' | 'equal' | 'differs'
  /** The address that was asked. */
  hub: string | null
  /** The name it answered under, where the repository was renamed. */
  renamed_to: string | null
  /** The hub's own. */
  sha256: string | null
  reason: string | null
  at: string | null
}

/** A listing as the API, the pages and models.json show it, before the edge adds magnets, texts and swarm figures. */
export interface ListingView {
  id: string
  /** Events in its stream: what a decision says it has seen. */
  seq: number
  model: string
  sha256: string
  md5: string | null
  size_bytes: number
  verified_by: string[]
  info_hash: string | null
  info_hash_v2: string | null
  piece_length: number | null
  /** Blob of the .torrent, where one was submitted. */
  torrent: string | null
  trackers: string[]
  web_seeds: string[]
  files: FileView[]
  uploader: { id: string; handle: string; tier: Tier }
  /** The badge: never better than the evidence (T6). */
  tier: Tier
  badge_reasons: Condition[]
  status: Status
  status_reasons: string[]
  consensus: Consensus
  verification: Judges
  verifications: VerificationView[]
  quantisation: QuantisationView
  architecture: string | null
  parameters: number | null
  /** Chat templates as the last verification found them: empty where the file has none, null where nobody has looked. */
  templates: TemplateRecorded[] | null
  licence: string | null
  tags: string[]
  source: {
    type: SourceType
    url: string | null
    repository: string | null
    commit: string | null
    path: string | null
    quantised_by: string | null
  }
  publisher: PublisherView
  provenance: ProvenanceStep[]
  signature: SignatureView
  community: {
    ratings: number
    /** Mean in hundredths of a star; null without ratings. */
    rating_centi: number | null
    /** What listings are ranked by; null without ratings (T11). */
    rank_centi: number | null
    works: number
    works_not: number
    attestations: {
      /** Distinct members who attested anything. */
      members: number
      checksum: number
      works: number
      /** What it works on, most members first. */
      hardware: { name: string; members: number }[]
    }
    /** Shown and hidden ones, replies too; the comments themselves are read apart, by page. */
    comments: number
    reports_open: number
    report_categories: Partial<Record<ReportCategory, number>>
  }
  hardware: string | null
  readme: string | null
  benchmarks: string | null
  /** The review that stands; its position is what an undo names. */
  review: { by_handle: string; at: string; seq: number; decision: string; reason: string | null } | null
  appeal: { at: string; text: string; state: 'open' | 'dismissed' | 'decided' } | null
  /** The listing that takes this one's place (T13). */
  superseded_by: string | null
  /** Whether a verification is waited for: the first, or another that somebody may ask for (T9). */
  verification_wanted: boolean
  submitted_at: string
  published_at: string | null
  updated_at: string
  /** Made by a site to show how it works; marked wherever it is shown (T17). */
  demo: boolean
}
