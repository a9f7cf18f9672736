import type { DatabaseSync } from 'node:sqlite'
import { canonicalBytes } from '../core/canonical.ts'
import { QalError } from '../core/error.ts'
import type { NewEvent, StoredEvent, StreamName } from '../core/events.ts'
import { StreamName as StreamNameSchema } from '../core/events.ts'
import { parseEvent } from '../core/lift.ts'
import type { Ledger } from './ledger.ts'
import type { Schema } from './sqlite.ts'
import { closedError, openDatabase, storeError, transaction } from './sqlite.ts'

const SCHEMA: Schema = {
  name: 'ledger',
  id: 0x51_61_6c_01,
  version: 1,
  synchronous: 'FULL',
  // Nothing is ever deleted, so that positions have no gap and readers see them in the order of commit.
  sql: `
    CREATE TABLE events (
      position INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      stream TEXT NOT NULL,
      seq INTEGER NOT NULL,
      body TEXT NOT NULL,
      UNIQUE (stream, seq)
    ) STRICT;`,
}

const MAX_EVENT_BYTES = 4 * 1024 * 1024
const MAX_APPEND_EVENTS = 1_000
const MAX_READ_EVENTS = 10_000
/** Readers in any language recurse through what they read; what this version knows is 5 deep. */
const MAX_DEPTH = 32
/** Appends taken into one transaction: bounds how long one flush holds the file. */
const MAX_FLUSH_APPENDS = 1_000

interface Prepared {
  event: StoredEvent
  body: string
}

interface Waiting {
  stream: StreamName
  expected: number
  events: Prepared[]
  resolve(events: StoredEvent[]): void
  reject(error: unknown): void
}

/**
 * The ledger in one SQLite file; several processes may use it at once. Appends
 * that come in the same tick share one transaction, so that many wait for one
 * disk flush. A file of a newer version is refused with `store_schema_newer`.
 */
export async function openSqliteLedger(path: string): Promise<Ledger> {
  const db = openDatabase(path, SCHEMA)
  const statements = prepare(db)
  const queue: Waiting[] = []
  let scheduled: NodeJS.Immediate | null = null
  let closed = false

  function flush(): void {
    scheduled = null
    const batch = queue.splice(0, MAX_FLUSH_APPENDS)
    if (queue.length > 0) scheduled = setImmediate(flush)
    if (batch.length === 0) return
    let outcomes: (() => void)[]
    try {
      outcomes = transaction(db, () => batch.map((waiting) => attempt(db, statements, waiting)))
    } catch (cause) {
      const error = storeError(cause, 'Cannot append to the ledger')
      outcomes = batch.map((waiting) => () => waiting.reject(error))
    }
    // Refusals too were judged by what was not yet durable: nobody hears before the commit.
    for (const settle of outcomes) settle()
  }

  function reading<Result>(read: () => Result): Result {
    if (closed) throw closedError('ledger')
    try {
      return read()
    } catch (error) {
      throw storeError(error, 'Cannot read the ledger')
    }
  }

  return {
    async append(stream, expected, events) {
      if (closed) throw closedError('ledger')
      const prepared = prepareEvents(stream, expected, events)
      return await new Promise<StoredEvent[]>((resolve, reject) => {
        queue.push({ stream, expected, events: prepared, resolve, reject })
        scheduled ??= setImmediate(flush)
      })
    },

    async readStream(stream, after = 0) {
      return reading(() => (statements.stream.all(stream, after) as { body: string }[]).map(eventOf))
    },

    async read(cursor, limit) {
      return reading(() => {
        if (!Number.isSafeInteger(cursor) || cursor < 0)
          throw new QalError('ledger_cursor', `Cannot read the ledger: expected a cursor, got ${cursor}`, {
            field: 'cursor',
            expected: 'a cursor that read gave, or 0',
          })
        const bounded = Math.min(Math.max(1, Math.trunc(limit)), MAX_READ_EVENTS)
        const rows = statements.after.all(cursor, bounded) as { position: number; body: string }[]
        return { events: rows.map(eventOf), cursor: rows.at(-1)?.position ?? cursor }
      })
    },

    async head() {
      return reading(() => (statements.head.get() as { head: number }).head)
    },

    async close() {
      if (closed) return
      closed = true
      if (scheduled !== null) clearImmediate(scheduled)
      while (queue.length > 0) flush()
      if (scheduled !== null) clearImmediate(scheduled)
      db.close()
    },
  }
}

type Statements = ReturnType<typeof prepare>

function prepare(db: DatabaseSync) {
  return {
    head: db.prepare('SELECT coalesce(max(position), 0) AS head FROM events'),
    seq: db.prepare('SELECT coalesce(max(seq), 0) AS seq FROM events WHERE stream = ?'),
    byId: db.prepare('SELECT body FROM events WHERE id = ?'),
    insert: db.prepare('INSERT INTO events (id, stream, seq, body) VALUES (?, ?, ?, ?)'),
    stream: db.prepare('SELECT body FROM events WHERE stream = ? AND seq > ? ORDER BY seq'),
    after: db.prepare('SELECT position, body FROM events WHERE position > ? ORDER BY position LIMIT ?'),
  }
}

/** Checks events and writes their bytes before they queue, so that one bad append costs the others nothing (L7). */
function prepareEvents(stream: StreamName, expected: number, events: readonly NewEvent[]): Prepared[] {
  if (!StreamNameSchema.safeParse(stream).success)
    throw invalid('stream', 'site, member/<id> or listing/<id>')
  if (!Number.isSafeInteger(expected) || expected < 0) throw invalid('expected', 'a sequence number')
  if (events.length === 0 || events.length > MAX_APPEND_EVENTS)
    throw invalid('events', `1 to ${MAX_APPEND_EVENTS} events`)
  const prepared = events.map((event, index) => {
    const placed = parseEvent({ ...event, stream, seq: expected + index + 1 })
    return { event: placed, body: bodyOf(placed) }
  })
  if (new Set(prepared.map(({ event }) => event.id)).size !== prepared.length)
    throw conflict(stream, 'an id of its own for each event', 'one id twice')
  return prepared
}

/** One append inside the shared transaction: what to tell its caller once that is durable. */
function attempt(db: DatabaseSync, statements: Statements, waiting: Waiting): () => void {
  db.exec('SAVEPOINT append')
  try {
    const stored = storeOne(statements, waiting)
    db.exec('RELEASE append')
    return () => waiting.resolve(stored)
  } catch (error) {
    if (!(error instanceof QalError)) throw error
    db.exec('ROLLBACK TO append; RELEASE append')
    return () => waiting.reject(error)
  }
}

function storeOne(statements: Statements, { stream, expected, events }: Waiting): StoredEvent[] {
  const known = events.map(({ event }) => statements.byId.get(event.id) as { body: string } | undefined)
  if (known.some((row) => row !== undefined))
    return events.map(({ event }, index) => {
      const row = known[index]
      if (row === undefined)
        throw conflict(stream, 'all of the events new or all stored', 'some of them stored')
      const stored = eventOf(row)
      if (bodyOf({ ...event, seq: stored.seq }) !== row.body)
        throw conflict(stream, 'the same content under a stored id', `other content under ${event.id}`)
      return stored
    })
  const { seq } = statements.seq.get(stream) as { seq: number }
  if (seq !== expected) throw conflict(stream, `sequence ${expected}`, `${seq}`)
  return events.map(({ event, body }) => {
    statements.insert.run(event.id, stream, event.seq, body)
    return eventOf({ body })
  })
}

function eventOf({ body }: { body: string }): StoredEvent {
  return JSON.parse(body) as StoredEvent
}

const decoder = new TextDecoder()

function isDeeper(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return left === 0 || Object.values(value).some((each) => isDeeper(each, left - 1))
}

function bodyOf(event: StoredEvent): string {
  if (isDeeper(event.data, MAX_DEPTH)) throw invalid('data', `at most ${MAX_DEPTH} levels`)
  let bytes: Uint8Array
  try {
    bytes = canonicalBytes(event)
  } catch (cause) {
    throw new QalError('ledger_event_invalid', 'Cannot take event: data: expected what JSON can say', {
      field: 'data',
      expected: 'a JSON value',
      exit: 4,
      cause,
    })
  }
  if (bytes.length > MAX_EVENT_BYTES) throw invalid('data', `at most ${MAX_EVENT_BYTES} bytes`)
  return decoder.decode(bytes)
}

function invalid(field: string, expected: string): QalError {
  return new QalError('ledger_event_invalid', `Cannot take event: ${field}: expected ${expected}`, {
    field,
    expected,
    exit: 4,
  })
}

function conflict(stream: string, expected: string, found: string): QalError {
  return new QalError('ledger_conflict', `Cannot append to ${stream}: expected ${expected}, got ${found}`, {
    subject: stream,
    expected,
    found,
  })
}
