import type { MemberId } from '../core/ids.ts'
import { QalError } from '../core/error.ts'
import type { JobProgress, PrivateStore, Scope, Token } from './private.ts'
import type { Schema } from './sqlite.ts'
import { closedError, openDatabase, storeError, transaction } from './sqlite.ts'

const IDENTITY_TABLES = `
    ALTER TABLE tokens ADD COLUMN name TEXT;
    CREATE INDEX tokens_member ON tokens (member, expires_at);
    CREATE TABLE sessions (member TEXT PRIMARY KEY, since TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE identities (
      code TEXT PRIMARY KEY,
      kind TEXT NOT NULL,
      member TEXT NOT NULL,
      UNIQUE (member, kind)
    ) STRICT, WITHOUT ROWID;`

const SCHEMA: Schema = {
  name: 'private store',
  id: 0x51_61_6c_02,
  version: 2,
  upgrades: { 1: IDENTITY_TABLES },
  synchronous: 'FULL',
  sql: `
    CREATE TABLE tokens (
      hash TEXT PRIMARY KEY,
      member TEXT NOT NULL,
      scopes TEXT NOT NULL,
      expires_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE used (id TEXT PRIMARY KEY, expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX used_expires ON used (expires_ms);
    CREATE TABLE leases (
      job TEXT PRIMARY KEY,
      holder TEXT NOT NULL,
      until_ms INTEGER NOT NULL,
      progress TEXT
    ) STRICT, WITHOUT ROWID;
    ${IDENTITY_TABLES}`,
}

const MAX_ID_LENGTH = 500
/** Used ids are kept this long beyond their end, for clocks that differ. */
const USED_GRACE_MS = 86_400_000

/** Tokens, used sign-in links and leases in a SQLite file of their own; several processes may use it at once. */
export async function openSqlitePrivate(path: string): Promise<PrivateStore> {
  const db = openDatabase(path, SCHEMA)
  const putToken = db.prepare(
    'INSERT OR REPLACE INTO tokens (hash, member, scopes, expires_at, name) VALUES (?, ?, ?, ?, ?)',
  )
  const findToken = db.prepare('SELECT * FROM tokens WHERE hash = ?')
  const revokeToken = db.prepare('DELETE FROM tokens WHERE hash = ?')
  const tokensOf = db.prepare('SELECT * FROM tokens WHERE member = ? ORDER BY expires_at DESC, hash')
  const endSessions = db.prepare(
    `INSERT INTO sessions (member, since) VALUES (?, ?)
     ON CONFLICT (member) DO UPDATE SET since = max(since, excluded.since)`,
  )
  const sessionsSince = db.prepare('SELECT since FROM sessions WHERE member = ?')
  const ownerOf = db.prepare('SELECT member FROM identities WHERE code = ?')
  const link = db.prepare('INSERT OR REPLACE INTO identities (code, kind, member) VALUES (?, ?, ?)')
  const unlink = db.prepare('DELETE FROM identities WHERE kind = ? AND member = ?')
  const use = db.prepare('INSERT OR IGNORE INTO used (id, expires_ms) VALUES (?, ?)')
  const forgetUsed = db.prepare('DELETE FROM used WHERE expires_ms < ?')
  // One statement, so that of two verifiers that ask at once one gets it.
  const lease = db.prepare(
    `INSERT INTO leases (job, holder, until_ms, progress) VALUES (:job, :holder, :until, :progress)
     ON CONFLICT (job) DO UPDATE SET
       progress = CASE WHEN holder = excluded.holder
         THEN coalesce(excluded.progress, progress) ELSE excluded.progress END,
       holder = excluded.holder, until_ms = excluded.until_ms
     WHERE holder = excluded.holder OR until_ms <= :now`,
  )
  const release = db.prepare('DELETE FROM leases WHERE job = ? AND holder = ?')
  const leases = db.prepare(
    'SELECT job, holder, until_ms, progress FROM leases WHERE until_ms > ? ORDER BY job',
  )
  let closed = false

  function using<Result>(work: () => Result): Result {
    if (closed) throw closedError('private store')
    try {
      return work()
    } catch (error) {
      throw storeError(error, 'Cannot use the private store')
    }
  }

  return {
    async putToken({ hash, member, scopes, expires_at, name }) {
      using(() =>
        putToken.run(
          bounded('hash', hash),
          member,
          JSON.stringify(scopes),
          isoOf(expires_at),
          name === undefined ? null : bounded('name', name),
        ),
      )
    },

    async findToken(hash) {
      return using(() => {
        const row = findToken.get(hash) as TokenRow | undefined
        return row === undefined ? null : tokenOf(row)
      })
    },

    async revokeToken(hash) {
      using(() => revokeToken.run(hash))
    },

    async tokensOf(member) {
      return using(() => (tokensOf.all(member) as unknown as TokenRow[]).map(tokenOf))
    },

    async endSessions(member, before) {
      using(() => endSessions.run(member, isoOf(before)))
    },

    async sessionsSince(member) {
      return using(() => (sessionsSince.get(member) as { since: string } | undefined)?.since ?? null)
    },

    async linkIdentity(code, kind, member) {
      return using(() =>
        transaction(db, () => {
          const owner = ownerOf.get(bounded('code', code)) as { member: MemberId } | undefined
          if (owner !== undefined && owner.member !== member) return false
          link.run(code, kind, member)
          return true
        }),
      )
    },

    async memberOfIdentity(code) {
      return using(() => (ownerOf.get(code) as { member: MemberId } | undefined)?.member ?? null)
    },

    async unlinkIdentity(kind, member) {
      using(() => unlink.run(kind, member))
    },

    async useOnce(id, expires_at) {
      return using(() => use.run(bounded('id', id), msOf(expires_at)).changes === 1)
    },

    async lease(job, holder, now, until, progress) {
      return using(() => {
        const taken = lease.run({
          job: bounded('job', job),
          holder: bounded('holder', holder),
          now: msOf(now),
          until: msOf(until),
          progress: progress === null ? null : JSON.stringify(progress),
        })
        // Leases come by often enough to sweep up, and bring the time that the site goes by.
        forgetUsed.run(msOf(now) - USED_GRACE_MS)
        return taken.changes === 1
      })
    },

    async releaseLease(job, holder) {
      using(() => release.run(job, holder))
    },

    async leases(now) {
      return using(() =>
        (
          leases.all(msOf(now)) as {
            job: string
            holder: string
            until_ms: number
            progress: string | null
          }[]
        ).map(({ job, holder, until_ms, progress }) => ({
          job,
          holder,
          until: new Date(until_ms).toISOString(),
          progress: progress === null ? null : (JSON.parse(progress) as JobProgress),
        })),
      )
    },

    async close() {
      if (closed) return
      closed = true
      db.close()
    },
  }
}

interface TokenRow {
  hash: string
  member: MemberId
  scopes: string
  expires_at: string
  name: string | null
}

function tokenOf({ hash, member, scopes, expires_at, name }: TokenRow): Token {
  const token = { hash, member, scopes: JSON.parse(scopes) as Scope[], expires_at }
  return name === null ? token : { ...token, name }
}

function bounded(field: string, text: string): string {
  if (text.length <= MAX_ID_LENGTH) return text
  throw new QalError(
    'store_too_long',
    `Cannot store ${field}: expected at most ${MAX_ID_LENGTH} characters`,
    {
      field,
      expected: `at most ${MAX_ID_LENGTH} characters`,
      found: `${text.length}`,
    },
  )
}

function msOf(time: string): number {
  const ms = Date.parse(time)
  if (Number.isNaN(ms))
    throw new QalError('store_time', 'Cannot use the private store: expected an ISO time', {
      expected: 'an ISO 8601 time',
    })
  return ms
}

function isoOf(time: string): string {
  return new Date(msOf(time)).toISOString()
}
