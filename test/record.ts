/**
 * Writes ledgers for tests of the fold, event by event. Every event goes
 * through `parseEvent`, so that no test leans on an event the schema refuses.
 */
import type { Decision, ReportCategory } from '../src/core/community-events.ts'
import { parseEvent } from '../src/core/lift.ts'
import type {
  Authority,
  EventData,
  EventType,
  Judges,
  ListingSubmitted,
  Role,
  StoredEvent,
  StreamName,
  VerificationRecorded,
} from '../src/core/events.ts'
import type { World } from '../src/core/state.ts'
import type { ListingView, MemberView } from '../src/core/views.ts'
import { CURRENT_VERSION } from '../src/core/events.ts'
import { fold } from '../src/core/fold.ts'
import { Fingerprint, InfoHash, MemberId, Sha256 } from '../src/core/ids.ts'
import type { Policy } from '../src/core/policy.ts'
import type { CatalogueViews } from '../src/core/project.ts'
import { projectAll } from '../src/core/project.ts'

const START_MS = Date.parse('2025-01-01T00:00:00.000Z')
const MINUTE_MS = 60_000
export const DAY_MS = 86_400_000

export const PASS: Judges = { integrity: 'pass', form: 'pass', behaviour: 'pass' }
export const FAIL: Judges = { integrity: 'pass', form: 'fail', behaviour: 'skipped' }

/** A ULID that says its number, for ids that a failing test can be read by. */
export function testUlid(n: number): string {
  return n.toString().padStart(26, '0')
}

export function digest(n: number): Sha256 {
  return Sha256.parse(n.toString(16).padStart(64, '0'))
}

export function fingerprint(n: number): Fingerprint {
  return Fingerprint.parse(n.toString(16).toUpperCase().padStart(40, '0'))
}

/** How an event was appended, where it is not as its author ordinarily would. */
export interface Act {
  by?: string | null
  authority?: Authority
  /** ISO time; otherwise a minute after the event before. */
  at?: string
  v?: number
}

export interface TestRecord {
  readonly events: StoredEvent[]
  /** Appends anything at all to a stream, checked by the schema. */
  append(stream: StreamName, type: string, data: object, act?: Act): StoredEvent
  join(handle: string, act?: Act): MemberId
  grant(member: string, role: Role, act?: Act): StoredEvent
  revoke(member: string, role: Role, act?: Act): StoredEvent
  policy(policy: Policy, act?: Act): StoredEvent
  prove(member: string, kind: EventData['identity_proved']['kind'], act?: Act): StoredEvent
  key(member: string, key: Fingerprint, act?: Act): StoredEvent
  endorse(member: string, by: string, act?: Act): StoredEvent
  /** Submits a listing and gives its id. */
  submit(uploader: string, over?: Partial<ListingSubmitted>, act?: Act): string
  publish(listing: string, act?: Act): StoredEvent
  withdraw(listing: string, by: string, act?: Act): StoredEvent
  verify(
    listing: string,
    by: string,
    judges: Judges,
    over?: Partial<VerificationRecorded>,
    act?: Act,
  ): StoredEvent
  review(listing: string, by: string, decision: Decision, act?: Act): StoredEvent
  rate(listing: string, by: string, stars: number, works?: boolean | null, act?: Act): StoredEvent
  comment(listing: string, by: string, act?: Act, replyTo?: number | null): StoredEvent
  report(
    listing: string,
    reporter: number,
    over?: {
      counts?: boolean
      category?: ReportCategory
      evidence?: { sha256: Sha256; size_bytes: number } | null
    },
    act?: Act,
  ): StoredEvent
  decideReports(
    listing: string,
    by: string,
    upheld: boolean,
    act?: Act,
    reports?: number[] | null,
  ): StoredEvent
  /** How many events the site's stream has: what an authority of now names. */
  siteSeq(): number
  /** The role held now, as an event records it. */
  as(role: Role): Authority
  /** Moves the clock, in milliseconds. */
  wait(ms: number): void
  now(): string
  world(): World
  views(now?: string): CatalogueViews
  listing(id: string, now?: string): ListingView
  member(id: string, now?: string): MemberView
}

/** A new, empty record. Roles are granted by the operator, members act as themselves. */
export function newRecord(): TestRecord {
  const events: StoredEvent[] = []
  const heads = new Map<string, number>()
  let clock = START_MS
  let serial = 0
  let listings = 0
  let members = 0

  function append(stream: StreamName, type: string, data: object, act: Act = {}): StoredEvent {
    clock += MINUTE_MS
    serial++
    const seq = (heads.get(stream) ?? 0) + 1
    const event = parseEvent({
      v: act.v ?? CURRENT_VERSION,
      type,
      id: testUlid(serial),
      stream,
      seq,
      at: act.at ?? new Date(clock).toISOString(),
      by: act.by ?? null,
      authority: act.authority ?? { as: 'operator' },
      data,
    })
    heads.set(stream, seq)
    events.push(event)
    return event
  }

  function known<Type extends EventType>(
    stream: string,
    type: Type,
    data: EventData[Type],
    act: Act,
  ): StoredEvent {
    return append(stream as StreamName, type, data, act)
  }

  const siteSeq = (): number => heads.get('site') ?? 0
  const as = (role: Role): Authority => ({ as: 'role', role, site_seq: Math.max(1, siteSeq()) })
  const inRole = (by: string, role: Role, act: Act): Act => ({ by, authority: as(role), ...act })
  const views = (now = new Date(clock).toISOString()): CatalogueViews =>
    projectAll(fold(events), now, 'Qal.to')

  return {
    events,
    append,
    join(handle, act = {}) {
      const member = MemberId.parse(`m_${testUlid(++members)}`)
      known(`member/${member}`, 'member_joined', { handle: handle as never }, self(member, act))
      return member
    },
    grant: (member, role, act = {}) =>
      known('site', 'role_granted', { member: MemberId.parse(member), role }, act),
    revoke: (member, role, act = {}) =>
      known('site', 'role_revoked', { member: MemberId.parse(member), role }, act),
    policy: (policy, act = {}) => known('site', 'policy_set', { policy }, act),
    prove: (member, kind, act = {}) =>
      known(
        `member/${member}`,
        'identity_proved',
        { kind },
        { by: member, authority: { as: 'operator' }, ...act },
      ),
    key: (member, key, act = {}) =>
      known(
        `member/${member}`,
        'key_registered',
        { fingerprint: key, public_key: digest(7) },
        self(member, act),
      ),
    endorse: (member, by, act = {}) => known(`member/${member}`, 'member_endorsed', {}, self(by, act)),
    submit(uploader, over = {}, act = {}) {
      const n = ++listings
      const listing = testUlid(1_000_000 + n)
      known(`listing/${listing}`, 'listing_submitted', { ...submission(n), ...over }, self(uploader, act))
      return listing
    },
    publish: (listing, act = {}) =>
      known(
        `listing/${listing}`,
        'listing_published',
        { reason: 'the uploader is Trusted' },
        { authority: { as: 'rule', rule: 'T7' }, ...act },
      ),
    withdraw: (listing, by, act = {}) => known(`listing/${listing}`, 'listing_withdrawn', {}, self(by, act)),
    verify: (listing, by, judges, over = {}, act = {}) =>
      known(
        `listing/${listing}`,
        'verification_recorded',
        { ...verification(judges, sha256Of(events, listing)), ...over },
        inRole(by, 'verifier', act),
      ),
    review: (listing, by, decision, act = {}) =>
      known(`listing/${listing}`, 'review_decided', { decision, reason: null }, inRole(by, 'moderator', act)),
    rate: (listing, by, stars, works = null, act = {}) =>
      known(`listing/${listing}`, 'rated', { stars, works }, self(by, act)),
    comment: (listing, by, act = {}, replyTo = null) =>
      known(`listing/${listing}`, 'commented', { text: digest(9), reply_to: replyTo }, self(by, act)),
    report: (listing, reporter, { counts = true, category = 'malware', evidence = null } = {}, act = {}) =>
      known(
        `listing/${listing}`,
        'reported',
        { category, reporter: digest(reporter), counts, text: digest(8), evidence },
        { authority: { as: 'self' }, ...act },
      ),
    decideReports: (listing, by, upheld, act = {}, reports = null) =>
      known(
        `listing/${listing}`,
        'reports_decided',
        { upheld, reports, reason: null },
        inRole(by, 'moderator', act),
      ),
    siteSeq,
    as,
    wait(ms) {
      clock += ms
    },
    now: () => new Date(clock).toISOString(),
    world: () => fold(events),
    views,
    listing(listing, now) {
      const view = views(now).listings.get(listing)
      if (view === undefined) throw new Error(`Cannot show listing ${listing}: it is not there`)
      return view
    },
    member(member, now) {
      const view = views(now).members.get(member)
      if (view === undefined) throw new Error(`Cannot show member ${member}: it is not there`)
      return view
    },
  }
}

function self(by: string, act: Act): Act {
  return { by, authority: { as: 'self' }, ...act }
}

/** A submission with every required field, its digests told apart by `n`. */
export function submission(n: number): ListingSubmitted {
  return {
    name: `Model ${n}`,
    files: [
      {
        path: `model-${n}.gguf`,
        size_bytes: 1_000 + n,
        sha256: digest(n),
        md5: null,
        pieces_root: null,
        role: 'model',
      },
    ],
    sha256: digest(n),
    md5: null,
    size_bytes: 1_000 + n,
    info_hash: InfoHash.parse(n.toString(16).padStart(40, '0')),
    info_hash_v2: null,
    piece_length: 16_384,
    torrent: null,
    trackers: ['udp://tracker.example.com:1337/announce'],
    web_seeds: [],
    quantisation: 'Q4_K_M',
    licence: 'apache-2.0',
    source: {
      type: 'user_upload',
      url: null,
      repository: null,
      commit: null,
      path: null,
      quantised_by: null,
    },
    readme: null,
    tags: ['chat'],
    hardware: null,
    benchmarks: null,
    signature: null,
    demo: false,
  }
}

/** What a verifier records who found these bytes. */
export function verification(judges: Judges, sha256: Sha256 | null): VerificationRecorded {
  const failed = Object.values(judges).includes('fail')
  return {
    report: digest(5),
    judges,
    summary: { integrity: 'bytes as submitted', form: 'parsed', behaviour: 'generated' },
    sha256,
    size_bytes: 1_000,
    quantisation: null,
    architecture: 'llama',
    parameters: 1_000,
    templates: null,
    signature: null,
    publisher: null,
    recommendation: failed
      ? { decision: 'reject', reasons: ['labelled Q4_K_M, tensors are Q8_0'] }
      : { decision: 'approve', reasons: [] },
  }
}

function sha256Of(events: readonly StoredEvent[], listing: string): Sha256 | null {
  const submitted = events.find(
    (event) => event.stream === `listing/${listing}` && event.type === 'listing_submitted',
  )
  return submitted === undefined ? null : Sha256.parse(submitted.data['sha256'])
}
