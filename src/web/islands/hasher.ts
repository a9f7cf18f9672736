import type { SignatureResult } from '../../sign/detached.ts'

/** A detached OpenPGP signature to check in the same read, and the armored key it must be by. */
export interface SignatureToCheck {
  signature: Uint8Array
  publicKey: string
}

/** What the page asks of the hash worker. */
export type HashRequest =
  | { kind: 'file'; file: File; md5: boolean; signed: SignatureToCheck | null }
  | { kind: 'begin'; md5: boolean }
  | { kind: 'chunk'; bytes: Uint8Array }
  | { kind: 'end' }

/** What the hash worker answers: progress after each report or chunk, then the digests in lower-case hexadecimal. */
export type HashAnswer =
  | { kind: 'progress'; bytes: number }
  | ({ kind: 'done' } & Digests)
  | { kind: 'error'; message: string }

export interface Digests {
  bytes: number
  sha256: string
  md5: string | null
  /** Null where none was to be checked. */
  signature: Pick<SignatureResult, 'state' | 'message' | 'fingerprint'> | null
}

/** Thrown where the visitor cancelled; not an error to show. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled'
}

/** Hashes a local file in a worker with flat memory; `signal` ends the worker at once. */
export function hashFile(
  file: File,
  {
    signal,
    md5 = false,
    signed = null,
    progress,
  }: {
    signal: AbortSignal
    md5?: boolean
    signed?: SignatureToCheck | null
    progress: (bytes: number) => void
  },
): Promise<Digests> {
  const hasher = new Hasher(signal)
  return hasher.whole({ kind: 'file', file, md5, signed }, progress)
}

/**
 * A worker for one hash. Chunks are acknowledged one by one, so that no more
 * than one waits in memory.
 */
export class Hasher {
  readonly #worker = new Worker(new URL('./hash-worker.ts', import.meta.url), { type: 'module' })
  #settle: { resolve: (answer: HashAnswer) => void; reject: (error: Error) => void } | null = null
  #failed: Error | null = null

  constructor(signal: AbortSignal) {
    this.#worker.addEventListener('message', ({ data }: MessageEvent<HashAnswer>) => this.#take(data))
    this.#worker.addEventListener('error', (event) =>
      this.#fail(new Error(event.message || 'the worker failed')),
    )
    if (signal.aborted) this.#fail(new Cancelled('Cancelled'))
    signal.addEventListener('abort', () => this.#fail(new Cancelled('Cancelled')), { once: true })
  }

  /** Sends a request whose answer may come after progress. */
  async whole(request: HashRequest, progress: (bytes: number) => void): Promise<Digests> {
    for (let answer = await this.#ask(request); ; answer = await this.#next()) {
      if (answer.kind === 'done') {
        this.#worker.terminate()
        return answer
      }
      if (answer.kind === 'progress') progress(answer.bytes)
    }
  }

  async begin({ md5 = false }: { md5?: boolean } = {}): Promise<void> {
    await this.#ask({ kind: 'begin', md5 })
  }

  /** Adds bytes; resolves when the worker has taken them. */
  async chunk(bytes: Uint8Array): Promise<void> {
    await this.#ask({ kind: 'chunk', bytes })
  }

  end(): Promise<Digests> {
    return this.whole({ kind: 'end' }, () => {})
  }

  #ask(request: HashRequest): Promise<HashAnswer> {
    const answer = this.#next()
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
    this.#worker.postMessage(request)
    return answer
  }

  #next(): Promise<HashAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#failed === null) this.#settle = { resolve, reject }
      else reject(this.#failed)
    })
  }

  #take(answer: HashAnswer): void {
    if (answer.kind === 'error') return this.#fail(new Error(answer.message))
    const settle = this.#settle
    this.#settle = null
    settle?.resolve(answer)
  }

  #fail(error: Error): void {
    this.#worker.terminate()
    this.#failed ??= error
    this.#settle?.reject(error)
    this.#settle = null
  }
}
