import { rmSync, statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { isQalError, QalError } from '../core/error.ts'
import type { ListingView, MemberView } from '../core/views.ts'
import type { Catalogue } from './catalogue.ts'
import { createIntake, digestOf } from './catalogue-intake.ts'
import { createLookups } from './catalogue-lookups.ts'
import { createProjector } from './catalogue-project.ts'
import { createRows } from './catalogue-rows.ts'
import { CATALOGUE_SCHEMA, DIRTY_VIEW } from './catalogue-schema.ts'
import { createSearch } from './catalogue-search.ts'
import { createSwarm } from './catalogue-swarm.ts'
import type { Ledger } from './ledger.ts'
import { closedError, isCorrupt, openDatabase, storeError, transaction, writer } from './sqlite.ts'

export interface CatalogueOptions {
  /** The site's name, as source chains name the mirror. */
  siteName: string
  /** ISO time that tiers are computed for; default the clock. */
  now?: () => string
}

/** Events reduced in one transaction. */
const CHUNK_EVENTS = 2_000
/** A larger file is not read whole when it is opened; damage in it shows when it is used. */
const MAX_CHECKED_BYTES = 64 * 1024 * 1024

/** Opens the catalogue in a SQLite file of its own, made anew where it is missing, damaged or of another version. `:memory:` keeps no file. */
export function openCatalogue(path: string, options: CatalogueOptions): Catalogue {
  let parts = openParts(path, options.siteName)
  let closed = false
  /** Damage was seen: the next catch-up starts from an empty file. */
  let broken = false
  /** What the last catch-up came to; another process may have gone further. */
  let seen = { head: -1, from: 0, until: 0 }
  let running: Promise<void> | null = null
  let waiting: Promise<void> | null = null
  /** Ledgers that this file was found to be of. */
  let recognised = new WeakSet<Ledger>()

  function rebuild(): void {
    parts.db.close()
    removeFile(path)
    parts = openParts(path, options.siteName)
    broken = false
    seen = { head: -1, from: 0, until: 0 }
    recognised = new WeakSet()
  }

  function using<Result>(work: () => Result): Result {
    if (closed) throw closedError('catalogue')
    try {
      return work()
    } catch (error) {
      if (isCorrupt(error)) broken = true
      throw storeError(error, 'Cannot use the catalogue')
    }
  }

  async function advance(ledger: Ledger): Promise<void> {
    const head = await ledger.head()
    const now = Date.parse(options.now?.() ?? new Date().toISOString())
    if (!broken && head === seen.head && now >= seen.from && now < seen.until) return
    if (broken || !(await recognise(ledger, head))) using(rebuild)
    let cursor = using(() => parts.intake.cursor())
    while (cursor < head) {
      const next = await ledger.read(cursor, CHUNK_EVENTS)
      if (next.events.length === 0) break
      const from = cursor
      // Another process may have taken them meanwhile: then go on from where it is.
      cursor = using(() =>
        parts.intake.take(next.events, from, next.cursor) ? next.cursor : parts.intake.cursor(),
      )
    }
    while (using(() => parts.projector.step(now))) await new Promise((resolve) => setImmediate(resolve))
    using(() => {
      const { from, until } = parts.projector.validity()
      seen = { head: cursor, from, until }
    })
  }

  /** Whether this file was made from that ledger: the last chunk taken in is found there again. */
  async function recognise(ledger: Ledger, head: number): Promise<boolean> {
    const cursor = using(() => parts.intake.cursor())
    if (cursor > head) return false
    if (recognised.has(ledger)) return true
    const anchor = using(() => parts.intake.anchor())
    if (anchor !== null) {
      const { events } = await ledger.read(anchor.from, anchor.events)
      if (digestOf(events) !== anchor.digest) return false
    }
    recognised.add(ledger)
    return true
  }

  async function advanceOrRebuild(ledger: Ledger): Promise<void> {
    try {
      await advance(ledger)
    } catch (error) {
      if (!isQalError(error) || error.code !== 'store_corrupt' || !broken) throw error
      await advance(ledger)
    }
  }

  function start(ledger: Ledger): Promise<void> {
    running = advanceOrRebuild(ledger).finally(() => {
      running = null
    })
    return running
  }

  return {
    async catchUp(ledger) {
      if (closed) throw closedError('catalogue')
      if (running === null) return start(ledger)
      // The one that runs may have asked for the head before the caller's append: all who come now share the next.
      waiting ??= running
        .catch(() => undefined)
        .then(() => {
          waiting = null
          return start(ledger)
        })
      return waiting
    },
    lastEvent: () => using(() => parts.intake.lastEvent()),
    search: (query) => using(() => parts.search.search(query)),
    listing: (id) => using(() => parts.lookups.listing(id)),
    byHash: (hash) => using(() => parts.lookups.byHash(hash)),
    byPrefix: (prefix, asked) => using(() => parts.lookups.byPrefix(prefix, asked)),
    infoHashes: () => using(() => parts.lookups.infoHashes()),
    duplicateOf: (hashes) => using(() => parts.lookups.duplicateOf(hashes)),
    member: (id) => using(() => parts.lookups.member(id)),
    memberByHandle: (handle) => using(() => parts.lookups.memberByHandle(handle)),
    lookalikeOf: (listing) => using(() => parts.lookups.lookalikeOf(listing)),
    handlesLike: (handle) => using(() => parts.lookups.handlesLike(handle)),
    *listings(status) {
      const walk = using(() => parts.lookups.listings(status))
      for (let next = using(() => walk.next()); !next.done; next = using(() => walk.next()))
        yield JSON.parse(next.value) as ListingView
    },
    *members() {
      const walk = using(() => parts.lookups.members())
      for (let next = using(() => walk.next()); !next.done; next = using(() => walk.next()))
        yield JSON.parse(next.value) as MemberView
    },
    site: () => using(() => parts.intake.site()),
    memberState: (id) => using(() => parts.intake.memberState(id)),
    listingState: (id) => using(() => parts.intake.listingState(id)),
    pendingVerification: (limit) => using(() => parts.lookups.pendingVerification(limit)),
    predecessors: (id) => using(() => parts.lookups.predecessors(id)),
    actions: (skip, limit) => using(() => parts.lookups.actions(skip, limit)),
    forModerators: (limit) => using(() => parts.lookups.forModerators(limit)),
    reporters: (dismissedSince) => using(() => parts.lookups.reporters(dismissedSince)),
    hasReport: (sha256) => using(() => parts.lookups.hasReport(sha256)),
    templateUse: (sha256, listing) => using(() => parts.lookups.templateUse(sha256, listing)),
    publicKey: (fingerprint) => using(() => parts.lookups.publicKey(fingerprint)),
    putSwarm: (observations) => using(() => parts.swarm.put(observations)),
    swarm: (infoHashes) => using(() => parts.swarm.figures(infoHashes)),
    dhtDue: (since, limit) => using(() => parts.swarm.dhtDue(since, limit)),
    close() {
      if (closed) return
      closed = true
      parts.db.close()
    },
  }
}

function openParts(path: string, siteName: string) {
  const db = openOrRemake(path)
  const intake = createIntake(db)
  const swarm = createSwarm(db)
  const rows = createRows(db, swarm)
  keepSiteName(db, siteName)
  return {
    db,
    intake,
    swarm,
    projector: createProjector(db, intake, rows, siteName),
    lookups: createLookups(db),
    search: createSearch(db),
  }
}

function openOrRemake(path: string): DatabaseSync {
  try {
    const db = openDatabase(path, CATALOGUE_SCHEMA)
    if (isWhole(db, path)) return db
    db.close()
  } catch (error) {
    if (!isQalError(error) || !/^store_(?:corrupt|schema_)/.test(error.code)) throw error
  }
  removeFile(path)
  return openDatabase(path, CATALOGUE_SCHEMA)
}

function isWhole(db: DatabaseSync, path: string): boolean {
  if (path === ':memory:' || statSync(path).size > MAX_CHECKED_BYTES) return true
  try {
    return (db.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }).quick_check === 'ok'
  } catch (error) {
    if (isCorrupt(error)) return false
    throw error
  }
}

/** Views name the site: under another name all are projected again. */
function keepSiteName(db: DatabaseSync, siteName: string): void {
  transaction(db, () => {
    const known = db.prepare("SELECT value FROM meta WHERE key = 'site_name'").get()
    if (known?.['value'] === siteName) return
    writer(db, "INSERT OR REPLACE INTO meta (key, value) VALUES ('site_name', ?)").run(siteName)
    db.exec(`UPDATE listings SET dirty = max(dirty, ${DIRTY_VIEW})`)
  })
}

function removeFile(path: string): void {
  if (path === ':memory:') return
  try {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
  } catch (cause) {
    throw new QalError('store_failed', `Cannot rebuild the catalogue ${path}: it cannot be removed`, {
      cause,
    })
  }
}
