import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { QalError } from '../core/error.ts'
import type { Blobs } from '../store/blobs.ts'
import { openFolderBlobs } from '../store/blobs-folder.ts'
import type { Catalogue } from '../store/catalogue.ts'
import { openCatalogue } from '../store/catalogue.ts'
import type { Ledger } from '../store/ledger.ts'
import { openSqliteLedger } from '../store/ledger-sqlite.ts'
import type { PrivateStore } from '../store/private.ts'
import { openSqlitePrivate } from '../store/private-sqlite.ts'

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
  await mkdir(seedDir, { recursive: true })
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

/** The 32 bytes that sign this site's sessions, made once and readable by its owner only. */
async function siteSecret(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(random(32))
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
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
