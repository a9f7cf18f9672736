import { isQalError } from '../core/error.ts'
import type { AddressPolicy } from './addresses.ts'
import { openScraper, type Counts, type Scraper } from './scrape-trackers.ts'

/** What one tracker said about one torrent: the tracker of the highest seeder count, never a sum. */
export interface ScrapeCounts {
  seeders: number
  leechers: number
  completed: number
  /** Announce URL of the tracker with the highest number of seeders. */
  tracker: string
  /** When it said so, ISO 8601. */
  at: string
}

export interface ScrapeResult {
  /** By info hash as it was asked for, in lower-case hex; a hash that no tracker answered for is absent. */
  results: Map<string, ScrapeCounts>
  /** The same for each tracker that answered, by its URL. */
  byTracker: Map<string, Map<string, ScrapeCounts>>
  /** Trackers that failed, wholly or in part. */
  errors: { tracker: string; message: string }[]
}

export interface ScrapeOptions {
  /** Which trackers may be reached; `policyFor(trackers)` where the operator named them himself. */
  policy: AddressPolicy
  /** A tracker that says nothing for so long is given up; what it said before counts. Default 15 s. */
  timeoutMs?: number
  /** After so long a UDP packet is sent again, doubled each time: 15 s by BEP 15, by default sooner, as for a person who waits. */
  repeatAfterMs?: number
  signal?: AbortSignal
}

const TIMEOUT_MS = 15_000
/** For one tracker, however often it answers just in time. */
const TOTAL_MS = 2 * 60_000
const REPEAT_AFTER_MS = 1_500
/** A tracker that fails so often, one after the other, is left alone. */
const MAX_FAILURES = 3

/**
 * Asks each tracker (announce URLs; http, https, udp, ws, wss) about all info
 * hashes (hex; v2 ones of 64 digits are asked for truncated, as BEP 52 says).
 * Never throws: a tracker that fails stands in `errors`, what it answered
 * besides counts, and the others are asked all the same.
 */
export async function scrape(
  trackerUrls: readonly string[],
  infoHashes: readonly string[],
  options: ScrapeOptions,
): Promise<ScrapeResult> {
  // Sorted, because some trackers answer in the order asked, and keys of a dictionary must be sorted.
  const hashes = [...new Set(infoHashes.map(truncate))].filter((hash) => hash !== '').toSorted()
  const asked = Map.groupBy(new Set(infoHashes.map((hash) => hash.toLowerCase())), truncate)
  const results: ScrapeResult['results'] = new Map()
  const byTracker: ScrapeResult['byTracker'] = new Map()
  const errors: ScrapeResult['errors'] = []

  await Promise.all(
    [...new Set(trackerUrls)].map(async (tracker) => {
      const own = new Map<string, ScrapeCounts>()
      const take = (found: Map<string, Counts>) => {
        const at = new Date().toISOString()
        for (const [truncated, counts] of found) {
          for (const infoHash of asked.get(truncated) ?? []) {
            const said = { ...counts, tracker, at }
            own.set(infoHash, said)
            results.set(infoHash, highest(results.get(infoHash), said))
          }
        }
        byTracker.set(tracker, own)
      }
      const error = await askTracker(tracker, hashes, options, take)
      if (error === undefined) return
      const why = error instanceof Error ? error.message : 'unknown failure'
      errors.push({ tracker, message: isQalError(error) ? why : `Cannot ask tracker ${tracker}: ${why}` })
    }),
  )
  return { results, byTracker, errors }
}

/** Asks one tracker in batches, a few at a time; resolves with what went wrong first, if anything did. */
async function askTracker(
  tracker: string,
  hashes: readonly string[],
  { policy, signal: stop, timeoutMs = TIMEOUT_MS, repeatAfterMs = REPEAT_AFTER_MS }: ScrapeOptions,
  take: (found: Map<string, Counts>) => void,
): Promise<unknown> {
  if (hashes.length === 0) return undefined
  const silent = new AbortController()
  const idle = setTimeout(() => silent.abort(new Error('timeout')), timeoutMs)
  const limits = [silent.signal, AbortSignal.timeout(Math.max(TOTAL_MS, timeoutMs))]
  const signal = AbortSignal.any(stop ? [stop, ...limits] : limits)
  const queue = [...hashes]
  let first: unknown
  let failures = 0
  let scraper: Scraper | undefined
  try {
    scraper = await openScraper(tracker, { policy, signal, timeoutMs, repeatAfterMs })
    const opened = scraper
    let { batch } = opened
    const work = async () => {
      while (queue.length > 0 && failures < MAX_FAILURES && !signal.aborted) {
        try {
          const { found, rest } = await opened.ask(queue.splice(0, batch))
          if (rest.length > 0) batch = Math.min(batch, Math.max(1, found.size))
          queue.push(...rest)
          take(found)
          failures = 0
          idle.refresh()
        } catch (error) {
          first ??= error
          failures++
        }
      }
    }
    await Promise.all(Array.from({ length: opened.window }, work))
  } catch (error) {
    first ??= error
  } finally {
    clearTimeout(idle)
    scraper?.close()
  }
  return first
}

/** Seeders, leechers and completed each by the tracker that knows most; two trackers know largely the same peers. */
function highest(a: ScrapeCounts | undefined, b: ScrapeCounts): ScrapeCounts {
  if (!a) return b
  const source = b.seeders > a.seeders ? b : a
  return {
    seeders: Math.max(a.seeders, b.seeders),
    leechers: Math.max(a.leechers, b.leechers),
    completed: Math.max(a.completed, b.completed),
    tracker: source.tracker,
    at: source.at,
  }
}

/** The 20 bytes under which trackers know an info hash, or '' for what is not one. */
function truncate(infoHash: string): string {
  const hash = infoHash.toLowerCase()
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) ? hash.slice(0, 40) : ''
}
