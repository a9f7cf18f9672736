import type { DatabaseSync } from 'node:sqlite'
import { DHT_SOURCE, type Catalogue, type SwarmObservation } from './catalogue.ts'
import { transaction, writer } from './sqlite.ts'

/** A word this much older than the latest of its kind no longer counts. */
const FRESH_MS = 6 * 3_600_000
const MAX_COUNT = 1_000_000_000
const MAX_TRACKER_LENGTH = 1_000
const UNKNOWN = -1

export interface Swarm {
  put: Catalogue['putSwarm']
  figures(infoHashes: readonly (string | null)[]): ReturnType<Catalogue['swarm']>
  dhtDue: Catalogue['dhtDue']
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

  const due = db.prepare(
    `SELECT DISTINCT substr(h.hash, 1, 40) AS hash FROM hashes h JOIN listings l USING (n)
     LEFT JOIN swarm s ON s.info_hash = substr(h.hash, 1, 40) AND s.tracker = '${DHT_SOURCE}'
     WHERE h.field IN ('info_hash', 'info_hash_v2') AND l.status = 'published' AND (s.at IS NULL OR s.at < ?)
     ORDER BY l.seeders > 0, s.at LIMIT ?`,
  )

  function figures(infoHashes: readonly (string | null)[]): ReturnType<Catalogue['swarm']> {
    const asked = new Set(infoHashes.flatMap((hash) => (hash === null ? [] : [hash, hash.slice(0, 40)])))
    const all = [...asked].flatMap((hash) => get.all(hash) as unknown as Said[])
    const trackers = fresh(all.filter(({ tracker }) => tracker !== DHT_SOURCE))
    const dht = fresh(all.filter(({ tracker }) => tracker === DHT_SOURCE))
    const [best] = trackers
    const [estimate] = dht
    return {
      trackers:
        best === undefined
          ? null
          : {
              seeders: best.seeders,
              leechers: Math.max(...trackers.map(({ leechers }) => leechers)),
              completed: Math.max(...trackers.map(({ completed }) => completed)),
              tracker: best.tracker,
              as_of: best.at,
            },
      dht:
        estimate === undefined
          ? null
          : {
              seeders: estimate.seeders,
              leechers: Math.max(...dht.map(({ leechers }) => leechers)),
              as_of: estimate.at,
            },
    }
  }

  function refresh(n: number, infoHashes: readonly (string | null)[]): void {
    const { trackers } = figures(infoHashes)
    setFigures.run(trackers?.seeders ?? UNKNOWN, trackers?.completed ?? UNKNOWN, n)
  }

  return {
    figures,
    refresh,
    dhtDue: (since, limit) =>
      (due.all(new Date(since).toISOString(), limit) as { hash: string }[]).map(({ hash }) => hash),
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

type Said = Omit<SwarmObservation, 'info_hash'>

/** Those that are not old beside the latest, the one with the most seeders first. */
function fresh(all: readonly Said[]): Said[] {
  const latest = Math.max(...all.map(({ at }) => Date.parse(at)))
  return all
    .filter(({ at }) => Date.parse(at) >= latest - FRESH_MS)
    .toSorted(
      (a, b) => b.seeders - a.seeders || b.at.localeCompare(a.at) || a.tracker.localeCompare(b.tracker),
    )
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
