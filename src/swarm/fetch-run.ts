import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { AddressPolicy } from './addresses.ts'
import {
  badData,
  childError,
  idleError,
  noPeers,
  refused,
  stopped,
  timeout,
  type FetchProblem,
} from './fetch-errors.ts'
import {
  NOTHING,
  type FetchedData,
  type FetchJob,
  type FetchProgress,
  type ToParent,
} from './fetch-protocol.ts'

/** How long, how much and from whom; the same for metadata and data. */
export interface FetchLimits {
  policy: AddressPolicy
  /** Without a new byte for so long: `swarm_no_peers` or `swarm_timeout`. */
  idleTimeoutMs?: number
  totalTimeoutMs?: number
  signal?: AbortSignal
  onProgress?: (progress: FetchState) => void
  /** Each tracker or web seed that could not be used, as it fails. */
  onProblem?: (problem: FetchProblem) => void
  /** `ip:port` of peers known besides the trackers', held to the policy too. */
  peers?: readonly string[]
  /** Look for peers in the DHT too, by these routers (`host:port`, named by the operator). Never for a private torrent, and not by default. */
  dht?: readonly string[]
  /** Let peers connect, and so be served what is there already; by default nobody can. */
  listen?: { host?: string; port: number }
  /** Bytes a second. */
  maxDownRate?: number
  maxUpRate?: number
}

export interface FetchState extends FetchProgress {
  /** Of what is wanted, pad files included; 0 while a magnet's metadata is fetched. */
  totalBytes: number
}

export interface ChildResult {
  progress: FetchProgress
  infoBytes: Uint8Array | undefined
  data: FetchedData | undefined
}

export type RunJob = Pick<FetchJob, 'infoHash' | 'data' | 'trackers' | 'webSeeds'> & { totalBytes: number }

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

/** The clock of a whole fetch, metadata and data together. */
export function totalLimit({ totalTimeoutMs }: FetchLimits): AbortSignal {
  return AbortSignal.timeout(totalTimeoutMs ?? TOTAL_TIMEOUT_MS)
}

/** Runs one job in a process of its own; throws as `fetchTorrent` says. */
export async function runChild(
  job: RunJob,
  limits: FetchLimits,
  limit: AbortSignal,
  problems: Map<string, FetchProblem>,
): Promise<ChildResult> {
  const { totalBytes: _, ...given } = job
  const peers = [...(limits.peers ?? [])]
  const dht = limits.dht ?? null
  if ([...job.trackers, ...job.webSeeds, ...peers].length === 0 && dht === null)
    throw noPeers(job.infoHash, 'it names no tracker, web seed or peer')
  const child = fork(CHILD, [], {
    execArgv: ['--max-old-space-size=512'],
    env: childEnvironment(),
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const watch = watchChild(job, limits, limit, problems)
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-2_000)))
  child.on('error', watch.reject)
  child.on('message', (message) => watch.onMessage(message as ToParent))
  child.on('exit', (code, signal) => watch.onExit(code, signal, stderr))
  const sent: FetchJob = {
    ...given,
    peers,
    dht,
    allow: limits.policy.allow,
    listen: limits.listen ?? null,
    limits: { down: limits.maxDownRate ?? null, up: limits.maxUpRate ?? null },
  }
  child.send(sent, ignore)
  try {
    return await watch.result
  } finally {
    watch.end()
    await stopChild(child)
  }
}

/** Follows the child's messages and the clock to a result or the one error that says why not. */
function watchChild(
  job: RunJob,
  limits: FetchLimits,
  limit: AbortSignal,
  problems: Map<string, FetchProblem>,
) {
  const { promise: result, resolve, reject } = Promise.withResolvers<ChildResult>()
  const { infoHash, totalBytes } = job
  const idleMs = limits.idleTimeoutMs ?? IDLE_TIMEOUT_MS
  let progress: FetchProgress = NOTHING
  let most = -1
  let checked = 0
  // The process takes a while to start on a busy machine; that is not the swarm's idleness.
  let idle = setTimeout(onIdle, idleMs + START_WITHIN_MS)

  function onIdle(): void {
    reject(idleError(infoHash, progress, problems, idleMs))
  }
  function onLimit(): void {
    reject(timeout(infoHash, `not finished in ${limits.totalTimeoutMs ?? TOTAL_TIMEOUT_MS} ms`, progress))
  }
  function onAbort(): void {
    reject(stopped(infoHash, limits.signal?.reason))
  }
  function onProgress(next: FetchProgress): void {
    progress = next
    checked = Math.max(checked, next.checking?.done ?? 0)
    const moved = next.downloaded + next.hashed + checked
    if (moved > most) {
      most = moved
      clearTimeout(idle)
      idle = setTimeout(onIdle, idleMs)
    }
    const received = next.fromPeers + next.fromWebSeeds
    if (received > totalBytes * MAX_WASTE + WASTE_ALLOWANCE_BYTES) reject(badData(infoHash, next, problems))
    limits.onProgress?.({ ...next, totalBytes })
  }
  function onProblem(found: FetchProblem): void {
    problems.set(found.url, found)
    limits.onProblem?.(found)
    if ((limits.peers ?? []).length > 0 || limits.dht) return
    // Nothing is left to wait for when every source is one that may not be reached.
    const all = [...job.trackers, ...job.webSeeds].map((url) => problems.get(url)?.code)
    if (all.every((code) => code === 'swarm_address_refused')) reject(refused(infoHash, found.message))
  }
  limit.addEventListener('abort', onLimit)
  limits.signal?.addEventListener('abort', onAbort)
  if (limit.aborted) onLimit()
  if (limits.signal?.aborted) onAbort()

  return {
    result,
    reject,
    onMessage(message: ToParent): void {
      if (message.type === 'progress') onProgress(message.progress)
      else if (message.type === 'problem') {
        const { url, code, message: text } = message
        onProblem({ url, code, message: text })
      } else if (message.type === 'failed') reject(childError(infoHash, message.message, message))
      else if (message.type === 'metadata')
        resolve({ progress, infoBytes: message.infoBytes, data: undefined })
      else {
        onProgress(message.progress)
        resolve({ progress: message.progress, infoBytes: undefined, data: message.data })
      }
    },
    onExit(code: number | null, signal: string | null, stderr: string): void {
      reject(childError(infoHash, `its process ended with ${signal ?? code} ${stderr}`.trim()))
    },
    end(): void {
      clearTimeout(idle)
      limit.removeEventListener('abort', onLimit)
      limits.signal?.removeEventListener('abort', onAbort)
    },
  }
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
  return {
    PATH,
    HOME,
    TMPDIR,
    NODE_ENV: 'production',
    // glibc gives memory back to the system and takes it again with every packet; keeping it saves a tenth of all work.
    MALLOC_TRIM_THRESHOLD_: '67108864',
    MALLOC_MMAP_THRESHOLD_: '67108864',
    MALLOC_TOP_PAD_: '16777216',
  }
}
