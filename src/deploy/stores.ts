import { randomBytes } from 'node:crypto'
import { constants, existsSync } from 'node:fs'
import { access, link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isQalError, QalError } from '../core/error.ts'
import type { Blobs } from '../store/blobs.ts'
import { openFolderBlobs } from '../store/blobs-folder.ts'
import type { Catalogue } from '../store/catalogue.ts'
import { openCatalogue } from '../store/catalogue.ts'
import type { Ledger } from '../store/ledger.ts'
import { openSqliteLedger } from '../store/ledger-sqlite.ts'
import type { PrivateStore } from '../store/private.ts'
import { openSqlitePrivate } from '../store/private-sqlite.ts'
import { isLoopback, type ServeSettings } from './settings.ts'

export const SITE_NAME = process.env['QAL_SITE_NAME'] ?? 'Qal.to'

/** The embedded stores of one data folder. */
export interface Stores {
  ledger: Ledger
  blobs: Blobs
  private: PrivateStore
  catalogue: Catalogue
  /** The folder of files this machine seeds, each beside its .torrent. */
  seedDir: string
  secret: Uint8Array<ArrayBuffer>
  now(): Date
  random(bytes: number): Uint8Array<ArrayBuffer>
  close(): Promise<void>
}

/** Opens, and makes where it is not there, everything under a data folder. Several processes may have it open at once. */
export async function openStores(dataDir: string): Promise<Stores> {
  const seedDir = join(dataDir, 'seed')
  await makeFolder(dataDir)
  const secret = await siteSecret(join(dataDir, 'secret'))
  const ledger = await openSqliteLedger(join(dataDir, 'ledger.sqlite'))
  const blobs = await openFolderBlobs(join(dataDir, 'blobs'))
  const secrets = await openSqlitePrivate(join(dataDir, 'private.sqlite'))
  const catalogue = openCatalogue(join(dataDir, 'catalogue.sqlite'), { siteName: SITE_NAME })
  await catalogue.catchUp(ledger)
  return {
    ledger,
    blobs,
    private: secrets,
    catalogue,
    seedDir,
    secret,
    now: () => new Date(),
    random,
    close: async () => {
      catalogue.close()
      await secrets.close()
      await ledger.close()
    },
  }
}

export function random(bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(randomBytes(bytes))
}

/** The data folder with its seed folder; throws `store_folder`, exit 2, that says what to do. */
async function makeFolder(dataDir: string): Promise<void> {
  try {
    // Made level by level: Node's own recursion never ends in a folder such as /proc, which takes no entries.
    const missing: string[] = []
    for (let at = resolve(dataDir); !existsSync(at); at = dirname(at)) missing.unshift(at)
    for (const folder of missing) await mkdir(folder)
    await mkdir(join(dataDir, 'seed')).catch(unlessThere)
    await access(dataDir, constants.W_OK)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'it failed'
    throw unusable(dataDir, `it is no folder that can be written (${code})`, cause)
  }
}

function unusable(dataDir: string, why: string, cause: unknown): QalError {
  return new QalError(
    'store_folder',
    `Cannot use the data folder ${dataDir}: ${why}; choose another with --data`,
    { field: '--data', expected: 'a folder that can be written', exit: 2, cause },
  )
}

/** What the system said of the data folder or of the address, as a sentence that says what to do, exit 2; any other error as it is. */
export function inWords(
  error: unknown,
  { data, host, port }: Pick<ServeSettings, 'data' | 'host' | 'port'>,
): unknown {
  // A store's refusal has what the system said as its cause; one that names its exit code is said well already.
  const said = isQalError(error) && error.facts.exit === undefined ? error.cause : error
  if (isQalError(said) || !(said instanceof Error)) return error
  const { code = '', syscall = '' } = said as NodeJS.ErrnoException
  if (/^(?:listen|bind|getaddrinfo)$/.test(syscall))
    return new QalError(
      'cli_host',
      `Cannot listen on ${host}:${port}: this machine does not give that address (${code}); choose another with --host or --port`,
      { field: '--host', expected: 'an address of this machine', exit: 2, cause: error },
    )
  if (/^(?:ENOENT|ENOTDIR|EISDIR|EEXIST|EROFS|EACCES|EPERM|ENOSPC)$/.test(code))
    return unusable(data, `a file in it cannot be used (${code})`, error)
  // SQLite's own: may not, read-only, cannot open, full, no database.
  const sqlite = code === 'ERR_SQLITE_ERROR' && 'errcode' in said ? Number(said.errcode) & 0xff : 0
  if ([3, 8, 13, 14, 26].includes(sqlite)) return unusable(data, said.message, error)
  return error
}

/** One line on how to sign in, without a full stop; a link is shown on the terminal only where whoever visits is the operator. */
export function signInHint({ host }: Pick<ServeSettings, 'host'>, url: string): string {
  return isLoopback(host) && isLoopback(new URL(url).hostname)
    ? 'To sign in, type a handle on /sign-in and open the link that is then shown here'
    : 'To sign in, make a token with bin/qal admin token --as HANDLE and paste it on /sign-in'
}

function unlessThere(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
}

/** The 32 bytes that sign this site's sessions, made once and readable by its owner only. */
async function siteSecret(path: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!existsSync(path)) {
    const part = `${path}.${process.pid}`
    const file = await open(part, 'w', 0o600)
    try {
      await file.writeFile(random(32))
      await file.sync()
    } finally {
      await file.close()
    }
    // Named only when it is whole; of two that make one at once, the first to name it wins.
    await link(part, path).catch(unlessThere)
    await unlink(part)
  }
  const secret = new Uint8Array(await readFile(path))
  if (secret.length !== 32)
    throw new QalError(
      'store_secret',
      `Cannot use ${path}: expected 32 bytes, found ${secret.length}; delete it to make a new one`,
      {
        expected: '32 bytes',
      },
    )
  return secret
}
