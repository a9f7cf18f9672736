import { latin1, latin1Bytes, printable, refusal } from './refuse.ts'

/**
 * A decoded value with the range of bytes it came from, so that a part such as
 * `info` can be hashed and served as it was written, never as re-encoded.
 */
export type BValue = BInteger | BString | BList | BDictionary

interface Ranged {
  /** First byte of the value in the input. */
  readonly start: number
  /** One past its last byte. */
  readonly end: number
}
/** Within the signed 64 bits that clients keep. */
export interface BInteger extends Ranged {
  readonly type: 'integer'
  readonly value: bigint
}
/** `value` is a view of the input, not a copy. */
export interface BString extends Ranged {
  readonly type: 'string'
  readonly value: Uint8Array
}
export interface BList extends Ranged {
  readonly type: 'list'
  readonly items: readonly BValue[]
}
/** Keys are byte strings held as one character a byte, in the input's order, which is the sorted one. */
export interface BDictionary extends Ranged {
  readonly type: 'dictionary'
  readonly entries: ReadonlyMap<string, BValue>
}

/** What a hostile input may cost at most. */
export interface BencodeLimits {
  bytes: number
  depth: number
  /** Values of every kind, keys not counted. */
  values: number
}

/** Room for 20,000 files in both lists, or a model of some tens of terabytes. */
const BENCODE_LIMITS: BencodeLimits = { bytes: 10_000_000, depth: 100, values: 400_000 }

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
/** The longest 64-bit integer, `-9223372036854775808`. */
const MAX_INTEGER_CHARS = 20

const COLON = 0x3a
const ZERO = 0x30
const NINE = 0x39
const DICTIONARY = 0x64
const END = 0x65
const INTEGER = 0x69
const LIST = 0x6c

/**
 * Decodes one bencoded value (BEP 3), strictly: canonical integers and string
 * lengths, keys sorted and unique, nothing after the value. Two readers of the
 * same bytes can then not see two different torrents. Refuses with a
 * `torrent_bencode_…` code and the offset.
 */
export function decode(bytes: Uint8Array, limits: Partial<BencodeLimits> = {}): BValue {
  const bounds = { ...BENCODE_LIMITS, ...limits }
  if (bytes.length > bounds.bytes) {
    throw refusal(
      'torrent_bencode_size',
      `Cannot read bencoding: expected at most ${bounds.bytes} bytes, got ${bytes.length}`,
      { expected: `at most ${bounds.bytes} bytes`, found: `${bytes.length} bytes` },
    )
  }
  const reader: Reader = { bytes, at: 0, depth: 0, values: 0, bounds }
  const value = readValue(reader)
  if (reader.at < bytes.length) {
    throw refusal(
      'torrent_bencode_trailing',
      `Cannot read bencoding: expected the end at byte ${reader.at}, got ${bytes.length - reader.at} more bytes`,
      { offset: reader.at, expected: 'end of input', found: `${bytes.length - reader.at} more bytes` },
    )
  }
  return value
}

interface Reader {
  readonly bytes: Uint8Array
  at: number
  depth: number
  values: number
  readonly bounds: BencodeLimits
}

function readValue(reader: Reader): BValue {
  const start = reader.at
  if (++reader.values > reader.bounds.values) {
    throw refusal(
      'torrent_bencode_values',
      `Cannot read bencoding: expected at most ${reader.bounds.values} values, got more`,
      { offset: start, expected: `at most ${reader.bounds.values} values` },
    )
  }
  const lead = byteAt(reader)
  if (lead === INTEGER) return readInteger(reader)
  if (lead === LIST || lead === DICTIONARY) {
    if (++reader.depth > reader.bounds.depth) {
      throw refusal(
        'torrent_bencode_depth',
        `Cannot read bencoding: expected at most ${reader.bounds.depth} levels, got more`,
        { offset: start, expected: `at most ${reader.bounds.depth} levels` },
      )
    }
    const value = lead === LIST ? readList(reader) : readDictionary(reader)
    reader.depth--
    return value
  }
  const value = readString(reader)
  return { type: 'string', value, start, end: reader.at }
}

function readInteger(reader: Reader): BInteger {
  const start = reader.at
  let end = start + 1
  while (end - start <= MAX_INTEGER_CHARS + 1 && reader.bytes[end] !== END) {
    if (end >= reader.bytes.length) throw truncated(reader, end)
    end++
  }
  const text = latin1(reader.bytes.subarray(start + 1, end))
  const canonical = /^(?:0|-?[1-9][0-9]{0,18})$/.test(text)
  const value = canonical ? BigInt(text) : 0n
  if (!canonical || value < INT64_MIN || value > INT64_MAX) {
    throw refusal(
      'torrent_bencode_integer',
      `Cannot read bencoding: expected a canonical 64-bit integer at byte ${start}, got ${printable(text)}`,
      { offset: start, expected: 'a canonical 64-bit integer', found: printable(text) },
    )
  }
  reader.at = end + 1
  return { type: 'integer', value, start, end: reader.at }
}

function readString(reader: Reader): Uint8Array {
  const start = reader.at
  let length = 0
  let digits = 0
  for (;;) {
    const byte = byteAt(reader)
    if (byte === COLON && digits > 0) break
    if (byte < ZERO || byte > NINE) {
      throw refusal(
        'torrent_bencode_syntax',
        `Cannot read bencoding: expected a value at byte ${start}, got byte 0x${byte.toString(16)}`,
        { offset: reader.at, expected: 'a value', found: `byte 0x${byte.toString(16)}` },
      )
    }
    if (digits === 1 && length === 0) {
      throw refusal(
        'torrent_bencode_length',
        `Cannot read bencoding: expected a length without leading zeros at byte ${start}`,
        { offset: start, expected: 'a length without leading zeros' },
      )
    }
    length = length * 10 + (byte - ZERO)
    digits++
    // More digits than any input has bytes: stop before the number loses precision.
    if (length > reader.bytes.length) throw truncated(reader, start)
    reader.at++
  }
  const from = reader.at + 1
  if (from + length > reader.bytes.length) throw truncated(reader, start)
  reader.at = from + length
  return reader.bytes.subarray(from, from + length)
}

function readList(reader: Reader): BList {
  const start = reader.at++
  const items: BValue[] = []
  while (byteAt(reader) !== END) items.push(readValue(reader))
  reader.at++
  return { type: 'list', items, start, end: reader.at }
}

function readDictionary(reader: Reader): BDictionary {
  const start = reader.at++
  const entries = new Map<string, BValue>()
  let last: string | undefined
  while (byteAt(reader) !== END) {
    const keyAt = reader.at
    const key = latin1(readString(reader))
    if (last !== undefined && key <= last) {
      const same = key === last
      throw refusal(
        same ? 'torrent_bencode_key_duplicate' : 'torrent_bencode_key_order',
        `Cannot read bencoding: expected ${same ? 'unique' : 'sorted'} keys, got ${printable(key)} after ${printable(last)} at byte ${keyAt}`,
        { offset: keyAt, expected: `${same ? 'unique' : 'sorted'} keys`, found: printable(key) },
      )
    }
    last = key
    entries.set(key, readValue(reader))
  }
  reader.at++
  return { type: 'dictionary', entries, start, end: reader.at }
}

function byteAt(reader: Reader): number {
  const byte = reader.bytes[reader.at]
  if (byte === undefined) throw truncated(reader, reader.at)
  return byte
}

function truncated(reader: Reader, offset: number): Error {
  return refusal(
    'torrent_bencode_truncated',
    `Cannot read bencoding: expected more bytes, got the end after ${reader.bytes.length}`,
    { offset, expected: 'more bytes', found: `end after ${reader.bytes.length} bytes` },
  )
}

/** Bytes that are bencoded already and go out as they are. */
export class Raw {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** What can be encoded: text as UTF-8, map keys as `latin1` byte strings. */
export type Encodable =
  | number
  | bigint
  | string
  | Uint8Array
  | Raw
  | readonly Encodable[]
  | ReadonlyMap<string, Encodable>

/** Bencodes a value (BEP 3); keys are sorted here. Numbers must be safe integers. */
export function encode(value: Encodable): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = []
  write(value, parts)
  return concat(parts)
}

function write(value: Encodable, parts: Uint8Array[]): void {
  if (typeof value === 'number' || typeof value === 'bigint') {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw refusal(
        'torrent_encode_integer',
        `Cannot bencode a number: expected a safe integer, got ${value}`,
      )
    }
    parts.push(latin1Bytes(`i${value}e`))
  } else if (typeof value === 'string') {
    writeString(new TextEncoder().encode(value), parts)
  } else if (value instanceof Uint8Array) {
    writeString(value, parts)
  } else if (value instanceof Raw) {
    parts.push(value.bytes)
  } else if (value instanceof Map) {
    parts.push(latin1Bytes('d'))
    const entries = value as ReadonlyMap<string, Encodable>
    for (const [key, item] of [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      writeString(latin1Bytes(key), parts)
      write(item, parts)
    }
    parts.push(latin1Bytes('e'))
  } else {
    parts.push(latin1Bytes('l'))
    for (const item of value as readonly Encodable[]) write(item, parts)
    parts.push(latin1Bytes('e'))
  }
}

function writeString(bytes: Uint8Array, parts: Uint8Array[]): void {
  parts.push(latin1Bytes(`${bytes.length}:`), bytes)
}

/** Joins byte arrays into one new array. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
