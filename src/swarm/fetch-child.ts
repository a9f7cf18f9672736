/**
 * The process that speaks with a torrent's swarm. It is a process of its own
 * because the client library has no defence against some malformed messages:
 * whatever they end, it is this, and `fetch.ts` says so.
 */
import { once } from 'node:events'
import type WebTorrent from 'webtorrent'
import type { Torrent, Wire } from 'webtorrent'
import { isQalError, QalError, type ErrorCode } from '../core/error.ts'
import { clientTorrent } from '../torrent/metainfo.ts'
import { addressPolicy, type AddressPolicy } from './addresses.ts'
import { diskStore, type ChunkStore } from './disk-store.ts'
import { Download } from './download.ts'
import { NOTHING, type DataJob, type FetchJob, type FetchProgress, type ToParent } from './fetch-protocol.ts'
import { findPeers, startClient } from './fetch-swarm.ts'
import { gatePeers, type PeerGate } from './peer-gate.ts'
import { PieceJournal } from './piece-journal.ts'
import { layoutOf, pieceCount } from './layout.ts'
import { RateLimit } from './rate-limit.ts'
import { WebSeed } from './web-seed.ts'
import { readBlocks } from './wire-blocks.ts'
import { Wires } from './wires.ts'

const PROGRESS_EVERY_MS = 250

/** What is to be done before this process ends, the latest first. */
const leaving: (() => unknown)[] = []
const stop = new AbortController()

process.once('message', (job) => {
  process.once('message', () => {
    leave().then(() => process.exit(0), fail)
  })
  const work = job as FetchJob
  ;(work.data ? fetchData(work, work.data) : fetchMetadata(work)).catch(fail)
})
// Ctrl-C reaches the whole process group; the parent decides when this ends.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)
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
  const { exit, field } = isQalError(error) ? error.facts : {}
  const facts = { ...(exit && { exit }), ...(field && { field }) }
  if (!process.connected) process.exit(1)
  const failed: ToParent = { type: 'failed', code, message: message.slice(0, 500), facts }
  process.send?.(failed, undefined, undefined, () => process.exit(1))
}

function problem(url: string, error: unknown): void {
  const code: ErrorCode = isQalError(error) ? error.code : 'swarm_client_failed'
  send({ type: 'problem', url, code, message: error instanceof Error ? error.message : String(error) })
}

async function leave(): Promise<void> {
  stop.abort()
  for (const step of leaving.splice(0)) await step()
}

async function fetchMetadata(job: FetchJob): Promise<void> {
  const policy = addressPolicy(job.allow)
  const progress: FetchProgress = { ...NOTHING }
  const client = await startClient(job, policy)
  client.on('error', fail)
  const torrent = client.add({ infoHash: job.infoHash }, { preloadedStore: emptyStore(), storeCacheSlots: 0 })
  torrent.on('error', fail)
  const gate = gatePeers({ torrent, policy, progress, onBan: () => undefined })
  // Nobody is asked for content.
  torrent.on('wire', (wire: Wire) => readBlocks(wire, () => null))
  const metadata = metadataOf(torrent)
  await infoHashOf(torrent, job.infoHash)
  keepReporting(progress, () => {
    progress.peers = torrent.wires.length
  })
  const finding = { client, policy, gate, progress, left: () => 1, onProblem: problem, stop: stop.signal }
  const goodbye = findPeers(job, finding)
  // At once, or after a magnet's metadata it would go on to the data.
  leaving.unshift(() => Promise.all([goodbye(), destroyed(torrent)]))
  const infoBytes = await metadata
  await leave()
  send({ type: 'metadata', infoBytes })
  process.disconnect?.()
}

async function fetchData(job: FetchJob, data: DataJob): Promise<void> {
  const progress: FetchProgress = { ...NOTHING }
  const journal = new PieceJournal(data.journal, pieceCount(layoutOf(data.metainfo)))
  const sources = new Sources(job, data, progress)
  const download = new Download({ ...data, ...sources.listeners, journal })
  leaving.unshift(async () => {
    await download.close()
    journal.close()
  })
  const report = keepReporting(progress, () => {
    progress.downloaded = download.doneBytes + download.plan.openBytes
    progress.hashed = download.hashedBytes
    progress.peers = sources.peers
  })
  await download.recheck((done, total) => (progress.checking = { done, total }))
  progress.checking = null
  report()
  const finished = download.finish()
  if (download.plan.left > 0) await sources.open(download)
  const digests = await finished
  report()
  await leave()
  const { recheckedBytes, readBackBytes } = download
  send({ type: 'done', progress, data: { digests, recheckedBytes, readBackBytes } })
  process.disconnect?.()
}

/** Everyone that a download's blocks may come from. */
class Sources {
  readonly #job: FetchJob
  readonly #data: DataJob
  readonly #progress: FetchProgress
  readonly #policy: AddressPolicy
  readonly #limit: RateLimit
  readonly #webSeeds: WebSeed[] = []
  #torrent: Torrent | null = null
  #gate: PeerGate | undefined
  #wires: Wires | undefined

  constructor(job: FetchJob, data: DataJob, progress: FetchProgress) {
    this.#job = job
    this.#data = data
    this.#progress = progress
    this.#policy = addressPolicy(job.allow)
    this.#limit = new RateLimit(job.limits.down)
  }

  get peers(): number {
    return this.#torrent && !this.#torrent.destroyed ? this.#torrent.wires.length : 0
  }

  readonly listeners = {
    onRight: (index: number, senders: ReadonlySet<string>): void => {
      this.#gate?.onRight(senders)
      this.#wires?.have(index)
    },
    onWrong: (senders: ReadonlySet<string>): void => this.#gate?.onWrong(senders),
    onRoom: (): void => {
      this.#wires?.wake()
      for (const seed of this.#webSeeds) seed.wake()
    },
  }

  async open(download: Download): Promise<void> {
    const policy = this.#policy
    const progress = this.#progress
    const client = this.#data.metainfo.info_hash === null ? null : await startClient(this.#job, policy)
    if (client) this.#torrent = await this.#add(client, download)
    const gate = gatePeers({ torrent: this.#torrent, policy, progress, onBan })
    this.#gate = gate
    if (client && this.#torrent) this.#openPeers(client, this.#torrent, gate, download)
    for (const url of this.#job.webSeeds) {
      const onError = (error: unknown) => problem(url, error)
      const onBytes = (count: number) => (progress.fromWebSeeds += count)
      const seed = new WebSeed({ url, download, policy, limit: this.#limit, onError, onBytes })
      this.#webSeeds.push(seed)
      gate.addWebSeed(seed)
    }
    leaving.unshift(() => {
      for (const seed of this.#webSeeds) seed.stop()
    })
  }

  /** Gives the library the torrent as it stands: what is there it serves, and nothing it fetches of its own accord. */
  async #add(client: WebTorrent, download: Download): Promise<Torrent> {
    client.on('error', fail)
    const { infoBytes } = this.#data.metainfo
    // The library reads v1 only; it gets our bytes, with no URL in them.
    const torrent = client.add(clientTorrent({ infoBytes, trackers: [], web_seeds: [] }), {
      preloadedStore: diskStore(download.layout, (file) => this.#data.places[file]?.path ?? ''),
      storeCacheSlots: 0,
      deselect: true,
      bitfield: download.bitfield(),
    })
    torrent.on('error', fail)
    leaving.unshift(() => destroyed(torrent))
    await infoHashOf(torrent, this.#job.infoHash)
    if (!torrent.ready) await once(torrent, 'ready')
    return torrent
  }

  #openPeers(client: WebTorrent, torrent: Torrent, gate: PeerGate, download: Download): void {
    const progress = this.#progress
    torrent.on('upload', (bytes: number) => (progress.uploaded += bytes))
    const wires = new Wires({ torrent, download, limit: this.#limit, nameOf: (wire) => gate.nameOf(wire) })
    this.#wires = wires
    const goodbye = findPeers(this.#job, {
      client,
      policy: this.#policy,
      gate,
      progress,
      left: () => Math.max(download.totalBytes - download.doneBytes, 1),
      onProblem: problem,
      stop: stop.signal,
    })
    leaving.unshift(() => {
      wires.close()
      return goodbye()
    })
  }
}

function onBan(name: string, pieces: number): void {
  problem(
    name,
    new QalError('swarm_bad_data', `Cannot use ${name.slice(0, 200)}: it sent ${pieces} wrong pieces`, {
      found: `${pieces} wrong pieces`,
    }),
  )
}

/** Sends the progress now and then; the answer sends it at once. */
function keepReporting(progress: FetchProgress, fill: () => void): () => void {
  const report = () => {
    fill()
    send({ type: 'progress', progress })
  }
  const ticker = setInterval(report, PROGRESS_EVERY_MS)
  leaving.unshift(() => clearInterval(ticker))
  return report
}

async function infoHashOf(torrent: Torrent, expected: string): Promise<void> {
  await once(torrent, 'infoHash')
  if (torrent.infoHash !== expected) throw new Error(`the client library reads info hash ${torrent.infoHash}`)
}

async function destroyed(torrent: Torrent): Promise<void> {
  if (torrent.destroyed) return
  await new Promise<void>((resolve) => {
    torrent.destroy({ destroyStore: false }, () => resolve())
  })
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
