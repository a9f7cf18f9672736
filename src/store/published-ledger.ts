import { createHash } from 'node:crypto'
import { z } from 'zod'
import { canonicalBytes } from '../core/canonical.ts'
import { QalError } from '../core/error.ts'
import type { StoredEvent } from '../core/events.ts'
import { EventId, Sha256 } from '../core/ids.ts'
import { parseEvent } from '../core/lift.ts'
import type { Ledger } from './ledger.ts'

/** Events in a whole segment; only the last one of a ledger has fewer, and grows. */
export const SEGMENT_EVENTS = 1_000

const MAX_INDEX_CHARS = 64 * 1024 * 1024

const Segment = z.strictObject({
  /** Beside the index; the name is fixed, so that a hostile index leads nowhere else. */
  path: z.string().regex(/^\d{6,9}\.jsonl$/, 'expected a name such as 000001.jsonl'),
  events: z.int().min(1).max(SEGMENT_EVENTS),
  /** Ids of its first and last event. */
  first: EventId,
  last: EventId,
  /** SHA-256 of its lines, each with its line feed. */
  sha256: Sha256,
})

const Index = z.strictObject({
  version: z.literal(1),
  segments: z.array(Segment),
  events: z.int().min(0),
  /** The ledger's cursor behind the last event. */
  head: z.int().min(0),
})

export type LedgerSegment = z.infer<typeof Segment>
/** What `/ledger/` says: a ledger as segments of JSON lines. */
export type LedgerIndex = z.infer<typeof Index>

/** Whole segments never change, so each is read once a process; kept with the ledger they are of. */
const walks = new WeakMap<Ledger, { starts: number[]; whole: LedgerSegment[] }>()

/** The index of a ledger as it is now. The first call reads it all, later ones what is new. */
export async function ledgerIndex(ledger: Ledger): Promise<LedgerIndex> {
  const { whole, rest, head } = await walk(ledger)
  const segments = [...whole]
  if (rest.length > 0) segments.push(describe(whole.length + 1, rest))
  return { version: 1, segments, events: whole.length * SEGMENT_EVENTS + rest.length, head }
}

/** Segment `n`, from 1, as JSON lines: one event a line in canonical bytes (RFC 8785); null where there is none. */
export async function ledgerSegment(ledger: Ledger, n: number): Promise<string | null> {
  if (!Number.isSafeInteger(n) || n < 1) return null
  const { starts, whole, rest } = await walk(ledger)
  const start = starts[n - 1]
  if (start === undefined) return null
  const events = n > whole.length ? rest : (await readExactly(ledger, start, SEGMENT_EVENTS)).events
  return events.length === 0 ? null : linesOf(events)
}

/**
 * Reads a published ledger back, for audit. `fetchText` gets a path beside the
 * index, which itself is ''. Each segment must be what the index says, each
 * line an event in canonical bytes; else it throws `ledger_published`.
 */
export async function readPublishedLedger(
  fetchText: (path: string) => Promise<string>,
): Promise<StoredEvent[]> {
  const index = parseIndex(await fetchText(''))
  const events: StoredEvent[] = []
  for (const segment of index.segments) events.push(...parseSegment(segment, await fetchText(segment.path)))
  return events
}

async function walk(ledger: Ledger) {
  const known = walks.get(ledger) ?? { starts: [0], whole: [] }
  walks.set(ledger, known)
  for (;;) {
    const n = known.whole.length + 1
    const { events, cursor } = await readExactly(ledger, known.starts[n - 1] ?? 0, SEGMENT_EVENTS)
    if (events.length < SEGMENT_EVENTS)
      return { ...known, whole: known.whole.slice(0, n - 1), rest: events, head: cursor }
    // Another call may have walked here meanwhile; both read the same.
    known.whole[n - 1] = describe(n, events)
    known.starts[n] = cursor
  }
}

/** A ledger may answer with fewer than asked; a segment may not. */
async function readExactly(ledger: Ledger, from: number, wanted: number) {
  const events: StoredEvent[] = []
  let cursor = from
  while (events.length < wanted) {
    const next = await ledger.read(cursor, wanted - events.length)
    if (next.events.length === 0) break
    events.push(...next.events)
    cursor = next.cursor
  }
  return { events, cursor }
}

function describe(n: number, events: readonly StoredEvent[]): LedgerSegment {
  return Segment.parse({
    path: `${String(n).padStart(6, '0')}.jsonl`,
    events: events.length,
    first: events[0]?.id,
    last: events.at(-1)?.id,
    sha256: sha256Of(linesOf(events)),
  })
}

const decoder = new TextDecoder()

function linesOf(events: readonly StoredEvent[]): string {
  return events.map((event) => `${decoder.decode(canonicalBytes(event))}\n`).join('')
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function parseIndex(text: string): LedgerIndex {
  if (text.length > MAX_INDEX_CHARS)
    throw invalid('the index', `at most ${MAX_INDEX_CHARS} characters`, String(text.length))
  const index = Index.safeParse(parseJson(text, 'the index'))
  if (!index.success) {
    const [issue] = index.error.issues
    throw invalid(
      `the index: ${issue?.path.join('.')}`,
      issue?.message ?? 'an index of segments',
      'another value',
    )
  }
  const { segments, events } = index.data
  const counted = segments.reduce((sum, segment) => sum + segment.events, 0)
  if (counted !== events) throw invalid('the index', `${events} events in its segments`, String(counted))
  for (const [n, { path, events: inside }] of segments.entries()) {
    if (Number.parseInt(path, 10) !== n + 1) throw invalid('the index', `segment ${n + 1} in its place`, path)
    if (inside !== SEGMENT_EVENTS && n !== segments.length - 1)
      throw invalid(path, `${SEGMENT_EVENTS} events in all but the last segment`, String(inside))
  }
  return index.data
}

function parseSegment(segment: LedgerSegment, text: string): StoredEvent[] {
  const { path } = segment
  // The last segment may have grown since the index was read; what the index names is its beginning.
  const lines = text.split('\n', segment.events)
  const known = lines.map((line) => `${line}\n`).join('')
  const found = sha256Of(known)
  if (!text.startsWith(known) || found !== segment.sha256)
    throw invalid(path, `sha256 ${segment.sha256}`, found)
  const events = lines.map((line, n) => {
    const event = parseEvent(parseJson(line, `${path} line ${n + 1}`))
    if (decoder.decode(canonicalBytes(event)) !== line)
      throw invalid(`${path} line ${n + 1}`, 'canonical JSON', 'the same in other bytes')
    return event
  })
  const [first, last] = [events[0]?.id, events.at(-1)?.id]
  if (first !== segment.first) throw invalid(path, `event ${segment.first} first`, String(first))
  if (last !== segment.last) throw invalid(path, `event ${segment.last} last`, String(last))
  return events
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw invalid(where, 'JSON', JSON.stringify(text.slice(0, 40)))
  }
}

function invalid(where: string, expected: string, found: string): QalError {
  return new QalError(
    'ledger_published',
    `Cannot read published ledger: ${where}: expected ${expected}, got ${found}`,
    {
      field: where,
      expected,
      found,
      exit: 4,
    },
  )
}
