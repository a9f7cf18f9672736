import { createHash } from 'node:crypto'
import { hashFiles } from '../torrent/create-hash.ts'
import { finishTorrent, planTorrent, type CreatedTorrent } from '../torrent/create.ts'
import type { HashProvider } from '../torrent/hash-provider.ts'
import { hashPaths } from './hash-paths.ts'
import { startMd5Thread } from './md5-thread.ts'
import { nodeHashes } from './node-hashes.ts'
import { findFiles, readChunks, type FoundFile, type Walk } from './read-files.ts'
import { QalError } from '../core/error.ts'

export interface CreateFromPathOptions {
  /** Announce URLs, each a tier of its own. */
  announce?: readonly string[]
  /** Announce URLs in tiers (BEP 12), instead of `announce`. */
  trackers?: readonly (readonly string[])[]
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
  /** Threads to read with at most; by default as many as there are cores, or none where there is little to read. */
  threads?: number
}

export interface CreatedFromPath extends CreatedTorrent {
  /** Announce URLs in tiers, as they were written. */
  trackers: string[][]
  web_seeds: string[]
  /** Files and folders whose names begin with a dot, left out. */
  skipped: string[]
}

/** From here on threads are worth their start. */
const THREADS_FROM_BYTES = 32 * 2 ** 20

/**
 * Makes a torrent of a file or folder, with every file's checksums, in one read:
 * see findFiles for what is taken. A file that changes while it is read is an
 * error. With SOURCE_DATE_EPOCH set, equal input gives equal bytes.
 */
export async function createFromPath(
  path: string,
  options: CreateFromPathOptions = {},
): Promise<CreatedFromPath> {
  const { announce, creationDate, onlyFile = false, threads, ...rest } = options
  const walk = await findFiles(path, { onlyFile })
  const trackers = (rest.trackers ?? announce?.map((url) => [url]) ?? []).map((tier) => [...tier])
  const webSeeds = (rest.webSeeds ?? []).flatMap((url) => webSeedsFor(url, walk))
  const plan = planTorrent(walk, {
    ...rest,
    trackers,
    webSeeds,
    creationDate: creationDate ?? defaultCreationDate(),
    createdBy: 'Qal.to',
  })
  const { files, size, pieceLength } = plan
  const hashed =
    threads !== undefined || size >= THREADS_FROM_BYTES
      ? await hashPaths(files, {
          pieces: { length: pieceLength, v1: rest.v1 === true },
          ...(rest.noMd5 === undefined ? {} : { noMd5: rest.noMd5 }),
          ...(rest.onProgress === undefined ? {} : { onProgress: rest.onProgress }),
          ...(threads === undefined ? {} : { threads }),
        })
      : await hashFiles(
          { ...plan, files: files.map((file) => ({ ...file, chunks: readChunks(file) })) },
          nodeHashes,
        )
  const created = await finishTorrent(plan, hashed, nodeHashes)
  return { ...created, trackers, web_seeds: webSeeds, skipped: walk.skipped }
}

/**
 * What clients need a web seed to look like. They put a torrent's name and a
 * file's path behind the address of a folder (BEP 19), some of them without a
 * slash of their own. libtorrent does not where the folder holds one file alone: it
 * asks for what the address says, and so is given the file's own as well.
 */
function webSeedsFor(url: string, { folder, name, files }: Walk): string[] {
  if (!folder) return [url]
  const base = url.endsWith('/') ? url : `${url}/`
  const [only] = files
  if (files.length !== 1 || only === undefined) return [base]
  return [base, `${base}${[name, ...only.path.split('/')].map(encodeURIComponent).join('/')}`]
}

export interface FoundDigests {
  path: string
  size_bytes: number
  sha256: string
  md5: string
}

/** SHA-256 and MD5 of found files, each read once. A file that changes while it is read is an error. */
export async function digestFound(
  files: readonly FoundFile[],
  onProgress: (doneBytes: number, totalBytes: number) => void,
): Promise<FoundDigests[]> {
  const total = files.reduce((sum, file) => sum + file.size, 0)
  if (total >= THREADS_FROM_BYTES) {
    const { hashed } = await hashPaths(files, { pieces: null, onProgress })
    return hashed.map(({ file, sha256, md5 }) => ({
      path: file.path,
      size_bytes: file.size,
      sha256,
      md5: md5 ?? '',
    }))
  }
  const digests: FoundDigests[] = []
  let done = 0
  for (const file of files) {
    const sha256 = createHash('sha256')
    const md5 = createHash('md5')
    for await (const chunk of readChunks(file)) {
      sha256.update(chunk)
      md5.update(chunk)
      done += chunk.length
      onProgress(done, total)
    }
    digests.push({
      path: file.path,
      size_bytes: file.size,
      sha256: sha256.digest('hex'),
      md5: md5.digest('hex'),
    })
  }
  return digests
}

/** Runs work with hashes, MD5 in a thread of its own where there is enough to read. */
export async function withHashes<T>(
  totalBytes: number,
  work: (hash: HashProvider) => Promise<T>,
): Promise<T> {
  if (totalBytes < THREADS_FROM_BYTES) return await work(nodeHashes)
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
