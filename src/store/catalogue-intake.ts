import { createHash } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { isAction } from '../core/actions.ts'
import type { StoredEvent, StreamName } from '../core/events.ts'
import { streamKind, subjectOf } from '../core/events.ts'
import { emptyState, reduce } from '../core/fold.ts'
import type { ListingState, MemberState, SiteState } from '../core/state.ts'
import { DIRTY_FIGURES } from './catalogue-schema.ts'
import { transaction, writer } from './sqlite.ts'

/** The chunk of events taken in last: by it the catalogue knows its ledger again. */
export interface Anchor {
  from: number
  events: number
  digest: string
}

export interface Intake {
  cursor(): number
  lastEvent(): string | null
  anchor(): Anchor | null
  site(): SiteState
  memberState(id: string): MemberState | null
  listingState(id: string): ListingState | null
  /**
   * Reduces events read from the cursor `from` into their streams' states and
   * marks what must be projected again. False, and nothing taken, where another
   * process took them first.
   */
  take(events: readonly StoredEvent[], from: number, to: number): boolean
}

/** The part of the catalogue that follows the ledger: reduced states and the cursor. */
export function createIntake(db: DatabaseSync): Intake {
  const getMeta = db.prepare('SELECT value FROM meta WHERE key = ?')
  const setMeta = writer(db, 'INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)')
  const getMember = db.prepare('SELECT state FROM members WHERE id = ?')
  const setMember = writer(
    db,
    `INSERT INTO members (id, dirty, state) VALUES (?, 1, ?)
     ON CONFLICT (id) DO UPDATE SET dirty = 1, state = excluded.state`,
  )
  const forgetEndorsements = writer(
    db,
    'DELETE FROM endorsements WHERE member = ? AND endorser NOT IN (SELECT value FROM json_each(?))',
  )
  const addAction = writer(db, 'INSERT INTO actions (event) VALUES (?)')
  const addEndorsement = writer(db, 'INSERT OR IGNORE INTO endorsements (endorser, member) VALUES (?, ?)')
  const addKey = writer(db, 'INSERT OR IGNORE INTO keys (fingerprint, member, blob) VALUES (?, ?, ?)')
  const getListing = db.prepare('SELECT d.state FROM listings l JOIN documents d USING (n) WHERE l.id = ?')
  const markListing = db.prepare(
    `INSERT INTO listings (id, dirty) VALUES (?, ${DIRTY_FIGURES})
     ON CONFLICT (id) DO UPDATE SET dirty = ${DIRTY_FIGURES} RETURNING n`,
  )
  const setListing = writer(
    db,
    `INSERT INTO documents (n, state) VALUES (?, ?) ON CONFLICT (n) DO UPDATE SET state = excluded.state`,
  )
  const markMember = writer(db, 'UPDATE members SET dirty = 1 WHERE id = ?')
  const markEndorsed = writer(
    db,
    'UPDATE members SET dirty = 1 WHERE id IN (SELECT member FROM endorsements WHERE endorser = ?)',
  )
  const markFigures = writer(
    db,
    `UPDATE listings SET dirty = ${DIRTY_FIGURES} WHERE n IN (SELECT n FROM mentions WHERE member = ?)`,
  )
  const markAhead = writer(db, `UPDATE listings SET dirty = ${DIRTY_FIGURES} WHERE max_site_seq > ?`)

  function meta(key: string): unknown {
    const row = getMeta.get(key) as { value: string } | undefined
    return row === undefined ? null : JSON.parse(row.value)
  }

  const cursor = (): number => (meta('cursor') as number | null) ?? 0
  const site = (): SiteState => (meta('site') ?? emptyState('site')) as SiteState
  const memberState = (id: string): MemberState | null => stateOf(getMember.get(id)) as MemberState | null
  const listingState = (id: string): ListingState | null => stateOf(getListing.get(id)) as ListingState | null

  function load(stream: StreamName): SiteState | MemberState | ListingState {
    const kind = streamKind(stream)
    if (kind === 'site') return site()
    const id = subjectOf(stream)
    return (kind === 'member' ? memberState(id) : listingState(id)) ?? emptyState(stream)
  }

  function saveMember(state: MemberState): void {
    setMember.run(state.id, JSON.stringify(state))
    if (forgetEndorsements.run(state.id, JSON.stringify(state.endorsers)) > 0) setMeta.run('trust', 'true')
    for (const endorser of state.endorsers)
      if (addEndorsement.run(endorser, state.id) === 1) setMeta.run('trust', 'true')
    for (const { fingerprint, public_key } of state.keys) addKey.run(fingerprint, state.id, public_key)
  }

  function saveListing(state: ListingState): void {
    const { n } = markListing.get(state.id) as { n: number }
    setListing.run(n, JSON.stringify(state))
  }

  /**
   * A policy touches everything. A grant or a ban given or taken now touches the
   * member's own view and whom they endorsed, a ban also what they rated; of what they did for listings only acts that
   * named a position the site had not reached, because an authority is judged at
   * the position it names (T2).
   */
  function saveSite(before: SiteState, after: SiteState): void {
    setMeta.run('site', JSON.stringify(after))
    setMeta.run('trust', 'true')
    markAhead.run(before.seq)
    if (after.unknown !== before.unknown || JSON.stringify(after.policy) !== JSON.stringify(before.policy)) {
      db.exec(`UPDATE listings SET dirty = ${DIRTY_FIGURES}; UPDATE members SET dirty = 1`)
      return
    }
    for (const member of changed(before.bans, after.bans)) markFigures.run(member)
    for (const member of [...changed(before.grants, after.grants), ...changed(before.bans, after.bans)]) {
      markMember.run(member)
      markEndorsed.run(member)
    }
  }

  return {
    cursor,
    lastEvent: () => meta('last') as string | null,
    anchor: () => meta('anchor') as Anchor | null,
    site,
    memberState,
    listingState,

    take(events, from, to) {
      return transaction(db, () => {
        if (cursor() !== from) return false
        const states = new Map<StreamName, SiteState | MemberState | ListingState>()
        const siteBefore = site()
        for (const event of events) {
          let state = states.get(event.stream)
          if (state === undefined) states.set(event.stream, (state = load(event.stream)))
          reduce(state, event)
          if (isAction(event)) addAction.run(JSON.stringify(event))
        }
        for (const [stream, state] of states) {
          const kind = streamKind(stream)
          if (kind === 'site') saveSite(siteBefore, state as SiteState)
          else if (kind === 'member') saveMember(state as MemberState)
          else saveListing(state as ListingState)
        }
        setMeta.run('cursor', JSON.stringify(to))
        const last = events.at(-1)
        if (last !== undefined) setMeta.run('last', JSON.stringify(last.id))
        const anchor: Anchor = { from, events: events.length, digest: digestOf(events) }
        setMeta.run('anchor', JSON.stringify(anchor))
        return true
      })
    },
  }
}

/** By which events a chunk is known again. */
export function digestOf(events: readonly StoredEvent[]): string {
  const hash = createHash('sha256')
  for (const { id } of events) hash.update(id)
  return hash.digest('hex')
}

function stateOf(row: Record<string, unknown> | undefined): unknown {
  return row === undefined ? null : JSON.parse(String(row['state']))
}

/** The members of entries that were not there before. */
function changed<Entry extends { member: string }>(
  before: readonly Entry[],
  after: readonly Entry[],
): Set<string> {
  const known = new Set(before.map((entry) => JSON.stringify(entry)))
  return new Set(after.filter((entry) => !known.has(JSON.stringify(entry))).map(({ member }) => member))
}
