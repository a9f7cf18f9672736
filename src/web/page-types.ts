import type { MemoryReport } from '../core/report.ts'
import type { ReportCategory } from '../core/community-events.ts'
import type { CommentPage } from './comments.ts'
import type { Consensus, ListingView, MemberView, Status, Tier } from '../core/views.ts'
import type { Judges, Role } from '../core/events.ts'

/** What every page needs beside its own subject. */
export interface PageContext {
  siteName: string
  /** Whether this site filled itself with the demo. */
  demo: boolean
  /** The path asked for, for the navigation's current mark and sign-in's way back. */
  path: string
  /** Absolute base URL without a slash at the end, for canonical links. */
  baseUrl: string
  /** Who is signed in; null for a visitor. */
  member: { id: string; handle: string; tier: Tier; roles: Role[] } | null
  /** ISO time of rendering. */
  now: string
}

/** Swarm figures as the last scrape saw them; never history, never a rule's input. */
export interface SwarmView {
  seeders: number
  leechers: number
  completed: number
  /** Announce URL of the tracker that said so. */
  tracker: string
  /** ISO time of the scrape. */
  as_of: string
  /** Whether that was so long ago, when this was written, that it is not the state of now. */
  stale: boolean
}

/** What the DHT's nodes together say of a swarm (BEP 33): an estimate, and no tracker's word. */
export interface DhtView {
  seeders: number
  leechers: number
  as_of: string
  stale: boolean
}

/** A listing with what the edge adds: the item of the API, of models.json and of the pages. */
export interface ModelItem extends ListingView {
  slug: string
  /** Path of its page. */
  url: string
  magnet: string | null
  /** v1-only magnet for older clients; null where there is no v1 info hash. */
  magnet_v1: string | null
  torrent_url: string | null
  swarm: SwarmView | null
  /** Null where the site does not ask the DHT, or has not yet. */
  dht: DhtView | null
}

/** A listed file whose hash begins with the digits that were asked for. */
export interface IdentifyMatch {
  sha256: string
  /** Of the listing's torrent. */
  info_hash: string | null
  info_hash_v2: string | null
  id: string
  /** Path of its page. */
  url: string
  model: string
  /** Of the file inside the torrent. */
  path: string
  size_bytes: number
  uploader: string
  /** The badge. */
  tier: Tier
  status: Status
  consensus: Consensus
  verification: Judges
  demo: boolean
}

/** What `GET /api/identify/{prefix}` answers. */
export interface IdentifyAnswer {
  version: 1
  prefix: string
  matches: IdentifyMatch[]
  /** Whether there are more than are given: then "no match" means nothing. */
  more: boolean
}

/** Texts kept beside the ledger, resolved for one page; null where erased. */
export interface ModelTexts {
  /** Safe HTML. */
  readme_html: string | null
  benchmarks_html: string | null
  review_reason: string | null
}

/** Where else one of a listing's chat templates stands. */
export interface TemplateUseView {
  sha256: string
  /** Other published listings, and how many members uploaded them. */
  listings: number
  uploaders: number
  /** Other listings that were rejected, suspended or removed. */
  refused: number
  first: { id: string; at: string } | null
}

export interface ListingQuery {
  q: string
  tag: string | null
  quant: string | null
  tier: Tier | null
  sort: 'new' | 'seeders' | 'downloads' | 'name' | 'size' | 'rating'
  page: number
}

export interface ListingPageProps {
  context: PageContext
  query: ListingQuery
  items: ModelItem[]
  total: number
  pages: number
  facets: {
    tier: { value: Tier; count: number }[]
    quant: { value: string; count: number }[]
    tag: { value: string; count: number }[]
  }
}

export interface ModelPageProps {
  context: PageContext
  model: ModelItem
  texts: ModelTexts
  /** Computed by a verifier; null where none has. */
  memory: MemoryReport | null
  /** By hash of the listing's chat templates. */
  templateUses: TemplateUseView[]
  comments: CommentPage
  /** What the visitor may do here, already decided by the rules. */
  may: {
    review: boolean
    rate: boolean
    comment: boolean
    report: boolean
    /** As a moderator of others' listings. */
    moderate: boolean
    /** Take back the decision that stands. */
    undo: boolean
    /** As its uploader. */
    own: boolean
  }
  /** What the visitor said of it before; null for who is not signed in. */
  mine: {
    rating: { stars: number; works: boolean | null } | null
    attestations: ('checksum' | 'works')[]
  } | null
  /** Every report with its text, for moderators; null for others. Reporters are not named. */
  reports: ReportItem[] | null
  /** The open or latest appeal's text, for moderators and the uploader. */
  appealText: string | null
  /** The listing that takes this one's place, where it is published. */
  successor: NamedListing | null
  /** Published listings that say this one takes their place. */
  earlier: NamedListing[]
  /** An earlier listing that this one's name can be taken for (T21). */
  lookalike: NamedListing | null
  /** For the uploader and moderators while it is not decided: where its verification stands, and where to announce. */
  next: { job: JobView | null; trackers: string[] } | null
  /** A sentence after an action, such as "Your rating was recorded". */
  notice: string | null
}

export interface NamedListing {
  id: string
  model: string
  url: string
}

/** A report as moderators see it. */
export interface ReportItem {
  seq: number
  category: ReportCategory
  at: string
  counts: boolean
  state: 'open' | 'upheld' | 'dismissed'
  evidence: { sha256: string; size_bytes: number } | null
  /** Safe HTML; null where it was erased. */
  text_html: string | null
}

/** A form as it was sent, for showing it again with what was wrong by field. */
export interface FormState {
  values: Record<string, string>
  errors: Record<string, string>
  /** What was wrong with the form as a whole. */
  problem: { title: string; detail: string; existing?: string } | null
}

export interface SubmitPageProps {
  context: PageContext
  form: FormState
  /** The site's own announce addresses. */
  trackers: string[]
}

/** Where the verification of a listing stands. */
export interface JobView {
  state: 'waiting' | 'running'
  step: string
  /** From 0 to 1. */
  fraction: number
}

export interface QueuePageProps {
  context: PageContext
  /** Whether the visitor may approve and reject. */
  mayReview: boolean
  pending: {
    model: ModelItem
    job: JobView | null
  }[]
  decided: ModelItem[]
  /** Listings with open reports or an open appeal, for moderators; null for others. */
  attention: ModelItem[] | null
}

export interface MemberPageProps {
  context: PageContext
  member: MemberView
  listings: ModelItem[]
  endorsers: { handle: string; counts: boolean }[]
  /** Why they were banned; null where they were not, or the text was erased. */
  banReason: string | null
  /** Handles of earlier members that this one can be taken for (T21). */
  lookalikes: string[]
  /** What the visitor may do here. */
  may: { endorse: 'endorse' | 'withdraw' | null; ban: boolean }
  notice: string | null
}

export interface AuditPageProps {
  context: PageContext
  actions: {
    id: string
    at: string
    /** Handle; null for the operator and for rules. */
    by: string | null
    right: string
    what: string
    on: { name: string; url: string } | null
    why: string | null
  }[]
  page: number
  pages: number
  total: number
}

export interface SignInPageProps {
  context: PageContext
  /** What this site offers beside tokens; a link on the terminal only on loopback. */
  ways: { terminal: boolean; github: boolean; email: boolean }
  /** After a form: where the link was sent. */
  sent: 'terminal' | 'email' | null
  error: string | null
  next: string
}

/** Confirming a link of an e-mail, or choosing a handle: one step of signing in that has a ticket. */
export interface SignInStepProps {
  context: PageContext
  step: 'confirm' | 'handle'
  ticket: string
  /** The account that was shown, as the person knows it: an address, a GitHub name. */
  account: string
  /** Who they will be here; null where they are new. */
  handle: string | null
  suggestion: string
  error: string | null
}

export interface AccountPageProps {
  context: PageContext
  member: MemberView
  ways: SignInPageProps['ways']
  challenge: string
  tokens: { id: string; name: string; scopes: string[]; expires_at: string; expired: boolean }[]
  /** A token just made: shown once. */
  newToken: string | null
  form: FormState
  notice: string | null
}

/** Any text page made of Markdown: the rules, the guide. */
export interface DocumentPageProps {
  context: PageContext
  title: string
  /** Safe HTML, a section a chapter. */
  html: string
  chapters: { id: string; text: string }[]
}

export interface ErrorPageProps {
  context: PageContext
  status: number
  title: string
  detail: string
}
