import { createTorrent, type CreatedTorrent } from '../torrent/create.ts'
import type { HashProvider } from '../torrent/hash-provider.ts'
import { startMd5Thread } from './md5-thread.ts'
import { nodeHashes } from './node-hashes.ts'
import { findFiles, readChunks } from './read-files.ts'
import { QalError } from '../core/error.ts'

export interface CreateFromPathOptions {
  /** Announce URLs, each a tier of its own. */
  announce?: readonly string[]
  webSeeds?: readonly string[]
  comment?: string
  v1?: boolean
  noMd5?: boolean
  pieceLength?: number
  /** Refuse a folder: a web seed on a model hub serves one file. */
  onlyFile?: boolean
  /** Seconds since 1970; by default SOURCE_DATE_EPOCH, else the time now. */
  creationDate?: number
  onProgress?: (doneBytes: number, totalBytes: number) => void
}

export interface CreatedFromPath extends CreatedTorrent {
  /** Files and folders whose names begin with a dot, left out. */
  skipped: string[]
}

/** From here on a thread for MD5 is worth its start. */
const THREAD_FROM_BYTES = 32 * 2 ** 20

/**
 * Makes a torrent of a file or folder, with every file's checksums, in one read:
 * see findFiles for what is taken. A file that changes while it is read is an
 * error. With SOURCE_DATE_EPOCH set, equal input gives equal bytes.
 */
export async function createFromPath(
  path: string,
  options: CreateFromPathOptions = {},
): Promise<CreatedFromPath> {
  const { announce, creationDate, onlyFile = false, ...rest } = options
  const walk = await findFiles(path, { onlyFile })
  const total = walk.files.reduce((sum, file) => sum + file.size, 0)
  const created = await withHashes(total, (hash) =>
    createTorrent(
      {
        name: walk.name,
        folder: walk.folder,
        files: walk.files.map((file) => ({ path: file.path, size: file.size, chunks: readChunks(file) })),
      },
      hash,
      {
        ...rest,
        trackers: (announce ?? []).map((url) => [url]),
        creationDate: creationDate ?? defaultCreationDate(),
        createdBy: 'Qal.to',
      },
    ),
  )
  return { ...created, skipped: walk.skipped }
}

/** Runs work with hashes, MD5 in a thread of its own where there is enough to read. */
export async function withHashes<T>(
  totalBytes: number,
  work: (hash: HashProvider) => Promise<T>,
): Promise<T> {
  if (totalBytes < THREAD_FROM_BYTES) return await work(nodeHashes)
  const thread = startMd5Thread()
  try {
    return await work({ ...nodeHashes, md5Stream: () => thread.stream() })
  } finally {
    await thread.close()
  }
}

/** SOURCE_DATE_EPOCH (reproducible-builds.org) where it is set, else now; in seconds. */
function defaultCreationDate(): number {
  const fixed = process.env['SOURCE_DATE_EPOCH']
  if (fixed === undefined || fixed === '') return Math.floor(Date.now() / 1000)
  if (!/^[0-9]{1,11}$/.test(fixed)) {
    throw new QalError(
      'input_source_date',
      `Cannot use SOURCE_DATE_EPOCH: expected seconds, got ${fixed.slice(0, 40)}`,
      {
        field: 'SOURCE_DATE_EPOCH',
        expected: 'seconds since 1970',
        exit: 2,
      },
    )
  }
  return Number(fixed)
}
