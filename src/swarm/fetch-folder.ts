import { constants } from 'node:fs'
import {
  lstat,
  mkdir,
  open,
  readFile,
  realpath,
  rename,
  rm,
  statfs,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { QalError } from '../core/error.ts'
import { diskPath, type Layout } from './layout.ts'
import type { FilePlace } from './piece-thread.ts'

export interface FolderOptions {
  layout: Layout
  into: string
  /** Numbers of the files to have. */
  wanted: readonly number[]
  /** Numbers of all files that a wanted piece touches. */
  touched: readonly number[]
  /** Paths, as in the torrent, of files that are there already and are to be replaced. */
  replace: (path: string) => boolean
}

/**
 * Where a download lies: what is unfinished in `.qal-<info hash>` below the
 * folder downloaded into, under numbers instead of names, and what is complete
 * under its name. Nothing is read or written through a link below that folder,
 * whoever put it there.
 */
export class FetchFolder {
  readonly dir: string
  readonly journal: string
  readonly places: (FilePlace | null)[]
  readonly #options: FolderOptions
  readonly #lock: string

  private constructor(options: FolderOptions, dir: string, places: (FilePlace | null)[]) {
    this.#options = options
    this.dir = dir
    this.journal = join(dir, 'pieces')
    this.places = places
    this.#lock = join(dir, 'lock')
  }

  /**
   * Finds out what is there and makes room: throws `swarm_target_exists`,
   * `swarm_target_unsafe`, `swarm_disk_space`, `swarm_busy` where another
   * process downloads the same into the same folder.
   */
  static async open(options: FolderOptions): Promise<FetchFolder> {
    const { layout, into, wanted, touched } = options
    const dir = unfinishedFolder(into, layout.infoHash)
    const places = layout.files.map((): FilePlace | null => null)
    for (const number of touched) places[number] = { path: join(dir, String(number)), kept: false }
    for (const number of wanted)
      if (await isThere(options, number))
        places[number] = { path: diskPath(into, layout.files[number]?.path ?? ''), kept: true }
    const folder = new FetchFolder(options, dir, places)
    await mkdir(dir, { recursive: true })
    if (!(await lstat(dir)).isDirectory()) throw unsafe(dir)
    await folder.#takeLock()
    try {
      await folder.#makeRoom()
    } catch (error) {
      await folder.release()
      throw error
    }
    return folder
  }

  /** Keeps the metadata of a magnet for the next run. */
  async keepInfo(infoBytes: Uint8Array): Promise<void> {
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants
    await writeFile(join(this.dir, 'info'), infoBytes, { flag: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW })
  }

  /** Gives complete files their names; until here none of them is under a name that anyone looks at. */
  async finish(): Promise<void> {
    const { layout, into, wanted } = this.#options
    for (const number of wanted) {
      const file = layout.files[number]
      const place = this.places[number]
      if (!file || place?.kept === true) continue
      const target = diskPath(into, file.path)
      await makeFolder(into, dirname(target))
      // Somebody may have put something there meanwhile.
      if (await isThere(this.#options, number)) continue
      if (file.size === 0) await writeEmpty(target)
      else if (place) await rename(place.path, target)
    }
    await rm(this.dir, { recursive: true, force: true })
  }

  /** What is unfinished stays. */
  async release(): Promise<void> {
    await unlink(this.#lock).catch(() => undefined)
  }

  async #takeLock(): Promise<void> {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        await writeFile(this.#lock, JSON.stringify(await ownerOf(process.pid)), { flag: 'wx' })
        return
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const owner = parseOwner(await readFile(this.#lock, 'utf8').catch(() => ''))
      if (owner && (await isRunning(owner))) throw busy(this.#lock, owner.pid)
      // Whoever held it is gone.
      await unlink(this.#lock).catch(() => undefined)
    }
    throw busy(this.#lock, 0)
  }

  /** Makes the files that will be written, and checks that what they will take is there to take. */
  async #makeRoom(): Promise<void> {
    const { layout } = this.#options
    let needed = 0
    for (const [number, place] of this.places.entries()) {
      if (place?.kept !== false) continue
      const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants
      const handle = await open(place.path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o644)
      const { blocks } = await handle.stat()
      await handle.close()
      needed += Math.max(0, (layout.files[number]?.size ?? 0) - blocks * 512)
    }
    const { bavail, bsize, blocks } = await statfs(this.dir)
    // Some network file systems know nothing of their size.
    if (blocks > 0 && bavail * bsize < needed) throw tooFull(this.#options.into, needed, bavail * bsize)
  }
}

/** Where the unfinished download of a torrent lies. */
export function unfinishedFolder(into: string, infoHash: string): string {
  return join(into, `.qal-${infoHash}`)
}

/** Says whether a file of the right size is at a wanted file's place; throws for anything else there that is not to be replaced. */
async function isThere({ layout, into, replace }: FolderOptions, number: number): Promise<boolean> {
  const file = layout.files[number]
  if (!file) return false
  const target = diskPath(into, file.path)
  await checkFolders(into, file.path)
  const found = await lstat(target).catch(() => null)
  if (!found || (replace(file.path) && !found.isDirectory())) return false
  if (found.isFile() && found.size === file.size) return true
  const what = found.isFile()
    ? `a file of ${found.size} bytes`
    : found.isDirectory()
      ? 'a folder'
      : 'a link or device'
  throw new QalError(
    'swarm_target_exists',
    `Cannot put ${file.path} into ${into}: expected nothing there or the same file, got ${what}`,
    { field: file.path, expected: `nothing, or ${file.size} bytes`, found: what, exit: 2 },
  )
}

/** Folders on the way to a file that exist must be folders: a link would lead elsewhere. */
async function checkFolders(into: string, path: string): Promise<void> {
  const names = path.split('/').slice(0, -1)
  for (let depth = 1; depth <= names.length; depth++) {
    const folder = join(into, ...names.slice(0, depth))
    const found = await lstat(folder).catch(() => null)
    if (found && !found.isDirectory()) throw unsafe(folder)
    if (!found) return
  }
}

async function makeFolder(into: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const [root, real] = await Promise.all([realpath(into), realpath(folder)])
  if (real !== root && !real.startsWith(root.endsWith(sep) ? root : root + sep)) throw unsafe(folder)
}

async function writeEmpty(target: string): Promise<void> {
  await rm(target, { force: true })
  await writeFile(target, '', { flag: 'wx' })
}

/** A process; `started` tells it from a later one that got the same number, where the system says (Linux). */
interface Owner {
  pid: number
  started: string | null
}

async function ownerOf(pid: number): Promise<Owner> {
  return { pid, started: (await statOf(pid))?.started ?? null }
}

function parseOwner(text: string): Owner | null {
  const [, pid, started] = /^\{"pid":(\d{1,10}),"started":(?:"(\d{1,20})"|null)\}$/.exec(text) ?? []
  return pid === undefined ? null : { pid: Number(pid), started: started ?? null }
}

async function isRunning({ pid, started }: Owner): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const now = await statOf(pid)
  if (!now) return true
  // One that has ended and that nobody has asked after yet still has its number.
  return !['Z', 'X'].includes(now.state) && (started === null || now.started === started)
}

/** From /proc/PID/stat (proc(5)): fields 3 and 22; the name before them may hold anything. */
async function statOf(pid: number): Promise<{ state: string; started: string } | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, started] = [fields?.[0], fields?.[19]]
  return state === undefined || started === undefined ? null : { state, started }
}

function busy(lock: string, owner: number): QalError {
  return new QalError(
    'swarm_busy',
    `Cannot download into this folder: process ${owner} does so already (or remove ${lock})`,
    { found: `process ${owner}` },
  )
}

function unsafe(path: string): QalError {
  return new QalError(
    'swarm_target_unsafe',
    `Cannot write to ${path}: expected a folder, got something else`,
    {
      field: path,
      expected: 'a folder, not a link',
      exit: 2,
    },
  )
}

function tooFull(into: string, needed: number, there: number): QalError {
  return new QalError(
    'swarm_disk_space',
    `Cannot download into ${into}: expected ${needed} bytes free, got ${there}`,
    { expected: `${needed} bytes free`, found: `${there} bytes` },
  )
}
