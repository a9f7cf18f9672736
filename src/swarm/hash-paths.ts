import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { HashedFile } from '../torrent/create-hash.ts'
import { createRing } from './hash-ring.ts'
import { gatherResults } from './hash-results.ts'
import { changedFile, type FoundFile } from './read-files.ts'

export interface HashPathsOptions {
  /** Of a torrent; null for digests alone. `v1` leaves the v2 trees out. */
  pieces: { length: number; v1: boolean } | null
  noMd5?: boolean
  /** Called as bytes have been hashed, of all files together. */
  onProgress?: (doneBytes: number, totalBytes: number) => void
  /** Threads to use at most; as many as there are cores by default. */
  threads?: number
}

/** What one thread keeps at: a chain sees every chunk in order, so that no two threads can share it. */
export type Chain = 'read' | 'md5' | 'sha256' | 'sha1'

/** What the threads of a lane are told. */
export interface LaneWork {
  ring: SharedArrayBuffer
  /** One word, shared by all lanes: the place in `order` of the next file that nobody has taken. */
  tickets: SharedArrayBuffer
  order: readonly number[]
  /** With what comes where a file ends within a v1 piece: the next file, zeros up to the piece's end, or nothing. */
  files: readonly (FoundFile & { after: 'run on' | 'pad' | 'stop' })[]
  pieces: HashPathsOptions['pieces']
  md5: boolean
  chains: readonly Chain[]
}

/** What a lane's threads say. Of each chunk its file, flags, number of pieces and of nodes, and RESULT_BYTES of digests. */
export type FromReader = { type: 'chunks'; bytes: number; meta: Int32Array; results: Uint8Array }
export type FromThread =
  | FromReader
  | { type: 'changed'; index: number; found: string }
  | { type: 'failed'; message: string; code: string | undefined }
  | { type: 'ended' }

/** More lanes than this only make a disk seek. */
const MAX_LANES = 8

/**
 * How to share work among threads. MD5 alone takes longer than all else on a
 * second core, so it has a thread of its own, and a third one takes the pieces.
 * More threads than that help only where there are more files: each lane reads
 * files of its own. v1 pieces run from file to file, which makes one lane.
 */
export function planLanes(
  threads: number,
  files: number,
  { pieces, md5 }: Pick<LaneWork, 'pieces' | 'md5'>,
): Chain[][][] {
  const hash: Chain[] = ['sha256', ...(pieces === null ? [] : (['sha1'] as const))]
  const all: Chain[] = [...(md5 ? (['md5'] as const) : []), ...hash, 'read']
  if (threads < 2) return [[all]]
  const two: Chain[][] = md5
    ? [['md5'], [...hash, 'read']]
    : pieces === null
      ? [all]
      : [['sha1'], ['sha256', 'read']]
  const lanes = pieces?.v1 === true ? 1 : Math.min(files, MAX_LANES, Math.floor(threads / two.length))
  if (lanes > 1) return Array.from({ length: lanes }, () => two)
  return [threads > 2 && md5 && pieces !== null ? [['md5'], ['sha1'], ['sha256', 'read']] : two]
}

/**
 * Reads each file once, in threads, for SHA-256, MD5, v1 pieces and v2 trees:
 * what hashFiles of torrent/create-hash.ts does, at the speed of the machine.
 * Files are in torrent order, and so are the pieces. Memory: 8 MiB a lane.
 * Throws `torrent_create_changed` for a file that is not as it was found.
 */
export async function hashPaths(
  files: readonly FoundFile[],
  { pieces, noMd5 = false, onProgress, threads = availableParallelism() }: HashPathsOptions,
): Promise<{ hashed: HashedFile<FoundFile>[]; pieces: Uint8Array }> {
  const lastFull = files.findLastIndex(({ size }) => size > 0)
  const shared = {
    tickets: new SharedArrayBuffer(4),
    // The largest first: the last to end should be short. v1 pieces need the files' own order.
    order: largestFirst(files, pieces?.v1 === true),
    files: files.map((file, index) => ({
      ...file,
      after:
        index >= lastFull ? ('stop' as const) : pieces?.v1 === true ? ('run on' as const) : ('pad' as const),
    })),
    pieces,
    md5: !noMd5,
  }
  const total = files.reduce((sum, { size }) => sum + size, 0)
  let done = 0
  const results = gatherResults(files, { pieces, md5: !noMd5 })
  const lanes = planLanes(threads, files.length, shared)
  const workers = lanes.flatMap((lane) => {
    const ring = createRing()
    return lane.map((chains) => startThread({ ...shared, ring, chains }))
  })
  try {
    await Promise.all(
      workers.map((worker) =>
        untilEnded(worker, files, (chunks) => {
          results.add(chunks)
          done += chunks.bytes
          onProgress?.(done, total)
        }),
      ),
    )
    return await results.finish()
  } finally {
    // Threads that wait for one that failed would wait for ever.
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

function largestFirst(files: readonly FoundFile[], asTheyAre: boolean): number[] {
  const order = files.map((_, index) => index)
  if (asTheyAre) return order
  return order.toSorted((a, b) => (files[b]?.size ?? 0) - (files[a]?.size ?? 0))
}

function startThread(work: LaneWork): Worker {
  // The process's own flags are about its entry point, and some stop a worker from starting.
  return new Worker(new URL('./hash-worker.ts', import.meta.url), { execArgv: [], workerData: work })
}

function untilEnded(
  worker: Worker,
  files: readonly FoundFile[],
  onChunks: (chunks: FromReader) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: FromThread) => {
      if (message.type === 'ended') resolve()
      else if (message.type === 'changed') reject(changed(files[message.index], message.found))
      else if (message.type === 'failed')
        reject(Object.assign(new Error(message.message), { code: message.code }))
      else {
        try {
          onChunks(message)
        } catch (error) {
          reject(error instanceof Error ? error : new Error('Cannot take results', { cause: error }))
        }
      }
    })
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`Cannot hash files: a thread ended early with ${code}`)))
  })
}

function changed(file: FoundFile | undefined, found: string): Error {
  return file === undefined ? new Error('Cannot hash files: one changed') : changedFile(file, found)
}
