/**
 * Random ledgers for property tests: schema-valid, in every way that a stream
 * may go, also those that no command would allow (acting on one's own listing,
 * authorities that name positions not reached, types of later versions, members
 * who never joined). Small pools, so that events meet.
 */
import type { Authority, EventType, NewEvent, StoredEvent, StreamName } from '../src/core/events.ts'
import { CURRENT_VERSION, streamKind, subjectOf } from '../src/core/events.ts'
import { DEFAULT_POLICY } from '../src/core/policy.ts'

export interface RandomSource {
  /** A whole number below `end`. */
  below(end: number): number
  chance(percent: number): boolean
  pick<Item>(items: readonly Item[]): Item
}

/** The mulberry32 generator: small, and the same everywhere. */
export function randomSource(seed: number): RandomSource {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d_2b_79_f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (end: number): number => Math.floor(next() * end)
  return {
    below,
    chance: (percent) => below(100) < percent,
    pick(items) {
      const item = items[below(items.length)]
      if (item === undefined) throw new RangeError('Cannot pick: expected at least one item')
      return item
    },
  }
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** A ULID of a time and a number, so that a seed gives the same ids. */
export function ulidOf(ms: number, n: number): string {
  let id = ''
  for (let rest = ms, digit = 0; digit < 10; digit++, rest = Math.floor(rest / 32))
    id = (CROCKFORD[rest % 32] ?? '') + id
  let tail = ''
  for (let rest = n, digit = 0; digit < 16; digit++, rest = Math.floor(rest / 32))
    tail = (CROCKFORD[rest % 32] ?? '') + tail
  return id + tail
}

/** `digits` hexadecimal digits that belong to a number. */
export function hexOf(n: number, digits: number): string {
  let hex = ''
  for (let word = 0; hex.length < digits; word++)
    hex += (Math.imul(n + 1, 0x9e_37_79_b1 + word * 0x85_eb_ca_6b) >>> 0).toString(16).padStart(8, '0')
  return hex.slice(0, digits)
}

const START = Date.UTC(2026, 0, 1)
const HOUR_MS = 3_600_000
const MEMBERS = Array.from({ length: 8 }, (_, n) => `m_${ulidOf(START, n + 1)}`)
const LISTINGS = Array.from({ length: 14 }, (_, n) => ulidOf(START, n + 100))
const FINGERPRINTS = Array.from({ length: 2 }, (_, n) => hexOf(n + 50, 40).toUpperCase())
const NAMES = [
  'Llama-3.1-8B-Instruct',
  'Qwen2.5 7B',
  'Mistral Größe v0.3',
  'phi-4',
  '量子 Model',
  'a "quoted" -name*',
]
const QUANTS = ['Q4_K_M', 'Q8_0', 'F16', null]
const TAGS = ['chat', 'code', 'tiny', 'gguf', 'c++']
const ROLES = ['admin', 'moderator', 'verifier', 'verifier', 'official', 'official'] as const

/** A random ledger of so many events, in an order in which they may have been appended. */
export function randomEvents(seed: number, count: number): StoredEvent[] {
  const random = randomSource(seed)
  // Most ledgers have no event of a later version in the site's stream: after it nothing there is trusted.
  const world = { random, time: START, siteSeq: 0, laterSite: random.chance(12) }
  const seqs = new Map<StreamName, number>()
  const events: StoredEvent[] = []
  for (let n = 0; n < count; n++) {
    world.time += random.below(random.chance(5) ? 60 * HOUR_MS : 4 * HOUR_MS)
    const stream = pickStream(random)
    const seq = (seqs.get(stream) ?? 0) + 1
    seqs.set(stream, seq)
    if (stream === 'site') world.siteSeq = seq
    const { type, data, by, authority, v } = draw(world, stream, seq)
    const id = ulidOf(world.time, 10_000 + n)
    const at = new Date(world.time).toISOString()
    events.push({ v: v ?? CURRENT_VERSION, type, id, stream, seq, at, by, authority, data } as StoredEvent)
  }
  return events
}

/** An event as it was before the store gave it its place. */
export function unplaced({ stream: _stream, seq: _seq, ...event }: StoredEvent): NewEvent {
  return event as unknown as NewEvent
}

interface Drawing {
  random: RandomSource
  time: number
  siteSeq: number
  laterSite: boolean
}

interface Drawn {
  v?: number
  type: EventType | 'of_a_later_version'
  data: Record<string, unknown>
  by: string | null
  authority: Authority
}

function pickStream(random: RandomSource): StreamName {
  const dice = random.below(100)
  if (dice < 12) return 'site'
  if (dice < 35) return `member/${random.pick(MEMBERS)}`
  return `listing/${random.pick(LISTINGS)}`
}

function draw(world: Drawing, stream: StreamName, seq: number): Drawn {
  const kind = streamKind(stream)
  if (kind === 'site') return drawSite(world)
  return kind === 'member'
    ? drawMember(world, subjectOf(stream), seq)
    : drawListing(world, subjectOf(stream), seq)
}

function drawSite(world: Drawing): Drawn {
  const { random, laterSite } = world
  const common = { by: null, authority: { as: 'operator' } as const }
  if (laterSite && random.chance(5)) return { ...common, type: 'of_a_later_version', data: {} }
  if (random.chance(15))
    return {
      ...common,
      type: 'policy_set',
      data: {
        policy: {
          ...DEFAULT_POLICY,
          community: {
            published: random.below(3),
            rating_centi: 100 + random.below(300),
            clean_days: random.below(6),
          },
          trusted: {
            published: random.below(2),
            rating_centi: 100 + random.below(300),
            acceptance_percent: random.pick([0, 50, 90]),
            endorsements: random.below(2),
          },
          reports: { suspend_at: 1 + random.below(3), account_age_days: 7, dismissed_days: 90 },
          ratings: { prior_votes: random.below(4), prior_centi: 300 },
        },
      },
    }
  if (random.chance(15)) return drawBan(world)
  const type = random.chance(75) ? 'role_granted' : 'role_revoked'
  return {
    ...common,
    type,
    data: {
      member: random.pick(random.chance(60) ? MEMBERS.slice(0, 3) : MEMBERS),
      role: random.pick(ROLES),
    },
  }
}

/** By the operator or by who may hold a role there or may not. */
function drawBan(world: Drawing): Drawn {
  const { random } = world
  const member = random.pick(MEMBERS)
  const by = random.pick(MEMBERS)
  const act = random.chance(50)
    ? { by: null, authority: { as: 'operator' } as const }
    : { by, authority: anAuthority(world, 'moderator') }
  if (random.chance(40)) return { ...act, type: 'member_unbanned', data: { member } }
  return { ...act, type: 'member_banned', data: { member, reason: random.pick([null, hexOf(3, 64)]) } }
}

function drawMember({ random }: Drawing, id: string, seq: number): Drawn {
  const own = { by: id, authority: { as: 'self' } as const }
  if (random.chance(1)) return { ...own, type: 'of_a_later_version', data: { any: ['thing'] } }
  if (seq === 1 ? random.chance(80) : random.chance(8))
    return { ...own, type: 'member_joined', data: { handle: `h${random.below(12)}x` } }
  const fingerprint = aFingerprint(random)
  switch (random.below(8)) {
    case 0:
    case 5:
      return { ...own, type: 'key_registered', data: { fingerprint, public_key: hexOf(random.below(9), 64) } }
    case 1:
      return { ...own, type: 'key_revoked', data: { fingerprint, compromised: random.chance(50) } }
    case 2:
      return {
        ...own,
        authority: { as: 'operator' },
        type: 'identity_proved',
        data: { kind: random.pick(['email', 'github', 'openpgp']) },
      }
    case 6:
      return { ...own, by: random.pick(MEMBERS), type: 'endorsement_withdrawn', data: {} }
    case 7:
      return {
        ...own,
        type: 'identity_withdrawn',
        data: { kind: random.pick(['email', 'github', 'openpgp']) },
      }
    default:
      return { ...own, by: random.pick(MEMBERS), type: 'member_endorsed', data: {} }
  }
}

function drawListing(world: Drawing, id: string, seq: number): Drawn {
  const { random } = world
  // A few do most of the work, so that roles and acts meet.
  const by = random.pick(random.chance(50) ? MEMBERS.slice(0, 3) : MEMBERS)
  const self = { by, authority: { as: 'self' } as const }
  if (random.below(300) === 0) return { ...self, type: 'listing_submitted', v: CURRENT_VERSION + 1, data: {} }
  if (random.below(300) === 0) return { ...self, type: 'of_a_later_version', data: {} }
  if (seq === 1 && random.chance(92))
    return { ...self, type: 'listing_submitted', data: submission(random, id) }
  const text = hexOf(random.below(1_000), 64)
  const dice = random.below(100)
  if (dice < 25) return { ...verification(random, id), by, authority: anAuthority(world, 'verifier') }
  if (dice < 45)
    return {
      type: 'review_decided',
      data: {
        decision: random.pick(['approve', 'approve', 'approve', 'reject', 'restore', 'remove']),
        reason: null,
      },
      by,
      authority: anAuthority(world, 'moderator'),
    }
  if (dice < 55) {
    const authority: Authority = { as: 'rule', rule: random.pick(['T7', 'T9']) }
    return { type: 'listing_published', data: { reason: 'trusted' }, by: null, authority }
  }
  if (dice < 75) return { ...self, ...drawWord(random, id, seq, text) }
  if (dice < 84) {
    const category = random.pick(['malware', 'wrong_quantisation', 'copyright'])
    const evidence = random.chance(30) ? { sha256: hexOf(1, 64), size_bytes: 5 } : null
    return {
      ...self,
      by: null,
      type: 'reported',
      data: { category, reporter: hexOf(random.below(6), 64), counts: random.chance(80), text, evidence },
    }
  }
  if (dice < 87)
    return {
      type: 'report_counted',
      data: { report: earlier(random, seq), counts: random.chance(50) },
      by: null,
      authority: { as: 'rule', rule: random.pick(['T18', 'T7']) },
    }
  if (dice < 98) return { by, authority: anAuthority(world, 'moderator'), ...drawRuling(random, seq) }
  return { ...self, type: 'listing_withdrawn', data: {} }
}

/** The position of an event before this one, of any type. */
function earlier(random: RandomSource, seq: number): number {
  return 1 + random.below(Math.max(1, seq - 1))
}

/** What any member may say. */
function drawWord(random: RandomSource, id: string, seq: number, text: string): Pick<Drawn, 'type' | 'data'> {
  const kind = random.pick(['checksum', 'works'])
  const sha256 = random.chance(85) ? hexOf(LISTINGS.indexOf(id), 64) : hexOf(77, 64)
  const words: Pick<Drawn, 'type' | 'data'>[] = [
    { type: 'rated', data: { stars: 1 + random.below(5), works: random.pick([true, false, null]) } },
    { type: 'rated', data: { stars: 1 + random.below(5), works: random.pick([true, false, null]) } },
    { type: 'rating_withdrawn', data: {} },
    { type: 'commented', data: { text, reply_to: random.chance(50) ? earlier(random, seq) : null } },
    { type: 'commented', data: { text, reply_to: null } },
    { type: 'comment_edited', data: { comment: earlier(random, seq), text } },
    { type: 'comment_withdrawn', data: { comment: earlier(random, seq) } },
    { type: 'attested', data: { kind, sha256, hardware: random.pick([null, 'a laptop', '__proto__']) } },
    { type: 'attestation_withdrawn', data: { kind } },
    { type: 'appealed', data: { text } },
    { type: 'superseded', data: { by: random.pick([null, random.pick(LISTINGS)]) } },
    drawWebSeed(random),
    {
      type: 'verification_requested',
      data: { reason: random.chance(50) ? ('on_demand' as const) : ('rules_changed' as const) },
    },
  ]
  return random.pick(words)
}

function drawWebSeed(random: RandomSource): Pick<Drawn, 'type' | 'data'> {
  return {
    type: random.chance(60) ? 'web_seed_added' : 'web_seed_removed',
    data: { url: `https://seed.example/${random.below(3)}` },
  }
}

/** What a moderator may do beside deciding on the listing itself. */
function drawRuling(random: RandomSource, seq: number): Pick<Drawn, 'type' | 'data'> {
  const rulings: Pick<Drawn, 'type' | 'data'>[] = [
    {
      type: 'reports_decided',
      data: {
        upheld: random.chance(50),
        reports: random.chance(30) ? [earlier(random, seq)] : null,
        reason: null,
      },
    },
    { type: 'decision_undone', data: { review: earlier(random, seq) } },
    { type: 'comment_hidden', data: { comment: earlier(random, seq), hidden: random.chance(70) } },
    { type: 'appeal_dismissed', data: { reason: null } },
    { type: 'text_erased', data: { text: hexOf(random.below(1_000), 64) } },
    { type: 'superseded', data: { by: random.pick(LISTINGS) } },
    drawWebSeed(random),
    { type: 'verification_requested', data: { reason: 'on_demand' } },
  ]
  return random.pick(rulings)
}

/** One is met more often than the other, so that keys, signatures and checks agree at times. */
function aFingerprint(random: RandomSource): string | undefined {
  return FINGERPRINTS[Number(random.chance(20))]
}

/** By a role mostly, at a position that may not be reached yet. */
function anAuthority({ random, siteSeq }: Drawing, role: 'verifier' | 'moderator'): Authority {
  if (random.chance(10)) return { as: 'self' }
  if (random.chance(10)) return { as: 'rule', rule: 'T10' }
  return {
    as: 'role',
    role: random.chance(20) ? 'admin' : role,
    site_seq: Math.max(1, siteSeq + (random.chance(20) ? random.below(4) : -random.below(3))),
  }
}

const COMMIT = hexOf(12, 40)

/** What a hub said, which may be of another file than the listing names. */
function aPublisher(random: RandomSource, id: string): Record<string, unknown> | null {
  if (random.chance(30)) return null
  const state = random.pick(['equal', 'equal', 'differs', 'unknown'])
  return {
    state,
    hub: 'https://huggingface.co',
    repository: random.chance(90) ? 'org/name' : 'org/else',
    commit: COMMIT,
    path: 'm.gguf',
    renamed_to: random.pick([null, 'org/new']),
    sha256: state === 'unknown' ? null : hexOf(random.chance(90) ? LISTINGS.indexOf(id) : 7, 64),
    size_bytes: state === 'unknown' ? null : 1 + random.below(5),
    reason: state === 'unknown' ? 'it is gated' : null,
  }
}

function submission(random: RandomSource, id: string): Record<string, unknown> {
  const n = LISTINGS.indexOf(id)
  const sha256 = hexOf(random.chance(10) ? 7 : n, 64)
  return {
    name: random.pick(NAMES),
    files: [
      {
        path: 'm.gguf',
        size_bytes: 5,
        sha256,
        md5: null,
        pieces_root: null,
        role: random.pick(['model', 'shard', 'readme']),
      },
    ],
    sha256,
    md5: null,
    size_bytes: 1 + random.below(5),
    info_hash: random.chance(80) ? hexOf(n + 200, 40) : null,
    info_hash_v2: hexOf(n + 300, 64),
    piece_length: null,
    torrent: null,
    trackers: [],
    web_seeds: [],
    quantisation: random.pick(QUANTS),
    licence: null,
    source: {
      type: 'user_upload',
      url: null,
      repository: random.pick([null, 'org/name']),
      commit: random.pick([null, COMMIT]),
      path: random.pick([null, 'm.gguf']),
      quantised_by: random.pick([null, 'somebody']),
    },
    readme: null,
    tags: [...new Set([random.pick(TAGS), random.pick(TAGS)])],
    hardware: null,
    benchmarks: null,
    signature: random.chance(50) ? { blob: hexOf(1, 64), fingerprint: aFingerprint(random) } : null,
    demo: false,
  }
}

function verification(random: RandomSource, id: string): Pick<Drawn, 'type' | 'data'> {
  const verdict = () => (random.chance(85) ? 'pass' : random.pick(['fail', 'skipped', 'pending']))
  const decision = random.pick(['approve', 'reject', 'review'])
  return {
    type: 'verification_recorded',
    data: {
      report: hexOf(random.below(1_000), 64),
      judges: { integrity: verdict(), form: verdict(), behaviour: verdict() },
      summary: { integrity: 'i', form: 'f', behaviour: 'b' },
      sha256: random.chance(90) ? hexOf(LISTINGS.indexOf(id), 64) : null,
      size_bytes: 5,
      quantisation: random.chance(70)
        ? {
            claimed: null,
            proven: random.pick([[], ['Q8_0'], ['F16', 'Q8_0']]),
            match: random.pick(['exact', 'variant', 'mislabelled', 'unknown']),
            matched: 1,
            total: 2,
            bits_per_weight_milli: 8_500,
          }
        : null,
      architecture: random.pick(['llama', 'qwen2', null]),
      parameters: random.pick([null, 8_000_000_000]),
      templates: random.pick([
        null,
        [],
        [
          {
            name: 'default',
            sha256: hexOf(random.below(3) + 7e8, 64),
            state: random.pick(['clean', 'warn']),
          },
        ],
      ]),
      signature: random.chance(60)
        ? {
            state: random.chance(90) ? 'good' : random.pick(['bad', 'expired']),
            fingerprint: aFingerprint(random),
          }
        : null,
      publisher: aPublisher(random, id),
      recommendation: { decision, reasons: [`because ${decision}`] },
    },
  }
}
