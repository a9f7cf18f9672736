import type { ListedFile } from '../core/events.ts'
import { isQalError } from '../core/error.ts'
import { createHash } from 'node:crypto'
import { type DetachedVerifier, type SignatureResult, createDetachedVerifier } from '../sign/detached.ts'
import type { Metainfo } from '../torrent/metainfo.ts'
import { printable } from '../torrent/refuse.ts'
import { type FileDigests, type PieceCheck, digestFiles } from './digest-files.ts'
import type { FetchedTorrent, VerificationJob } from './job.ts'
import { judgeOf } from './judge.ts'
import { primaryFile } from '../core/files.ts'
import type { PublisherRecorded } from '../core/events.ts'
import type { Check, Judge, SignatureReport, VerifiedFile } from '../core/report.ts'
import { comparePublisher, type PublisherWord } from './publisher.ts'

export interface Integrity {
  judge: Judge
  files: VerifiedFile[]
  signature: SignatureReport | null
  publisher: PublisherRecorded | null
}

export interface IntegrityInput {
  job: VerificationJob
  metainfo: Metainfo
  fetched: FetchedTorrent
  /** What was asked elsewhere meanwhile; neither rejects. */
  publisher: Promise<PublisherWord>
  webSeeds: Promise<Check[]>
  onProgress?: (doneBytes: number, totalBytes: number) => void
  signal?: AbortSignal
  now: Date
}

/**
 * Are these the published bytes? One read of all files: complete, size, SHA-256,
 * MD5, pieces, v2 roots, signature, the publisher's digest (T8, T13). Required: that all files are there with
 * their sizes, the pieces that the info hash commits to, and SHA-256 of the model.
 */
export async function judgeIntegrity(input: IntegrityInput): Promise<Integrity> {
  const { job, metainfo, fetched, now } = input
  const signed = await startSignature(job, now)
  const places = new Map(fetched.files.map(({ path, diskPath }) => [path, diskPath]))
  const { files, pieces } = await digestFiles(metainfo, (path) => places.get(path), {
    ...(signed.verifier && { signature: { path: signed.path, verifier: signed.verifier } }),
    ...(input.onProgress && { onProgress: input.onProgress }),
    ...(input.signal && { signal: input.signal }),
  })
  const digests = new Map(files.map((file) => [file.path, file]))
  const signature = await signed.finish(digests.has(signed.path))
  const publisher = comparePublisher(await input.publisher, digests)
  const checks = [
    ...completeness(job.files, metainfo, digests),
    piecesCheck(metainfo, pieces),
    ...job.files.flatMap((listed) => fileChecks(listed, digests.get(listed.path), metainfo)),
    ...(signature === null ? [] : [signature.check]),
    ...publisher.checks,
    ...(await input.webSeeds),
  ]
  return {
    judge: judgeOf(
      checks,
      ['complete', 'size', 'pieces', 'sha256'],
      `${files.length === 1 ? 'The file is' : `All ${files.length} files are`} the published bytes: size, pieces and SHA-256 match`,
    ),
    files: job.files.flatMap(({ path, role }) => {
      const found = digests.get(path)
      return found === undefined ? [] : [{ ...found, role } as VerifiedFile]
    }),
    signature: signature?.report ?? null,
    publisher: publisher.recorded,
  }
}

/** The listing and the torrent name the same files, and all are here. */
function completeness(
  listed: readonly ListedFile[],
  metainfo: Metainfo,
  digests: ReadonlyMap<string, FileDigests>,
): Check[] {
  const claimed = new Set(listed.map(({ path }) => path))
  const unlisted = metainfo.files.filter(({ path }) => !claimed.has(path)).map(({ path }) => path)
  const missing = listed.filter(({ path }) => !digests.has(path)).map(({ path }) => path)
  const problems = [
    ...missing.map((path) => `${printable(path)} is listed but not there`),
    ...unlisted.map((path) => `${printable(path)} is in the torrent but not listed`),
  ]
  const [first] = problems
  if (listed.length === 0) return [{ id: 'complete', verdict: 'fail', message: 'The listing names no file' }]
  return [
    first === undefined
      ? {
          id: 'complete',
          verdict: 'pass',
          message: `All ${listed.length} listed files are there, and no other`,
        }
      : {
          id: 'complete',
          verdict: 'fail',
          message:
            `The files are not those listed: ${first}${problems.length > 1 ? ` and ${problems.length - 1} more` : ''}`.slice(
              0,
              500,
            ),
        },
  ]
}

function piecesCheck(metainfo: Metainfo, pieces: PieceCheck | null): Check {
  if (metainfo.pieces === null)
    return {
      id: 'pieces',
      verdict: 'pass',
      message: 'The torrent is v2 only: its roots are checked file by file',
    }
  if (pieces === null)
    return {
      id: 'pieces',
      verdict: 'skipped',
      message:
        'The pieces were not checked, because files are missing, of another size, or padded without need',
    }
  const figures = { pieces: pieces.checked, piece_length: metainfo.piece_length, wrong: pieces.wrong_count }
  if (pieces.wrong_count > 0)
    return {
      id: 'pieces',
      verdict: 'fail',
      message: `${pieces.wrong_count} of ${pieces.checked} pieces differ from the torrent, first piece ${pieces.wrong[0] ?? pieces.checked}`,
      figures,
    }
  return { id: 'pieces', verdict: 'pass', message: `All ${pieces.checked} pieces match the torrent`, figures }
}

function fileChecks(listed: ListedFile, found: FileDigests | undefined, metainfo: Metainfo): Check[] {
  if (found === undefined) return []
  const { path } = listed
  const inTorrent = metainfo.files.find((file) => file.path === path)
  const checks: Check[] = [
    compare({ id: 'size', path, what: 'Size' }, String(listed.size_bytes), String(found.size_bytes)),
  ]
  const isModel = listed.role === 'model' || listed.role === 'shard'
  if (listed.sha256 !== null)
    checks.push(compare({ id: 'sha256', path, what: 'SHA-256' }, listed.sha256, found.sha256))
  else if (isModel)
    checks.push({
      id: 'sha256',
      verdict: 'skipped',
      path,
      message: `No SHA-256 was published for ${printable(path)}`,
      found: found.sha256,
    })
  if (listed.md5 !== null) checks.push(compare({ id: 'md5', path, what: 'MD5' }, listed.md5, found.md5))
  // What the info hash commits to and what the listing shows must both hold.
  const roots = new Set([inTorrent?.pieces_root ?? null, listed.pieces_root].filter((root) => root !== null))
  for (const root of roots)
    checks.push(compare({ id: 'pieces_root', path, what: 'v2 root' }, root, found.pieces_root ?? 'none'))
  if (roots.size === 0 && metainfo.pieces === null && found.size_bytes > 0)
    checks.push({
      id: 'pieces',
      verdict: 'fail',
      path,
      message: `The torrent commits to no root for ${printable(path)}`,
    })
  return checks
}

function compare(
  { id, path, what }: { id: string; path: string; what: string },
  expected: string,
  found: string,
): Check {
  const name = printable(path)
  if (expected === found) return { id, verdict: 'pass', path, message: `${what} of ${name} matches`, found }
  return {
    id,
    verdict: 'fail',
    path,
    message: `${what} of ${name} does not match: expected ${expected}, got ${found}`,
    expected,
    found,
  }
}

interface SignatureRun {
  path: string
  verifier?: DetachedVerifier
  finish(fileRead: boolean): Promise<{ check: Check; report: SignatureReport | null } | null>
}

/** Prepares the check of the uploader's signature, so that it takes part in the one read. */
async function startSignature(job: VerificationJob, now: Date): Promise<SignatureRun> {
  const path = job.signature?.path ?? primaryFile(job.files)?.path ?? ''
  const { signature } = job
  if (signature === undefined) return { path, finish: () => Promise.resolve(null) }
  const unchecked = (verdict: 'skipped' | 'fail', message: string): SignatureRun => ({
    path,
    finish: () => Promise.resolve({ check: { id: 'signature', verdict, path, message }, report: null }),
  })
  if (signature.public_key === undefined)
    return unchecked('skipped', 'The signature was not checked: the uploader has registered no key')
  try {
    const verifier = await createDetachedVerifier({
      signature: signature.signature,
      publicKey: signature.public_key,
      now,
      digest: (name) => {
        const hash = createHash(name)
        return Promise.resolve({ update: (chunk) => void hash.update(chunk), digest: () => hash.digest() })
      },
    })
    return {
      path,
      verifier,
      finish: async (fileRead) => {
        if (!fileRead)
          return {
            check: {
              id: 'signature',
              verdict: 'skipped',
              path,
              message: 'The signature was not checked: its file is not there',
            },
            report: null,
          }
        const result = await verifier.finish()
        return { check: signatureCheck(result, path), report: { ...result, path } }
      },
    }
  } catch (error) {
    if (!isQalError(error) || !error.code.startsWith('sign_')) throw error
    return unchecked('fail', error.message.slice(0, 500))
  }
}

/** A contradicted claim fails; a signature that merely proves nothing (expired, weak) is no pass either. */
function signatureCheck({ state, message, fingerprint, signed_at }: SignatureResult, path: string): Check {
  const verdict = state === 'good' ? 'pass' : state === 'bad' || state === 'unknown_key' ? 'fail' : 'skipped'
  return {
    id: 'signature',
    verdict,
    path,
    message,
    figures: {
      state,
      ...(fingerprint !== null && { fingerprint }),
      ...(signed_at !== null && { signed_at }),
    },
  }
}
