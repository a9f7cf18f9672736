/**
 * The process that speaks with a torrent's swarm. It is a process of its own
 * because the client library has no defence against some malformed messages:
 * whatever they end, it is this, and `fetch.ts` says so.
 */
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import WebTorrent, { type Torrent, type Wire } from 'webtorrent'
import { isQalError, type ErrorCode } from '../core/error.ts'
import { addressPolicy, type AddressPolicy } from './addresses.ts'
import { announceTo } from './announce.ts'
import { openDht } from './dht.ts'
import { diskStore, type ChunkStore } from './disk-store.ts'
import type { FetchJob, FetchProgress, ToParent } from './fetch-protocol.ts'
import { diskPath } from './layout.ts'
import { gatePeers, type PeerGate } from './peer-gate.ts'
import { CheckedWebSeed } from './web-seed.ts'

const PROGRESS_EVERY_MS = 250
const ANNOUNCE_TIMEOUT_MS = 15_000
/** While nobody is there, ask again sooner than the tracker's interval, but no sooner than trackers take well: once soon, for a seeder that starts as we do, then each minute. */
const LONELY_INTERVAL_MS = 60_000
const LONELY_FIRST_MS = 10_000
/** A lookup asks dozens of strangers. */
const DHT_INTERVAL_MS = 5 * 60_000
const GOODBYE_WITHIN_MS = 1_000
const MAX_CONNECTIONS = 50
const CACHE_BYTES = 32 * 2 ** 20

process.once('message', (job) => {
  run(job as FetchJob).catch(fail)
})
process.once('disconnect', () => process.exit(0))
process.on('uncaughtException', fail)
// The library leaves promises behind when it is closed; what matters arrives as events.
process.on('unhandledRejection', () => undefined)

function send(message: ToParent): void {
  if (process.connected) process.send?.(message)
}

function fail(error: unknown): void {
  const code: ErrorCode = isQalError(error) ? error.code : 'swarm_client_failed'
  const message = error instanceof Error ? error.message : String(error)
  if (!process.connected) process.exit(1)
  const failed: ToParent = { type: 'failed', code, message: message.slice(0, 500) }
  process.send?.(failed, undefined, undefined, () => process.exit(1))
}

function problem(url: string, error: unknown): void {
  const code: ErrorCode = isQalError(error) ? error.code : 'swarm_client_failed'
  send({ type: 'problem', url, code, message: error instanceof Error ? error.message : String(error) })
}

async function run(job: FetchJob): Promise<void> {
  const policy = addressPolicy(job.allow)
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
    // Nobody is invited: who may be spoken to is decided here.
    torrentPort: { host: '127.0.0.1', port: 0 },
    maxConns: MAX_CONNECTIONS,
  })
  client.on('error', fail)
  await once(client, 'listening')

  const progress: FetchProgress = {
    downloaded: 0,
    peers: 0,
    peersSeen: 0,
    fromPeers: 0,
    fromWebSeeds: 0,
    badPieces: 0,
    refusedPeers: 0,
  }
  const { data } = job
  const torrent = client.add(data ? data.torrent : { infoHash: job.infoHash }, {
    preloadedStore: data
      ? diskStore(data.layout, (index) => diskPath(data.dir, String(index)), { write: true })
      : emptyStore(),
    storeCacheSlots: data ? Math.max(1, Math.floor(CACHE_BYTES / data.layout.pieceLength)) : 0,
    strategy: 'rarest',
  })
  torrent.on('error', fail)
  const gate = gatePeers(torrent, policy, progress)
  const stop = new AbortController()
  torrent.once('metadata', () => {
    if (!data) return
    for (const url of job.webSeeds) {
      const onError = (error: unknown) => problem(url, error)
      const options = { url, layout: data.layout, policy, signal: stop.signal, onError }
      gate.addWebSeed(url, () => torrent.addWebSeed(new CheckedWebSeed(torrent, options)))
    }
  })
  const done = data ? once(torrent, 'done') : undefined
  const metadata = metadataOf(torrent)
  await once(torrent, 'infoHash')
  if (torrent.infoHash !== job.infoHash)
    throw new Error(`the client library reads info hash ${torrent.infoHash}`)

  const ticker = setInterval(() => {
    progress.downloaded = data ? torrent.downloaded : 0
    progress.peers = torrent.wires.filter(({ type }) => type !== 'webSeed').length
    send({ type: 'progress', progress })
  }, PROGRESS_EVERY_MS)
  const left = () => (data ? Math.max(data.layout.totalBytes - torrent.downloaded, 1) : 1)
  if (job.dht) void keepLookingUp(job.infoHash, job.dht, { policy, stop: stop.signal, gate, progress })
  const goodbye = keepAnnouncing(job, client, { policy, stop: stop.signal, left, gate, progress })

  async function leave(): Promise<void> {
    stop.abort()
    clearInterval(ticker)
    const said = goodbye(left())
    // At once, or after a magnet's metadata it would go on to the data.
    await new Promise<void>((resolve) => {
      torrent.destroy({ destroyStore: false }, () => resolve())
    })
    await said
  }
  process.once('message', () => {
    leave().then(() => process.exit(0), fail)
  })

  for (const peer of job.peers) gate.add(peer)
  if (data) {
    await done
    progress.downloaded = data.layout.totalBytes
    await leave()
    send({ type: 'done', progress })
  } else {
    const infoBytes = await metadata
    await leave()
    send({ type: 'metadata', infoBytes })
  }
  process.disconnect?.()
}

interface Announcing {
  policy: AddressPolicy
  stop: AbortSignal
  left: () => number
  gate: PeerGate
  progress: FetchProgress
}

/** Announces to every tracker until stopped; the returned function says goodbye to those that answered, with the bytes still missing. */
function keepAnnouncing(
  job: FetchJob,
  client: WebTorrent,
  options: Announcing,
): (left: number) => Promise<void> {
  const { policy, stop, left, gate, progress } = options
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
      problem(tracker, error)
    }
    const timer = setTimeout(() => void ask(tracker, answered.has(tracker) ? 'update' : 'started'), waitMs)
    stop.addEventListener('abort', () => clearTimeout(timer), { once: true })
  }
  for (const tracker of job.trackers) void ask(tracker, 'started')
  return async (leftNow) => {
    const signal = AbortSignal.timeout(GOODBYE_WITHIN_MS)
    const goodbyes = [...answered].map((tracker) =>
      announceTo(
        tracker,
        { ...base, left: leftNow, event: 'stopped' },
        { policy, signal, timeoutMs: GOODBYE_WITHIN_MS },
      ),
    )
    await Promise.allSettled(goodbyes)
  }
}

/** Asks the DHT for peers until stopped. Nothing is announced there: nobody could connect to this process. */
async function keepLookingUp(
  infoHash: string,
  routers: readonly string[],
  { policy, stop, gate, progress }: Omit<Announcing, 'left'>,
): Promise<void> {
  try {
    const dht = await openDht({ routers, policy })
    try {
      while (!stop.aborted) {
        await dht
          .findPeers(infoHash, { signal: stop, onPeer: (peer) => gate.add(peer) })
          .catch((error: unknown) => stop.aborted || problem('dht', error))
        const waitMs = progress.peers > 0 ? DHT_INTERVAL_MS : LONELY_INTERVAL_MS
        await wait(waitMs, undefined, { signal: stop }).catch(() => undefined)
      }
    } finally {
      await dht.close()
    }
  } catch (error) {
    problem('dht', error)
  }
}

/** The raw `info` bytes from the first peer whose bytes have the info hash; the library would hand on a re-encoding. */
async function metadataOf(torrent: Torrent): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  torrent.on('wire', (wire: Wire) => {
    wire.ut_metadata.once('metadata', () => {
      if (wire.ut_metadata.metadata) resolve(wire.ut_metadata.metadata)
    })
  })
  return promise
}

/** Metadata alone is wanted: nothing is read from or written to a disk. */
function emptyStore(): ChunkStore {
  const nothing = new Error('no data is wanted')
  return {
    chunkLength: 1,
    put: (_index, _bytes, callback) => callback?.(nothing),
    get: (_index, options, callback) => (typeof options === 'function' ? options : callback)?.(nothing),
    close: (callback) => callback?.(null),
    destroy: (callback) => callback?.(null),
  }
}
