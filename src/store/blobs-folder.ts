import { createHash, randomBytes } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { QalError } from '../core/error.ts'
import { Sha256 } from '../core/ids.ts'
import type { Blobs } from './blobs.ts'
import { storeError } from './sqlite.ts'

/** A half-written file this old belongs to a process that is gone. */
const STALE_TEMP_MS = 3_600_000

/**
 * Blobs as files in a folder, `ab/cdef…` by their SHA-256, readable by the
 * owner only. A blob is written aside, flushed, renamed and its folder flushed,
 * so that a name is never there without its bytes.
 */
export async function openFolderBlobs(dir: string): Promise<Blobs> {
  const temp = join(dir, 'tmp')
  try {
    await mkdir(temp, { recursive: true, mode: 0o700 })
    await sweep(temp)
  } catch (error) {
    throw storeError(error, `Cannot open the blobs in ${dir}`)
  }

  return {
    async put(bytes) {
      // A copy, so that what is hashed is what is written, whatever the caller does meanwhile.
      const own = Uint8Array.from(bytes)
      const sha256 = sha256Of(own)
      const { folder, path } = placeOf(dir, sha256)
      try {
        const there = await readIfThere(path)
        if (there === null || sha256Of(there) !== sha256) {
          await mkdir(folder, { recursive: true, mode: 0o700 })
          await writeThenRename(own, temp, path)
        }
        // Also where it was there: another put may have renamed it and not flushed the folder yet.
        await syncFolder(folder)
        await syncFolder(dir)
      } catch (error) {
        throw storeError(error, `Cannot store blob ${sha256}`)
      }
      return sha256
    },

    async get(sha256) {
      if (!Sha256.safeParse(sha256).success) return null
      let bytes: Uint8Array<ArrayBuffer> | null
      try {
        bytes = await readIfThere(placeOf(dir, sha256).path)
      } catch (error) {
        throw storeError(error, `Cannot read blob ${sha256}`)
      }
      const found = bytes === null ? null : sha256Of(bytes)
      if (found !== null && found !== sha256)
        throw new QalError(
          'store_blob_corrupt',
          `Cannot read blob: expected sha256 ${sha256}, got ${found}`,
          {
            subject: sha256,
            expected: sha256,
            found,
          },
        )
      return bytes
    },

    async delete(sha256) {
      if (!Sha256.safeParse(sha256).success) return
      const { folder, path } = placeOf(dir, sha256)
      try {
        await rm(path, { force: true })
        // What the law asks to erase must not come back after a power cut.
        await syncFolder(folder)
      } catch (error) {
        if (!isMissing(error)) throw storeError(error, `Cannot delete blob ${sha256}`)
      }
    },
  }
}

function sha256Of(bytes: Uint8Array): Sha256 {
  return createHash('sha256').update(bytes).digest('hex') as Sha256
}

function placeOf(dir: string, sha256: string): { folder: string; path: string } {
  const folder = join(dir, sha256.slice(0, 2))
  return { folder, path: join(folder, sha256.slice(2)) }
}

async function readIfThere(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    return Uint8Array.from(await readFile(path))
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

async function writeThenRename(bytes: Uint8Array, temp: string, path: string): Promise<void> {
  const aside = join(temp, randomBytes(16).toString('hex'))
  try {
    const file = await open(aside, 'wx', 0o600)
    await closing(file, async () => {
      await file.writeFile(bytes)
      await file.sync()
    })
    await rename(aside, path)
  } catch (error) {
    await rm(aside, { force: true })
    throw error
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  await closing(folder, () => folder.sync())
}

async function closing(file: FileHandle, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } finally {
    await file.close()
  }
}

/** Removes what killed processes left half-written. */
async function sweep(temp: string): Promise<void> {
  for (const name of await readdir(temp)) {
    const path = join(temp, name)
    const found = await stat(path).catch(() => null)
    if (found !== null && Date.now() - found.mtimeMs > STALE_TEMP_MS) await rm(path, { force: true })
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
