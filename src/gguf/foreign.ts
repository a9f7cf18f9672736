import { isUtf8 } from './text.ts'

/** What a file is for a person who did not expect it. */
export type FormatGroup =
  | 'program'
  | 'script'
  | 'archive'
  | 'pickle'
  | 'weights'
  | 'document'
  | 'image'
  | 'text'
  | 'other'

/** A file format recognised by its content. */
export interface Format {
  /** With its article, to stand in a sentence. */
  name: string
  group: FormatGroup
}

/** How much of a file's beginning tells its format; a tar archive is known by its byte 257. */
export const FORMAT_HEAD_BYTES = 4096

interface Signature extends Format {
  bytes: readonly number[] | string
  at?: number
}

function signature(group: FormatGroup, name: string, bytes: Signature['bytes'], at?: number): Signature {
  return { group, name, bytes, ...(at !== undefined && { at }) }
}

/** Most telling first. A name says what a reader must know: what runs code when it is opened says so. */
const SIGNATURES: readonly Signature[] = [
  signature('program', 'an ELF program', '\x7fELF'),
  signature('program', 'a llamafile or other program for several systems', 'MZqFpD='),
  signature('program', 'a Windows program', 'MZ'),
  signature('program', 'a Mach-O program', [0xfe, 0xed, 0xfa, 0xce]),
  signature('program', 'a Mach-O program', [0xfe, 0xed, 0xfa, 0xcf]),
  signature('program', 'a Mach-O program', [0xce, 0xfa, 0xed, 0xfe]),
  signature('program', 'a Mach-O program', [0xcf, 0xfa, 0xed, 0xfe]),
  signature('program', 'a WebAssembly program', '\0asm'),
  signature('program', 'an Android program', 'dex\n'),
  signature('program', 'LLVM bitcode', [0x42, 0x43, 0xc0, 0xde]),
  signature('program', 'a Lua program', '\x1bLua'),
  signature('program', 'a Windows shortcut, which can start a program', [0x4c, 0, 0, 0, 1, 0x14, 2, 0]),
  signature('script', 'a script', '#!'),
  signature('archive', 'a gzip archive', [0x1f, 0x8b]),
  signature('archive', 'a Zstandard archive', [0x28, 0xb5, 0x2f, 0xfd]),
  signature('archive', 'an xz archive', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]),
  signature('archive', 'a bzip2 archive', 'BZh'),
  signature('archive', 'an LZ4 archive', [0x04, 0x22, 0x4d, 0x18]),
  signature('archive', 'a 7-Zip archive', [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]),
  signature('archive', 'a RAR archive', 'Rar!\x1a\x07'),
  signature('archive', 'a Cabinet archive', 'MSCF'),
  signature('archive', 'an ar archive or Debian package', '!<arch>\n'),
  signature('archive', 'an RPM package', [0xed, 0xab, 0xee, 0xdb]),
  signature('archive', 'a tar archive', 'ustar', 257),
  signature('weights', 'an HDF5 file, which a Keras model in it can make run code', '\x89HDF\r\n\x1a\n'),
  signature('weights', 'a NumPy array, which can hold pickled objects', '\x93NUMPY'),
  signature('weights', 'a TensorFlow Lite model', 'TFL3', 4),
  // Formats before GGUF; their magic numbers are little-endian, so the letters stand reversed.
  signature('weights', 'a GGML file from before GGUF', 'lmgg'),
  signature('weights', 'a GGML file from before GGUF', 'fmgg'),
  signature('weights', 'a GGML file from before GGUF', 'tjgg'),
  signature('weights', 'a GGML adapter from before GGUF', 'algg'),
  signature('weights', 'a GGUF file with its first bytes in the wrong order', 'FUGG'),
  signature('document', 'a PDF document', '%PDF'),
  signature('document', 'an RTF document', '{\\rtf'),
  signature(
    'document',
    'an Office document or Windows installer',
    [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1],
  ),
  signature('image', 'a PNG image', '\x89PNG\r\n\x1a\n'),
  signature('image', 'a JPEG image', [0xff, 0xd8, 0xff]),
  signature('image', 'a GIF image', 'GIF8'),
  signature('image', 'a WebP image', 'WEBP', 8),
  signature('other', 'an SQLite database', 'SQLite format 3\0'),
  signature('other', 'a torrent', 'd8:announce'),
  signature('other', 'a torrent', 'd13:announce-list'),
  signature('other', 'a torrent', 'd4:info'),
]

function matches(head: Uint8Array, { bytes, at = 0 }: Signature): boolean {
  for (let i = 0; i < bytes.length; i += 1) {
    const wanted = typeof bytes === 'string' ? bytes.charCodeAt(i) : bytes[i]
    if (head[at + i] !== wanted) return false
  }
  return true
}

/**
 * Recognises the format of a file that is not GGUF from its beginning
 * (`FORMAT_HEAD_BYTES` are enough) and its size; null where nothing is recognised.
 */
export function formatOf(head: Uint8Array, size: number): Format | null {
  const known = SIGNATURES.find((candidate) => matches(head, candidate))
  // Letters alone may also begin a text.
  const short = known !== undefined && typeof known.bytes === 'string' && /^[A-Za-z]{2,4}$/.test(known.bytes)
  if (known !== undefined && !(short && plainText(head) !== null))
    return { name: known.name, group: known.group }
  return (
    zip(head) ?? cafebabe(head) ?? pickle(head) ?? byteCode(head) ?? textFormat(head) ?? binary(head, size)
  )
}

/** The name of what a file is instead of GGUF; null where nothing is recognised. */
export function foreignFormat(head: Uint8Array, size: number): string | null {
  return formatOf(head, size)?.name ?? null
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

/** What a ZIP archive holds first tells what it was made by. */
function zip(head: Uint8Array): Format | null {
  if (head[0] !== 0x50 || head[1] !== 0x4b) return null
  const kind = ((head[2] ?? 0) << 8) | (head[3] ?? 0)
  if (kind !== 0x0304 && kind !== 0x0506 && kind !== 0x0708) return null
  const length = (head[26] ?? 0) | ((head[27] ?? 0) << 8)
  const first = kind === 0x0304 ? latin1(head.subarray(30, Math.min(30 + length, head.length))) : ''
  const name = ZIP_KINDS.find(([pattern]) => pattern.test(first))?.[1]
  if (first.endsWith('.pkl'))
    return { name: 'a PyTorch checkpoint, a pickle which can run code', group: 'pickle' }
  return {
    name: name ?? 'a ZIP archive (perhaps a PyTorch checkpoint, which can run code)',
    group: 'archive',
  }
}

const ZIP_KINDS: readonly (readonly [RegExp, string])[] = [
  [/\.npy$/, 'a NumPy archive, which can hold pickled objects'],
  [/^(?:metadata|config)\.json$|\.weights\.h5$/, 'a Keras model, which can run code'],
  [/^META-INF\//, 'a Java archive, which is a program'],
  [/^\[Content_Types\]\.xml$|^mimetype$/, 'an Office document'],
]

/** Java classes and Mach-O programs for several processors begin alike; a class's version is never so small. */
function cafebabe(head: Uint8Array): Format | null {
  if (head[0] !== 0xca || head[1] !== 0xfe || head[2] !== 0xba || (head[3] !== 0xbe && head[3] !== 0xbf))
    return null
  const version = ((head[6] ?? 0) << 8) | (head[7] ?? 0)
  return version >= 45 && head[3] === 0xbe
    ? { name: 'a Java class, which is a program', group: 'program' }
    : { name: 'a Mach-O program', group: 'program' }
}

const PICKLE: Format = { name: 'a Python pickle, which can run code', group: 'pickle' }

function pickle(head: Uint8Array): Format | null {
  // Protocols 2 to 5 begin with PROTO and their number.
  if (head[0] === 0x80 && (head[1] ?? 0) >= 2 && (head[1] ?? 0) <= 5)
    // What torch.save wrote before 1.6 begins with a long of ten bytes.
    return head[2] === 0x8a && head[3] === 0x0a
      ? { name: 'a PyTorch checkpoint, a pickle which can run code', group: 'pickle' }
      : PICKLE
  const text = latin1(head.subarray(0, 128))
  // Protocol 0: a mark with an empty dictionary or list, or a global by its module and name.
  if (
    /^\((?:d|l)p\d+\n/.test(text) ||
    /^\(?[ci][A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n(?:p\d+\n|[()q.])/.test(text)
  )
    return PICKLE
  // Protocol 1: an empty container that is put into the memo at once.
  if (/^[}\]]q\0/.test(text)) return PICKLE
  return null
}

/** Compiled Python: two bytes of a version, then always `\r\n`, a flag word below 4 and a time or hash. */
function byteCode(head: Uint8Array): Format | null {
  return head.length >= 16 &&
    head[2] === 0x0d &&
    head[3] === 0x0a &&
    (head[1] ?? 0) < 0x20 &&
    (head[4] ?? 9) < 4 &&
    head[5] === 0 &&
    head[6] === 0 &&
    head[7] === 0
    ? { name: 'compiled Python, which is a program', group: 'program' }
    : null
}

/** Beginnings of texts that are something to a program. Anchored and without nested repetition: they read hostile input. */
const TEXTS: readonly (readonly [RegExp, string, FormatGroup])[] = [
  [/^version https:\/\/git-lfs/, 'a Git LFS pointer, not the file it stands for', 'other'],
  [/^<(?:!doctype html|html|head|body|script|iframe)\b/i, 'an HTML page', 'document'],
  [/^<(?:svg\b|!doctype svg)/i, 'an SVG image, which can run scripts', 'document'],
  [/^<\?php/i, 'a PHP script', 'script'],
  [/^\[Desktop Entry\]/, 'a desktop entry, which starts a program', 'script'],
  [/^\[InternetShortcut\]/i, 'an internet shortcut', 'script'],
  [
    /^(?:@echo (?:off|on)\b|setlocal\b|@?rem [^\n]{0,200}\n@?(?:echo|set|start|call|del|copy)\b)/i,
    'a Windows batch script',
    'script',
  ],
  [
    /^(?:<#|param\s{0,9}\(|\$[A-Za-z]\w{0,60}\s{0,9}=|function [A-Za-z]+-[A-Za-z]+|(?:iex|invoke-[a-z]+) ?[(\-"'$])/i,
    'a PowerShell script',
    'script',
  ],
  [/^(?:option explicit\b|set \w+ ?= ?createobject|createobject\()/i, 'a Visual Basic script', 'script'],
  [
    /^(?:import [\w.]+(?: as \w+)?[,; \t]*(?:\r?\n|$)|from [\w.]+ import |def \w+\(|class \w+(?:\([\w., ]*\))?:)/,
    'a Python script',
    'script',
  ],
  [
    /^(?:['"]use strict['"]|(?:const|let|var) [\w{}$,[\] ]+ ?=|import (?:[\w{}*$, ]+ from )?['"]|(?:async )?function ?\w*\(|export (?:default|const|function)\b|module\.exports|require\(|\(function ?\()/,
    'a JavaScript program',
    'script',
  ],
  [/^-----BEGIN PGP SIGNATURE-----/, 'an OpenPGP signature', 'text'],
  [/^-----BEGIN PGP/, 'an OpenPGP text', 'text'],
]

/** Pairs between which comments, declarations and strings of documentation stand. */
const SKIPPED: readonly (readonly [string, string])[] = [
  ['//', '\n'],
  ['#', '\n'],
  ['/*', '*/'],
  ['<!--', '-->'],
  ['<?xml', '?>'],
  ['"""', '"""'],
]

/** The text from the first thing in it that is not a comment. */
function withoutComments(text: string): string {
  let rest = text.trimStart()
  for (;;) {
    const pair = SKIPPED.find(([start]) => rest.startsWith(start))
    if (pair === undefined) return rest
    const end = rest.indexOf(pair[1], pair[0].length)
    if (end < 0) return ''
    rest = rest.slice(end + pair[1].length).trimStart()
  }
}

function textFormat(head: Uint8Array): Format | null {
  const text = plainText(head)
    ?.replace(/^\ufeff/, '')
    .trimStart()
  if (text === undefined) return null
  const bare = withoutComments(text)
  const known = TEXTS.find(([pattern]) => pattern.test(text) || pattern.test(bare))
  if (known !== undefined) return { name: known[1], group: known[2] }
  if (text.startsWith('<?xml')) return { name: 'an XML document', group: 'document' }
  if (/^\{\s*"schemaVersion"\s*:\s*\d+[\s\S]{0,400}"(?:mediaType|config|layers)"/.test(text))
    return { name: 'an Ollama or container manifest, not the model it points to', group: 'other' }
  return /^[{[]/.test(text) ? { name: 'a JSON document', group: 'text' } : null
}

/** The beginning as text; null where it is binary. A character cut off by the end of `head` is no fault. */
function plainText(head: Uint8Array): string | null {
  let end = head.length
  while (end > 0 && end > head.length - 4 && !isUtf8(head, 0, end)) end -= 1
  if (!isUtf8(head, 0, end)) return null
  const text = new TextDecoder().decode(head.subarray(0, end))
  return text.includes('\0') ? null : text
}

function binary(head: Uint8Array, size: number): Format | null {
  if (head.length >= 10 && isSafetensors(head, size)) return { name: 'a safetensors file', group: 'weights' }
  if (head.length > 0 && head.every((byte) => byte === 0))
    return { name: 'a file of zero bytes', group: 'other' }
  // ONNX is a protobuf without magic: a small version, then the producer's name.
  if (
    head[0] === 0x08 &&
    (head[1] ?? 99) < 20 &&
    head[2] === 0x12 &&
    (head[3] ?? 0) > 0 &&
    /^[\w. -]+$/.test(latin1(head.subarray(4, 4 + Math.min(8, head[3] ?? 0))))
  )
    return { name: 'an ONNX model', group: 'weights' }
  return null
}

/** A u64 length of the JSON header, then `{`. */
export function isSafetensors(head: Uint8Array, size: number): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  return view.getBigUint64(0, true) <= BigInt(size) - 8n && head[8] === 0x7b
}
