import { TENSOR_TYPES, type TensorTypeName } from './types.ts'
import type { GgufCode } from './rules.ts'

/** Metadata value types by their number in the file (GGUF specification, `gguf_metadata_value_type`). */
export const VALUE_TYPES = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const
export type ValueType = (typeof VALUE_TYPES)[number]
export type ScalarType = Exclude<ValueType, 'array'>

/** Bytes of one value; a string's is its length field alone. */
export const VALUE_BYTES = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  string: 8,
  u64: 8,
  i64: 8,
  f64: 8,
} as const satisfies Record<ScalarType, number>

/**
 * An array kept as the file's own bytes, because a vocabulary of 256,000
 * strings is read by few. For strings, `spans` holds start and end of each.
 */
export interface MetaArray {
  type: 'array'
  of: ScalarType
  length: number
  bytes: Uint8Array
  spans: Uint32Array | null
}

export type MetaValue = { offset: number } &
  /** The bytes as they stand in the file are kept of chat templates alone, which are hashed. */
  (
    | { type: 'string'; value: string; bytes?: Uint8Array }
    | { type: 'bool'; value: boolean }
    | { type: 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'f64'; value: number }
    | { type: 'u64' | 'i64'; value: bigint }
    | MetaArray
  )

/** A tensor as the header describes it. */
export interface GgufTensor {
  name: string
  /** Innermost first, as in the file: `dims[0]` is the row's width. */
  dims: number[]
  /** Product of the dimensions. */
  elements: number
  type: TensorTypeName
  /** Where its data begins, in bytes from the start of the file. */
  offset: number
  bytes: number
}

/** What only reads metadata takes this, so that a header half read will do. */
export interface WithMetadata {
  metadata: ReadonlyMap<string, MetaValue>
}

/** Something odd that a loader survives: it is told, not refused. */
export interface GgufNote {
  code: GgufCode
  message: string
  offset: number
}

/** A header that passed the strict parser. */
export interface GgufHeader {
  version: number
  metadata: Map<string, MetaValue>
  tensors: GgufTensor[]
  /** Where tensor data begins, in bytes. */
  dataOffset: number
  alignment: number
  /** Bytes of header, tensor table included, before padding. */
  headerBytes: number
  fileBytes: number
  notes: GgufNote[]
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Decodes one scalar; strings are the caller's. */
export function scalarAt(
  data: DataView,
  type: Exclude<ScalarType, 'string'>,
  at: number,
): number | bigint | boolean {
  return DECODE[type](data, at)
}

const DECODE: Record<
  Exclude<ScalarType, 'string'>,
  (data: DataView, at: number) => number | bigint | boolean
> = {
  u8: (data, at) => data.getUint8(at),
  i8: (data, at) => data.getInt8(at),
  u16: (data, at) => data.getUint16(at, true),
  i16: (data, at) => data.getInt16(at, true),
  u32: (data, at) => data.getUint32(at, true),
  i32: (data, at) => data.getInt32(at, true),
  f32: (data, at) => data.getFloat32(at, true),
  bool: (data, at) => data.getUint8(at) !== 0,
  u64: (data, at) => data.getBigUint64(at, true),
  i64: (data, at) => data.getBigInt64(at, true),
  f64: (data, at) => data.getFloat64(at, true),
}

const lenient = new TextDecoder('utf-8', { ignoreBOM: true })

/** The bytes of a string array's item. */
export function stringBytes(array: MetaArray, index: number): Uint8Array {
  const start = array.spans?.[index * 2] ?? 0
  return array.bytes.subarray(start, array.spans?.[index * 2 + 1] ?? start)
}

/** One item of an array; past its end the caller's own error. */
export function arrayItem(array: MetaArray, index: number): string | number | bigint | boolean {
  if (array.of === 'string') return lenient.decode(stringBytes(array, index))
  return scalarAt(view(array.bytes), array.of, index * VALUE_BYTES[array.of])
}

/** All items of an array of numbers as a plain list; null for other arrays. */
export function numbersOf(array: MetaArray, limit = 1_000_000): number[] | null {
  if (array.of === 'string' || array.of === 'bool' || array.of === 'u64' || array.of === 'i64') return null
  const data = view(array.bytes)
  const { of } = array
  return Array.from({ length: Math.min(array.length, limit) }, (_, i) =>
    Number(scalarAt(data, of, i * VALUE_BYTES[of])),
  )
}

/** Whether a key holds a chat template: the default one, or one with a name. */
export function isTemplateKey(key: string): boolean {
  return key === 'tokenizer.chat_template' || key.startsWith('tokenizer.chat_template.')
}

/** A string value, null where the key is absent or of another type. */
export function stringOf(header: WithMetadata, key: string): string | null {
  const value = header.metadata.get(key)
  return value?.type === 'string' ? value.value : null
}

/** A numeric value of 32 bits or fewer, null where the key is absent or of another type. */
export function numberOf(header: WithMetadata, key: string): number | null {
  const value = header.metadata.get(key)
  return value !== undefined && typeof (value as { value?: unknown }).value === 'number'
    ? (value as { value: number }).value
    : null
}

/** A hyper-parameter that may be one number or one a layer: the list, or null. */
export function layerNumbersOf(header: WithMetadata, key: string): number[] | null {
  const value = header.metadata.get(key)
  if (value?.type === 'array') return numbersOf(value, 4096)
  const single = numberOf(header, key)
  return single === null ? null : [single]
}

/** Weights and their bits, over tensors. */
export function weigh(tensors: readonly GgufTensor[]): { elements: number; bytes: number; bits: number } {
  let elements = 0
  let bytes = 0
  for (const tensor of tensors) {
    elements += tensor.elements
    bytes += tensor.bytes
  }
  return { elements, bytes, bits: elements === 0 ? 0 : (bytes * 8) / elements }
}

/** Bytes that `elements` weights take in a type; rows are whole blocks, as the parser has checked. */
export function bytesIn(type: TensorTypeName, elements: number): number {
  const { block, bytes } = TENSOR_TYPES[type]
  return (elements / block) * bytes
}
