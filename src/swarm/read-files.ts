import { constants, type BigIntStats } from 'node:fs'
import { lstat, open, readdir, realpath, type FileHandle } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { QalError } from '../core/error.ts'
import { printable, refusal } from '../torrent/refuse.ts'

/** A file on disk as it was when it was found. */
export interface FoundFile {
  /** Where it lies. */
  location: string
  /** Below the folder that was walked, joined by slashes; its name for a single file. */
  path: string
  size: number
  /** Modification time in nanoseconds, and the file's number: a change while it is read shows in them. */
  mtimeNs: bigint
  inode: bigint
}

export interface Walk {
  /** Name of the file or folder itself. */
  name: string
  folder: boolean
  files: FoundFile[]
  /** Left out: files and folders below it whose names begin with a dot. */
  skipped: string[]
}

/** Read at once: larger chunks fall out of the processor's cache before every hash has seen them. */
const CHUNK_BYTES = 262_144
const MAX_FILES = 20_000

/**
 * Finds the files of a path, sorted. Below a folder, names that begin with a dot
 * (`.git`, `.DS_Store`) are left out and listed, and symbolic links are refused;
 * what is named outright is taken whatever its name, and a link is followed, as
 * the caches of model hubs are made of links. Devices and pipes are refused. A
 * path that is not there is a usage error, and so is a folder with `onlyFile`.
 */
export async function findFiles(path: string, { onlyFile = false } = {}): Promise<Walk> {
  const walk: Walk = { name: basename(resolve(path)), folder: false, files: [], skipped: [] }
  const location = await realpath(path).catch((cause: unknown) => {
    throw absent(path, cause)
  })
  if (onlyFile && (await lstat(location)).isDirectory()) {
    throw new QalError('input_path', `Cannot use ${printable(path)}: expected one file, got a folder`, {
      field: path,
      expected: 'one file',
      found: 'a folder',
      exit: 2,
    })
  }
  await find(location, '', walk, path)
  return walk
}

async function find(location: string, path: string, walk: Walk, shown: string): Promise<void> {
  const found = await lstat(location, { bigint: true }).catch((cause: unknown) => {
    throw absent(shown, cause)
  })
  if (found.isSymbolicLink()) {
    throw refusal(
      'torrent_path_symlink',
      `Cannot use ${printable(shown)}: expected a file, got a symbolic link`,
      {
        field: shown,
        expected: 'a file or folder',
        found: 'a symbolic link',
      },
    )
  }
  if (found.isDirectory()) {
    if (path === '') walk.folder = true
    const names = (await readdir(location)).toSorted()
    for (const name of names) {
      const below = path === '' ? name : `${path}/${name}`
      if (name.startsWith('.')) walk.skipped.push(below)
      else await find(join(location, name), below, walk, join(shown, name))
    }
    return
  }
  if (!found.isFile()) {
    throw refusal(
      'torrent_path_special',
      `Cannot use ${printable(shown)}: expected a file, got a device or pipe`,
      {
        field: shown,
        expected: 'a file or folder',
        found: 'a device or pipe',
      },
    )
  }
  if (walk.files.length >= MAX_FILES) {
    throw refusal(
      'torrent_files_count',
      `Cannot use ${printable(walk.name)}: expected at most ${MAX_FILES} files, got more`,
      {
        field: walk.name,
        expected: `at most ${MAX_FILES} files`,
      },
    )
  }
  walk.files.push({
    location,
    path: path === '' ? walk.name : path,
    size: Number(found.size),
    mtimeNs: found.mtimeNs,
    inode: found.ino,
  })
}

function absent(path: string, cause: unknown): Error {
  return new QalError('input_path', `Cannot read ${printable(path)}: expected a file or folder, got none`, {
    field: path,
    expected: 'a file or folder',
    exit: 2,
    cause,
  })
}

/**
 * Reads a found file once, in chunks that are only good until the next is asked
 * for, the next one being read meanwhile. Throws `torrent_create_changed` where
 * size, modification time or the file itself is another than when it was found.
 */
export async function* readChunks(file: FoundFile): AsyncGenerator<Uint8Array, void, void> {
  // Not following links: one may have been put there since the walk.
  const handle = await open(file.location, constants.O_RDONLY | constants.O_NOFOLLOW)
  let reading: Promise<Uint8Array> | undefined
  try {
    await checkUnchanged(file, handle)
    const buffers = [new Uint8Array(CHUNK_BYTES), new Uint8Array(CHUNK_BYTES)] as const
    let turn = 0
    let at = 0
    reading = readAt(handle, buffers[0], 0)
    while (at < file.size) {
      const chunk = await reading
      if (chunk.length === 0) break
      at += chunk.length
      turn = 1 - turn
      reading = readAt(handle, turn === 0 ? buffers[0] : buffers[1], at)
      yield chunk
    }
    await reading
    await checkUnchanged(file, handle)
  } finally {
    // A read still running would meet a closed file.
    await reading?.catch(() => undefined)
    await handle.close()
  }
}

async function readAt(handle: FileHandle, buffer: Uint8Array, at: number): Promise<Uint8Array> {
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, at)
  return buffer.subarray(0, bytesRead)
}

async function checkUnchanged(file: FoundFile, handle: FileHandle): Promise<void> {
  const found = describeChange(file, await handle.stat({ bigint: true }))
  if (found !== undefined) throw changedFile(file, found)
}

/** How an open file differs from the one that was found; undefined where it does not. */
export function describeChange(file: FoundFile, now: BigIntStats): string | undefined {
  if (now.size !== BigInt(file.size)) return `${now.size} bytes`
  return now.mtimeNs === file.mtimeNs && now.ino === file.inode ? undefined : 'a later change'
}

/** The error for a file that is not as it was found. */
export function changedFile(file: FoundFile, found: string): Error {
  const expected = `${file.size} bytes, unchanged`
  return refusal(
    'torrent_create_changed',
    `Cannot hash ${printable(file.path)}: expected ${expected}, got ${found}`,
    { field: file.path, expected, found },
  )
}
