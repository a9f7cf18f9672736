/** The client library and whatever finds peers for it, as a fetch uses them. */
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import WebTorrent from 'webtorrent'
import type { AddressPolicy } from './addresses.ts'
import { announceTo } from './announce.ts'
import { openDht } from './dht.ts'
import type { FetchJob, FetchProgress } from './fetch-protocol.ts'
import type { PeerGate } from './peer-gate.ts'

const ANNOUNCE_TIMEOUT_MS = 15_000
/** While nobody is there, ask again sooner than the tracker's interval, but no sooner than trackers take well: once soon, for a seeder that starts as we do, then each minute. */
const LONELY_INTERVAL_MS = 60_000
const LONELY_FIRST_MS = 10_000
/** A lookup asks dozens of strangers. */
const DHT_INTERVAL_MS = 5 * 60_000
const GOODBYE_WITHIN_MS = 1_000
const MAX_CONNECTIONS = 50

/** Starts the library without anything that speaks with others of its own accord. */
export async function startClient(job: FetchJob, policy: AddressPolicy): Promise<WebTorrent> {
  const client = new WebTorrent({
    dht: false,
    lsd: false,
    utPex: true,
    utp: false,
    natUpnp: false,
    natPmp: false,
    // Trackers and web seeds are asked by our own code, held to the policy.
    webSeeds: false,
    tracker: false,
    torrentPort: job.listen ?? { host: '127.0.0.1', port: 0 },
    maxConns: MAX_CONNECTIONS,
    ...(job.limits.up !== null && { uploadLimit: job.limits.up }),
  })
  // Whoever connects to us is held to the policy too; their own port says nothing.
  client.blocked = { contains: (ip) => !policy.allowsAddress(ip, 0) }
  await once(client, 'listening')
  return client
}

export interface Finding {
  client: WebTorrent
  policy: AddressPolicy
  gate: PeerGate
  progress: FetchProgress
  /** Bytes still missing. */
  left: () => number
  onProblem: (url: string, error: unknown) => void
  stop: AbortSignal
}

/** Looks for peers wherever the job says, until stopped; the answer says goodbye to the trackers that answered. */
export function findPeers(job: FetchJob, finding: Finding): () => Promise<void> {
  for (const peer of job.peers) finding.gate.add(peer)
  if (job.dht) void keepLookingUp(job.infoHash, job.dht, finding)
  return keepAnnouncing(job, finding)
}

function keepAnnouncing(job: FetchJob, finding: Finding): () => Promise<void> {
  const { client, policy, stop, left, gate, progress, onProblem } = finding
  const answered = new Set<string>()
  const base = { infoHash: job.infoHash, peerId: client.peerId, port: client.torrentPort }
  const ask = async (tracker: string, event: 'started' | 'update') => {
    let waitMs = answered.has(tracker) ? LONELY_INTERVAL_MS : LONELY_FIRST_MS
    try {
      const answer = await announceTo(
        tracker,
        { ...base, left: left(), event },
        { policy, signal: stop, timeoutMs: ANNOUNCE_TIMEOUT_MS },
      )
      answered.add(tracker)
      for (const peer of answer.peers) gate.add(peer)
      if (progress.peers > 0) waitMs = Math.max(answer.intervalMs, LONELY_INTERVAL_MS)
    } catch (error) {
      if (stop.aborted) return
      onProblem(tracker, error)
    }
    const timer = setTimeout(() => void ask(tracker, answered.has(tracker) ? 'update' : 'started'), waitMs)
    stop.addEventListener('abort', () => clearTimeout(timer), { once: true })
  }
  for (const tracker of job.trackers) void ask(tracker, 'started')
  return async () => {
    const signal = AbortSignal.timeout(GOODBYE_WITHIN_MS)
    const goodbyes = [...answered].map((tracker) =>
      announceTo(
        tracker,
        { ...base, left: left(), event: 'stopped' },
        { policy, signal, timeoutMs: GOODBYE_WITHIN_MS },
      ),
    )
    await Promise.allSettled(goodbyes)
  }
}

/** Asks the DHT for peers until stopped. Nothing is announced there: this process is not there for long. */
async function keepLookingUp(
  infoHash: string,
  routers: readonly string[],
  { policy, stop, gate, progress, onProblem }: Finding,
): Promise<void> {
  try {
    const dht = await openDht({ routers, policy })
    try {
      while (!stop.aborted) {
        await dht
          .findPeers(infoHash, { signal: stop, onPeer: (peer) => gate.add(peer) })
          .catch((error: unknown) => stop.aborted || onProblem('dht', error))
        const waitMs = progress.peers > 0 ? DHT_INTERVAL_MS : LONELY_INTERVAL_MS
        await wait(waitMs, undefined, { signal: stop }).catch(() => undefined)
      }
    } finally {
      await dht.close()
    }
  } catch (error) {
    onProblem('dht', error)
  }
}
