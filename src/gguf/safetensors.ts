import type { ByteSource } from '../core/byte-source.ts'
import { refusal } from './rules.ts'
import { parseStrictJson, type JsonValue } from './strict-json.ts'
import { isUtf8, printable } from './text.ts'

/** Bits of one value of a type (safetensors, `Dtype`). */
export const SAFETENSORS_TYPES = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E5M2FNUZ: 8,
  F8_E4M3FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const
export type SafetensorsType = keyof typeof SAFETENSORS_TYPES

export interface SafetensorsTensor {
  name: string
  dtype: SafetensorsType
  shape: number[]
  elements: number
  /** In bytes from the start of the file. */
  offset: number
  bytes: number
}

/** A header that passed the strict reader. */
export interface SafetensorsHeader {
  metadata: ReadonlyMap<string, string>
  /** In the order of their data. */
  tensors: SafetensorsTensor[]
  dataOffset: number
}

/** The format's own limit. */
const MAX_HEADER_BYTES = 100_000_000
const MAX_TENSORS = 1_000_000
const MAX_DIMENSIONS = 16
const MAX_NAME = 1_024

/**
 * Reads the header of a safetensors file strictly: a u64 length, then JSON of
 * tensors whose data fills the rest of the file exactly, one after another, with
 * no gap, overlap or byte left over. Refuses by QalError `safetensors_…`.
 */
export async function parseSafetensors(source: ByteSource): Promise<SafetensorsHeader> {
  if (source.size < 10)
    throw refusal('safetensors_truncated', 'the file ends inside its header', { offset: 0 })
  const first = await source.read(0, 8)
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true)
  const room = Math.min(source.size - 8, MAX_HEADER_BYTES)
  if (length < 2n || length > BigInt(room))
    throw refusal('safetensors_length', `the header is said to take ${length} bytes`, {
      offset: 0,
      expected: `2 to ${room} bytes`,
      found: String(length),
    })
  const dataOffset = 8 + Number(length)
  const entries = readJson(await source.read(8, Number(length)))
  const metadata = readMetadata(entries.get('__metadata__'))
  if (entries.size > MAX_TENSORS)
    throw refusal('safetensors_count', `the header names ${entries.size} tensors`, {
      expected: `at most ${MAX_TENSORS}`,
    })
  const tensors: SafetensorsTensor[] = []
  for (const [name, entry] of entries)
    if (name !== '__metadata__') tensors.push(readTensor(name, entry, dataOffset))
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
  checkPlaces(tensors, dataOffset, source.size)
  return { metadata, tensors, dataOffset }
}

function readJson(bytes: Uint8Array): Map<string, JsonValue> {
  if (bytes[0] !== 0x7b)
    throw refusal('safetensors_json', 'the header does not begin with {', { offset: 8, expected: '{' })
  if (!isUtf8(bytes, 0, bytes.length))
    throw refusal('safetensors_json', 'the header is not UTF-8', { offset: 8 })
  try {
    const value = parseStrictJson(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
    if (value instanceof Map) return value
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const duplicate = error.message.includes('no second key')
    throw refusal(
      duplicate ? 'safetensors_duplicate' : 'safetensors_json',
      `the header is no JSON that every reader reads alike: ${printable(error.message, 160)}`,
      { offset: 8 },
    )
  }
  throw refusal('safetensors_json', 'the header is no object', { offset: 8 })
}

function readMetadata(value: JsonValue | undefined): Map<string, string> {
  const result = new Map<string, string>()
  if (value === undefined) return result
  if (!(value instanceof Map))
    throw refusal('safetensors_metadata', '"__metadata__" is no object', {
      field: '__metadata__',
      expected: 'texts by name',
    })
  for (const [key, text] of value) {
    if (typeof text !== 'string')
      throw refusal('safetensors_metadata', `"${printable(key, 60)}" in "__metadata__" is no text`, {
        field: `__metadata__.${printable(key, 60)}`,
        expected: 'a text',
      })
    result.set(key, text)
  }
  return result
}

function readTensor(name: string, entry: JsonValue, dataOffset: number): SafetensorsTensor {
  const shown = printable(name, 80)
  const wrong = (what: string, expected: string, found?: string) =>
    refusal('safetensors_tensor', `"${shown}" ${what}`, {
      field: shown,
      expected,
      ...(found !== undefined && { found }),
    })
  if (name === '' || name.length > MAX_NAME) throw wrong('has no usable name', `1 to ${MAX_NAME} characters`)
  if (!(entry instanceof Map)) throw wrong('is no object', 'dtype, shape and data_offsets')
  for (const key of entry.keys())
    if (!['dtype', 'shape', 'data_offsets'].includes(key))
      throw wrong(`has the key "${printable(key, 40)}"`, 'dtype, shape and data_offsets')
  const dtype = entry.get('dtype')
  if (typeof dtype !== 'string' || !Object.hasOwn(SAFETENSORS_TYPES, dtype))
    throw wrong(
      'is of an unknown type',
      Object.keys(SAFETENSORS_TYPES).join(', '),
      typeof dtype === 'string' ? printable(dtype, 40) : 'no text',
    )
  const shape = wholeNumbers(entry.get('shape'))
  if (shape === null || shape.length > MAX_DIMENSIONS)
    throw wrong('has no usable shape', `at most ${MAX_DIMENSIONS} whole numbers`)
  const offsets = wholeNumbers(entry.get('data_offsets'))
  const [start, end] = offsets ?? []
  if (offsets?.length !== 2 || start === undefined || end === undefined || end < start)
    throw wrong('has no usable data_offsets', 'start and end')
  // Exact of any size: a product that wraps would pass the very check that follows.
  const elements = shape.reduce((product, n) => product * BigInt(n), 1n)
  const bits = elements * BigInt(SAFETENSORS_TYPES[dtype as SafetensorsType])
  if (bits % 8n !== 0n || bits / 8n !== BigInt(end - start))
    throw refusal(
      'safetensors_size',
      `"${shown}" is ${shape.join(' x ') || 'one value'} of ${dtype}, its data ${end - start} bytes`,
      {
        field: shown,
        expected: `${bits / 8n} bytes`,
        found: String(end - start),
      },
    )
  return {
    name,
    dtype: dtype as SafetensorsType,
    shape,
    elements: Number(elements),
    offset: dataOffset + start,
    bytes: end - start,
  }
}

function wholeNumbers(value: JsonValue | undefined): number[] | null {
  if (!Array.isArray(value)) return null
  const numbers = value.filter((n): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0)
  return numbers.length === value.length ? numbers : null
}

/** The data of all tensors must fill the file: a gap would hide bytes, an overlap would let one tensor change another. */
function checkPlaces(tensors: readonly SafetensorsTensor[], dataOffset: number, size: number): void {
  let end = dataOffset
  for (const { name, offset, bytes } of tensors) {
    if (offset !== end)
      throw refusal(
        'safetensors_offset',
        `"${printable(name, 80)}" begins at ${offset}, ${offset > end ? 'after a gap' : 'inside another tensor'}`,
        { field: printable(name, 80), offset, expected: String(end), found: String(offset) },
      )
    end = offset + bytes
  }
  if (end > size)
    throw refusal('safetensors_truncated', 'the file ends inside the data of its tensors', {
      offset: size,
      expected: `${end} bytes`,
      found: `${size} bytes`,
    })
  if (end < size)
    throw refusal('safetensors_trailing_data', `${size - end} bytes follow the last tensor`, {
      offset: end,
      expected: `${end} bytes`,
      found: `${size} bytes`,
    })
}
