import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, it } from 'node:test'
import { ulid } from 'ulid'
import { canonicalBytes } from '../src/core/canonical.ts'
import { isQalError } from '../src/core/error.ts'
import type { NewEvent, StoredEvent, StreamName } from '../src/core/events.ts'
import type { Ledger } from '../src/store/ledger.ts'

/** A store to be judged. What it opens is to be closed and removed by `t.after`. */
export interface LedgerUnderTest {
  ledger: Ledger
  /** Another handle on the same record, as another process would have: nothing in memory is shared. */
  again: () => Promise<Ledger>
}

export type OpenLedger = (t: TestContext) => Promise<LedgerUnderTest>

/** The rules of src/store/ledger.ts, one test a rule or more; a store plugs in with what opens an empty one. */
export function ledgerSuite(name: string, open: OpenLedger): void {
  describe(`ledger: ${name}`, () => {
    appendRules(open)
    repeatRules(open)
    readRules(open)
    refusalRules(open)
  })
}

function appendRules(open: OpenLedger): void {
  it('L1 takes an append at the sequence its stream is at, and no other', async (t) => {
    const { ledger } = await open(t)
    const stream = aStream()
    for (const expected of [1, 2, 1_000_000])
      await refuses('ledger_conflict', ledger.append(stream, expected, [joined()]))
    assert.equal(await ledger.head(), 0)
    await ledger.append(stream, 0, [joined()])
    for (const expected of [0, 2])
      await refuses('ledger_conflict', ledger.append(stream, expected, [joined()]))
    await ledger.append(stream, 1, [joined()])
    assert.deepEqual(seqs(await ledger.readStream(stream)), [1, 2])
  })

  it('L1 lets one of many win who append to a stream at once, and tells the others', async (t) => {
    const { ledger, again } = await open(t)
    const other = await again()
    const stream = aStream()
    const all = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? ledger : other).append(stream, 0, [joined()])),
    )
    assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const result of all)
      if (result.status === 'rejected') assert.equal(codeOf(result.reason), 'ledger_conflict')
    assert.deepEqual(seqs(await ledger.readStream(stream)), [1])
  })

  it('L1 counts each stream for itself', async (t) => {
    const { ledger } = await open(t)
    const [a, b] = [aStream(), aStream()]
    await Promise.all([ledger.append(a, 0, [joined()]), ledger.append(b, 0, [joined()])])
    await Promise.all([ledger.append(a, 1, [joined()]), ledger.append(b, 1, [joined()])])
    assert.deepEqual(
      [seqs(await ledger.readStream(a)), seqs(await ledger.readStream(b))],
      [
        [1, 2],
        [1, 2],
      ],
    )
  })

  it('L2 stores the events of an append together, in order, numbered from expected + 1', async (t) => {
    const { ledger } = await open(t)
    const stream = aStream()
    await ledger.append(stream, 0, [joined()])
    const events = [joined(), proved(), joined()] as const
    const stored = await ledger.append(stream, 1, events)
    assert.deepEqual(seqs(stored), [2, 3, 4])
    assert.deepEqual(
      stored.map(({ id }) => id),
      events.map(({ id }) => id),
    )
    assert.deepEqual(
      stored.map((event) => event.stream),
      [stream, stream, stream],
    )
    assert.deepEqual((await ledger.readStream(stream)).slice(1), stored)
  })

  it('L2 stores none of an append of which one event is refused, and the neighbours in its batch whole', async (t) => {
    const { ledger } = await open(t)
    const [a, b, c] = [aStream(), aStream(), aStream()]
    const taken = joined()
    await ledger.append(c, 0, [taken])
    const results = await Promise.allSettled([
      ledger.append(a, 0, [joined(), proved()]),
      ledger.append(b, 0, [joined(), taken]),
      ledger.append(b, 0, [joined(), bad()]),
      ledger.append(a, 2, [proved()]),
    ])
    assert.deepEqual(
      results.map((result) => (result.status === 'fulfilled' ? seqs(result.value) : codeOf(result.reason))),
      [[1, 2], 'ledger_conflict', 'ledger_event_invalid', [3]],
    )
    assert.deepEqual(await ledger.readStream(b), [])
    assert.equal((await readAll(ledger)).length, 4)
  })

  it('L3 has what it acknowledged when another process looks', async (t) => {
    const { ledger, again } = await open(t)
    const stream = aStream()
    const stored = await ledger.append(stream, 0, [joined(), proved()])
    const other = await again()
    assert.deepEqual(await other.readStream(stream), stored)
    await other.append(stream, 2, [proved()])
    assert.deepEqual(seqs(await ledger.readStream(stream)), [1, 2, 3])
    assert.equal(await ledger.head(), await other.head())
  })

  it('L3 acknowledges appends in flight when it is closed, or refuses them', async (t) => {
    const { ledger, again } = await open(t)
    const streams = Array.from({ length: 50 }, aStream)
    const all = Promise.allSettled(streams.map((stream) => ledger.append(stream, 0, [joined()])))
    await ledger.close()
    const acknowledged = (await all).flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
    const found = await readAll(await again())
    for (const event of acknowledged) assert.ok(found.some(({ id }) => id === event.id))
  })
}

function repeatRules(open: OpenLedger): void {
  it('L4 changes nothing when the same events are appended again, whatever was expected', async (t) => {
    const { ledger, again } = await open(t)
    const stream = aStream()
    const events = [joined(), proved()] as const
    const stored = await ledger.append(stream, 0, events)
    await ledger.append(stream, 2, [proved()])
    const head = await ledger.head()
    for (const expected of [0, 1, 2, 3, 77])
      assert.deepEqual(await ledger.append(stream, expected, events), stored)
    assert.deepEqual(await (await again()).append(stream, 3, [events[1]]), [stored[1]])
    assert.equal(await ledger.head(), head)
  })

  it('L4 stores an event once that comes twice in one tick', async (t) => {
    const { ledger } = await open(t)
    const stream = aStream()
    const event = joined()
    const [first, second] = await Promise.all([
      ledger.append(stream, 0, [event]),
      ledger.append(stream, 0, [event]),
    ])
    assert.deepEqual(first, second)
    assert.equal((await readAll(ledger)).length, 1)
  })

  const others: [string, (event: NewEvent, stream: StreamName) => [StreamName, NewEvent[]]][] = [
    ['other data', (event, stream) => [stream, [{ ...joined(), id: event.id, at: event.at }]]],
    ['another time', (event, stream) => [stream, [{ ...event, at: '2026-01-02T03:04:05.678Z' }]]],
    ['another member', (event, stream) => [stream, [{ ...event, by: null }]]],
    ['another stream', (event) => [aStream(), [event]]],
    ['a new event beside it', (event, stream) => [stream, [event, proved()]]],
    ['the same id twice', (_, stream) => twice(stream)],
  ]
  for (const [what, change] of others)
    it(`L4 refuses a stored id with ${what}`, async (t) => {
      const { ledger } = await open(t)
      const stream = aStream()
      const event = joined()
      await ledger.append(stream, 0, [event])
      const before = await readAll(ledger)
      const [to, events] = change(event, stream)
      for (const expected of [0, 1])
        await refuses('ledger_conflict', ledger.append(to, expected, some(events)))
      assert.deepEqual(await readAll(ledger), before)
    })
}

function readRules(open: OpenLedger): void {
  it('L5 reads back what was appended, byte for byte in canonical JSON', async (t) => {
    const { ledger, again } = await open(t)
    const listing = ulid()
    const stream: StreamName = `listing/${listing}`
    // A type of a later version: nothing is known of its data, all of it must come back.
    const data = {
      z: 1, a: [1.5, 1e21, -0.000_001, 0, 1e-7, 4.5e15, true, null], '': { é: 'ö\u0301' },
      'text': '𝄞 \u2028 \u0000 " \\ / \u007f é', '10': 1, '9': 2, nested: { b: [], a: {} }, '__proto_': 'x',
    } // prettier-ignore
    const event = { ...joined(), v: 2, type: 'of_a_later_version', data } as unknown as NewEvent
    const [stored] = await ledger.append(stream, 0, [event])
    const expected = canonicalBytes({ ...event, stream, seq: 1 })
    assert.deepEqual(canonicalBytes(stored), expected)
    assert.deepEqual(canonicalBytes((await (await again()).readStream(stream))[0]), expected)
    assert.deepEqual(canonicalBytes((await ledger.read(0, 1)).events[0]), expected)
  })

  it('L5 keeps what was appended when the caller changes it afterwards', async (t) => {
    const { ledger } = await open(t)
    const stream = aStream()
    const event = joined()
    const before = canonicalBytes({ ...event, stream, seq: 1 })
    const appended = ledger.append(stream, 0, [event])
    event.at = '1999-01-01T00:00:00.000Z'
    const [stored] = await appended
    assert.deepEqual(canonicalBytes(stored), before)
    if (stored) stored.at = '1998-01-01T00:00:00.000Z'
    assert.deepEqual(canonicalBytes((await ledger.readStream(stream))[0]), before)
  })

  it('L5 reads a stream after a sequence, in order; empty where there is none', async (t) => {
    const { ledger } = await open(t)
    const stream = aStream()
    for (let seq = 0; seq < 12; seq++) await ledger.append(stream, seq, [joined()])
    assert.deepEqual(seqs(await ledger.readStream(stream, 9)), [10, 11, 12])
    assert.deepEqual(await ledger.readStream(stream, 12), [])
    assert.deepEqual(await ledger.readStream(aStream()), [])
    assert.deepEqual(await ledger.readStream('site'), [])
  })

  it('L6 gives all events in one growing order, the same from the same cursor, whatever the limit', async (t) => {
    const { ledger, again } = await open(t)
    const other = await again()
    const streams = Array.from({ length: 7 }, aStream)
    assert.deepEqual(await ledger.read(0, 10), { events: [], cursor: 0 })
    let seen: StoredEvent[] = []
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        streams.map((stream, n) =>
          (n % 2 === 0 ? ledger : other).append(stream, round * 2, [joined(), proved()]),
        ),
      )
      const all = await readAll(ledger, round + 1)
      assert.deepEqual(all.slice(0, seen.length), seen, 'an event once seen has moved')
      seen = all
    }
    assert.equal(seen.length, 70)
    assert.deepEqual(await readAll(other, 1_000), seen)
    for (const stream of streams)
      assert.deepEqual(seqs(seen.filter((event) => event.stream === stream)), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    const { cursor } = await ledger.read(0, 1_000)
    assert.equal(cursor, await ledger.head())
    assert.deepEqual(await ledger.read(cursor, 5), { events: [], cursor })
    assert.equal((await ledger.read(0, 3)).events.length, 3)
  })

  it('L6 refuses what is no cursor', async (t) => {
    const { ledger } = await open(t)
    for (const cursor of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      await refuses('ledger_cursor', ledger.read(cursor, 1))
  })
}

function refusalRules(open: OpenLedger): void {
  const table: [string, string, (event: NewEvent) => unknown][] = [
    ['id', 'no ULID', (event) => ({ ...event, id: 'x' })],
    ['v', 'version 0', (event) => ({ ...event, v: 0 })],
    ['at', 'a time without milliseconds', (event) => ({ ...event, at: '2026-01-02T03:04:05Z' })],
    ['by', 'a handle for a member', (event) => ({ ...event, by: 'alice' })],
    ['authority', 'no authority', (event) => ({ ...event, authority: undefined })],
    ['authority.site_seq', 'a role at no position', (event) => ({ ...event, authority: { as: 'role', role: 'admin', site_seq: 0 } })],
    ['', 'a field too many', (event) => ({ ...event, email: 'a@b.c' })],
    ['data.handle', 'data that its type does not take', (event) => ({ ...event, data: { handle: 'No Handle' } })],
    ['data', 'data too many', (event) => ({ ...event, data: { ...event.data, email: 'a@b.c' } })],
    ['data', 'a number that JSON cannot say', (event) => ({ ...event, type: 'later', data: { n: Number.NaN } })],
    ['data', 'a value that JSON cannot say', (event) => ({ ...event, type: 'later', data: { n: 1n } })],
    ['data', 'more than 4 MiB', (event) => ({ ...event, type: 'later', data: { text: 'x'.repeat(5_000_000) } })],
    ['data', 'data nested without end', (event) => ({ ...event, type: 'later', data: nested(200_000) })],
  ] // prettier-ignore
  for (const [field, what, change] of table)
    it(`L7 refuses an event with ${what}`, async (t) => {
      const { ledger } = await open(t)
      const error = await refuses(
        'ledger_event_invalid',
        ledger.append(aStream(), 0, [change(joined()) as NewEvent]),
      )
      assert.equal(error.facts.field, field)
      assert.equal(await ledger.head(), 0)
    })

  it('L7 refuses what is no stream, no sequence or no event at all', async (t) => {
    const { ledger } = await open(t)
    for (const stream of ['', 'sites', 'member/alice', 'listing/../site', `member/${ulid()}`])
      await refuses('ledger_event_invalid', ledger.append(stream as StreamName, 0, [joined()]))
    for (const expected of [-1, 0.5, Number.NaN])
      await refuses('ledger_event_invalid', ledger.append(aStream(), expected, [joined()]))
    await refuses('ledger_event_invalid', ledger.append(aStream(), 0, some([])))
    assert.equal(await ledger.head(), 0)
  })

  it('L8 throws store_closed on every call after close; closing twice is fine', async (t) => {
    const { ledger } = await open(t)
    await ledger.append(aStream(), 0, [joined()])
    await ledger.close()
    await ledger.close()
    const calls = [
      () => ledger.append(aStream(), 0, [joined()]),
      () => ledger.readStream('site'),
      () => ledger.read(0, 1),
      () => ledger.head(),
    ]
    for (const call of calls) await refuses('store_closed', call())
  })
}

/** Every event of a ledger, read in steps of `limit`. */
export async function readAll(ledger: Ledger, limit = 100): Promise<StoredEvent[]> {
  const all: StoredEvent[] = []
  for (let cursor = 0; ;) {
    const next = await ledger.read(cursor, limit)
    assert.ok(next.events.length <= limit)
    if (next.events.length === 0) return all
    assert.ok(next.cursor > cursor, 'the cursor stands still')
    all.push(...next.events)
    cursor = next.cursor
  }
}

/** The stream of a member nobody else has. */
export function aStream(): StreamName {
  return `member/m_${ulid()}`
}

/** An event that any member's stream takes. */
export function joined(handle = `h${Math.random().toString(36).slice(2, 12)}`): NewEvent {
  return {
    v: 1,
    type: 'member_joined',
    id: ulid(),
    at: new Date().toISOString(),
    by: `m_${ulid()}`,
    authority: { as: 'self' },
    data: { handle },
  } as NewEvent
}

function proved(): NewEvent {
  return { ...joined(), type: 'identity_proved', data: { kind: 'github' } }
}

function bad(): NewEvent {
  return { ...joined(), type: 'identity_proved', data: { kind: 'word of honour' } } as unknown as NewEvent
}

function twice(stream: StreamName): [StreamName, NewEvent[]] {
  const event = joined()
  return [stream, [event, event]]
}

function nested(depth: number): Record<string, unknown> {
  let value: Record<string, unknown> = {}
  for (let n = 0; n < depth; n++) value = { a: value }
  return value
}

function some(events: NewEvent[]): readonly [NewEvent, ...NewEvent[]] {
  return events as unknown as readonly [NewEvent, ...NewEvent[]]
}

function seqs(events: readonly StoredEvent[]): number[] {
  return events.map(({ seq }) => seq)
}

async function refuses(code: string, promise: Promise<unknown>) {
  try {
    await promise
  } catch (error) {
    assert.ok(isQalError(error), `expected ${code}, got ${String(error)}`)
    assert.equal(error.code, code)
    return error
  }
  return assert.fail(`expected ${code}, but it was taken`)
}

function codeOf(error: unknown): string {
  return isQalError(error) ? error.code : String(error)
}
