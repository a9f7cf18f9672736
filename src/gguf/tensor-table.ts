import type { GgufNote, GgufTensor } from './header.ts'
import type { HeaderReader } from './reader.ts'
import { refusal } from './rules.ts'
import { printable } from './text.ts'
import { REMOVED_TENSOR_TYPES, TENSOR_TYPES, tensorTypeName, type TensorTypeName } from './types.ts'

/** ggml's GGML_MAX_NAME without its closing zero byte. */
const MAX_NAME_BYTES = 63
const MAX_DIMENSIONS = 4
const MAX_NOTES = 100
/** The longest row: name, number of dimensions, dimensions, type and offset. */
const ROW_BYTES = 8 + MAX_NAME_BYTES + 4 + 8 * MAX_DIMENSIONS + 4 + 8

interface TableRow {
  name: string
  dims: number[]
  elements: number
  bytes: number
  type: TensorTypeName
  /** Relative to the data section, as the file says; infinite where no file is so long. */
  offset: number
  /** Where the row stands in the header, and where in it the offset. */
  at: number
  offsetAt: number
}

/**
 * Reads the tensor table and checks each row by itself. Numbers are exact: what
 * 53 bits do not hold is refused, or kept as infinite and refused when placed.
 */
export async function readTensorTable(
  reader: HeaderReader,
  count: number,
  notes: GgufNote[],
): Promise<TableRow[]> {
  const rows: TableRow[] = []
  const names = new Set<string>()
  for (let i = 0; i < count; i += 1) {
    const at = reader.position
    // A whole row at once where the file has one, so that its parts need no waiting.
    const row = reader.need(Math.min(ROW_BYTES, reader.remaining), 'the tensor table')
    if (row !== undefined) await row
    const name = reader.plainName(MAX_NAME_BYTES) ?? (await readName(reader, i))
    if (names.has(name))
      throw refusal('gguf_tensor_duplicate', `two tensors are named "${name}"`, { field: name, offset: at })
    names.add(name)
    if (notes.length < MAX_NOTES && (/[/\\]/.test(name) || name.includes('..')))
      notes.push({ code: 'gguf_tensor_name', message: `"${name}" looks like a path`, offset: at })
    const dims = readDimensions(reader, name)
    mustHold(reader, 12, name)
    const type = readType(reader.u32(), name, reader.position - 4)
    const offsetAt = reader.position
    const offset = exact(reader)
    const { elements, bytes } = sizeOf(name, dims, type, at)
    rows.push({ name, dims, elements, bytes, type, offset, at, offsetAt })
  }
  return rows
}

/** Takes a u64: a number where 53 bits hold it, else infinite. */
function exact(reader: HeaderReader): number {
  const low = reader.u32()
  const high = reader.u32()
  return high < 2 ** 21 ? high * 2 ** 32 + low : Number.POSITIVE_INFINITY
}

async function readName(reader: HeaderReader, index: number): Promise<string> {
  const offset = reader.position
  const name = await reader.string(`the name of tensor ${index}`, MAX_NAME_BYTES)
  if (!/^[\x21-\x7e]+$/.test(name))
    throw refusal('gguf_tensor_name', `the name of tensor ${index} is not printable ASCII`, {
      offset,
      expected: '1 to 63 printable ASCII characters',
      found: printable(name, 60) || 'an empty name',
    })
  return name
}

/** The row was asked for whole: what is missing now, the file does not have. */
function mustHold(reader: HeaderReader, count: number, name: string): void {
  if (count > reader.remaining) void reader.need(count, `the row of "${name}"`)
}

function readDimensions(reader: HeaderReader, name: string): number[] {
  mustHold(reader, 4, name)
  const offset = reader.position
  const count = reader.u32()
  if (count < 1 || count > MAX_DIMENSIONS)
    throw refusal('gguf_tensor_dims', `"${name}" has ${count} dimensions`, {
      field: name,
      offset,
      expected: `1 to ${MAX_DIMENSIONS}`,
      found: String(count),
    })
  mustHold(reader, 8 * count, name)
  const dims: number[] = []
  for (let i = 0; i < count; i += 1) {
    const value = exact(reader)
    // The sign bit: a dimension that ggml would read as negative.
    const negative = reader.view.getUint8(reader.position - 1) >= 0x80
    if (value === 0 || negative) {
      const found = reader.view.getBigUint64(reader.position - 8, true)
      throw refusal('gguf_tensor_dims', `dimension ${i} of "${name}" is ${found}`, {
        field: name,
        offset: reader.position - 8,
        expected: '1 to 2^63 - 1',
        found: String(found),
      })
    }
    dims.push(value)
  }
  return dims
}

function readType(id: number, name: string, offset: number): TensorTypeName {
  const type = tensorTypeName(id)
  if (type !== undefined) return type
  const removed = REMOVED_TENSOR_TYPES.has(id)
  const why = removed ? 'which llama.cpp has removed' : 'which llama.cpp does not have (a fork may)'
  throw refusal('gguf_tensor_type', `"${name}" is of tensor type ${id}, ${why}`, {
    field: name,
    offset,
    expected: 'a tensor type of llama.cpp',
    found: String(id),
  })
}

/** Elements and bytes of a tensor; refuses half blocks and what would wrap in 64 bits, past the very check that guards it. */
function sizeOf(
  name: string,
  dims: readonly number[],
  type: TensorTypeName,
  offset: number,
): { elements: number; bytes: number } {
  const { block, bytes: blockBytes } = TENSOR_TYPES[type]
  const width = dims[0] ?? 0
  if (Number.isFinite(width) && width % block !== 0)
    throw refusal(
      'gguf_tensor_block',
      `rows of "${name}" are ${width} wide, ${type} needs multiples of ${block}`,
      {
        field: name,
        offset,
        expected: `a multiple of ${block}`,
        found: String(width),
      },
    )
  let elements = 1
  for (const n of dims) elements *= n
  const bytes = (elements / block) * blockBytes
  if (elements > Number.MAX_SAFE_INTEGER || bytes > Number.MAX_SAFE_INTEGER)
    throw refusal('gguf_tensor_size', `"${name}" has more elements than any file holds`, {
      field: name,
      offset,
      expected: 'less than 2^53 elements',
      found: dims.join(' x '),
    })
  return { elements, bytes }
}

/** Checks that the tensors lie in the data section one after another, as llama.cpp demands, and gives absolute offsets. */
export function placeTensors(
  rows: readonly TableRow[],
  { dataOffset, alignment, fileBytes }: { dataOffset: number; alignment: number; fileBytes: number },
): { tensors: GgufTensor[]; end: number } {
  let expected = 0
  // A vocabulary-only file may end without padding its header.
  let end = rows.length === 0 ? Math.min(dataOffset, fileBytes) : dataOffset
  const tensors = rows.map(({ name, dims, elements, bytes, type, offset, at, offsetAt }): GgufTensor => {
    if (bytes > fileBytes)
      throw refusal('gguf_tensor_size', `"${name}" needs ${bytes} bytes, the file has ${fileBytes}`, {
        field: name,
        offset: at,
        expected: `at most ${fileBytes} bytes`,
        found: String(bytes),
      })
    if (offset !== expected) {
      const found = Number.isFinite(offset) ? String(offset) : 'more than 2^53'
      throw refusal(
        'gguf_tensor_offset',
        `"${name}" is said to begin at ${found} of the data, not ${expected}`,
        {
          field: name,
          offset: offsetAt,
          expected: String(expected),
          found,
        },
      )
    }
    end = dataOffset + offset + bytes
    if (end > fileBytes)
      throw refusal('gguf_tensor_bounds', `the file ends inside the data of "${name}"`, {
        field: name,
        offset: at,
        expected: `${end} bytes`,
        found: `${fileBytes} bytes`,
      })
    expected = Math.ceil((offset + bytes) / alignment) * alignment
    return { name, dims, elements, type, offset: dataOffset + offset, bytes }
  })
  return { tensors, end }
}
