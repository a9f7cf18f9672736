/// <reference lib="webworker" />
import { createMD5, createSHA256 } from 'hash-wasm'
import { readDropped } from './read-dropped.ts'
import type { ReaderAnswer, ReaderRequest } from './reader.ts'
import type { FileDigests } from './report.ts'

/**
 * Reads and hashes dropped files beside the page. It is asked for one thing at
 * a time; a newer request, or `stop`, ends what runs. Only one chunk of a file
 * is in memory, whatever its size.
 */
const scope = self as unknown as DedicatedWorkerGlobalScope

const REPORT_MS = 100

let running = new AbortController()

function answer(message: ReaderAnswer): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
  scope.postMessage(message)
}

async function hashFiles(id: number, files: readonly File[], signal: AbortSignal): Promise<FileDigests[]> {
  const digests: FileDigests[] = []
  let before = 0
  for (const file of files) {
    const [sha256, md5] = await Promise.all([createSHA256(), createMD5()])
    const reader = file.stream().getReader()
    let done = 0
    let reported = 0
    try {
      let next = reader.read()
      for (;;) {
        const { done: finished, value } = await next
        if (finished) break
        signal.throwIfAborted()
        // The next read runs while this chunk is hashed.
        next = reader.read()
        sha256.update(value)
        md5.update(value)
        done += value.byteLength
        const now = performance.now()
        if (now - reported < REPORT_MS) continue
        reported = now
        answer({ kind: 'progress', id, bytes: before + done })
      }
    } finally {
      reader.cancel().catch(() => {})
    }
    // A file cut short while it was read must not be taken for the whole.
    if (done !== file.size) throw new Error(`the file ended at ${done} of ${file.size} bytes`)
    before += done
    digests.push({ name: file.name, size: file.size, sha256: sha256.digest('hex'), md5: md5.digest('hex') })
  }
  return digests
}

async function handle(request: ReaderRequest): Promise<void> {
  running.abort()
  running = new AbortController()
  const { signal } = running
  if (request.kind === 'stop') return
  const { id, files } = request
  try {
    if (request.kind === 'read')
      answer({ kind: 'report', id, report: await readDropped(files, { label: request.label, signal }) })
    else answer({ kind: 'digests', id, digests: await hashFiles(id, files, signal) })
  } catch (error) {
    if (!signal.aborted)
      answer({ kind: 'failed', id, message: error instanceof Error ? error.message : String(error) })
  }
}

scope.addEventListener('message', ({ data }: MessageEvent<ReaderRequest>) => void handle(data))
