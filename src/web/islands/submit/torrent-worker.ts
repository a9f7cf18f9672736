/// <reference lib="webworker" />
import { isQalError } from '../../../core/error.ts'
import { createTorrent, type CreatedTorrent, type CreateOptions } from '../../../torrent/create.ts'
import type { HashProvider } from '../../../torrent/hash-provider.ts'
import { browserHashes } from '../browser-hashes.ts'
import { Hasher } from '../hasher.ts'
import type { Made, MakeAnswer, MakeRequest } from './torrent-maker.ts'

const scope = self as unknown as DedicatedWorkerGlobalScope

/** Large enough that a message a chunk costs nothing, small enough for flat memory. */
const CHUNK_BYTES = 2 * 1024 * 1024
const REPORT_MS = 100
const SHARD = /^(.*)-\d{5}-of-\d{5}\.gguf$/i

function answer(message: MakeAnswer): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
  scope.postMessage(message)
}

async function noStream(): ReturnType<Hasher['end']> {
  throw new Error('no stream was begun')
}

/** Whole-file digests run in a second worker, beside the pieces and leaves of this one; both come from one stream a file. */
function inTwoThreads(hash: HashProvider): HashProvider {
  let end: () => ReturnType<Hasher['end']> = noStream
  return {
    ...hash,
    async sha256Stream() {
      const mine = new Hasher(new AbortController().signal)
      await mine.begin({ md5: true })
      let digests: ReturnType<Hasher['end']> | null = null
      end = () => (digests ??= mine.end())
      const ended = end
      return { update: (bytes) => mine.chunk(bytes), digestHex: async () => (await ended()).sha256 }
    },
    // Begun after the SHA-256 of the same file, whose worker takes the bytes for both.
    md5Stream() {
      const ended = end
      return { update: () => {}, digestHex: async () => (await ended()).md5 ?? '' }
    },
  }
}

async function* chunksOf(file: File): AsyncGenerator<Uint8Array> {
  const read = async (offset: number): Promise<Uint8Array> =>
    new Uint8Array(await file.slice(offset, Math.min(file.size, offset + CHUNK_BYTES)).arrayBuffer())
  let next = file.size === 0 ? null : read(0)
  for (let offset = 0; next !== null;) {
    const chunk = await next
    if (chunk.length === 0) return
    offset += chunk.length
    // The next read runs while this chunk is hashed.
    next = offset < file.size ? read(offset) : null
    yield chunk
  }
}

/** Names for the files of a torrent that is made for its digests alone. */
const NUMBERED = (_file: File, index: number): string => `${index}.bin`

async function make({ files, trackers }: MakeRequest): Promise<Made> {
  const hash = inTwoThreads(await browserHashes())
  const folder = files.length > 1 ? (SHARD.exec(files[0]?.name ?? '')?.[1] ?? 'model') : null
  let reported = 0
  const onProgress = (bytes: number): void => {
    const now = performance.now()
    if (now - reported < REPORT_MS) return
    reported = now
    answer({ kind: 'progress', bytes })
  }
  const create = async (
    names: (file: File, index: number) => string,
    options: CreateOptions,
  ): Promise<{ created: CreatedTorrent } & Pick<Made, 'digests' | 'roots'>> => {
    const paths = files.map(names)
    const created = await createTorrent(
      {
        name: folder ?? paths[0] ?? '',
        folder: folder !== null,
        files: files.map((file, index) => ({
          path: paths[index] ?? '',
          size: file.size,
          chunks: chunksOf(file),
        })),
      },
      hash,
      { ...options, onProgress },
    )
    // A torrent puts its files in an order of its own.
    const byPath = new Map(created.files.map((file) => [file.path, file]))
    const found = paths.map((path) => byPath.get(folder === null ? path : `${folder}/${path}`))
    return {
      created,
      digests: files.map(({ name, size }, index) => ({
        name,
        size,
        sha256: found[index]?.sha256 ?? '',
        md5: found[index]?.md5 ?? '',
      })),
      roots: found.map((file) => file?.pieces_root ?? null),
    }
  }
  try {
    const { created, ...measured } = await create((file) => file.name, {
      trackers: trackers.map((url) => [url]),
    })
    return { ...measured, torrent: created, refused: null }
  } catch (error) {
    if (!isQalError(error) || error.code === 'torrent_create_changed') throw error
    // The digests are wanted all the same; names that no torrent takes stay out of it.
    const { created: _, ...measured } = await create(NUMBERED, {})
    return { ...measured, torrent: null, refused: { code: error.code, message: error.message } }
  }
}

scope.addEventListener('message', ({ data }: MessageEvent<MakeRequest>) => {
  make(data).then(
    (made) => answer({ kind: 'made', made }),
    (error: unknown) =>
      answer({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }),
  )
})
