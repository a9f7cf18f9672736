import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { QalError } from '../core/error.ts'
import { pieceSize, type Layout } from './layout.ts'
import type { PieceRule } from './piece-rules.ts'
import type { FromPieceThread, ThreadData, ToPieceThread } from './piece-thread.ts'

/** Memory for one piece, which all threads see. */
export interface PieceMemory {
  readonly slot: number
  readonly bytes: Uint8Array
}

export interface Feed {
  file: number
  algorithm: string
  /** Bytes of the piece. */
  from: number
  to: number
  /** Nothing of the file comes after: answers its digest. */
  last: boolean
}

/** For all pieces in memory; but two always fit, or nothing could be read back. */
const MEMORY_BYTES = 96 * 2 ** 20
const MAX_SLOTS = 1_024
const MAX_THREADS = 4
/** What each kind of work takes for a byte, about; a thread with less of it ahead gets the next piece. */
const COST = { check: 1.6, load: 0.3, md5: 1.5, sha256: 0.8 }

/**
 * Hashes pieces and writes them in threads of their own, so that the one that
 * speaks with peers does little else. Pieces lie in shared memory and are not
 * copied. A digest over a whole file stays with one thread.
 */
export class PieceThreads {
  readonly #layout: Layout
  readonly #workers: { worker: Worker; ahead: number }[]
  readonly #slots: PieceMemory[] = []
  readonly #free: PieceMemory[] = []
  readonly #most: number
  readonly #waiting = new Map<
    number,
    { resolve: (reply: FromPieceThread) => void; reject: (error: Error) => void }
  >()
  #next = 0
  #failure: Error | undefined

  constructor({ layout, places }: ThreadData) {
    this.#layout = layout
    this.#most = Math.min(Math.max(Math.floor(MEMORY_BYTES / layout.pieceLength), 2), MAX_SLOTS)
    const count = Math.min(Math.max(availableParallelism(), 2), MAX_THREADS)
    this.#workers = Array.from({ length: count }, () => ({
      worker: this.#start({ layout, places }),
      ahead: 0,
    }))
  }

  /** How many pieces fit. */
  get size(): number {
    return this.#most
  }

  /** Memory for a piece, or undefined while there is none; `keep` leaves so many for others. */
  take(keep = 0): PieceMemory | undefined {
    if (this.#free.length + this.#most - this.#slots.length <= keep) return undefined
    const known = this.#free.pop()
    if (known) return known
    const memory = new SharedArrayBuffer(Math.min(this.#layout.pieceLength, this.#layout.totalBytes))
    const made = { slot: this.#slots.length, bytes: new Uint8Array(memory) }
    this.#slots.push(made)
    for (const { worker } of this.#workers)
      worker.postMessage({ type: 'memory', slot: made.slot, memory } satisfies ToPieceThread, [])
    return made
  }

  give(memory: PieceMemory): void {
    this.#free.push(memory)
  }

  /** Checks a piece, and writes it where it is right; with `load` it is read from the disk instead. */
  check(
    memory: PieceMemory,
    index: number,
    { rule, load }: { rule: PieceRule; load: boolean },
  ): Promise<FromPieceThread> {
    const cost = pieceSize(this.#layout, index) * COST.check
    return this.#ask(this.#idlest(), cost, (id) => ({
      type: 'check',
      id,
      slot: memory.slot,
      index,
      rule,
      load,
    }))
  }

  load(memory: PieceMemory, index: number): Promise<FromPieceThread> {
    const cost = pieceSize(this.#layout, index) * COST.load
    return this.#ask(this.#idlest(), cost, (id) => ({ type: 'load', id, slot: memory.slot, index }))
  }

  /** Goes on with a file's digest: calls for one file and algorithm are worked in their order. */
  feed(memory: PieceMemory, feed: Feed): Promise<FromPieceThread> {
    const md5 = feed.algorithm === 'md5'
    const chosen = md5 ? 0 : 1
    const cost = (feed.to - feed.from) * (md5 ? COST.md5 : COST.sha256)
    return this.#ask(chosen, cost, (id) => ({ type: 'feed', id, slot: memory.slot, ...feed }))
  }

  async close(): Promise<void> {
    this.#fail(new Error('the threads are closed'))
    await Promise.all(this.#workers.map(({ worker }) => worker.terminate()))
  }

  #start(data: ThreadData): Worker {
    // The process's own flags are about its entry point, and some stop a worker from starting.
    const worker = new Worker(new URL('./piece-thread.ts', import.meta.url), {
      workerData: data,
      execArgv: [],
    })
    worker.on('message', (reply: FromPieceThread) => {
      this.#waiting.get(reply.id)?.resolve(reply)
      this.#waiting.delete(reply.id)
    })
    worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', (code) => this.#fail(new Error(`a thread ended with ${code}`)))
    return worker
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  #idlest(): number {
    let best = 0
    for (const [index, { ahead }] of this.#workers.entries())
      if (ahead < (this.#workers[best]?.ahead ?? 0)) best = index
    return best
  }

  async #ask(index: number, cost: number, message: (id: number) => ToPieceThread): Promise<FromPieceThread> {
    if (this.#failure) throw this.#failure
    const chosen = this.#workers[index]
    if (!chosen) throw new Error(`there is no thread ${index}`)
    const id = this.#next++
    const { promise, resolve, reject } = Promise.withResolvers<FromPieceThread>()
    this.#waiting.set(id, { resolve, reject })
    chosen.ahead += cost
    chosen.worker.postMessage(message(id), [])
    try {
      const reply = await promise
      if (reply.verdict === 'disk') throw diskFailed(reply.message)
      return reply
    } finally {
      chosen.ahead -= cost
    }
  }
}

function diskFailed(why: string): QalError {
  return new QalError('swarm_disk', `Cannot use the disk: ${why}`, { found: why })
}
