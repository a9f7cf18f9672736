import { setTimeout as wait } from 'node:timers/promises'
import { policyFor } from '../swarm/addresses.ts'
import { scrape } from '../swarm/scrape.ts'
import type { Stores } from './stores.ts'

const FIRST_AFTER_MS = 3_000
const EVERY_MS = 15_000

/** Scrapes the site's trackers for what is listed, one round after the other, until stopped. */
export function startScraper(stores: Stores, trackers: readonly string[]): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const { signal } = stopping
  const run = async (): Promise<void> => {
    for (let pause = FIRST_AFTER_MS; !signal.aborted; pause = EVERY_MS) {
      await wait(pause, undefined, { signal }).catch(() => {})
      if (!signal.aborted) await scrapeSite(stores, trackers, signal)
    }
  }
  const running = run()
  return {
    stop: () => {
      stopping.abort()
      return running
    },
  }
}

/** Keeps what the trackers say, with the time. Failures are kept out: an old figure with its time is truer than none. */
async function scrapeSite(stores: Stores, trackers: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    const hashes = stores.catalogue.infoHashes()
    if (hashes.length === 0) return
    const { results } = await scrape(trackers, hashes, { policy: policyFor(trackers), signal })
    stores.catalogue.putSwarm([...results].map(([info_hash, counts]) => ({ info_hash, ...counts })))
  } catch (error) {
    if (!signal.aborted) console.error('Cannot scrape:', error)
  }
}
