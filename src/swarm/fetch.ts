import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { QalError, type ErrorCode } from '../core/error.ts'
import { decode } from '../torrent/bencode.ts'
import { asKind } from '../torrent/fields.ts'
import { clientTorrent, isPrivate, parseMetainfo } from '../torrent/metainfo.ts'
import type { AddressPolicy } from './addresses.ts'
import type { FetchJob, FetchProgress, ToParent } from './fetch-protocol.ts'
import { diskPath, layoutOf, layoutOfInfo, type Layout } from './layout.ts'
import { nodeHashes } from './node-hashes.ts'

/** A magnet link's parts. */
export interface MagnetSource {
  /** v1, hex. */
  infoHash: string
  trackers: readonly string[]
  webSeeds?: readonly string[]
}

export interface FetchOptions {
  /** A .torrent's bytes, or a magnet's parts: then the metadata is fetched from peers first. */
  torrent: Uint8Array | MagnetSource
  /** The folder to download into. What is unfinished lies in `.qal-<info hash>` in it, and is taken up again by the next fetch. */
  into: string
  policy: AddressPolicy
  /** Largest content taken, pad files included; checked before any of it is asked for. */
  maxBytes: number
  /** Without a new byte for so long: `swarm_no_peers` or `swarm_timeout`. */
  idleTimeoutMs?: number
  totalTimeoutMs?: number
  signal?: AbortSignal
  onProgress?: (progress: FetchState) => void
  /** `ip:port` of peers known besides the trackers', held to the policy too. */
  peers?: readonly string[]
  /** Look for peers in the DHT too, by these routers (`host:port`, named by the operator). Never for a private torrent, and not by default. */
  dht?: readonly string[]
}

export interface FetchState extends FetchProgress {
  /** Pad files included; 0 while a magnet's metadata is fetched. */
  totalBytes: number
}

export interface FetchResult {
  infoHash: string
  /** Pad files left out; `path` as in the torrent, below `into`. */
  files: { path: string; diskPath: string; size: number }[]
  /** The raw `info` dictionary. */
  infoBytes: Uint8Array
  seconds: number
  /** Content received, wrong pieces included; less than the size where a part was there already. */
  bytes_from: { peers: number; web_seeds: number }
  peers_seen: number
  bad_pieces: number
  /** Trackers and web seeds that could not be used, each with its last failure. */
  problems: { url: string; code: ErrorCode; message: string }[]
}

const IDLE_TIMEOUT_MS = 2 * 60_000
const TOTAL_TIMEOUT_MS = 24 * 3_600_000
/** For the child process to begin. */
const START_WITHIN_MS = 30_000
/** After a polite stop the child is ended. */
const STOP_WITHIN_MS = 2_000
const CHILD = fileURLToPath(new URL('./fetch-child.ts', import.meta.url))
/** Beyond this much for each byte wanted, a swarm is sending rubbish. */
const MAX_WASTE = 3
const WASTE_ALLOWANCE_BYTES = 64 * 2 ** 20

/**
 * Downloads a torrent from TCP peers and web seeds that the policy allows; the
 * DHT is asked only where `dht` says so, and WebRTC is not used. Every piece is checked against its SHA-1 before it
 * counts, and files appear under their names only when all are complete: check
 * SHA-256 next, for SHA-1 alone proves nothing about a hostile publisher.
 *
 * Throws `swarm_no_peers` (nobody has it now: wait for seeds), `swarm_timeout`,
 * `swarm_too_large`, `swarm_address_refused` (only forbidden addresses are
 * named), `swarm_bad_data`, `swarm_disk`, `swarm_v2_only`, `swarm_stopped`,
 * `swarm_client_failed`, and `torrent_…` for what is no sound torrent.
 */
export async function fetchTorrent(options: FetchOptions): Promise<FetchResult> {
  const started = performance.now()
  const limit = AbortSignal.timeout(options.totalTimeoutMs ?? TOTAL_TIMEOUT_MS)
  const problems = new Map<string, FetchResult['problems'][number]>()
  const { layout, infoBytes, trackers, webSeeds, secret } = await prepare(options, limit, problems)
  if (layout.totalBytes > options.maxBytes) {
    throw new QalError(
      'swarm_too_large',
      `Cannot fetch ${layout.infoHash}: expected at most ${options.maxBytes} bytes, got ${layout.totalBytes}`,
      {
        subject: layout.infoHash,
        expected: `at most ${options.maxBytes} bytes`,
        found: `${layout.totalBytes} bytes`,
      },
    )
  }
  const dir = join(options.into, `.qal-${layout.infoHash}`)
  await mkdir(dir, { recursive: true })
  // The child's client reads v1 only; it gets our bytes, with no URL in them.
  const torrent = clientTorrent({ infoBytes, trackers: [], web_seeds: [] })
  const job = { infoHash: layout.infoHash, data: { torrent, layout, dir }, trackers, webSeeds }
  const { progress } = await runChild(job, secret ? withoutDht(options) : options, limit, problems)
  return {
    infoHash: layout.infoHash,
    files: await moveFiles(layout, dir, options.into),
    infoBytes,
    seconds: (performance.now() - started) / 1000,
    bytes_from: { peers: progress.fromPeers, web_seeds: progress.fromWebSeeds },
    peers_seen: progress.peersSeen,
    bad_pieces: progress.badPieces,
    problems: [...problems.values()],
  }
}

interface Prepared {
  layout: Layout
  infoBytes: Uint8Array
  trackers: string[]
  webSeeds: string[]
  /** A private torrent's peers come from its trackers alone (BEP 27). */
  secret: boolean
}

function withoutDht({ dht: _dht, ...others }: FetchOptions): FetchOptions {
  return others
}

async function prepare(
  options: FetchOptions,
  limit: AbortSignal,
  problems: Map<string, FetchResult['problems'][number]>,
): Promise<Prepared> {
  const { torrent } = options
  if (torrent instanceof Uint8Array) {
    const metainfo = await parseMetainfo(torrent, nodeHashes)
    const { infoBytes, web_seeds: webSeeds } = metainfo
    return {
      layout: layoutOf(metainfo),
      infoBytes,
      trackers: peerTrackers(metainfo.trackers.flat()),
      webSeeds,
      secret: metainfo.private,
    }
  }
  const infoHash = torrent.infoHash.toLowerCase()
  if (!/^[0-9a-f]{40}$/.test(infoHash)) {
    throw new QalError('swarm_v2_only', 'Cannot fetch a magnet: expected a v1 info hash of 40 hex digits', {
      field: 'infoHash',
      found: infoHash.slice(0, 70),
    })
  }
  const trackers = peerTrackers(torrent.trackers)
  const job = { infoHash, data: null, trackers, webSeeds: [] }
  const { infoBytes } = await runChild(job, options, limit, problems)
  // Bytes from strangers' peers, read by a stranger's code: only their hash makes them this torrent's.
  if (!infoBytes || Buffer.from(await nodeHashes.sha1(infoBytes)).toString('hex') !== infoHash) {
    throw new QalError(
      'swarm_bad_data',
      `Cannot fetch ${infoHash}: the metadata does not match its info hash`,
      {
        subject: infoHash,
      },
    )
  }
  return {
    layout: layoutOfInfo(infoBytes, infoHash),
    infoBytes,
    trackers,
    webSeeds: [...(torrent.webSeeds ?? [])],
    secret: isPrivate(asKind(decode(infoBytes), 'dictionary', 'info')),
  }
}

/** WebSocket trackers know browsers only. */
function peerTrackers(trackers: readonly string[]): string[] {
  return trackers.filter((tracker) => !/^wss?:/i.test(tracker))
}

interface ChildResult {
  progress: FetchProgress
  infoBytes: Uint8Array | undefined
}

async function runChild(
  job: Omit<FetchJob, 'peers' | 'dht' | 'allow'>,
  options: FetchOptions,
  limit: AbortSignal,
  problems: Map<string, FetchResult['problems'][number]>,
): Promise<ChildResult> {
  const sources = [...job.trackers, ...job.webSeeds, ...(options.peers ?? [])]
  const dht = options.dht ?? null
  if (sources.length === 0 && dht === null)
    throw noPeers(job.infoHash, 'it names no tracker, web seed or peer')
  const child = fork(CHILD, [], {
    execArgv: ['--max-old-space-size=512'],
    env: childEnvironment(),
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const watch = watchChild(job, options, limit, problems)
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-2_000)))
  child.on('error', watch.reject)
  child.on('message', (message) => watch.onMessage(message as ToParent))
  child.on('exit', (code, signal) => watch.onExit(code, signal, stderr))
  child.send(
    { ...job, peers: [...(options.peers ?? [])], dht, allow: options.policy.allow } satisfies FetchJob,
    ignore,
  )
  try {
    return await watch.result
  } finally {
    watch.end()
    await stopChild(child)
  }
}

/** Follows the child's messages and the clock to a result or the one error that says why not. */
function watchChild(
  job: Omit<FetchJob, 'peers' | 'dht' | 'allow'>,
  options: FetchOptions,
  limit: AbortSignal,
  problems: Map<string, FetchResult['problems'][number]>,
) {
  const { promise: result, resolve, reject } = Promise.withResolvers<ChildResult>()
  const idleMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS
  const totalBytes = job.data?.layout.totalBytes ?? 0
  let progress: FetchProgress | undefined
  let infoBytes: Uint8Array | undefined
  let most = -1
  // The process takes a while to start on a busy machine; that is not the swarm's idleness.
  let idle = setTimeout(onIdle, idleMs + START_WITHIN_MS)

  function onIdle(): void {
    reject(idleError(job, progress, problems, idleMs))
  }
  function onLimit(): void {
    const why = `not finished in ${options.totalTimeoutMs ?? TOTAL_TIMEOUT_MS} ms`
    reject(timeout(job.infoHash, why, progress))
  }
  function onAbort(): void {
    reject(
      new QalError('swarm_stopped', `Cannot fetch ${job.infoHash}: it was stopped`, {
        subject: job.infoHash,
        cause: options.signal?.reason,
      }),
    )
  }
  function onProgress(next: FetchProgress): void {
    progress = next
    if (next.downloaded > most) {
      most = next.downloaded
      clearTimeout(idle)
      idle = setTimeout(onIdle, idleMs)
    }
    const received = next.fromPeers + next.fromWebSeeds
    if (received > totalBytes * MAX_WASTE + WASTE_ALLOWANCE_BYTES) reject(badData(job.infoHash, next))
    options.onProgress?.({ ...next, totalBytes })
  }
  function onProblem(found: FetchResult['problems'][number]): void {
    problems.set(found.url, found)
    if ((options.peers ?? []).length > 0 || options.dht) return
    // Nothing is left to wait for when every source is one that may not be reached.
    const all = [...job.trackers, ...job.webSeeds].map((url) => problems.get(url)?.code)
    if (all.every((code) => code === 'swarm_address_refused')) reject(refused(job.infoHash, found.message))
  }
  limit.addEventListener('abort', onLimit)
  options.signal?.addEventListener('abort', onAbort)
  if (limit.aborted) onLimit()
  if (options.signal?.aborted) onAbort()

  return {
    result,
    reject,
    onMessage(message: ToParent): void {
      if (message.type === 'progress') onProgress(message.progress)
      else if (message.type === 'problem')
        onProblem({ url: message.url, code: message.code, message: message.message })
      else if (message.type === 'metadata') infoBytes = message.infoBytes
      else if (message.type === 'failed') reject(childError(job.infoHash, message.message, message.code))
      else {
        onProgress(message.progress)
        resolve({ progress: message.progress, infoBytes })
      }
      if (message.type === 'metadata') resolve({ progress: progress ?? NOTHING, infoBytes })
    },
    onExit(code: number | null, signal: string | null, stderr: string): void {
      reject(childError(job.infoHash, `its process ended with ${signal ?? code} ${stderr}`.trim()))
    },
    end(): void {
      clearTimeout(idle)
      limit.removeEventListener('abort', onLimit)
      options.signal?.removeEventListener('abort', onAbort)
    },
  }
}

const NOTHING: FetchProgress = {
  downloaded: 0,
  peers: 0,
  peersSeen: 0,
  fromPeers: 0,
  fromWebSeeds: 0,
  badPieces: 0,
  refusedPeers: 0,
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exited = once(child, 'exit')
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
  if (child.connected) child.send('stop', ignore)
  await exited
  clearTimeout(late)
}

/** A child that dies says so by its exit; a message it no longer takes is no error besides. */
function ignore(): void {}

/** Nothing of ours that the swarm's process has no use for: no secrets, and not the test runner's channel. */
function childEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env
  return { PATH, HOME, TMPDIR, NODE_ENV: 'production' }
}

/** Gives complete files their names; until here none of them is under a name that anyone looks at. */
async function moveFiles(layout: Layout, dir: string, into: string): Promise<FetchResult['files']> {
  const files: FetchResult['files'] = []
  for (const [index, { path, size }] of layout.files.entries()) {
    const target = diskPath(into, path)
    await mkdir(dirname(target), { recursive: true })
    if (size === 0) await writeFile(target, '')
    else await rename(diskPath(dir, String(index)), target)
    files.push({ path, diskPath: target, size })
  }
  await rm(dir, { recursive: true, force: true })
  return files
}

function idleError(
  job: Omit<FetchJob, 'peers' | 'dht' | 'allow'>,
  progress: FetchProgress | undefined,
  problems: ReadonlyMap<string, FetchResult['problems'][number]>,
  idleMs: number,
): QalError {
  if (progress && progress.badPieces > 0) return badData(job.infoHash, progress)
  const received = (progress?.fromPeers ?? 0) + (progress?.fromWebSeeds ?? 0)
  if (received > 0) return timeout(job.infoHash, `no new byte for ${idleMs} ms`, progress)
  if ((progress?.peersSeen ?? 0) > 0) return noPeers(job.infoHash, 'nobody there has what is missing')
  if ((progress?.refusedPeers ?? 0) > 0) {
    return refused(job.infoHash, `${progress?.refusedPeers} peers are at addresses that are not public`)
  }
  const failed = [...problems.values()].map(({ message }) => message)
  return noPeers(job.infoHash, ['no peer answers', ...failed].join('; ').slice(0, 500))
}

function noPeers(infoHash: string, why: string): QalError {
  return new QalError('swarm_no_peers', `Cannot fetch ${infoHash}: ${why}`, { subject: infoHash, found: why })
}

function refused(infoHash: string, why: string): QalError {
  return new QalError('swarm_address_refused', `Cannot fetch ${infoHash}: ${why}`, {
    subject: infoHash,
    expected: 'public addresses',
    found: why,
  })
}

function timeout(infoHash: string, why: string, progress: FetchProgress | undefined): QalError {
  return new QalError('swarm_timeout', `Cannot fetch ${infoHash}: ${why}`, {
    subject: infoHash,
    found: `${progress?.downloaded ?? 0} bytes from ${progress?.peersSeen ?? 0} peers`,
  })
}

function badData(infoHash: string, progress: FetchProgress): QalError {
  const found = `${progress.badPieces} wrong pieces from ${progress.peersSeen} peers and the web seeds`
  return new QalError('swarm_bad_data', `Cannot fetch ${infoHash}: got ${found}`, {
    subject: infoHash,
    found,
  })
}

function childError(infoHash: string, why: string, code: ErrorCode = 'swarm_client_failed'): QalError {
  const disk = /\b(?:ENOSPC|EDQUOT|EIO|EROFS|EACCES)\b/.test(why)
  return new QalError(disk ? 'swarm_disk' : code, `Cannot fetch ${infoHash}: ${why}`, {
    subject: infoHash,
    found: why,
  })
}
