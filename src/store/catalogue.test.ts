import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { describe, it } from 'node:test'
import { canonicalBytes } from '../core/canonical.ts'
import { isQalError } from '../core/error.ts'
import { subjectOf } from '../core/events.ts'
import { fold } from '../core/fold.ts'
import { MemberId } from '../core/ids.ts'
import { projectAll } from '../core/project.ts'
import { aStream, joined } from '../../test/ledger.suite.ts'
import { randomEvents, unplaced } from '../../test/random-events.ts'
import { tempDir } from '../../test/tools.ts'
import { CATALOGUE_VERSION } from './catalogue-schema.ts'
import type { Catalogue } from './catalogue.ts'
import { openCatalogue } from './catalogue.ts'
import { openSqliteLedger } from './ledger-sqlite.ts'
import type { Ledger } from './ledger.ts'

const NOW = '2026-06-01T00:00:00.000Z'

/** Digest of what this version keeps and shows of fixed ledgers. Where it differs, raise CATALOGUE_VERSION, then write the new one here. */
const SHOWN = { version: 11, digest: 'f6e9d78e49cc35ec' }

async function ledgerOf(t: TestContext, seed: number, count = 200): Promise<Ledger> {
  const ledger = await openSqliteLedger(':memory:')
  t.after(() => ledger.close())
  const events = randomEvents(seed, count)
  await Promise.all(events.map((event) => ledger.append(event.stream, event.seq - 1, [unplaced(event)])))
  return ledger
}

function opened(t: TestContext, path: string, siteName = 'Test', now = () => NOW): Catalogue {
  const catalogue = openCatalogue(path, { siteName, now })
  t.after(() => catalogue.close())
  return catalogue
}

async function expected(ledger: Ledger, siteName = 'Test'): Promise<unknown> {
  const { events } = await ledger.read(0, 10_000)
  const { listings, members } = projectAll(fold(events), NOW, siteName)
  return { listings: byId(listings.values()), members: byId(members.values()) }
}

function shown(catalogue: Catalogue): unknown {
  return { listings: byId(catalogue.listings()), members: byId(catalogue.members()) }
}

function byId(views: Iterable<{ id: string }>): Record<string, unknown> {
  return Object.fromEntries([...views].map((view) => [view.id, view]))
}

async function caughtUp(t: TestContext, path: string, ledger: Ledger): Promise<Catalogue> {
  const catalogue = opened(t, path)
  await catalogue.catchUp(ledger)
  return catalogue
}

describe('a catalogue file', () => {
  it('keeps what it came to: nothing is read again when it is opened', async (t) => {
    const path = join(await tempDir(t), 'catalogue.sqlite')
    const ledger = await ledgerOf(t, 1)
    ;(await caughtUp(t, path, ledger)).close()
    const catalogue = opened(t, path)
    assert.deepEqual(shown(catalogue), await expected(ledger))
    assert.ok([...catalogue.listings()].length > 5)
  })

  it('names what is pending or withdrawn by a prefix to its uploader alone', async (t) => {
    const seen = new Set<string>()
    for (const seed of [1, 2, 3, 4]) {
      const catalogue = await caughtUp(t, ':memory:', await ledgerOf(t, seed, 400))
      for (const { sha256, status, id, uploader } of catalogue.listings()) {
        const names = (own: string | null): boolean =>
          catalogue.byPrefix(sha256, { kind: 'sha256', own, limit: 1_000 }).some((found) => found.id === id)
        assert.equal(names(null), status !== 'pending' && status !== 'withdrawn', status)
        assert.equal(names(uploader.id), true, status)
        seen.add(status)
      }
    }
    for (const status of ['pending', 'published', 'rejected', 'suspended', 'removed', 'withdrawn'])
      assert.ok(seen.has(status), status)
  })

  const damages: [string, (path: string) => Promise<void>][] = [
    ['is no database', (path) => writeFile(path, 'x'.repeat(50_000))],
    ['is empty', (path) => writeFile(path, '')],
    ['is cut short', async (path) => writeFile(path, (await readFile(path)).subarray(0, 40_000))],
    ['has a page of noise', (path) => scribble(path, 0.5)],
    ['is of an older version', (path) => altered(path, 'PRAGMA user_version = 0')],
    ['is of a newer version', (path) => altered(path, `PRAGMA user_version = ${CATALOGUE_VERSION + 1}`)],
    ['is of another program', (path) => altered(path, 'PRAGMA application_id = 7')],
  ]
  for (const [what, damage] of damages)
    it(`is rebuilt from the ledger when it ${what}`, async (t) => {
      const path = join(await tempDir(t), 'catalogue.sqlite')
      const ledger = await ledgerOf(t, 2)
      ;(await caughtUp(t, path, ledger)).close()
      await damage(path)
      const catalogue = await caughtUp(t, path, ledger)
      assert.deepEqual(shown(catalogue), await expected(ledger))
      assert.equal((await stat(path)).mode & 0o777, 0o600)
    })

  it('is rebuilt when it is damaged while it is open', async (t) => {
    const path = join(await tempDir(t), 'catalogue.sqlite')
    const ledger = await ledgerOf(t, 3)
    const catalogue = await caughtUp(t, path, ledger)
    const db = new DatabaseSync(path, { defensive: false })
    db.exec('DELETE FROM words_data WHERE id > 10; PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    assert.throws(() => catalogue.search({ q: 'model', status: 'all' }), coded('store_corrupt'))
    await catalogue.catchUp(ledger)
    assert.deepEqual(shown(catalogue), await expected(ledger))
    assert.ok(catalogue.search({ q: 'l', status: 'all' }).total > 0)
  })

  it('is rebuilt when the ledger is another one, also of the same length', async (t) => {
    const path = join(await tempDir(t), 'catalogue.sqlite')
    ;(await caughtUp(t, path, await ledgerOf(t, 4))).close()
    for (const [seed, count] of [
      [5, 200],
      [6, 250],
      [7, 50],
    ] as const) {
      // prettier-ignore
      const other = await ledgerOf(t, seed, count)
      const catalogue = await caughtUp(t, path, other)
      assert.deepEqual(shown(catalogue), await expected(other))
      catalogue.close()
    }
  })

  it('names the site as it is called now', async (t) => {
    const path = join(await tempDir(t), 'catalogue.sqlite')
    const ledger = await ledgerOf(t, 8)
    ;(await caughtUp(t, path, ledger)).close()
    const catalogue = opened(t, path, 'Renamed')
    await catalogue.catchUp(ledger)
    assert.deepEqual(shown(catalogue), await expected(ledger, 'Renamed'))
  })

  it('has a version of its own for whatever it keeps and shows', () => {
    const worlds = [11, 12, 13].map((seed) => fold(randomEvents(seed, 400)))
    const views = worlds.map((world) => projectAll(world, NOW, 'Test'))
    const all = JSON.stringify([...worlds, ...views], (_key, value: unknown) =>
      value instanceof Map ? Object.fromEntries(value) : value,
    )
    const digest = createHash('sha256')
      .update(canonicalBytes(JSON.parse(all)))
      .digest('hex')
      .slice(0, 16)
    assert.deepEqual(
      { version: CATALOGUE_VERSION, digest },
      SHOWN,
      'states or views have changed: raise CATALOGUE_VERSION in catalogue-schema.ts, so that catalogues of older programs are rebuilt, then write both into SHOWN',
    )
  })
})

describe('catching up', () => {
  it('lets who wrote read their write, however many catch up at once', async (t) => {
    const ledger = await openSqliteLedger(':memory:')
    t.after(() => ledger.close())
    const catalogue = opened(t, join(await tempDir(t), 'catalogue.sqlite'))
    await Promise.all(
      Array.from({ length: 300 }, async (_, n) => {
        const stream = aStream()
        const id = MemberId.parse(subjectOf(stream))
        await ledger.append(stream, 0, [{ ...joined(`h${n}x`), by: id }])
        await catalogue.catchUp(ledger)
        assert.equal(catalogue.memberByHandle(`h${n}x`)?.id, id)
      }),
    )
  })

  it('looks again for a caller who wrote while another was catching up', async (t) => {
    const ledger = await openSqliteLedger(':memory:')
    t.after(() => ledger.close())
    const catalogue = opened(t, ':memory:')
    const gate = Promise.withResolvers<undefined>()
    // The same ledger on a slow line: what it answers is true, but late.
    const slow: Ledger = {
      ...ledger,
      read: async (cursor, limit) => {
        const answer = await ledger.read(cursor, limit)
        await gate.promise
        return answer
      },
    }
    const [early, late] = [aStream(), aStream()]
    await ledger.append(early, 0, [joined()])
    const first = catalogue.catchUp(slow)
    await ledger.append(late, 0, [joined()])
    const second = catalogue.catchUp(slow)
    gate.resolve(undefined)
    await Promise.all([first, second])
    for (const stream of [early, late]) assert.ok(catalogue.memberState(subjectOf(stream)))
  })

  it('asks the ledger for nothing but its head when there is nothing new', async (t) => {
    const ledger = await ledgerOf(t, 9)
    const catalogue = await caughtUp(t, ':memory:', ledger)
    await catalogue.catchUp({
      ...ledger,
      read: () => assert.fail('read'),
      readStream: () => assert.fail('read'),
    })
  })

  it('lets a badge go by time alone, without an event', async (t) => {
    const ledger = await ledgerOf(t, 10, 400)
    const { events } = await ledger.read(0, 10_000)
    const clock = { now: events.at(-1)?.at ?? '' }
    const catalogue = opened(t, ':memory:', 'Test', () => clock.now)
    for (let day = 0; day < 8; day++) {
      await catalogue.catchUp(ledger)
      const { members } = projectAll(fold(events), clock.now, 'Test')
      assert.deepEqual(byId(catalogue.members()), byId(members.values()))
      clock.now = new Date(Date.parse(clock.now) + 86_400_000).toISOString()
    }
  })

  it('goes on after a failure of the ledger', async (t) => {
    const ledger = await ledgerOf(t, 1)
    const catalogue = opened(t, ':memory:')
    const failing: Ledger = { ...ledger, read: () => Promise.reject(new Error('the disk is gone')) }
    await assert.rejects(catalogue.catchUp(failing), /the disk is gone/)
    await catalogue.catchUp(ledger)
    assert.deepEqual(shown(catalogue), await expected(ledger))
  })

  it('throws store_closed on every call after close', async (t) => {
    const ledger = await ledgerOf(t, 1)
    const catalogue = await caughtUp(t, ':memory:', ledger)
    catalogue.close()
    catalogue.close()
    await assert.rejects(catalogue.catchUp(ledger), coded('store_closed'))
    const calls = [
      () => catalogue.search({}),
      () => catalogue.listing('x'),
      () => catalogue.site(),
      () => [...catalogue.listings()],
      () => catalogue.putSwarm([]),
    ]
    for (const call of calls) assert.throws(call, coded('store_closed'))
  })
})

/** Overwrites 8 KiB at a part of a file. */
async function scribble(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+')
  await file.write(Buffer.alloc(8_192, 0xa5), 0, 8_192, Math.floor((await file.stat()).size * at))
  await file.close()
}

async function altered(path: string, sql: string): Promise<void> {
  const db = new DatabaseSync(path)
  db.exec(sql)
  db.close()
}

function coded(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isQalError(error), String(error))
    assert.equal(error.code, code)
    return true
  }
}
