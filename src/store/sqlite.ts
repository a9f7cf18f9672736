import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { SQLInputValue } from 'node:sqlite'
import { DatabaseSync } from 'node:sqlite'
import { QalError } from '../core/error.ts'

/** How long a writer waits for another process to finish its transaction. */
const BUSY_TIMEOUT_MS = 10_000

/** What a file of ours is: `id` marks it as ours (PRAGMA application_id), `version` its tables (PRAGMA user_version). */
export interface Schema {
  /** What the file holds, as messages name it. */
  name: string
  id: number
  version: number
  /** Makes the tables of a new file. */
  sql: string
  /** What brings a file of a version to the next; a file of one that is not here is refused. */
  upgrades?: Readonly<Record<number, string>>
  /** FULL: a committed transaction survives a power cut. NORMAL: it may not, the file stays whole. */
  synchronous: 'FULL' | 'NORMAL'
}

/**
 * Opens a SQLite file of ours in WAL mode, made where it is not there, readable
 * by its owner only. Throws `store_schema_newer` for one of a later version,
 * `store_schema_unknown` for one of another kind and `store_corrupt` for what is
 * no database.
 */
export function openDatabase(path: string, schema: Schema): DatabaseSync {
  if (path !== ':memory:') prepareFile(path, schema)
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableDoubleQuotedStringLiterals: false })
    // Looked at before anything is changed: a foreign file must stay as it was.
    isNew(db, path, schema)
    useWal(db, path, schema)
    db.exec(`PRAGMA synchronous = ${schema.synchronous}`)
    const open = db
    transaction(open, () => {
      const steps = isNew(open, path, schema) ? [schema.sql] : upgradesFor(open, schema)
      for (const step of steps) open.exec(step)
      if (steps.length > 0)
        open.exec(`PRAGMA application_id = ${schema.id}; PRAGMA user_version = ${schema.version}`)
    })
    return open
  } catch (error) {
    db?.close()
    throw storeError(error, `Cannot open the ${schema.name} ${path}`)
  }
}

/** Runs work in one write transaction; whatever it throws, nothing of it stays. */
export function transaction<Result>(db: DatabaseSync, work: () => Result): Result {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    rollback(db)
    throw error
  }
}

/** Ends a failed transaction; after some errors SQLite has done so already. */
function rollback(db: DatabaseSync): void {
  if (db.isOpen && db.isTransaction) db.exec('ROLLBACK')
}

/** A prepared statement that writes. */
export interface Writer {
  /** Runs it with values in order or by name; says how many rows changed. */
  run(...values: SQLInputValue[] | [Record<string, SQLInputValue>]): number
}

/**
 * Prepares a statement that writes. Where FTS5 is in play the plain one may
 * throw after it wrote: `run` reports the last row id, which FTS5 leaves at one of
 * its own that no number holds.
 */
export function writer(db: DatabaseSync, sql: string): Writer {
  const statement = db.prepare(sql, { readBigInts: true })
  return {
    run: (...values) => Number(statement.run(...(values as SQLInputValue[])).changes),
  }
}

const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOTADB = 26

/** SQLite's own result code of an error, without its extension; null for any other error. */
function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null
  return error.errcode & 0xff
}

/** Whether an error says that the file is damaged or no database at all. */
export function isCorrupt(error: unknown): boolean {
  const code = resultCode(error)
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB
}

/** An error of SQLite or the file system as a QalError; ours pass through. */
export function storeError(error: unknown, action: string): Error {
  if (error instanceof QalError) return error
  if (!(error instanceof Error)) return new QalError('store_failed', action, { cause: error })
  const code = resultCode(error)
  const facts = { cause: error }
  if (isCorrupt(error)) return new QalError('store_corrupt', `${action}: expected a whole database`, facts)
  if (code === SQLITE_BUSY)
    return new QalError(
      'store_busy',
      `${action}: another process kept it locked for ${BUSY_TIMEOUT_MS / 1000} s`,
      facts,
    )
  if (code === SQLITE_FULL) return new QalError('store_full', `${action}: the disk is full`, facts)
  return new QalError('store_failed', `${action}: ${error.message}`, facts)
}

export function closedError(what: string): QalError {
  return new QalError('store_closed', `Cannot use the ${what}: it was closed`)
}

function prepareFile(path: string, schema: Schema): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
    // SQLite would make it readable by all; its -wal and -shm take the mode of the file.
    closeSync(openSync(path, 'a', 0o600))
  } catch (error) {
    throw storeError(error, `Cannot open the ${schema.name} ${path}`)
  }
}

function isNew(db: DatabaseSync, path: string, schema: Schema): boolean {
  const found = db
    .prepare(
      `SELECT application_id AS id, user_version AS version, (SELECT count(*) FROM sqlite_schema) AS tables
       FROM pragma_application_id, pragma_user_version`,
    )
    .get() as { id: number; version: number; tables: number }
  if (found.id === 0 && found.version === 0 && found.tables === 0) return true
  const upgradable = range(found.version, schema.version).every((v) => schema.upgrades?.[v] !== undefined)
  if (found.id !== schema.id || !upgradable)
    throw new QalError(
      'store_schema_unknown',
      `Cannot open ${path}: expected a ${schema.name} of version ${schema.version}`,
      {
        expected: `${schema.name} version ${schema.version}`,
        found: found.id === schema.id ? `version ${found.version}` : 'a database of another program',
      },
    )
  if (found.version > schema.version)
    throw new QalError(
      'store_schema_newer',
      `Cannot open the ${schema.name} ${path}: expected version ${schema.version}, got ${found.version}; use a newer Qal.to`,
      { expected: `at most version ${schema.version}`, found: `version ${found.version}` },
    )
  return false
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n)
}

function upgradesFor(db: DatabaseSync, { version, upgrades }: Schema): string[] {
  const { user_version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
  return range(user_version, version).map((v) => upgrades?.[v] ?? '')
}

/** The change to WAL needs the file alone and does not wait by itself while others open it too. */
function useWal(db: DatabaseSync, path: string, schema: Schema): void {
  for (const until = Date.now() + BUSY_TIMEOUT_MS; ;) {
    try {
      const { journal_mode } = db.prepare('PRAGMA journal_mode = WAL').get() as { journal_mode: string }
      if (journal_mode === 'wal' || path === ':memory:') return
      throw new QalError(
        'store_failed',
        `Cannot open the ${schema.name} ${path}: its file system does not support WAL`,
        {
          found: journal_mode,
        },
      )
    } catch (error) {
      if (resultCode(error) !== SQLITE_BUSY || Date.now() > until) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}
