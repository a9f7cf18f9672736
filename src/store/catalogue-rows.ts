import type { DatabaseSync } from 'node:sqlite'
import { skeletonOf } from '../core/skeleton.ts'
import type { ListingView } from '../core/views.ts'
import type { Swarm } from './catalogue-swarm.ts'
import { writer } from './sqlite.ts'

/** Files by whose SHA-256 a listing is found. */
const FOUND_BY = new Set(['model', 'shard', 'mmproj', 'lora'])
const NO_RATING = -1
const MAX_COUNTED_RATINGS = 999_999

export interface Rows {
  /** Stores a listing's view with what it is searched and sorted by; null where there is nothing to show. */
  write(n: number, view: ListingView | null): void
}

/** The part of the catalogue that lays views out for searching. */
export function createRows(db: DatabaseSync, swarm: Swarm): Rows {
  const getOld = db.prepare('SELECT view IS NULL AS fresh, words FROM documents WHERE n = ?')
  const setView = writer(db, 'UPDATE documents SET view = ?, words = ? WHERE n = ?')
  const setNothing = writer(db, 'UPDATE listings SET dirty = 0, unverified = 0, moderation = 0 WHERE n = ?')
  const setRow = writer(
    db,
    `UPDATE listings SET dirty = 0, unverified = :unverified, moderation = :moderation, tier = :tier, quant = :quant, name_key = :name_key, superseded_by = :superseded_by, skeleton = :skeleton,
       size = :size, at = :at, rating = :rating WHERE n = :n`,
  )
  const removeWords = writer(db, 'DELETE FROM words WHERE rowid = ?')
  const addWords = writer(
    db,
    'INSERT INTO words (rowid, name, tags, uploader, architecture, quantisation, parts) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const addTag = writer(db, 'INSERT OR IGNORE INTO tags (n, tag) VALUES (?, ?)')
  const addHash = writer(db, 'INSERT OR IGNORE INTO hashes (hash, field, n) VALUES (?, ?, ?)')
  const dropTemplates = writer(db, 'DELETE FROM templates WHERE n = ?')
  const addTemplate = writer(db, 'INSERT OR IGNORE INTO templates (sha256, n, at) VALUES (?, ?, ?)')
  const addReport = writer(db, 'INSERT OR IGNORE INTO reports (sha256, n) VALUES (?, ?)')

  /** What a submission fixes for ever. */
  function writeFixed(n: number, view: ListingView): void {
    for (const tag of view.tags) addTag.run(n, tag)
    const { sha256, info_hash, info_hash_v2, files } = view
    for (const [field, hash] of Object.entries({ sha256, info_hash, info_hash_v2 }))
      if (hash !== null) addHash.run(hash, field, n)
    for (const file of files)
      if (file.sha256 !== null && FOUND_BY.has(file.role)) addHash.run(file.sha256, 'file', n)
    swarm.refresh(n, [info_hash, info_hash_v2])
  }

  return {
    write(n, view) {
      if (view === null) {
        setNothing.run(n)
        return
      }
      const old = getOld.get(n) as { fresh: number; words: string | null }
      const columns = wordsOf(view)
      const words = JSON.stringify(columns)
      setView.run(JSON.stringify(view), words, n)
      setRow.run({
        n,
        unverified: Number(view.verification_wanted),
        moderation: Number(isForModerators(view)),
        tier: view.tier,
        quant: quantOf(view),
        name_key: view.model.normalize('NFKC').toLowerCase(),
        superseded_by: view.superseded_by,
        skeleton: skeletonOf(view.model),
        size: view.size_bytes,
        at: view.published_at ?? view.submitted_at,
        rating: ratingOf(view),
      })
      if (old.fresh !== 0) writeFixed(n, view)
      dropTemplates.run(n)
      const seen = view.verifications.find(({ granted }) => granted)?.at ?? view.updated_at
      for (const { sha256 } of view.templates ?? []) addTemplate.run(sha256, n, seen)
      for (const { report } of view.verifications) addReport.run(report, n)
      if (old.words === words) return
      if (old.words !== null) removeWords.run(n)
      addWords.run(n, ...columns)
    },
  }
}

/** The label, but what was proven where the label is wrong or absent. */
function quantOf({ quantisation: { claimed, proven, match } }: ListingView): string | null {
  return (match === 'mislabelled' ? proven[0] : claimed) ?? claimed ?? proven[0] ?? null
}

function ratingOf({ community: { rank_centi, ratings } }: ListingView): number {
  if (rank_centi === null) return NO_RATING
  // Of two with the same rank the one with more ratings comes first.
  return rank_centi * (MAX_COUNTED_RATINGS + 1) + Math.min(ratings, MAX_COUNTED_RATINGS)
}

/** Whether something here waits for a moderator: open reports, or an open appeal. */
function isForModerators({ status, community, appeal }: ListingView): boolean {
  if (appeal?.state === 'open') return true
  return community.reports_open > 0 && status !== 'removed' && status !== 'withdrawn'
}

function wordsOf(view: ListingView): [string, string, string, string, string, string] {
  const { claimed, proven } = view.quantisation
  const name = view.model.normalize('NFKC')
  return [
    name,
    view.tags.join(' '),
    view.uploader.handle,
    view.architecture ?? '',
    [claimed ?? '', ...proven].join(' '),
    // Also by its parts, so that `qwen 2.5` finds Qwen2.5.
    name.replaceAll(/(?<=\p{L})(?=\p{N})|(?<=\p{N})(?=\p{L})/gu, ' '),
  ]
}
