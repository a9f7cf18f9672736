import { setTimeout as wait } from 'node:timers/promises'
import type { AddressPolicy } from '../swarm/addresses.ts'
import { openDht, type Dht, type DhtEstimate } from '../swarm/dht.ts'
import type { DhtSettings } from './settings.ts'

/** This machine as a node of the DHT. */
export interface DhtMember {
  /** Announces a torrent that is seeded here, now and again, until closed. Never for a private one. */
  seed(infoHash: string): void
  estimate(infoHash: string): Promise<DhtEstimate>
  close(): Promise<void>
}

/** Nodes forget a peer after half an hour and more. */
const ANNOUNCE_EVERY_MS = 20 * 60_000
const LOOK_EVERY_MS = 5_000
const REJOIN_AFTER_MS = 60_000

/** Joins the DHT, again and again where that fails; announces go out one after the other. `port` is the one that peers connect to. */
export function joinDht(
  { routers, port: udpPort }: DhtSettings,
  { policy, port }: { policy: AddressPolicy; port: number },
): DhtMember {
  const stop = new AbortController()
  /** When each torrent is to be announced next. */
  const due = new Map<string, number>()
  let node: Dht | undefined

  async function join(): Promise<void> {
    while (!node && !stop.signal.aborted) {
      node = await openDht({ routers, policy, port: udpPort, serve: true }).catch((error: unknown) => {
        console.error('DHT:', error instanceof Error ? error.message : error)
        return undefined
      })
      if (!node) await wait(REJOIN_AFTER_MS, undefined, { signal: stop.signal }).catch(() => {})
    }
  }

  async function announceAll(): Promise<void> {
    await join()
    const joined = node
    if (!joined) return
    while (!stop.signal.aborted) {
      for (const [infoHash, at] of due) {
        if (at > Date.now() || stop.signal.aborted) continue
        const told = await joined
          .announce(infoHash, { port, seed: true, signal: stop.signal })
          .then((found) => found.told)
          .catch(() => 0)
        due.set(infoHash, Date.now() + (told > 0 ? ANNOUNCE_EVERY_MS : REJOIN_AFTER_MS))
      }
      await wait(LOOK_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {})
    }
  }
  const running = announceAll()

  return {
    seed: (infoHash) => due.set(infoHash, 0),
    async estimate(infoHash) {
      if (!node) throw new Error('Cannot ask the DHT: it is not joined yet')
      return node.estimate(infoHash, { signal: stop.signal })
    },
    async close() {
      stop.abort()
      await running
      await node?.close()
    },
  }
}
