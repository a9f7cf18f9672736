import { Cancelled } from '../hasher.ts'
import type { FileDigests } from '../inspect/report.ts'

/** What the page asks for: the torrent and the digests of these files, in one read. */
export interface MakeRequest {
  files: File[]
  trackers: string[]
}

export interface MadeTorrent {
  /** The .torrent file. */
  bytes: Uint8Array<ArrayBuffer>
  name: string
  info_hash: string
  info_hash_v2: string | null
  piece_length: number
  piece_count: number
}

/** Digests come in the files' order. `torrent` is null where the files cannot be put into one; `refused` then says why. */
export interface Made {
  digests: FileDigests[]
  roots: (string | null)[]
  torrent: MadeTorrent | null
  refused: { code: string; message: string } | null
}

export type MakeAnswer =
  | { kind: 'progress'; bytes: number }
  | { kind: 'made'; made: Made }
  | { kind: 'failed'; message: string }

/** Reads files once in workers of their own: SHA-256, MD5, v1 pieces and v2 trees. Memory stays flat. */
export function makeTorrent(
  request: MakeRequest,
  { signal, progress }: { signal: AbortSignal; progress: (bytes: number) => void },
): Promise<Made> {
  const worker = new Worker(new URL('./torrent-worker.ts', import.meta.url), { type: 'module' })
  const { promise, resolve, reject } = Promise.withResolvers<Made>()
  worker.addEventListener('message', ({ data }: MessageEvent<MakeAnswer>) => {
    if (data.kind === 'progress') progress(data.bytes)
    else if (data.kind === 'made') resolve(data.made)
    else reject(new Error(data.message))
  })
  worker.addEventListener('error', (event) => reject(new Error(event.message || 'the worker failed')))
  if (signal.aborted) reject(new Cancelled('Cancelled'))
  signal.addEventListener('abort', () => reject(new Cancelled('Cancelled')), { once: true })
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
  worker.postMessage(request)
  return promise.finally(() => worker.terminate())
}
