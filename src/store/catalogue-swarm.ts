import type { DatabaseSync } from 'node:sqlite'
import type { SwarmFigures, SwarmObservation } from './catalogue.ts'
import { transaction, writer } from './sqlite.ts'

/** A tracker's word this much older than the latest no longer counts. */
const FRESH_MS = 6 * 3_600_000
const MAX_COUNT = 1_000_000_000
const MAX_TRACKER_LENGTH = 1_000
const UNKNOWN = -1

export interface Swarm {
  put(observations: Iterable<SwarmObservation>): void
  figures(infoHashes: readonly (string | null)[]): SwarmFigures | null
  /** Brings the figures that a listing is sorted by up to date. */
  refresh(n: number, infoHashes: readonly (string | null)[]): void
}

/** The part of the catalogue that keeps what trackers said: observations with their time, beside the ledger's story. */
export function createSwarm(db: DatabaseSync): Swarm {
  const put = writer(
    db,
    `INSERT INTO swarm (info_hash, tracker, seeders, leechers, completed, at)
     VALUES (:info_hash, :tracker, :seeders, :leechers, :completed, :at)
     ON CONFLICT (info_hash, tracker) DO UPDATE SET
       seeders = excluded.seeders, leechers = excluded.leechers, completed = excluded.completed, at = excluded.at
     WHERE excluded.at >= at`,
  )
  const get = db.prepare('SELECT tracker, seeders, leechers, completed, at FROM swarm WHERE info_hash = ?')
  // Trackers know a v2 hash cut to 40 digits: listings are found by what theirs begins with.
  const listings = db.prepare(
    `SELECT DISTINCT n FROM hashes WHERE hash >= :hash AND hash < :hash || 'g' AND field IN ('info_hash', 'info_hash_v2')`,
  )
  const hashesOf = db.prepare(
    "SELECT hash FROM hashes WHERE n = ? AND field IN ('info_hash', 'info_hash_v2')",
  )
  const setFigures = writer(db, 'UPDATE listings SET seeders = ?, downloads = ? WHERE n = ?')

  function figures(infoHashes: readonly (string | null)[]): SwarmFigures | null {
    const asked = new Set(infoHashes.flatMap((hash) => (hash === null ? [] : [hash, hash.slice(0, 40)])))
    const all = [...asked].flatMap(
      (hash) => get.all(hash) as unknown as Omit<SwarmObservation, 'info_hash'>[],
    )
    const latest = Math.max(...all.map(({ at }) => Date.parse(at)))
    const fresh = all.filter(({ at }) => Date.parse(at) >= latest - FRESH_MS)
    const [best] = fresh.toSorted(
      (a, b) => b.seeders - a.seeders || b.at.localeCompare(a.at) || a.tracker.localeCompare(b.tracker),
    )
    if (best === undefined) return null
    return {
      seeders: best.seeders,
      leechers: Math.max(...fresh.map(({ leechers }) => leechers)),
      completed: Math.max(...fresh.map(({ completed }) => completed)),
      tracker: best.tracker,
      as_of: best.at,
    }
  }

  function refresh(n: number, infoHashes: readonly (string | null)[]): void {
    const found = figures(infoHashes)
    setFigures.run(found?.seeders ?? UNKNOWN, found?.completed ?? UNKNOWN, n)
  }

  return {
    figures,
    refresh,
    put(observations) {
      transaction(db, () => {
        const touched = new Set<number>()
        for (const observation of observations) {
          // Trackers are strangers: what they cannot mean is no observation.
          if (!isSound(observation)) continue
          const { info_hash, tracker, seeders, leechers, completed, at } = observation
          put.run({ info_hash, tracker, seeders, leechers, completed, at: new Date(at).toISOString() })
          for (const { n } of listings.all({ hash: info_hash }) as { n: number }[]) touched.add(n)
        }
        for (const n of touched)
          refresh(
            n,
            (hashesOf.all(n) as { hash: string }[]).map(({ hash }) => hash),
          )
      })
    },
  }
}

function isSound({ info_hash, tracker, seeders, leechers, completed, at }: SwarmObservation): boolean {
  return (
    /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(info_hash) &&
    tracker.length <= MAX_TRACKER_LENGTH &&
    !Number.isNaN(Date.parse(at)) &&
    [seeders, leechers, completed].every(
      (count) => Number.isInteger(count) && count >= 0 && count <= MAX_COUNT,
    )
  )
}
