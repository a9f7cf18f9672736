/**
 * Synthetic ledgers for benchmarks: schema-valid and shaped like a real index
 * (few uploaders have many listings, most listings are verified, few are
 * refused), but invented: never to be shown as anything else.
 */
import type { Authority, NewEvent, StoredEvent, StreamName } from '../src/core/events.ts'
import { DEFAULT_POLICY } from '../src/core/policy.ts'
import { hexOf, randomSource, ulidOf } from '../test/random-events.ts'
import type { RandomSource } from '../test/random-events.ts'

/** One append: all events of a stream at once. */
export interface SyntheticAppend {
  stream: StreamName
  expected: 0
  events: readonly [NewEvent, ...NewEvent[]]
}

export interface SyntheticLedger {
  /** Made anew at each walk, always the same for a seed; about eight events a listing. */
  appends: Iterable<SyntheticAppend>
  /** The same events one by one, as a ledger would give them back. */
  events: Iterable<StoredEvent>
}

const START = Date.UTC(2025, 0, 1)
const HOUR_MS = 3_600_000
const MODERATOR = 0
const VERIFIERS = [1, 2]
const OFFICIAL = 3

const FAMILIES: [name: string, architecture: string, sizes: number[]][] = [
  ['Llama-3.1', 'llama', [8, 70, 405]],
  ['Llama-3.2', 'llama', [1, 3]],
  ['Qwen2.5', 'qwen2', [0.5, 1.5, 3, 7, 14, 32, 72]],
  ['Qwen3', 'qwen3', [0.6, 1.7, 4, 8, 14, 32]],
  ['Mistral-Small-3.2', 'llama', [24]],
  ['Mixtral-8x7B', 'llama', [47]],
  ['gemma-3', 'gemma3', [1, 4, 12, 27]],
  ['Phi-4', 'phi3', [14]],
  ['DeepSeek-R1-Distill', 'qwen2', [1.5, 7, 14, 32]],
  ['SmolLM3', 'smollm3', [3]],
  ['OLMo-2', 'olmo2', [7, 13, 32]],
  ['Granite-3.3', 'granite', [2, 8]],
]
const VARIANTS = ['Instruct', 'Base', 'Chat', 'Coder', 'Math', 'Reasoning', 'Vision']
const QUANTS: [name: string, bitsMilli: number][] = [
  ['Q4_K_M', 4_850],
  ['Q5_K_M', 5_690],
  ['Q6_K', 6_560],
  ['Q8_0', 8_500],
  ['Q3_K_M', 3_910],
  ['IQ4_XS', 4_250],
  ['F16', 16_000],
  ['BF16', 16_000],
]
const TAGS = [
  'chat',
  'code',
  'math',
  'vision',
  'multilingual',
  'reasoning',
  'tool-use',
  'small',
  'long-context',
  'roleplay',
]
const LICENCES = ['apache-2.0', 'mit', 'llama3.1', 'gemma', null]

/** A ledger of so many listings with their members, submissions, verifications, reviews, ratings and comments. */
export function syntheticLedger(options: { listings: number; seed: number }): SyntheticLedger {
  return {
    appends: { [Symbol.iterator]: () => appends(options) },
    events: { [Symbol.iterator]: () => placed(appends(options)) },
  }
}

function* placed(all: Iterable<SyntheticAppend>): Generator<StoredEvent> {
  for (const { stream, events } of all)
    for (const [index, event] of events.entries()) yield { ...event, stream, seq: index + 1 }
}

function* appends({ listings, seed }: { listings: number; seed: number }): Generator<SyntheticAppend> {
  const random = randomSource(seed)
  const members = Math.max(20, Math.ceil(listings / 12))
  let serial = 0
  const event = (
    at: number,
    type: NewEvent['type'],
    by: string | null,
    authority: Authority,
    data: object,
  ): NewEvent =>
    ({
      v: 1,
      type,
      id: ulidOf(at, ++serial),
      at: new Date(at).toISOString(),
      by,
      authority,
      data,
    }) as NewEvent
  const operator: Authority = { as: 'operator' }
  const self: Authority = { as: 'self' }

  const granted = [[MODERATOR, 'moderator'], [VERIFIERS[0], 'verifier'], [VERIFIERS[1], 'verifier'], [OFFICIAL, 'official']] as const // prettier-ignore
  yield {
    stream: 'site',
    expected: 0,
    events: [
      event(START, 'policy_set', null, operator, { policy: DEFAULT_POLICY }),
      ...granted.map(([n, role]) =>
        event(START, 'role_granted', null, operator, { member: memberOf(n ?? 0), role }),
      ),
    ],
  }
  for (let n = 0; n < members; n++) {
    const [id, at] = [memberOf(n), START + n * 1_000]
    const events: [NewEvent, ...NewEvent[]] = [
      event(at, 'member_joined', id, self, { handle: `member-${n}` }),
    ]
    if (n < members / 2)
      events.push(event(at, 'identity_proved', id, { as: 'rule', rule: 'T3' }, { kind: 'github' }))
    if (n === OFFICIAL)
      events.push(
        event(at, 'key_registered', id, self, {
          fingerprint: hexOf(n, 40).toUpperCase(),
          public_key: hexOf(n, 64),
        }),
      )
    yield { stream: `member/${id}`, expected: 0, events }
  }
  for (let n = 0; n < listings; n++) {
    const listing = drawListing(random, n, members)
    const at = START + HOUR_MS + n * 60_000
    const first = event(at, 'listing_submitted', memberOf(listing.uploader), self, listing.submitted)
    const events: [NewEvent, ...NewEvent[]] = [first]
    const bad = random.chance(4)
    if (random.chance(92)) {
      const verifier = random.below(2)
      const report = verificationOf(listing, n, bad)
      events.push(
        event(
          at + 60_000,
          'verification_recorded',
          memberOf(VERIFIERS[verifier] ?? 1),
          roleAt('verifier', 3 + verifier),
          report,
        ),
      )
    }
    if (random.chance(95))
      events.push(
        event(at + 120_000, 'review_decided', memberOf(MODERATOR), roleAt('moderator', 2), {
          decision: bad ? 'reject' : 'approve',
          reason: bad ? hexOf(n, 64) : null,
        }),
      )
    // Most listings have no or few ratings, some have many.
    for (let count = bad ? 0 : random.below(random.chance(10) ? 40 : 6); count > 0; count--) {
      const data = { stars: random.chance(80) ? 5 - random.below(2) : 1 + random.below(5), works: true }
      events.push(event(at + HOUR_MS + count, 'rated', memberOf(4 + random.below(members - 4)), self, data))
    }
    for (let count = random.below(3); count > 0; count--)
      events.push(
        event(at + HOUR_MS, 'commented', memberOf(random.below(members)), self, {
          text: hexOf(n + count, 64),
        }),
      )
    yield { stream: `listing/${first.id}`, expected: 0, events }
  }
}

interface DrawnListing {
  uploader: number
  architecture: string
  parameters: number
  quant: [name: string, bitsMilli: number]
  submitted: ReturnType<typeof submissionOf>
}

function drawListing(random: RandomSource, n: number, members: number): DrawnListing {
  const [family, architecture, sizes] = random.pick(FAMILIES)
  const billions = random.pick(sizes)
  const quant = random.pick(QUANTS)
  // The square favours the first members: a few upload most.
  const uploader = Math.floor((random.below(1_000) / 1_000) ** 2 * (members - OFFICIAL)) + OFFICIAL
  const name = `${family}-${billions}B-${random.pick(VARIANTS)}-${quant[0]}`
  const tags = [...new Set([random.pick(TAGS), random.pick(TAGS), random.pick(TAGS)])]
  const parameters = billions * 1e9
  const size = Math.floor((parameters * quant[1]) / 8_000)
  const licence = random.pick(LICENCES)
  return {
    uploader,
    architecture,
    parameters,
    quant,
    submitted: submissionOf({ n, name, tags, size, quant: quant[0], family, licence }),
  }
}

function submissionOf(of: {
  n: number
  name: string
  tags: string[]
  size: number
  quant: string
  family: string
  licence: string | null
}) {
  const sha256 = hexOf(of.n, 64)
  const files = [{ path: `${of.name}.gguf`, size_bytes: of.size, sha256, md5: hexOf(of.n + 1e8, 32), pieces_root: hexOf(of.n + 2e8, 64), role: 'model' }] // prettier-ignore
  return {
    name: of.name,
    files,
    sha256,
    md5: hexOf(of.n + 1e8, 32),
    size_bytes: of.size,
    info_hash: hexOf(of.n + 3e8, 40),
    info_hash_v2: hexOf(of.n + 4e8, 64),
    piece_length: 4_194_304,
    torrent: hexOf(of.n + 5e8, 64),
    trackers: ['udp://tracker.example:6969/announce', 'wss://tracker.example/announce'],
    web_seeds: [],
    quantisation: of.quant,
    licence: of.licence,
    source: {
      type: 'community_quant',
      url: `https://models.example/${of.family}`,
      repository: `example/${of.family}`,
      commit: hexOf(of.n + 6e8, 40),
      quantised_by: 'Synthetic Quants',
    },
    readme: hexOf(of.n + 7e8, 64),
    tags: of.tags,
    hardware: `${Math.ceil(of.size / 1e9) + 2} GB of memory`,
    benchmarks: null,
    signature: null,
    demo: false,
  }
}

function verificationOf(
  { architecture, parameters, quant, submitted }: DrawnListing,
  n: number,
  bad: boolean,
): object {
  const [claimed, bits_per_weight_milli] = quant
  return {
    report: hexOf(n + 8e8, 64),
    judges: { integrity: 'pass', form: bad ? 'fail' : 'pass', behaviour: 'pass' },
    summary: {
      integrity: 'All pieces, SHA-256, MD5 and size as submitted',
      form: bad ? `Labelled ${claimed}, the tensors are another type` : `291 of 291 tensors match ${claimed}`,
      behaviour: 'Loaded in llama.cpp and generated 16 tokens, all logits finite',
    },
    sha256: submitted.sha256,
    size_bytes: submitted.size_bytes,
    quantisation: {
      claimed,
      proven: [bad ? 'Q2_K' : claimed],
      match: bad ? 'mislabelled' : 'exact',
      matched: bad ? 0 : 291,
      total: 291,
      bits_per_weight_milli,
    },
    architecture,
    parameters,
    templates: [{ name: 'default', sha256: hexOf((n % 500) + 9e8, 64), state: 'clean' }],
    signature: null,
    recommendation: {
      decision: bad ? 'reject' : 'approve',
      reasons: bad ? ['The label is not what the tensors are'] : [],
    },
  }
}

function roleAt(role: 'verifier' | 'moderator', site_seq: number): Authority {
  return { as: 'role', role, site_seq }
}

function memberOf(n: number): string {
  return `m_${ulidOf(START, n + 1)}`
}
