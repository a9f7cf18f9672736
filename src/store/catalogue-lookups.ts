import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { StoredEvent } from '../core/events.ts'
import { looksLike, skeletonOf } from '../core/skeleton.ts'
import type { ListingView, MemberView, Status } from '../core/views.ts'
import type { Catalogue, TemplateUse } from './catalogue.ts'

const MAX_BY_HASH = 1_000
const PAGE = 200

type Lookup = Pick<
  Catalogue,
  | 'listing'
  | 'byHash'
  | 'byPrefix'
  | 'duplicateOf'
  | 'infoHashes'
  | 'member'
  | 'memberByHandle'
  | 'pendingVerification'
  | 'lookalikeOf'
  | 'handlesLike'
  | 'actions'
  | 'predecessors'
  | 'forModerators'
  | 'reporters'
  | 'hasReport'
  | 'templateUse'
  | 'publicKey'
>

export interface Lookups extends Lookup {
  /** Views as JSON, read in pages so that the catalogue may change meanwhile. */
  listings(status?: Status): Generator<string, undefined>
  members(): Generator<string, undefined>
}

/** The part of the catalogue that finds one thing by its name. */
export function createLookups(db: DatabaseSync): Lookups {
  const listing = db.prepare(
    'SELECT d.view AS view FROM listings l JOIN documents d USING (n) WHERE l.id = ?',
  )
  const byHash = db.prepare(
    `SELECT DISTINCT l.id AS id, l.status = 'published' AS shown FROM hashes h JOIN listings l USING (n)
     WHERE h.hash >= :hash AND h.hash < :hash || 'g' ORDER BY shown DESC, id LIMIT ${MAX_BY_HASH}`,
  )
  const byPrefix = db.prepare(
    `SELECT DISTINCT h.hash AS hash, l.id AS id, l.status = 'published' AS shown
     FROM hashes h JOIN listings l USING (n)
     WHERE h.hash >= :prefix AND h.hash < :prefix || 'g'
       AND (h.field IN ('info_hash', 'info_hash_v2')) = :torrent
       AND (l.status NOT IN ('pending', 'withdrawn') OR l.uploader = :own)
     ORDER BY shown DESC, l.id, h.hash LIMIT :limit`,
  )
  const duplicate = db.prepare(
    `SELECT l.id AS id FROM hashes h JOIN listings l USING (n)
     WHERE h.hash = ? AND h.field = ? AND l.status = 'published' ORDER BY l.id LIMIT 1`,
  )
  const infoHashes = db.prepare(
    "SELECT DISTINCT hash FROM hashes WHERE field IN ('info_hash', 'info_hash_v2') ORDER BY hash",
  )
  const member = db.prepare('SELECT view FROM members WHERE id = ?')
  const byHandle = db.prepare(
    `SELECT view FROM members WHERE handle = ? AND joined_at <> '' AND view IS NOT NULL
     ORDER BY joined_at, id LIMIT 1`,
  )
  const pending = db.prepare(
    `SELECT d.view AS view FROM listings l JOIN documents d USING (n)
     WHERE l.unverified > 0 ORDER BY l.at, l.id LIMIT ?`,
  )
  const namedLike = db.prepare(
    `SELECT d.view AS view FROM listings l JOIN documents d USING (n)
     WHERE l.skeleton = ? AND l.id < ? AND d.view IS NOT NULL ORDER BY l.id LIMIT 1`,
  )
  const handledLike = db.prepare(
    `SELECT view FROM members WHERE skeleton = ? AND handle <> ? AND joined_at <> '' AND view IS NOT NULL
     ORDER BY joined_at, id LIMIT 20`,
  )
  const predecessors = db.prepare(
    `SELECT d.view AS view FROM listings l JOIN documents d USING (n)
     WHERE l.superseded_by = ? AND d.view IS NOT NULL ORDER BY l.id LIMIT 50`,
  )
  const actions = db.prepare('SELECT event FROM actions ORDER BY n DESC LIMIT ?2 OFFSET ?1')
  const countActions = db.prepare('SELECT count(*) AS total FROM actions')
  const moderation = db.prepare(
    `SELECT d.view AS view FROM listings l JOIN documents d USING (n)
     WHERE l.moderation > 0 ORDER BY l.at, l.id LIMIT ?`,
  )
  const reporters = db.prepare(
    `SELECT l.id AS listing, r.reporter AS reporter FROM reporters r JOIN listings l USING (n)
     WHERE ?1 IS NULL OR r.dismissed_at >= ?1`,
  )
  const report = db.prepare('SELECT 1 AS known FROM reports WHERE sha256 = ? LIMIT 1')
  const otherUse = db.prepare(
    `SELECT count(*) FILTER (WHERE l.status = 'published') AS listings,
       count(DISTINCT l.uploader) FILTER (WHERE l.status = 'published') AS uploaders,
       count(*) FILTER (WHERE l.status IN ('rejected', 'suspended', 'removed')) AS refused
     FROM templates t JOIN listings l USING (n) WHERE t.sha256 = ? AND l.id <> ?`,
  )
  const firstUse = db.prepare(
    `SELECT l.id AS id, t.at AS at FROM templates t JOIN listings l USING (n)
     WHERE t.sha256 = ?1 AND (l.status = 'published' OR l.id = ?2) ORDER BY t.at, l.id LIMIT 1`,
  )
  const key = db.prepare('SELECT blob FROM keys WHERE fingerprint = ? ORDER BY member LIMIT 1')
  const listingsAfter = db.prepare(
    `SELECT l.id AS id, d.view AS view FROM listings l JOIN documents d USING (n)
     WHERE l.id > ? AND d.view IS NOT NULL AND (?2 IS NULL OR l.status = ?2) ORDER BY l.id LIMIT ${PAGE}`,
  )
  const membersAfter = db.prepare(
    `SELECT id, view FROM members WHERE id > ? AND view IS NOT NULL ORDER BY id LIMIT ${PAGE}`,
  )

  return {
    listing: (id) => viewOf(listing.get(id)) as ListingView | null,
    byHash(hash) {
      const asked = hash.toLowerCase()
      if (!/^[0-9a-f]{4,64}$/.test(asked)) return []
      return (byHash.all({ hash: asked }) as { id: string }[]).map(({ id }) => id)
    },
    byPrefix(prefix, { kind, own, limit }) {
      const asked = prefix.toLowerCase()
      if (!/^[0-9a-f]{4,64}$/.test(asked)) return []
      const rows = byPrefix.all({
        prefix: asked,
        torrent: Number(kind === 'info_hash'),
        own: own ?? '',
        limit: Math.max(1, Math.min(MAX_BY_HASH, Math.trunc(limit))),
      }) as { hash: string; id: string }[]
      return rows.map(({ hash, id }) => ({ hash, id }))
    },
    duplicateOf({ sha256, info_hash, info_hash_v2 }) {
      for (const [field, hash] of [
        ['info_hash', info_hash],
        ['info_hash_v2', info_hash_v2],
        ['sha256', sha256],
      ] as const) {
        const found =
          hash === null ? undefined : (duplicate.get(hash.toLowerCase(), field) as { id: string } | undefined)
        if (found) return { id: found.id, field }
      }
      return null
    },
    infoHashes: () => (infoHashes.all() as { hash: string }[]).map(({ hash }) => hash),
    member: (id) => viewOf(member.get(id)) as MemberView | null,
    memberByHandle: (handle) => viewOf(byHandle.get(handle)) as MemberView | null,
    pendingVerification: (limit = 1_000) => viewsOf(pending.all(Math.max(1, Math.trunc(limit)))),
    lookalikeOf({ id, model }) {
      const [first] = viewsOf(namedLike.all(skeletonOf(model), id))
      return first && looksLike(model, first.model) ? { id: first.id, model: first.model } : null
    },
    handlesLike: (handle) =>
      handledLike.all(skeletonOf(handle), handle).map((row) => viewOf(row) as MemberView),
    predecessors: (id) =>
      viewsOf(predecessors.all(id)).map(({ id: older, model, status }) => ({ id: older, model, status })),
    actions: (skip, limit) => ({
      events: (actions.all(skip, limit) as { event: string }[]).map(
        ({ event }) => JSON.parse(event) as StoredEvent,
      ),
      total: (countActions.get() as { total: number }).total,
    }),
    forModerators: (limit = 1_000) => viewsOf(moderation.all(Math.max(1, Math.trunc(limit)))),
    reporters: (dismissedSince) =>
      (reporters.all(dismissedSince ?? null) as { listing: string; reporter: string }[]).map(
        ({ listing: id, reporter }) => ({ listing: id, reporter }),
      ),
    hasReport: (sha256) => report.get(sha256) !== undefined,
    templateUse: (sha256, asked) => ({
      ...(otherUse.get(sha256, asked) as Omit<TemplateUse, 'first'>),
      first: firstOf(firstUse.get(sha256, asked)),
    }),
    publicKey: (fingerprint) => (key.get(fingerprint) as { blob: string } | undefined)?.blob ?? null,
    listings: (status) => inPages((id) => listingsAfter.all(id, status ?? null)),
    members: () => inPages((id) => membersAfter.all(id)),
  }
}

function firstOf(row: Record<string, SQLOutputValue> | undefined): TemplateUse['first'] {
  return row === undefined ? null : { id: String(row['id']), at: String(row['at']) }
}

function viewOf(row: Record<string, SQLOutputValue> | undefined): unknown {
  const view = row?.['view']
  return typeof view === 'string' ? JSON.parse(view) : null
}

function viewsOf(rows: Record<string, SQLOutputValue>[]): ListingView[] {
  return rows.map((row) => viewOf(row) as ListingView)
}

function* inPages(after: (id: string) => Record<string, SQLOutputValue>[]): Generator<string, undefined> {
  for (let last = ''; ;) {
    const rows = after(last) as { id: string; view: string }[]
    for (const { view } of rows) yield view
    const end = rows.at(-1)
    if (end === undefined) return
    last = end.id
  }
}
