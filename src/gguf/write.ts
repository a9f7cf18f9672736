import { VALUE_BYTES, VALUE_TYPES, type ScalarType } from './header.ts'
import { TENSOR_TYPES, type TensorTypeName } from './types.ts'

/** A metadata value to write; arrays name the type of their items. */
export type WriteValue =
  | { type: 'string'; value: string }
  | { type: 'bool'; value: boolean }
  | { type: 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'f64'; value: number }
  | { type: 'u64' | 'i64'; value: bigint }
  | { type: 'array'; of: ScalarType; values: readonly (string | number | bigint | boolean)[] }

/** A tensor as the header tells of it. */
export interface WriteTensorInfo {
  name: string
  dims: readonly number[]
  type: TensorTypeName
}

/** A tensor to write: `data` is its bytes as stored, whole blocks of its type. */
export interface WriteTensor extends WriteTensorInfo {
  data: Uint8Array
}

export interface WriteOptions<Tensor extends WriteTensorInfo = WriteTensor> {
  metadata: Iterable<readonly [key: string, value: WriteValue]>
  tensors: readonly Tensor[]
  version?: number
  /** A power of two; written as `general.alignment` when it is not the default 32. */
  alignment?: number
}

const DEFAULT_ALIGNMENT = 32
const encoder = new TextEncoder()

/** Collects little-endian bytes. */
class Bytes {
  #buffer = new Uint8Array(65_536)
  length = 0

  reserve(count: number): DataView {
    if (this.length + count > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.length + count, this.#buffer.length * 2))
      grown.set(this.#buffer.subarray(0, this.length))
      this.#buffer = grown
    }
    const view = new DataView(this.#buffer.buffer, this.length, count)
    this.length += count
    return view
  }

  u32(value: number): void {
    this.reserve(4).setUint32(0, value, true)
  }

  u64(value: number | bigint): void {
    this.reserve(8).setBigUint64(0, BigInt(value), true)
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.#buffer.set(bytes, this.length - bytes.length)
  }

  string(text: string): void {
    const bytes = encoder.encode(text)
    this.u64(bytes.length)
    this.raw(bytes)
  }

  pad(alignment: number): void {
    const rest = this.length % alignment
    if (rest > 0) this.reserve(alignment - rest)
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.length)
  }
}

/**
 * Writes a GGUF file, version 3 unless told otherwise, laid out as llama.cpp
 * lays it out: tensors one after another, each padded to the alignment. Throws
 * RangeError where a tensor's data does not have the size its type and shape want.
 */
export function writeGguf(options: WriteOptions): Uint8Array<ArrayBuffer> {
  const out = new Bytes()
  writeHeader(out, options)
  const { alignment = DEFAULT_ALIGNMENT } = options
  for (const tensor of options.tensors) {
    const bytes = bytesOf(tensor)
    if (tensor.data.length !== bytes)
      throw new RangeError(
        `Cannot write tensor "${tensor.name}": expected ${bytes} bytes, got ${tensor.data.length}`,
      )
    out.raw(tensor.data)
    out.pad(alignment)
  }
  return out.finish()
}

/** The header alone, padded, and the size of the whole file: what is asked of it lies mostly here, whatever the weights. */
export function writeGgufHeader(options: WriteOptions<WriteTensorInfo>): {
  header: Uint8Array<ArrayBuffer>
  size: number
} {
  const out = new Bytes()
  const dataBytes = writeHeader(out, options)
  const header = out.finish()
  return { header, size: header.length + dataBytes }
}

function bytesOf({ dims, type }: WriteTensorInfo): number {
  const elements = dims.reduce((product, n) => product * n, 1)
  return (elements / TENSOR_TYPES[type].block) * TENSOR_TYPES[type].bytes
}

/** Returns how many bytes of data, padding included, follow the header. */
function writeHeader(
  out: Bytes,
  { metadata, tensors, version = 3, alignment = DEFAULT_ALIGNMENT }: WriteOptions<WriteTensorInfo>,
): number {
  const entries = new Map(metadata)
  if (alignment !== DEFAULT_ALIGNMENT) entries.set('general.alignment', { type: 'u32', value: alignment })
  out.raw(encoder.encode('GGUF'))
  out.u32(version)
  out.u64(tensors.length)
  out.u64(entries.size)
  for (const [key, value] of entries) {
    out.string(key)
    writeValue(out, value)
  }
  let offset = 0
  for (const tensor of tensors) {
    out.string(tensor.name)
    out.u32(tensor.dims.length)
    for (const n of tensor.dims) out.u64(n)
    out.u32(TENSOR_TYPES[tensor.type].id)
    out.u64(offset)
    offset += Math.ceil(bytesOf(tensor) / alignment) * alignment
  }
  out.pad(alignment)
  return offset
}

function writeValue(out: Bytes, value: WriteValue): void {
  out.u32(VALUE_TYPES.indexOf(value.type))
  if (value.type !== 'array') {
    writeScalar(out, value.type, value.value)
    return
  }
  out.u32(VALUE_TYPES.indexOf(value.of))
  out.u64(value.values.length)
  for (const item of value.values) writeScalar(out, value.of, item)
}

function writeScalar(out: Bytes, type: ScalarType, value: string | number | bigint | boolean): void {
  if (type === 'string') out.string(String(value))
  else WRITE[type](out.reserve(VALUE_BYTES[type]), value)
}

const WRITE: Record<
  Exclude<ScalarType, 'string'>,
  (view: DataView, value: string | number | bigint | boolean) => void
> = {
  u8: (view, value) => view.setUint8(0, Number(value)),
  i8: (view, value) => view.setInt8(0, Number(value)),
  u16: (view, value) => view.setUint16(0, Number(value), true),
  i16: (view, value) => view.setInt16(0, Number(value), true),
  u32: (view, value) => view.setUint32(0, Number(value), true),
  i32: (view, value) => view.setInt32(0, Number(value), true),
  f32: (view, value) => view.setFloat32(0, Number(value), true),
  bool: (view, value) => view.setUint8(0, value === true ? 1 : 0),
  u64: (view, value) => view.setBigUint64(0, BigInt(value), true),
  i64: (view, value) => view.setBigInt64(0, BigInt(value), true),
  f64: (view, value) => view.setFloat64(0, Number(value), true),
}
