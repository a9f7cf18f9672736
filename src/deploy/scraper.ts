import { policyFor } from '../swarm/addresses.ts'
import { scrape } from '../swarm/scrape.ts'
import type { Stores } from './stores.ts'

/** Asks the trackers for the swarms of what is listed and keeps what they say, with the time. Failures are kept out: an old figure with its time is truer than none. */
export async function scrapeSite(stores: Stores, trackers: readonly string[]): Promise<void> {
  try {
    const hashes: string[] = []
    for (const { info_hash, info_hash_v2 } of stores.catalogue.listings())
      hashes.push(...[info_hash, info_hash_v2].filter((hash) => hash !== null))
    if (hashes.length === 0) return
    const { results } = await scrape(trackers, hashes, { policy: policyFor(trackers) })
    stores.catalogue.putSwarm([...results].map(([info_hash, counts]) => ({ info_hash, ...counts })))
  } catch (error) {
    console.error('Cannot scrape:', error)
  }
}
