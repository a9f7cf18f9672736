import type { ByteSource } from '../core/byte-source.ts'
import { FORMAT_HEAD_BYTES, foreignFormat } from './foreign.ts'
import {
  isTemplateKey,
  scalarAt,
  VALUE_BYTES,
  VALUE_TYPES,
  type GgufHeader,
  type GgufNote,
  type MetaArray,
  type MetaValue,
  type ScalarType,
  type ValueType,
} from './header.ts'
import { HeaderReader } from './reader.ts'
import { refusal } from './rules.ts'
import { checkMetadata } from './schema.ts'
import { placeTensors, readTensorTable } from './tensor-table.ts'
import { isUtf8, printable } from './text.ts'

const MAGIC = 0x46554747
const MAX_KEYS = 16_384
/** The specification's limit. */
const MAX_KEY_BYTES = 65_535
/** Some files carry a whole tokenizer.json in one string. */
const MAX_STRING_BYTES = 32 * 1024 * 1024
const MAX_ITEMS = 16_777_216
const DEFAULT_ALIGNMENT = 32
/** Header padding is read to see that it is zero, so it counts towards the parser's budget. */
const MAX_ALIGNMENT = 256 * 1024
/** Zero padding allowed after the last tensor; it is read, so it is bounded. */
const MAX_TRAILING_BYTES = 256 * 1024

/**
 * Parses the header of a GGUF file (version 2 or 3, little endian) strictly: a
 * file that passes is laid out exactly as llama.cpp lays it out. Reads the header
 * and at most 1 MiB more. Refuses by QalError `gguf_…` with the offset; errors of
 * the source itself pass through.
 */
export async function parseGguf(source: ByteSource): Promise<GgufHeader> {
  const reader = new HeaderReader(source)
  const version = await readVersion(reader, source)
  const tensorCount = await count(reader, 'the tensor count', 8 + 4 + 8 + 4 + 8, 262_144)
  const keyCount = await count(reader, 'the metadata count', 8 + 1 + 4 + 1, MAX_KEYS)

  const notes: GgufNote[] = []
  const { metadata, pending } = await readMetadata(reader, keyCount, notes)
  const alignment = alignmentOf(metadata)
  const table = await readTensorTable(reader, tensorCount, notes)
  const headerBytes = reader.position
  for (const { value, start, end } of pending) value.bytes = reader.bytes.subarray(start, end)
  checkMetadata(metadata, notes)

  const dataOffset = Math.ceil(headerBytes / alignment) * alignment
  if (tensorCount > 0 && dataOffset % DEFAULT_ALIGNMENT !== 0)
    throw refusal('gguf_alignment', `the data begins at ${dataOffset}, where llama.cpp cannot map it`, {
      field: 'general.alignment',
      offset: dataOffset,
      expected: `a multiple of ${DEFAULT_ALIGNMENT}`,
      found: String(dataOffset),
    })
  const { tensors, end } = placeTensors(table, { dataOffset, alignment, fileBytes: source.size })
  checkPadding(await reader.padding(Math.min(dataOffset, source.size)), headerBytes)
  if (source.size > end) await checkTrailing(source, end)

  return {
    version,
    metadata,
    tensors,
    dataOffset,
    alignment,
    headerBytes,
    fileBytes: source.size,
    notes,
  }
}

async function readVersion(reader: HeaderReader, source: ByteSource): Promise<number> {
  if (source.size === 0) throw refusal('gguf_empty', 'the file is empty', { offset: 0 })
  if (source.size >= 4) await reader.need(4, 'the magic number')
  if (source.size < 4 || reader.u32() !== MAGIC) {
    const head = await source.read(0, Math.min(FORMAT_HEAD_BYTES, source.size))
    const name = foreignFormat(head, source.size)
    throw refusal('gguf_not_gguf', name === null ? 'this is not a GGUF file' : `this is ${name}`, {
      offset: 0,
      expected: 'a file that begins with GGUF',
      found: name ?? 'an unknown format',
    })
  }
  await reader.need(4, 'the version')
  const version = reader.u32()
  if (version === 2 || version === 3) return version
  // A version whose low half is empty was written by a big-endian machine, as llama.cpp also concludes.
  if (version !== 0 && (version & 0xffff) === 0)
    throw refusal('gguf_big_endian', 'the file was written for big-endian machines', {
      offset: 4,
      expected: 'little endian',
    })
  throw refusal('gguf_version', `version ${version} is not one that llama.cpp reads`, {
    offset: 4,
    expected: '2 or 3',
    found: String(version),
  })
}

async function count(reader: HeaderReader, what: string, each: number, limit: number): Promise<number> {
  await reader.need(8, what)
  const offset = reader.position
  const value = reader.u64()
  if (value > BigInt(limit) || value * BigInt(each) > BigInt(reader.remaining))
    throw refusal('gguf_count', `${what} is ${value}, more than a file of this size can hold`, {
      offset,
      expected: `at most ${Math.min(limit, Math.floor(reader.remaining / each))}`,
      found: String(value),
    })
  return Number(value)
}

/** What keeps bytes of the header, which may still move while it is read. */
interface Pending<Value extends { bytes?: Uint8Array }> {
  value: Value
  start: number
  end: number
}

async function readMetadata(
  reader: HeaderReader,
  keyCount: number,
  notes: GgufNote[],
): Promise<{ metadata: Map<string, MetaValue>; pending: Pending<{ bytes?: Uint8Array }>[] }> {
  const metadata = new Map<string, MetaValue>()
  const pending: Pending<{ bytes?: Uint8Array }>[] = []
  for (let i = 0; i < keyCount; i += 1) {
    const offset = reader.position
    const key = await reader.string(`metadata key ${i}`, MAX_KEY_BYTES)
    // The specification wants ASCII; anything unprintable in a key only serves to deceive.
    if (!/^[\x21-\x7e]+$/.test(key))
      throw refusal('gguf_key_name', `metadata key ${i} is not printable ASCII`, {
        offset,
        expected: 'printable ASCII without spaces',
        found: printable(key, 60) || 'an empty key',
      })
    if (metadata.has(key))
      throw refusal('gguf_key_duplicate', `the key "${key}" occurs twice`, { field: key, offset })
    await reader.need(4, `the type of "${key}"`)
    const typeOffset = reader.position
    const type = valueType(reader.u32(), key, typeOffset)
    if (type === 'array') {
      const array = await readArray(reader, key, notes)
      pending.push(array)
      metadata.set(key, Object.assign(array.value, { offset: typeOffset + 4 }))
    } else if (type === 'string') {
      const at = reader.position
      const text = await reader.string(`the value of "${key}"`, MAX_STRING_BYTES)
      const value: MetaValue & { bytes?: Uint8Array } = { type, value: text, offset: at }
      metadata.set(key, value)
      if (isTemplateKey(key)) pending.push({ value, start: at + 8, end: reader.position })
    } else {
      await reader.need(VALUE_BYTES[type], `the value of "${key}"`)
      metadata.set(key, readScalar(reader, type, key, notes))
    }
  }
  return { metadata, pending }
}

function valueType(id: number, key: string, offset: number): ValueType {
  const type = VALUE_TYPES[id]
  if (type !== undefined) return type
  throw refusal('gguf_value_type', `the type of "${key}" is ${id}, which does not exist`, {
    field: key,
    offset,
    expected: '0 to 12',
    found: String(id),
  })
}

function readScalar(
  reader: HeaderReader,
  type: Exclude<ScalarType, 'string'>,
  key: string,
  notes: GgufNote[],
): MetaValue {
  const offset = reader.position
  if (type === 'bool') noteBool(reader.view.getUint8(offset), key, offset, notes)
  const value = scalarAt(reader.view, type, offset)
  reader.position += VALUE_BYTES[type]
  return { type, value, offset } as MetaValue
}

function noteBool(byte: number, key: string, offset: number, notes: GgufNote[]): void {
  if (byte > 1 && notes.length < 100)
    notes.push({ code: 'gguf_bool', message: `"${key}" is a boolean stored as ${byte}`, offset })
}

async function readArray(reader: HeaderReader, key: string, notes: GgufNote[]): Promise<Pending<MetaArray>> {
  await reader.need(4, `the array type of "${key}"`)
  const typeOffset = reader.position
  const of = valueType(reader.u32(), key, typeOffset)
  // llama.cpp refuses these too; a reader that recurses into them runs out of stack.
  if (of === 'array')
    throw refusal('gguf_array_nested', `"${key}" is an array of arrays`, {
      field: key,
      offset: typeOffset,
      expected: 'an array of scalars or strings',
    })
  const length = await reader.length(`the length of "${key}"`, VALUE_BYTES[of], MAX_ITEMS)
  const start = reader.position
  await reader.need(length * VALUE_BYTES[of], `the array "${key}"`)
  let spans: Uint32Array | null = null
  if (of === 'string') spans = await readStrings(reader, key, length, notes)
  else reader.position += length * VALUE_BYTES[of]
  if (of === 'bool') {
    const bad = reader.bytes.subarray(start, reader.position).findIndex((byte) => byte > 1)
    if (bad >= 0) noteBool(reader.bytes[start + bad] ?? 0, `${key}[${bad}]`, start + bad, notes)
  }
  const array: MetaArray = { type: 'array', of, length, bytes: new Uint8Array(0), spans }
  return { value: array, start, end: reader.position }
}

async function readStrings(
  reader: HeaderReader,
  key: string,
  length: number,
  notes: GgufNote[],
): Promise<Uint32Array> {
  const start = reader.position
  const spans = new Uint32Array(length * 2)
  const limit = MAX_STRING_BYTES
  let broken = -1
  for (let i = 0; i < length; i += 1) {
    // A promise only at the end of a chunk: awaiting one for each of 400,000 strings would be most of the parse.
    const wait = reader.need(8, key, (length - i - 1) * VALUE_BYTES.string)
    if (wait !== undefined) await wait
    const bytes = reader.shortLength(limit)
    if (bytes < 0) throw badString(reader, key, i)
    const more = reader.need(bytes, key)
    if (more !== undefined) await more
    const from = reader.position
    spans[i * 2] = from - start
    spans[i * 2 + 1] = from - start + bytes
    if (broken < 0 && !isUtf8(reader.buffer, from, from + bytes)) broken = i
    reader.position = from + bytes
  }
  // Vocabularies hold single bytes of longer characters in a few real models; it is told, not refused.
  if (broken >= 0)
    notes.push({ code: 'gguf_utf8', message: `"${key}" item ${broken} is not UTF-8`, offset: start })
  return spans
}

function badString(reader: HeaderReader, key: string, index: number): Error {
  const offset = reader.position
  const size = reader.u64()
  const most = Math.min(reader.remaining, MAX_STRING_BYTES)
  return refusal('gguf_length', `string ${index} of "${key}" is ${size} bytes long`, {
    field: `${key}.${index}`,
    offset,
    expected: `at most ${most}`,
    found: String(size),
  })
}

function alignmentOf(metadata: ReadonlyMap<string, MetaValue>): number {
  const value = metadata.get('general.alignment')
  if (value === undefined) return DEFAULT_ALIGNMENT
  const found = value.type === 'u32' ? value.value : null
  if (found === null || found < 8 || found > MAX_ALIGNMENT || (found & (found - 1)) !== 0)
    throw refusal('gguf_alignment', `the alignment ${found ?? `of type ${value.type}`} is not usable`, {
      field: 'general.alignment',
      offset: value.offset,
      expected: `a u32 that is a power of two from 8 to ${MAX_ALIGNMENT}`,
      found: found === null ? value.type : String(found),
    })
  return found
}

async function checkTrailing(source: ByteSource, end: number): Promise<void> {
  const trailing = source.size - end
  if (trailing > MAX_TRAILING_BYTES) {
    const name = foreignFormat(await source.read(end, Math.min(FORMAT_HEAD_BYTES, trailing)), trailing)
    throw refusal(
      'gguf_trailing_data',
      `${trailing} bytes follow the last tensor${name === null ? '' : `, and they begin like ${name}`}`,
      {
        offset: end,
        expected: `at most ${MAX_TRAILING_BYTES} zero bytes`,
        found: name ?? `${trailing} bytes`,
      },
    )
  }
  checkPadding(await source.read(end, trailing), end)
}

function checkPadding(bytes: Uint8Array, start: number): void {
  const at = bytes.findIndex((byte) => byte !== 0)
  if (at < 0) return
  const name = foreignFormat(bytes.subarray(at, at + FORMAT_HEAD_BYTES), bytes.length - at)
  throw refusal(
    'gguf_trailing_data',
    `data stands where only zero padding may be${name === null ? '' : `, and it begins like ${name}`}`,
    { offset: start + at, expected: 'zero bytes', found: name ?? 'other bytes' },
  )
}
