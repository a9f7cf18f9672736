import { Worker } from 'node:worker_threads'
import type { HashStream } from '../torrent/hash-provider.ts'

export type ToMd5Thread =
  | { type: 'update'; stream: number; buffer: ArrayBuffer; length: number }
  | { type: 'digest'; stream: number }
export type FromMd5Thread =
  | { type: 'taken'; buffer: ArrayBuffer }
  | { type: 'digest'; stream: number; hex: string }

/** MD5 in a thread of its own. Close it when done, or the process does not end. */
export interface Md5Thread {
  stream(): HashStream
  close(): Promise<void>
}

/** Copies of chunks in flight: enough to keep the thread busy, few enough for flat memory. */
const MAX_IN_FLIGHT = 8

/**
 * Starts the thread: MD5 is the one hash that no second core can share in, so
 * it alone decides how long one read of a large file takes. A failed thread
 * rejects every call from then on.
 */
export function startMd5Thread(): Md5Thread {
  // The process's own flags are about its entry point, and some stop a worker from starting.
  const worker = new Worker(new URL('./md5-worker.ts', import.meta.url), { execArgv: [] })
  const state: State = { worker, free: [], inFlight: 0, waiting: [], digests: new Map(), next: 0 }
  worker.on('message', (message: FromMd5Thread) => receive(state, message))
  const fail = (cause: unknown): void => {
    state.failure ??=
      cause instanceof Error ? cause : new Error('Cannot compute MD5: its thread ended early', { cause })
    for (const { reject } of [...state.waiting, ...state.digests.values()]) reject(state.failure)
    state.waiting = []
    state.digests.clear()
  }
  worker.on('error', fail)
  worker.on('exit', fail)
  return {
    stream: () => newStream(state),
    close: async () => {
      await worker.terminate()
    },
  }
}

interface Waiter<T> {
  resolve: (value: T) => void
  reject: (error: Error) => void
}

interface State {
  readonly worker: Worker
  /** Buffers that came back and can be filled again. */
  readonly free: ArrayBuffer[]
  inFlight: number
  waiting: Waiter<void>[]
  readonly digests: Map<number, Waiter<string>>
  next: number
  failure?: Error
}

function newStream(state: State): HashStream {
  const stream = state.next++
  return {
    update: (bytes) => {
      if (state.failure !== undefined) throw state.failure
      const reused = state.free.pop()
      const buffer =
        reused !== undefined && reused.byteLength >= bytes.length ? reused : new ArrayBuffer(bytes.length)
      new Uint8Array(buffer).set(bytes)
      state.inFlight++
      const message: ToMd5Thread = { type: 'update', stream, buffer, length: bytes.length }
      state.worker.postMessage(message, [buffer])
      return state.inFlight < MAX_IN_FLIGHT ? undefined : waitForRoom(state)
    },
    digestHex: () =>
      new Promise((resolve, reject) => {
        if (state.failure !== undefined) {
          reject(state.failure)
          return
        }
        state.digests.set(stream, { resolve, reject })
        state.worker.postMessage({ type: 'digest', stream } satisfies ToMd5Thread, [])
      }),
  }
}

function waitForRoom(state: State): Promise<void> {
  return new Promise((resolve, reject) => state.waiting.push({ resolve, reject }))
}

function receive(state: State, message: FromMd5Thread): void {
  if (message.type === 'taken') {
    state.inFlight--
    state.free.push(message.buffer)
    state.waiting.shift()?.resolve()
  } else {
    state.digests.get(message.stream)?.resolve(message.hex)
    state.digests.delete(message.stream)
  }
}
