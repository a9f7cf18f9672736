import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { Command } from 'commander'
import { type DetachedVerifier, type SignatureResult, createDetachedVerifier } from '../sign/detached.ts'
import { withHashes } from '../swarm/create-file.ts'
import { type FoundFile, findFiles, readChunks } from '../swarm/read-files.ts'
import { exactBytes, printJson, printLines, safeLine, table, usageError } from './output.ts'
import { startProgress } from './progress.ts'
import { type Published, readPublished } from './published.ts'

interface VerifyFlags {
  manifest?: string
  id?: string
  site?: string
  sha256?: string
  md5?: string
  size?: string
  sig?: string
  key?: string
  json?: true
}

/** One claim compared with the file. */
interface Comparison {
  id: 'size' | 'sha256' | 'md5'
  matches: boolean
  expected: string
  found: string
}

/** `qal verify FILE`: is this file what was published? */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('Check a file on disk against what was published, in one read')
    .argument('<file>', 'the downloaded file')
    .option('--manifest <file|url>', "a models.json, or one model's JSON")
    .option('--id <id>', 'the listing in the manifest, or on --site')
    .option('--site <url>', 'the site to ask for --id (default: QAL_SITE)', process.env['QAL_SITE'])
    .option('--sha256 <hex>', 'the published SHA-256')
    .option('--md5 <hex>', 'the published MD5, compared beside the SHA-256')
    .option('--size <bytes>', 'the published size')
    .option('--sig <file>', 'a detached OpenPGP signature over the file')
    .option('--key <file>', "the signer's public key")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Exit codes: 0 everything matches, 3 something does not, 4 a manifest, signature or key that is none.

Examples:
  bin/qal verify model.gguf --sha256 ${'0123456789abcdef'.repeat(4)}
  bin/qal verify model.gguf --manifest models.json --id 01JZ0000000000000000000000
  bin/qal verify model.gguf --site http://localhost:8080 --id 01JZ0000000000000000000000
  bin/qal verify model.gguf --manifest model.json --sig model.gguf.sig --key publisher.asc --json`,
    )
    .action(verify)
}

async function verify(path: string, flags: VerifyFlags): Promise<void> {
  const given = claimsOf(flags)
  const [file] = (await findFiles(path, { onlyFile: true })).files
  if (file === undefined) throw usageError('the argument', 'a file', path)
  const published = await publishedOf(path, flags)
  const signature = await signatureOf(flags)

  const wantsMd5 = given.md5 !== undefined || (published?.md5 ?? null) !== null
  const progress = startProgress('Verifying')
  let found: Digests
  try {
    found = await digest(file, { signature, wantsMd5 }, (done) => progress.update(done, file.size))
  } finally {
    progress.end()
  }
  const signed = (await signature?.finish()) ?? null
  const checks = [
    ...compared(found, published ?? {}),
    ...compared(found, { sha256: given.sha256, md5: given.md5, size_bytes: given.size }),
  ]
  const matches = checks.every((check) => check.matches) && (signed === null || signed.state === 'good')
  const result = { file: path, ...found, matches, published, checks, signature: signed }
  if (flags.json === true) printJson(result)
  else printLines(asLines(result))
  if (!matches) process.exitCode = 3
}

type Result = Digests & {
  file: string
  matches: boolean
  published: Published | null
  checks: Comparison[]
  signature: SignatureResult | null
}

interface Digests {
  size_bytes: number
  sha256: string
  md5: string | null
}

function claimsOf(flags: VerifyFlags): { sha256?: string; md5?: string; size?: number } {
  if (flags.manifest === undefined && flags.id === undefined && flags.sha256 === undefined)
    throw usageError('the options', '--manifest, --id or --sha256, something to compare with', 'none of them')
  if ((flags.sig === undefined) !== (flags.key === undefined))
    throw usageError('the options', '--sig and --key together', flags.sig === undefined ? '--key' : '--sig')
  return {
    ...(flags.sha256 !== undefined && { sha256: hex('--sha256', flags.sha256, 64) }),
    ...(flags.md5 !== undefined && { md5: hex('--md5', flags.md5, 32) }),
    ...(flags.size !== undefined && { size: bytes(flags.size) }),
  }
}

function hex(option: string, value: string, digits: number): string {
  const lower = value.trim().toLowerCase()
  if (!/^[0-9a-f]+$/.test(lower) || lower.length !== digits)
    throw usageError(option, `${digits} hexadecimal digits`, value)
  return lower
}

function bytes(value: string): number {
  const size = Number(value)
  if (!/^\d{1,16}$/.test(value) || !Number.isSafeInteger(size))
    throw usageError('--size', 'a number of bytes', value)
  return size
}

async function publishedOf(path: string, { manifest, id, site }: VerifyFlags): Promise<Published | null> {
  if (manifest !== undefined) return readPublished(manifest, path, id)
  if (id === undefined) return null
  if (site === undefined) throw usageError('--id', '--manifest or --site beside it', 'neither')
  if (!/^https?:\/\//i.test(site)) throw usageError('--site', 'an http or https URL', site)
  return readPublished(`${site.replace(/\/+$/, '')}/models/${encodeURIComponent(id)}.json`, path, id)
}

async function signatureOf({ sig, key }: VerifyFlags): Promise<DetachedVerifier | undefined> {
  if (sig === undefined || key === undefined) return undefined
  return createDetachedVerifier({
    signature: await small('--sig', sig),
    publicKey: await small('--key', key),
    digest: (name) => {
      const hash = createHash(name)
      return Promise.resolve({ update: (chunk) => void hash.update(chunk), digest: () => hash.digest() })
    },
  })
}

/** No signature or key comes near this; what is larger was given by mistake. */
const MAX_SMALL_BYTES = 1024 ** 2

async function small(option: string, path: string): Promise<Uint8Array> {
  const found = await stat(path).catch(() => {
    throw usageError(option, 'a file that can be read', path)
  })
  if (!found.isFile() || found.size > MAX_SMALL_BYTES)
    throw usageError(option, 'a file of at most 1 MiB', path)
  return readFile(path)
}

async function digest(
  file: FoundFile,
  { signature, wantsMd5 }: { signature: DetachedVerifier | undefined; wantsMd5: boolean },
  onProgress: (doneBytes: number) => void,
): Promise<Digests> {
  return withHashes(file.size, async (hash) => {
    const sha256 = await hash.sha256Stream()
    const md5 = wantsMd5 ? await hash.md5Stream() : null
    let done = 0
    for await (const chunk of readChunks(file)) {
      signature?.update(chunk)
      await Promise.all([md5?.update(chunk), sha256.update(chunk)])
      onProgress((done += chunk.length))
    }
    return { size_bytes: file.size, sha256: await sha256.digestHex(), md5: (await md5?.digestHex()) ?? null }
  })
}

function compared(
  found: Digests,
  wanted: {
    sha256?: string | undefined
    md5?: string | null | undefined
    size_bytes?: number | null | undefined
  },
): Comparison[] {
  const pairs: [Comparison['id'], string | number | null | undefined, string | number | null][] = [
    ['size', wanted.size_bytes, found.size_bytes],
    ['sha256', wanted.sha256, found.sha256],
    ['md5', wanted.md5, found.md5],
  ]
  return pairs.flatMap(([id, expected, actual]) =>
    expected === undefined || expected === null
      ? []
      : [{ id, matches: expected === actual, expected: String(expected), found: String(actual) }],
  )
}

const NAMES = { size: 'size', sha256: 'SHA-256', md5: 'MD5' }

function asLines(result: Result): string[] {
  const { file, published, checks, signature, size_bytes } = result
  return [
    ...table([
      ['file', safeLine(file)],
      ['size', exactBytes(size_bytes)],
      ['published as', shown(published?.model)],
      ['listing', shown(published?.id)],
      ['status', standing(published)],
    ]),
    ...checks.flatMap((check) =>
      check.matches
        ? [`  OK        ${NAMES[check.id]} ${check.found}`]
        : [
            `  MISMATCH  ${NAMES[check.id]}`,
            `            expected ${check.expected}`,
            `            found    ${check.found}`,
          ],
    ),
    ...(signature === null
      ? []
      : [
          `  ${signature.state === 'good' ? 'OK       ' : 'BAD      '} signature: ${safeLine(signature.message)}`,
          ...(signature.fingerprint === null ? [] : [`            key ${signature.fingerprint}`]),
        ]),
    conclusion(result),
  ]
}

/** What the index says of the listing itself: a file may match one that is suspended. */
function standing(published: Published | null): string | null {
  const known = [published?.status, published?.tier, published?.consensus].filter(
    (word) => typeof word === 'string',
  )
  return known.length === 0 ? null : safeLine(known.join(', '))
}

function shown(text: string | null | undefined): string | null {
  return typeof text === 'string' ? safeLine(text) : null
}

function conclusion({ matches, checks, signature }: Result): string {
  if (!checks.every((check) => check.matches)) return 'DO NOT USE: the file is not what was published.'
  if (!matches) return `DO NOT TRUST: the signature proves nothing (${signature?.state ?? 'missing'}).`
  return 'The file is what was published.'
}
