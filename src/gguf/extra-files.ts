import type { ByteSource } from '../core/byte-source.ts'
import { isQalError } from '../core/error.ts'
import { ALLOWED_WORDS, judgeName, type ExtraKind } from './extra-names.ts'
import { FORMAT_HEAD_BYTES, formatOf, type Format } from './foreign.ts'
import { inspect } from './inspect.ts'
import { readLegacyImatrix } from './legacy-imatrix.ts'
import { isUtf8, printable } from './text.ts'

/** What was found of a file beside a model. */
export interface ExtraVerdict {
  verdict: 'pass' | 'fail' | 'skipped'
  /** One sentence, safe to print. */
  message: string
  /** What the content is, where it is not what the name says. */
  found?: string
}

/** A tokenizer of 200,000 pieces takes 30 MB as JSON; larger texts are not looked at whole. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024
const MAX_SIGNATURE_BYTES = 64 * 1024
const MAX_CHECKSUM_BYTES = 1024 * 1024
const MAX_IMAGE_BYTES = 64 * 1024 * 1024

/**
 * Judges a file beside a model by name and content (T8): only what is on the
 * list of `judgeName`, and only if its bytes are what the name says. Errors of
 * the source itself are thrown.
 */
export async function judgeExtraFile(path: string, source: ByteSource): Promise<ExtraVerdict> {
  const shown = printable(path, 120)
  const head = await source.read(0, Math.min(FORMAT_HEAD_BYTES, source.size))
  const format = head.length === 0 ? null : formatOf(head, source.size)
  const name = judgeName(path)
  if ('refused' in name)
    return {
      verdict: 'fail',
      message: `${shown} has no place beside a model: ${name.refused}${format === null ? '' : `, and is ${format.name}`}. Allowed are ${ALLOWED_WORDS}`,
      ...(format !== null && { found: format.name }),
    }
  const limit = LIMITS[name.kind]
  if (limit !== undefined && source.size > limit)
    return {
      verdict: 'skipped',
      message: `${shown} is too large to be looked at whole: ${source.size} bytes, of at most ${limit}`,
    }
  const wrong = await CHECKS[name.kind]({ source, format })
  if (wrong === null) return { verdict: 'pass', message: `${shown} is ${NOUNS[name.kind]}` }
  return {
    verdict: 'fail',
    message: `${shown} is named like ${NOUNS[name.kind]}, but ${wrong}`,
    ...(format !== null && { found: format.name }),
  }
}

const NOUNS: Record<ExtraKind, string> = {
  gguf: 'a GGUF file',
  safetensors: 'a safetensors file',
  imatrix: 'an importance matrix',
  text: 'a plain text',
  json: 'a JSON document',
  tokenizer: 'a tokenizer',
  checksum: 'a list of checksums',
  signature: 'a signature or key',
  png: 'a PNG image',
  jpeg: 'a JPEG image',
  webp: 'a WebP image',
}

const LIMITS: Partial<Record<ExtraKind, number>> = {
  text: MAX_TEXT_BYTES,
  json: MAX_TEXT_BYTES,
  tokenizer: MAX_TEXT_BYTES,
  checksum: MAX_CHECKSUM_BYTES,
  signature: MAX_SIGNATURE_BYTES,
  png: MAX_IMAGE_BYTES,
  jpeg: MAX_IMAGE_BYTES,
  webp: MAX_IMAGE_BYTES,
}

interface Content {
  source: ByteSource
  format: Format | null
}

type ContentCheck = (content: Content) => Promise<string | null>

/** Each says what is wrong, in words that follow "but"; null where nothing is. */
const CHECKS: Record<ExtraKind, ContentCheck> = {
  gguf: ({ source }) => inspected(source, null),
  safetensors: ({ source }) => inspected(source, 'safetensors'),
  imatrix: imatrixProblem,
  text: async (content) => (await plainText(content)).problem,
  json: jsonProblem,
  tokenizer: tokenizerProblem,
  checksum: checksumProblem,
  signature: signatureProblem,
  png: async ({ source }) => pngProblem(await whole(source)),
  jpeg: async ({ source }) => jpegProblem(await whole(source)),
  webp: async ({ source }) => webpProblem(await whole(source)),
}

function whole(source: ByteSource): Promise<Uint8Array> {
  return source.read(0, source.size)
}

async function inspected(source: ByteSource, kind: 'safetensors' | 'imatrix' | null): Promise<string | null> {
  try {
    const { verdict, findings, kind: found } = await inspect(source)
    if (verdict === 'reject') return bare(findings[0]?.message ?? 'the strict parser refuses it')
    return kind === null || found === kind ? null : `it is a ${found ?? 'file of unknown kind'}`
  } catch (error) {
    if (!isQalError(error)) throw error
    return bare(error.message)
  }
}

/** A refusal's message without what it refused to do. */
function bare(message: string): string {
  return message.replace(/^Cannot read \w+: /, '')
}

async function imatrixProblem({ source }: Content): Promise<string | null> {
  const head = await source.read(0, Math.min(4, source.size))
  if (String.fromCharCode(...head) === 'GGUF') return inspected(source, 'imatrix')
  const legacy = await readLegacyImatrix(source)
  return typeof legacy === 'string' ? legacy : null
}

type Text = { problem: string; text: null } | { problem: null; text: string }

/** A text that does nothing to a program: UTF-8, no control sequences, and no beginning that a program obeys. */
async function plainText({ source, format }: Content): Promise<Text> {
  if (format !== null && format.group !== 'text') return { problem: `it is ${format.name}`, text: null }
  const bytes = await whole(source)
  if (!isUtf8(bytes, 0, bytes.length)) return { problem: 'it is not UTF-8', text: null }
  const text = new TextDecoder().decode(bytes)
  const at = TERMINAL.exec(text)?.index
  return at === undefined
    ? { problem: null, text }
    : { problem: `it holds a control character at ${at}, which drives a terminal`, text: null }
}

// Zero bytes, escape sequences and their one-byte form; vocabularies rightly hold other odd characters.
// eslint-disable-next-line no-control-regex -- finding control characters is the purpose
const TERMINAL = /[\u0000\u0007\u0008\u001b\u009b]/u

async function jsonProblem(content: Content): Promise<string | null> {
  const { problem, text } = await plainText(content)
  if (text === null) return problem
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? null : 'it is a single value'
  } catch {
    return 'it cannot be parsed'
  }
}

/** SentencePiece's protobuf, or the lines of base64 and rank that tiktoken reads. */
async function tokenizerProblem({ source }: Content): Promise<string | null> {
  const bytes = await whole(source)
  if (bytes[0] !== 0x0a) {
    const end = bytes.indexOf(0x0a)
    const lines = isUtf8(bytes, 0, bytes.length) ? new TextDecoder().decode(bytes).trimEnd().split('\n') : []
    const good = end > 0 && lines.every((line) => /^[A-Za-z0-9+/]+={0,2} \d+\r?$/.test(line))
    return good ? null : 'it is neither SentencePiece nor a list of ranks'
  }
  let at = 0
  while (at < bytes.length) {
    // Fields 1 to 5 of ModelProto, each a message with its length.
    if (![0x0a, 0x12, 0x1a, 0x22, 0x2a].includes(bytes[at] ?? 0)) return `it holds an unknown field at ${at}`
    const length = varint(bytes, at + 1)
    if (length === null || length.end + length.value > bytes.length) return `its field at ${at} is cut off`
    at = length.end + length.value
  }
  return null
}

function varint(bytes: Uint8Array, start: number): { value: number; end: number } | null {
  let value = 0
  for (let i = 0; i < 4; i += 1) {
    const byte = bytes[start + i]
    if (byte === undefined) return null
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return { value, end: start + i + 1 }
  }
  return null
}

async function checksumProblem(content: Content): Promise<string | null> {
  const { problem, text } = await plainText(content)
  if (text === null) return problem
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  const good = lines.every((line) =>
    /^(?:\\?[0-9a-f]{32,128}(?: [ *].{1,1024})?|[#;].*|\w[\w-]{1,15} \(.{1,1024}\) = [0-9a-f]{32,128})$/i.test(
      line.trimEnd(),
    ),
  )
  return good && lines.length > 0 ? null : 'it holds other lines than hashes'
}

async function signatureProblem(content: Content): Promise<string | null> {
  const { source, format } = content
  const bytes = await whole(source)
  // One packet, an OpenPGP signature (tag 2), which must end with the file.
  const old = bytes[0] === 0x88 ? 1 : bytes[0] === 0x89 ? 2 : 0
  if (old > 0) {
    const length = old === 1 ? (bytes[1] ?? 0) : ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0)
    return length + 1 + old === bytes.length ? null : 'bytes follow its signature'
  }
  if (bytes[0] === 0xc2) return newPacketEnd(bytes) === bytes.length ? null : 'bytes follow its signature'
  const { problem, text } = await plainText({ source, format })
  if (text === null) return problem
  return /^(?:-----BEGIN (?:PGP (?:SIGNATURE|PUBLIC KEY BLOCK)|SSH SIGNATURE)-----|untrusted comment: )/.test(
    text.trimStart(),
  )
    ? null
    : 'it is none that is known'
}

function newPacketEnd(bytes: Uint8Array): number {
  const first = bytes[1] ?? 0
  if (first < 192) return 2 + first
  if (first < 224) return 3 + ((first - 192) << 8) + (bytes[2] ?? 0) + 192
  return -1
}

/** Walks the chunks: an image ends with IEND, and nothing hides behind it. */
function pngProblem(bytes: Uint8Array): string | null {
  if (!starts(bytes, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return 'it is none'
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 8
  while (at + 12 <= bytes.length) {
    const length = view.getUint32(at)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    at += 12 + length
    if (type === 'IEND') return at === bytes.length ? null : 'bytes follow its end'
  }
  return 'it is cut off'
}

/** Walks the segments, and the compressed data between them, to the mark that ends the image. */
function jpegProblem(bytes: Uint8Array): string | null {
  if (!starts(bytes, [0xff, 0xd8, 0xff])) return 'it is none'
  let at = 2
  while (at + 2 <= bytes.length) {
    const marker = bytes[at + 1] ?? 0
    if (bytes[at] !== 0xff) return `no segment begins at ${at}`
    if (marker === 0xd9) return at + 2 === bytes.length ? null : 'bytes follow its end'
    if (marker === 0xff) {
      at += 1
      continue
    }
    at += 2 + (((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
    // After a start of scan comes compressed data, in which FF stands only before 00 or a restart mark.
    if (marker !== 0xda) continue
    while (at < bytes.length && !(bytes[at] === 0xff && !isInScan(bytes[at + 1] ?? 0))) at += 1
  }
  return 'it is cut off'
}

function isInScan(byte: number): boolean {
  return byte === 0 || (byte >= 0xd0 && byte <= 0xd7)
}

function webpProblem(bytes: Uint8Array): string | null {
  if (!starts(bytes, [0x52, 0x49, 0x46, 0x46]) || !starts(bytes.subarray(8), [0x57, 0x45, 0x42, 0x50]))
    return 'it is none'
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(4, true)
  return length + 8 === bytes.length ? null : 'bytes follow its end, or it is cut off'
}

function starts(bytes: Uint8Array, wanted: readonly number[]): boolean {
  return wanted.every((byte, i) => bytes[i] === byte)
}
