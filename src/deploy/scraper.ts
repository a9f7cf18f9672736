import { setImmediate as breathe, setTimeout as wait } from 'node:timers/promises'
import { DHT_SOURCE, type SwarmObservation } from '../store/catalogue.ts'
import { policyFor } from '../swarm/addresses.ts'
import type { DhtEstimate } from '../swarm/dht.ts'
import { scrape } from '../swarm/scrape.ts'
import type { SwarmCounts } from '../swarm/tracker.ts'
import type { Stores } from './stores.ts'

export interface ScraperOptions {
  /** The embedded tracker, which is asked without a network, and the address it goes by; null where it does not run. */
  own: { url: string; counts: (infoHash: string) => SwarmCounts } | null
  /** Announce URLs of the operator's other trackers. */
  others: readonly string[]
  /** Estimates a swarm by the DHT, where the site takes part in it. */
  estimate: ((infoHash: string, signal: AbortSignal) => Promise<DhtEstimate>) | null
}

const FIRST_AFTER_MS = 3_000
const LOOK_EVERY_MS = 15_000
/** What has not changed is written down again this often, so that its time is not taken for old. */
const OWN_AGAIN_MS = 10 * 60_000
/** Others' trackers are asked about everything that is listed no more often than a client announces, and once about what is new. */
const OTHERS_EVERY_MS = 15 * 60_000
/** As BEP 15 has it: nobody waits for this. */
const OTHERS_REPEAT_MS = 15_000
const OTHERS_TIMEOUT_MS = 60_000
/** One lookup at a time, with a pause between them that is never the same (BEP 33). */
const DHT_PAUSE_MS = 10_000
const DHT_EVERY_MS = 6 * 3_600_000
const DHT_WITHIN_MS = 60_000
const DHT_AT_ONCE = 50
/** After each so many the site's other work goes on. */
const CHUNK = 500

/** Asks the site's trackers, and the DHT where that is wanted, about what is listed, one round after the other, until stopped. */
export function startScraper(stores: Stores, options: ScraperOptions): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const { signal } = stopping
  const { own, others, estimate } = options
  const run = async (work: () => Promise<number>): Promise<void> => {
    for (let pause = FIRST_AFTER_MS; !signal.aborted;) {
      await wait(pause, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      pause = await work().catch((error: unknown) => {
        if (!signal.aborted) console.error('Cannot scrape:', error)
        return LOOK_EVERY_MS
      })
    }
  }
  const running = [
    ...(own ? [run(ownRound(stores, own, signal))] : []),
    ...(others.length > 0 ? [run(othersRound(stores, others, signal))] : []),
    ...(estimate ? [run(dhtRound(stores, estimate, signal))] : []),
  ]
  return {
    stop: () => {
      stopping.abort()
      return Promise.all(running).then(() => undefined)
    },
  }
}

/** Keeps what changed in the embedded tracker, and now and then the rest. */
function ownRound(
  stores: Stores,
  { url, counts }: NonNullable<ScraperOptions['own']>,
  signal: AbortSignal,
): () => Promise<number> {
  let known = new Map<string, string>()
  let allAt = 0
  return async () => {
    const all = Date.now() - allAt >= OWN_AGAIN_MS
    if (all) allAt = Date.now()
    const now = new Map<string, string>()
    const changed: SwarmObservation[] = []
    const at = new Date().toISOString()
    for (const infoHash of new Set(stores.catalogue.infoHashes().map((hash) => hash.slice(0, 40)))) {
      const found = counts(infoHash)
      const word = `${found.seeders} ${found.leechers} ${found.completed}`
      now.set(infoHash, word)
      if (all || known.get(infoHash) !== word)
        changed.push({ info_hash: infoHash, ...found, tracker: url, at })
    }
    known = now
    await keep(stores, changed, signal)
    return LOOK_EVERY_MS
  }
}

/** Failures are kept out: an old figure with its time is truer than none. They are said once, until it answers again. */
function othersRound(stores: Stores, others: readonly string[], signal: AbortSignal): () => Promise<number> {
  const failing = new Set<string>()
  const policy = policyFor(others)
  let asked: ReadonlySet<string> = new Set()
  let allAt = 0
  return async () => {
    const listed = new Set(stores.catalogue.infoHashes())
    const all = Date.now() - allAt >= OTHERS_EVERY_MS
    const hashes = all ? [...listed] : [...listed.difference(asked)]
    if (hashes.length === 0) return LOOK_EVERY_MS
    if (all) allAt = Date.now()
    asked = listed
    const { byTracker, errors } = await scrape(others, hashes, {
      policy,
      signal,
      timeoutMs: OTHERS_TIMEOUT_MS,
      repeatAfterMs: OTHERS_REPEAT_MS,
    })
    if (signal.aborted) return 0
    for (const { tracker, message } of errors) if (!failing.has(tracker)) console.error('Scraper:', message)
    failing.clear()
    for (const { tracker } of errors) failing.add(tracker)
    for (const said of byTracker.values())
      await keep(
        stores,
        [...said].map(([info_hash, counts]) => ({ info_hash, ...counts })),
        signal,
      )
    return LOOK_EVERY_MS
  }
}

/** Asks the DHT about one torrent after the other, those that no tracker knows a seeder of first. */
function dhtRound(
  stores: Stores,
  estimate: NonNullable<ScraperOptions['estimate']>,
  signal: AbortSignal,
): () => Promise<number> {
  let due: string[] = []
  let failing = false
  return async () => {
    const since = new Date(Date.now() - DHT_EVERY_MS).toISOString()
    if (due.length === 0) due = stores.catalogue.dhtDue(since, DHT_AT_ONCE)
    const infoHash = due.shift()
    if (infoHash === undefined) return LOOK_EVERY_MS
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(DHT_WITHIN_MS)])
      const { seeders, leechers } = await estimate(infoHash, within)
      const at = new Date().toISOString()
      const said = { info_hash: infoHash, seeders, leechers, completed: 0, tracker: DHT_SOURCE, at }
      if (!signal.aborted) stores.catalogue.putSwarm([said])
      failing = false
    } catch (error) {
      if (!failing && !signal.aborted)
        console.error('Scraper:', error instanceof Error ? error.message : error)
      failing = true
    }
    return DHT_PAUSE_MS * (0.5 + Math.random())
  }
}

/** Writes observations down a part at a time. */
async function keep(
  stores: Stores,
  observations: readonly SwarmObservation[],
  signal: AbortSignal,
): Promise<void> {
  for (let from = 0; from < observations.length && !signal.aborted; from += CHUNK) {
    stores.catalogue.putSwarm(observations.slice(from, from + CHUNK))
    await breathe()
  }
}
