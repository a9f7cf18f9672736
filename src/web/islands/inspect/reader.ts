import { Cancelled } from '../hasher.ts'
import type { FileDigests, Report } from './report.ts'

/** What the page asks of the reader. */
export type ReaderRequest =
  | { kind: 'read'; id: number; files: File[]; label?: string | undefined }
  | { kind: 'hash'; id: number; files: File[] }
  | { kind: 'stop' }

/** What the reader answers; `id` says to which request. */
export type ReaderAnswer =
  | { kind: 'report'; id: number; report: Report }
  | { kind: 'progress'; id: number; bytes: number }
  | { kind: 'digests'; id: number; digests: FileDigests[] }
  | { kind: 'failed'; id: number; message: string }

interface Job {
  id: number
  done: (answer: ReaderAnswer) => void
  failed: (error: Error) => void
  progress: (bytes: number) => void
}

/**
 * A worker that stays for as long as the page does, so that files are read also
 * when the network has gone. It does one job at a time: a new one, or an
 * aborted signal, ends the one before with `Cancelled`.
 */
export class Reader {
  #job: Job | null = null
  #ids = 0
  #worker: Worker | null = this.#start()

  read(
    files: File[],
    { label, signal }: { label?: string | undefined; signal: AbortSignal },
  ): Promise<Report> {
    return this.#ask((id) => ({ kind: 'read', id, files, label }), signal).then((answer) => {
      if (answer.kind !== 'report') throw new Error('the worker answered something else')
      return answer.report
    })
  }

  hash(
    files: File[],
    { signal, progress }: { signal: AbortSignal; progress: (bytes: number) => void },
  ): Promise<FileDigests[]> {
    return this.#ask((id) => ({ kind: 'hash', id, files }), signal, progress).then((answer) => {
      if (answer.kind !== 'digests') throw new Error('the worker answered something else')
      return answer.digests
    })
  }

  #ask(
    make: (id: number) => ReaderRequest,
    signal: AbortSignal,
    progress: (bytes: number) => void = () => {},
  ): Promise<ReaderAnswer> {
    this.#end(new Cancelled('Cancelled'))
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(new Cancelled('Cancelled'))
        return
      }
      this.#ids += 1
      const id = this.#ids
      this.#job = { id, done: resolve, failed: reject, progress }
      this.#post(make(id))
      signal.addEventListener('abort', () => {
        if (this.#job?.id !== id) return
        this.#end(new Cancelled('Cancelled'))
        this.#post({ kind: 'stop' })
      })
    })
  }

  #start(): Worker {
    const worker = new Worker(new URL('./reader-worker.ts', import.meta.url), { type: 'module' })
    worker.addEventListener('message', ({ data }: MessageEvent<ReaderAnswer>) => this.#take(data))
    worker.addEventListener('error', (event) => {
      // It ran out of memory, met a mistake of ours or could not be loaded: the next job gets a new one.
      worker.terminate()
      this.#worker = null
      this.#end(new Error(event.message || 'the worker failed'))
    })
    return worker
  }

  #post(request: ReaderRequest): void {
    this.#worker ??= this.#start()
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
    this.#worker.postMessage(request)
  }

  #take(answer: ReaderAnswer): void {
    const job = this.#job
    if (job === null || answer.id !== job.id) return
    if (answer.kind === 'progress') return job.progress(answer.bytes)
    this.#job = null
    if (answer.kind === 'failed') job.failed(new Error(answer.message))
    else job.done(answer)
  }

  #end(error: Error): void {
    const job = this.#job
    this.#job = null
    job?.failed(error)
  }
}
