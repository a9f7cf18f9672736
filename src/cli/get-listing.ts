import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { QalError } from '../core/error.ts'
import { Md5, Sha256 } from '../core/ids.ts'
import { createDetachedVerifier, type SignatureResult } from '../sign/detached.ts'
import type { FetchedFile } from '../swarm/fetch.ts'
import { MAX_TORRENT_BYTES } from '../torrent/limits.ts'
import type { Metainfo } from '../torrent/metainfo.ts'
import { fetchBytes, fetchText } from './fetch-text.ts'
import { safeLine } from './output.ts'

const digest = { sha256: Sha256.nullable(), md5: Md5.nullish(), size_bytes: z.int().min(0) }
const Text = z.string().max(1_000)

/** A listing as its own JSON gives it; what is not looked at is left out. */
const Listing = z.object({
  id: z.string().regex(/^[0-9A-Z]{26}$/),
  model: Text,
  status: Text,
  tier: Text,
  consensus: Text,
  demo: z.boolean().optional(),
  info_hash: z.string().nullable(),
  info_hash_v2: z.string().nullable(),
  magnet: z.string().max(32_768).nullable(),
  torrent_url: z.string().nullable(),
  sha256: Sha256,
  files: z.array(z.object({ ...digest, path: z.string().max(4_096) })).max(20_000),
  signature: z.object({ state: Text, fingerprint: z.string().nullable(), blob: z.string().nullable() }),
})

/** What a site published of a model, and where. */
export interface Listing extends z.infer<typeof Listing> {
  /** The site's base URL, without a slash at its end. */
  site: string
}

const Matches = z.object({
  matches: z.array(
    z.object({
      id: z.string(),
      sha256: z.string(),
      info_hash: z.string().nullable(),
      info_hash_v2: z.string().nullable(),
    }),
  ),
})

const MAX_SMALL_BYTES = 1024 ** 2

/** Reads a listing from its site. Throws `cli_fetch`, and `cli_manifest` (exit 4) for what is no listing. */
export async function readListing(site: string, id: string): Promise<Listing> {
  const url = `${site}/models/${id}.json`
  const parsed = Listing.safeParse(await documentAt(url))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw notOne(url, `a listing (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`, parsed.error)
  }
  return { ...parsed.data, site }
}

/** The id of the listing that has a file or torrent of this hash, or null; only five digits of it are told to the site. */
export async function findByHash(site: string, hash: string): Promise<string | null> {
  const url = `${site}/api/identify/${hash.slice(0, 5)}`
  const parsed = Matches.safeParse(await documentAt(url))
  if (!parsed.success) throw notOne(url, 'a list of matches', parsed.error)
  const found = parsed.data.matches.find((match) =>
    [match.sha256, match.info_hash, match.info_hash_v2].includes(hash),
  )
  return found?.id ?? null
}

async function documentAt(url: string): Promise<unknown> {
  const text = await fetchText(url)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw notOne(url, 'a JSON document', cause)
  }
}

function notOne(url: string, expected: string, cause: unknown): QalError {
  return new QalError(
    'cli_manifest',
    `Cannot use ${safeLine(url)}: expected ${expected}, got something else`,
    {
      field: 'listing',
      expected,
      exit: 4,
      cause,
    },
  )
}

/** The listing's .torrent; null where it was submitted without one. */
export async function torrentOf({ site, id, torrent_url }: Listing): Promise<Uint8Array | null> {
  return torrent_url === null ? null : await fetchBytes(`${site}/models/${id}.torrent`, MAX_TORRENT_BYTES)
}

/** Refuses a listing that one is warned of: suspended, rejected, removed, or not what it says. */
export function refuseDanger({ status, consensus, model }: Listing): void {
  const word = ['suspended', 'rejected', 'removed', 'withdrawn'].includes(status)
    ? status
    : ['REFUSED', 'SPLIT'].includes(consensus)
      ? consensus
      : null
  if (word === null) return
  throw new QalError(
    'cli_get_refused',
    `Cannot recommend ${safeLine(model)}: its listing is ${word}; see its page, and use --anyway to examine it all the same`,
    { field: 'status', expected: 'a listing in good standing', found: word, exit: 3 },
  )
}

/** A torrent must be the listing's, with its files, or what is downloaded has nothing to do with it. */
export function checkTorrent(listing: Listing, { info_hash, info_hash_v2, files }: Metainfo): void {
  for (const [field, expected, found] of [
    ['info_hash', listing.info_hash, info_hash],
    ['info_hash_v2', listing.info_hash_v2, info_hash_v2],
  ] as const)
    if (expected !== null && expected !== found)
      throw mismatch('the torrent', field, expected, found ?? 'none')
  for (const file of files) {
    const claim = claimOf(listing, file.path, files.length)
    if (claim && claim.size_bytes !== file.size_bytes)
      throw mismatch(file.path, 'size', `${claim.size_bytes} bytes`, `${file.size_bytes} bytes`)
  }
}

/** What the listing says of a file; of a torrent with one file, that is its only claim whatever its path. */
export function claimOf(
  { files }: Listing,
  path: string,
  count: number,
): Listing['files'][number] | undefined {
  const [only] = files.length === 1 && count === 1 ? files : []
  return only ?? files.find((file) => file.path === path)
}

/** Compares digests with what was published; throws `cli_get_mismatch`, exit 3. Answers how many files were compared by SHA-256. */
export function checkDigests(listing: Listing, files: readonly FetchedFile[], count: number): number {
  let compared = 0
  for (const { path, sha256, md5 } of files) {
    const claim = claimOf(listing, path, count)
    if (claim?.sha256 && claim.sha256 !== sha256)
      throw mismatch(path, 'SHA-256', claim.sha256, sha256 ?? 'none')
    if (claim?.md5 && claim.md5 !== md5) throw mismatch(path, 'MD5', claim.md5, md5 ?? 'none')
    if (claim?.sha256) compared++
  }
  return compared
}

/** Makes the error for what is not as it was published. */
export function mismatch(what: string, which: string, expected: string, found: string): QalError {
  return new QalError(
    'cli_get_mismatch',
    `DO NOT USE ${safeLine(what)}: it is not what was published, expected ${which} ${safeLine(expected)}, got ${safeLine(found)}`,
    { field: which, expected, found, exit: 3 },
  )
}

/** Checks the listing's signature over the file that it names, with the key that its site gives; null where there is none. */
export async function checkSignature(
  { site, id, signature, sha256 }: Listing,
  files: readonly FetchedFile[],
  onProgress: (done: number, total: number) => void,
): Promise<SignatureResult | null> {
  const file = files.find((each) => each.sha256 === sha256)
  if (signature.blob === null || signature.fingerprint === null || !file) return null
  const verifier = await createDetachedVerifier({
    signature: await fetchBytes(`${site}/models/${id}.sig`, MAX_SMALL_BYTES),
    publicKey: await fetchBytes(`${site}/keys/${encodeURIComponent(signature.fingerprint)}`, MAX_SMALL_BYTES),
    digest: (name) => {
      const hash = createHash(name)
      return Promise.resolve({ update: (chunk) => void hash.update(chunk), digest: () => hash.digest() })
    },
  })
  let done = 0
  for await (const chunk of createReadStream(file.location, {
    highWaterMark: 2 ** 20,
  }) as AsyncIterable<Buffer>) {
    verifier.update(chunk)
    onProgress((done += chunk.length), file.size)
  }
  const result = await verifier.finish()
  if (result.state !== 'good')
    throw new QalError(
      'cli_get_signature',
      `DO NOT TRUST ${safeLine(basename(file.path))}: its signature is ${result.state}: ${safeLine(result.message)}`,
      { field: 'signature', expected: 'a good signature', found: result.state, exit: 3 },
    )
  return result
}
