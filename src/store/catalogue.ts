import type { Status, ListingView, MemberView, Tier } from '../core/views.ts'
import type { StoredEvent } from '../core/events.ts'
import { emptyWorld, foldInto } from '../core/fold.ts'
import type { ListingState, MemberState, SiteState, World } from '../core/state.ts'
import type { Ledger } from './ledger.ts'

export { openCatalogue } from './catalogue-sqlite.ts'

export type CatalogueSort = 'new' | 'seeders' | 'downloads' | 'name' | 'size' | 'rating'

export interface CatalogueQuery {
  /** Words of name, tags, uploader's handle, architecture or quantisation; each may be a beginning, all must be there. */
  q?: string | null | undefined
  tag?: string | null | undefined
  /** Quantisation as labelled; as proven where the label is wrong or absent. */
  quant?: string | null | undefined
  tier?: Tier | null | undefined
  /** Default published. */
  status?: Status | 'all' | undefined
  /** A member's id; without one, published listings that a published one supersedes are left out. */
  uploader?: string | null | undefined
  /** Default new. Largest first but for names; ties by id, latest first. */
  sort?: CatalogueSort | undefined
  /** From 1. */
  page?: number | undefined
  /** Default 50. */
  perPage?: number | undefined
}

export interface Facet<Value extends string = string> {
  value: Value
  count: number
}

export interface CataloguePage {
  items: ListingView[]
  total: number
  /**
   * How many there are of each value under all other filters than its own, so
   * that a page can offer what a visitor may change to; most frequent first, tiers best first.
   */
  facets: { tier: Facet<Tier>[]; quant: Facet[]; tag: Facet[] }
}

/** Which hash a prefix is of: a listed file's SHA-256, or a torrent's info hash, v1 or v2. */
export type HashKind = 'sha256' | 'info_hash'

/** What one tracker, or the DHT, said of one info hash at a time; never history, never a rule's input. */
export interface SwarmObservation {
  /** v1 (40 hexadecimal digits), v2 (64), or v2 as trackers know it, cut to 40. */
  info_hash: string
  seeders: number
  leechers: number
  completed: number
  /** Announce URL, or `DHT_SOURCE`. */
  tracker: string
  /** ISO time. */
  at: string
}

/** The source of an estimate from the nodes of the DHT (BEP 33): no tracker's word, and never mixed with theirs. */
export const DHT_SOURCE = 'dht'

export interface SwarmFigures {
  seeders: number
  leechers: number
  completed: number
  tracker: string
  as_of: string
}

/** What the DHT's nodes together say of a swarm, as an estimate. */
export interface DhtFigures {
  seeders: number
  leechers: number
  as_of: string
}

/** Where a chat template stands, as verifiers found it. */
export interface TemplateUse {
  /** Other published listings, and how many members uploaded them. */
  listings: number
  uploaders: number
  /** Other listings that were rejected, suspended or removed. */
  refused: number
  /** The listing that a verifier looked into first, among the published ones and the one asked for; null where none was. */
  first: { id: string; at: string } | null
}

/**
 * The read model: what the ledger comes to, kept so that pages need no fold. It
 * follows the ledger by `catchUp` and always shows what `projectAll(fold(all
 * events))` would; it is disposable, and rebuilds itself where its file is
 * missing, damaged, of another version or of another ledger. Queries answer at
 * once from what was caught up to; after `close` all throw `store_closed`.
 */
export interface Catalogue {
  /** Takes in all that was appended before the call. Cheap where there is nothing new; may be called by many at once. */
  catchUp(ledger: Ledger): Promise<void>
  /** Id of the last event taken in: what a published document was computed from. */
  lastEvent(): string | null
  search(query: CatalogueQuery): CataloguePage
  listing(id: string): ListingView | null
  /** Listings of an info hash, v1 or v2, or of a model file's SHA-256, whole or its first 4 digits or more; published ones first, then by age. At most 1,000. */
  byHash(hash: string): string[]
  /**
   * Whose hash begins with these 4 to 64 digits, published ones first, then by
   * age: of pending and withdrawn listings only those of the member `own`. At most `limit`.
   */
  byPrefix(
    prefix: string,
    options: { kind: HashKind; own: string | null; limit: number },
  ): { hash: string; id: string }[]
  /** The published listing that has one of these already, and in which field. */
  duplicateOf(hashes: {
    sha256: string | null
    info_hash: string | null
    info_hash_v2: string | null
  }): { id: string; field: 'sha256' | 'info_hash' | 'info_hash_v2' } | null
  /** Every info hash of every listing, v1 and v2. */
  infoHashes(): string[]
  member(id: string): MemberView | null
  /** The member of a handle; where two have it, the one who joined first. */
  memberByHandle(handle: string): MemberView | null
  /** The first listing of a name that looks like this one's, where it was another name: what this may be taken for (T21). */
  lookalikeOf(listing: Pick<ListingView, 'id' | 'model'>): { id: string; model: string } | null
  /** Members whose handle may be taken for this one and is not, by when they joined; at most 20. */
  handlesLike(handle: string): MemberView[]
  /** Every listing that can be shown, or those of a status, by id. */
  listings(status?: Status): IterableIterator<ListingView>
  /** Every member, by id. */
  members(): IterableIterator<MemberView>
  /** Reduced states, for commands: what an append must expect. */
  site(): SiteState
  memberState(id: string): MemberState | null
  listingState(id: string): ListingState | null
  /** Listings that say this one takes their place, by id; at most 50. */
  predecessors(id: string): { id: string; model: string; status: Status }[]
  /** What was done by a role, a rule or the operator, newest first, and how much there is of it. */
  actions(skip: number, limit: number): { events: StoredEvent[]; total: number }
  /** Listings with open reports or an open appeal, oldest first. */
  forModerators(limit?: number): ListingView[]
  /** Every report by the code of its reporter, or those that were dismissed since a time (ISO). */
  reporters(dismissedSince?: string): { listing: string; reporter: string }[]
  /** Listings that no granted verifier has verified yet, or not since it was asked for again, and nobody has refused or withdrawn; oldest first. */
  pendingVerification(limit?: number): ListingView[]
  /** Whether a verification names this blob as its report. */
  hasReport(sha256: string): boolean
  /** Where else the chat template of this hash stands, beside the listing named. */
  templateUse(sha256: string, listing: string): TemplateUse
  /** The blob of an OpenPGP key that a member registered, by fingerprint. */
  publicKey(fingerprint: string): string | null
  /** Keeps what trackers said, each tracker's latest word on each info hash; what cannot be meant (a count below zero, no time) is left out. */
  putSwarm(observations: Iterable<SwarmObservation>): void
  /** The highest of any tracker over these info hashes, never a sum, and the highest estimate of the DHT; null where none was asked. Words 6 hours older than the latest of their kind do not count. */
  swarm(infoHashes: readonly string[]): { trackers: SwarmFigures | null; dht: DhtFigures | null }
  /** Info hashes of published listings (hex of 20 bytes) that the DHT was not asked about since a time (ISO): those that no tracker knows a seeder of first, then the longest ago. */
  dhtDue(since: string, limit: number): string[]
  close(): void
}

/** Folds a whole ledger from its first event. */
export async function replay(ledger: Ledger): Promise<World> {
  const world = emptyWorld()
  for (let cursor = 0; ;) {
    const next = await ledger.read(cursor, 5_000)
    if (next.events.length === 0) return world
    for (const event of next.events) foldInto(world, event)
    cursor = next.cursor
  }
}
