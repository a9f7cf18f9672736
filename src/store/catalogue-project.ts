import type { DatabaseSync } from 'node:sqlite'
import type { Authority } from '../core/events.ts'
import { listingFigures, projectListing, projectMember } from '../core/project.ts'
import { reportsOf } from '../core/reports.ts'
import type { ListingState, MemberState, SiteState } from '../core/state.ts'
import type { Figures } from '../core/tiers.ts'
import { skeletonOf } from '../core/skeleton.ts'
import { isTrustedCandidate, NO_FIGURES, trustedMembers } from '../core/tiers.ts'
import type { ListingView, MemberView, Status } from '../core/views.ts'
import type { Intake } from './catalogue-intake.ts'
import type { Rows } from './catalogue-rows.ts'
import { DIRTY_FIGURES, DIRTY_VIEW } from './catalogue-schema.ts'
import { transaction, writer } from './sqlite.ts'

/** Listings projected in one transaction: bounds how long a rebuild keeps the others waiting. */
const STEP_LISTINGS = 500
const DAY_MS = 86_400_000

export interface Projector {
  /** Projects again what is marked, or out of date at `now` (ms), in one bounded transaction; true while more is left. */
  step(now: number): boolean
  /** When the next view goes out of date by time alone, and since when all hold (ms). */
  validity(): { from: number; until: number }
}

/**
 * The part of the catalogue that turns states into what is shown, in core's own
 * order: each listing's figures, then the members they count for, then the
 * listings as they look under those members.
 */
export function createProjector(db: DatabaseSync, intake: Intake, rows: Rows, siteName: string): Projector {
  const dirtyListings = db.prepare(
    `SELECT n, id, uploader, status, ratings, stars, upheld_at FROM listings
     WHERE dirty > 0 AND dirty = ? ORDER BY n LIMIT ${STEP_LISTINGS}`,
  )
  const getState = db.prepare('SELECT state FROM documents WHERE n = ?')
  const setFigures = writer(
    db,
    `UPDATE listings SET dirty = ${DIRTY_VIEW}, uploader = :uploader, status = :status, ratings = :ratings,
       stars = :stars, upheld_at = :upheld_at, max_site_seq = :max_site_seq WHERE n = :n`,
  )
  const addMention = writer(db, 'INSERT OR IGNORE INTO mentions (member, n) VALUES (?, ?)')
  const forgetReporters = writer(db, 'DELETE FROM reporters WHERE n = ?')
  const addReporter = writer(
    db,
    'INSERT OR IGNORE INTO reporters (n, reporter, dismissed_at) VALUES (?, ?, ?)',
  )
  const markMember = writer(db, 'UPDATE members SET dirty = 1 WHERE id = ?')
  const markEndorsed = writer(
    db,
    'UPDATE members SET dirty = 1 WHERE id IN (SELECT member FROM endorsements WHERE endorser = ?)',
  )
  const markOutOfDate = writer(
    db,
    'UPDATE members SET dirty = 1 WHERE stale_at IS NOT NULL AND (stale_at <= ? OR fresh_from > ?)',
  )
  const dirtyMembers = db.prepare('SELECT id FROM members WHERE dirty > 0 ORDER BY id')
  const figuresOf = db.prepare(
    `SELECT status, count(*) AS listings, sum(ratings) AS ratings, sum(stars) AS stars, max(upheld_at) AS upheld_at
     FROM listings WHERE uploader = ? GROUP BY status`,
  )
  const setCandidate = writer(db, 'UPDATE members SET candidate = ? WHERE id = ?')
  const setTrusted = writer(db, 'UPDATE members SET trusted = ? WHERE id = ?')
  const getTrusted = db.prepare('SELECT id FROM members WHERE trusted > 0')
  const getCandidates = db.prepare(
    `SELECT m.id AS id, e.endorser AS endorser FROM members m LEFT JOIN endorsements e ON e.member = m.id
     WHERE m.candidate > 0`,
  )
  const getTrustMark = db.prepare("SELECT value FROM meta WHERE key = 'trust'")
  const clearTrustMark = writer(db, "DELETE FROM meta WHERE key = 'trust'")
  const setMember = writer(
    db,
    `UPDATE members SET dirty = 0, handle = :handle, skeleton = :skeleton, joined_at = :joined_at, face = :face, view = :view,
       fresh_from = :fresh_from, stale_at = :stale_at WHERE id = :id`,
  )
  const markListingsOf = writer(
    db,
    `UPDATE listings SET dirty = max(dirty, ${DIRTY_VIEW}) WHERE uploader = ?`,
  )
  const markMentioning = writer(
    db,
    `UPDATE listings SET dirty = max(dirty, ${DIRTY_VIEW}) WHERE n IN (SELECT n FROM mentions WHERE member = ?)`,
  )
  const getMember = db.prepare('SELECT state, view, handle, candidate, face FROM members WHERE id = ?')
  const getHandle = db.prepare('SELECT handle FROM members WHERE id = ?')
  const getValidity = db.prepare(
    'SELECT max(fresh_from) AS since, min(stale_at) AS until FROM members WHERE stale_at IS NOT NULL',
  )

  function stateOf(n: number): ListingState {
    return JSON.parse((getState.get(n) as { state: string }).state) as ListingState
  }

  function countFigures(site: SiteState): boolean {
    const dirty = dirtyListings.all(DIRTY_FIGURES) as unknown as FigureRow[]
    for (const row of dirty) {
      const state = stateOf(row.n)
      const figures = listingFigures(state, site)
      const acts = actsOf(state)
      for (const { by } of acts) addMention.run(by, row.n)
      for (const by of Object.keys({ ...state.ratings, ...state.attestations })) addMention.run(by, row.n)
      keepReporters(row.n, state, site)
      const status = state.submitted === null ? null : figures.status
      const { ratings, stars, upheld_at } = figures
      const max_site_seq = acts.reduce(
        (max, { authority }) => (authority.as === 'role' ? Math.max(max, authority.site_seq) : max),
        0,
      )
      setFigures.run({ n: row.n, uploader: state.uploader, status, ratings, stars, upheld_at, max_site_seq })
      const same =
        row.uploader === state.uploader &&
        row.status === status &&
        row.ratings === ratings &&
        row.stars === stars &&
        row.upheld_at === upheld_at
      if (!same) markMember.run(state.uploader)
    }
    return dirty.length === STEP_LISTINGS
  }

  function keepReporters(n: number, state: ListingState, site: SiteState): void {
    forgetReporters.run(n)
    for (const { reporter, state: now, decided_at } of reportsOf(state, site))
      addReporter.run(n, reporter, now === 'dismissed' ? decided_at : null)
  }

  function memberFigures(id: string): Figures {
    const sum = { ...NO_FIGURES }
    for (const group of figuresOf.all(id) as unknown as FigureGroup[]) {
      const { status, listings } = group
      if (status === 'published') sum.published += listings
      else if (status === 'pending') sum.pending += listings
      else if (status === 'rejected') sum.rejected += listings
      else if (status === 'suspended' || status === 'removed') sum.suspended += listings
      sum.ratings += group.ratings
      sum.stars += group.stars
      if ((group.upheld_at ?? '') > (sum.upheld_at ?? '')) sum.upheld_at = group.upheld_at
    }
    return sum
  }

  /** Who is Trusted is one fixed point over all members: whose standing changed marks whom they endorsed. */
  function settleTrust(site: SiteState): Set<string> {
    const endorsers = new Map<string, string[]>()
    for (const { id, endorser } of getCandidates.all() as { id: string; endorser: string | null }[])
      endorsers.set(id, [...(endorsers.get(id) ?? []), ...(endorser === null ? [] : [endorser])])
    const candidates = [...endorsers].map(([id, by]) => ({ id, endorsers: by }))
    const after = trustedMembers(candidates, site)
    const before = trustedNow()
    for (const id of after.symmetricDifference(before)) {
      setTrusted.run(Number(after.has(id)), id)
      markMember.run(id)
      markEndorsed.run(id)
    }
    clearTrustMark.run()
    return after
  }

  function trustedNow(): Set<string> {
    return new Set((getTrusted.all() as { id: string }[]).map(({ id }) => id))
  }

  function projectMembers(site: SiteState, nowMs: number): void {
    markOutOfDate.run(nowMs, nowMs)
    const now = new Date(nowMs).toISOString()
    let moved = getTrustMark.get() !== undefined
    const figures = new Map<string, Figures>()
    for (const { id } of dirtyMembers.all() as { id: string }[]) {
      const { state, candidate } = getMember.get(id) as unknown as MemberRow
      const counted = memberFigures(id)
      figures.set(id, counted)
      const is = Number(isTrustedCandidate(JSON.parse(state) as MemberState, counted, site, now))
      if (is === candidate) continue
      setCandidate.run(is, id)
      moved = true
    }
    const trusted = moved ? settleTrust(site) : trustedNow()
    for (const { id } of dirtyMembers.all() as { id: string }[]) {
      const row = getMember.get(id) as unknown as MemberRow
      const state = JSON.parse(row.state) as MemberState
      const counted = figures.get(id) ?? memberFigures(id)
      const view = projectMember(state, counted, site, trusted, now)
      const face = faceOf(state, view)
      const { handle, joined_at } = state
      const valid = validityOf(counted.upheld_at, nowMs)
      setMember.run({
        id,
        handle,
        skeleton: skeletonOf(handle),
        joined_at,
        face,
        view: JSON.stringify(view),
        ...valid,
      })
      if (face !== row.face) markListingsOf.run(id)
      if (handle !== row.handle) markMentioning.run(id)
    }
  }

  /** Handles looked up once a step: the same verifiers stand on most listings. */
  function handlesOf(): (id: string) => string {
    const known = new Map<string, string>()
    return (id) => {
      let handle = known.get(id)
      if (handle === undefined) {
        handle = (getHandle.get(id) as { handle: string } | undefined)?.handle ?? id
        known.set(id, handle)
      }
      return handle
    }
  }

  function projectListings(site: SiteState): boolean {
    const dirty = dirtyListings.all(DIRTY_VIEW) as unknown as FigureRow[]
    const uploaders = new Map<string, { state: MemberState; view: MemberView } | null>()
    const uploaderOf = (id: string): { state: MemberState; view: MemberView } | null => {
      let found = uploaders.get(id)
      if (found === undefined) {
        const row = getMember.get(id) as MemberRow | undefined
        found = row?.view
          ? { state: JSON.parse(row.state) as MemberState, view: JSON.parse(row.view) as MemberView }
          : null
        uploaders.set(id, found)
      }
      return found
    }
    const handleOf = handlesOf()
    for (const { n } of dirty) {
      const state = stateOf(n)
      const uploader = uploaderOf(state.uploader)
      const view: ListingView | null = projectListing(state, {
        site,
        siteName,
        uploader: uploader?.state,
        uploaderView: uploader?.view,
        handleOf,
      })
      rows.write(n, view)
    }
    return dirty.length === STEP_LISTINGS
  }

  return {
    step(now) {
      return transaction(db, () => {
        const site = intake.site()
        if (countFigures(site)) return true
        projectMembers(site, now)
        return projectListings(site)
      })
    },
    validity() {
      const { since, until } = getValidity.get() as { since: number | null; until: number | null }
      return { from: since ?? Number.NEGATIVE_INFINITY, until: until ?? Number.POSITIVE_INFINITY }
    },
  }
}

/** All of a listing whose right to be done was recorded by a position of the site's stream. */
function actsOf(state: ListingState): { by: string; authority: Authority }[] {
  return [
    ...state.verifications,
    ...state.reviews,
    ...state.undone,
    ...state.report_decisions,
    ...state.appeal_answers,
    ...state.superseded,
    ...state.web_seeds,
    ...state.verification_requests.flatMap(({ by, authority }) => (by === null ? [] : [{ by, authority }])),
  ]
}

interface FigureRow {
  n: number
  uploader: string
  status: Status | null
  ratings: number
  stars: number
  upheld_at: string | null
}

interface FigureGroup {
  status: Status | null
  listings: number
  ratings: number
  stars: number
  upheld_at: string | null
}

interface MemberRow {
  state: string
  view: string | null
  handle: string | null
  candidate: number
  face: string | null
}

/** All of a member that a listing's projection may look at; figures that only count up stay out. */
function faceOf(state: MemberState, view: MemberView): string {
  const own = { ...state, seq: 0, endorsers: [] }
  return JSON.stringify([own, view.handle, view.tier, view.roles, view.conditions.map(({ met }) => met)])
}

/** Between which times a count of whole days since the last upheld report stays the same. */
function validityOf(
  upheldAt: string | null,
  now: number,
): { fresh_from: number | null; stale_at: number | null } {
  if (upheldAt === null) return { fresh_from: null, stale_at: null }
  const upheld = Date.parse(upheldAt)
  const days = Math.max(0, Math.floor((now - upheld) / DAY_MS))
  return { fresh_from: days === 0 ? null : upheld + days * DAY_MS, stale_at: upheld + (days + 1) * DAY_MS }
}
