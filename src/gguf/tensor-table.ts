import type { GgufNote, GgufTensor } from './header.ts'
import type { HeaderReader } from './reader.ts'
import { refusal } from './rules.ts'
import { printable } from './text.ts'
import { REMOVED_TENSOR_TYPES, TENSOR_TYPES, tensorTypeName, type TensorTypeName } from './types.ts'

/** ggml's GGML_MAX_NAME without its closing zero byte. */
const MAX_NAME_BYTES = 63
const MAX_DIMENSIONS = 4
const MAX_NOTES = 100

interface TableRow {
  name: string
  dims: bigint[]
  elements: bigint
  bytes: bigint
  type: TensorTypeName
  /** Relative to the data section, as the file says. */
  offset: bigint
  /** Where the row stands in the header. */
  at: number
}

/** Reads the tensor table and checks each row by itself; sizes stay BigInt until they are known to fit the file. */
export async function readTensorTable(
  reader: HeaderReader,
  count: number,
  notes: GgufNote[],
): Promise<TableRow[]> {
  const rows: TableRow[] = []
  const names = new Set<string>()
  for (let i = 0; i < count; i += 1) {
    const at = reader.position
    const name = await readName(reader, i)
    if (names.has(name))
      throw refusal('gguf_tensor_duplicate', `two tensors are named "${name}"`, { field: name, offset: at })
    names.add(name)
    if (notes.length < MAX_NOTES && (/[/\\]/.test(name) || name.includes('..')))
      notes.push({ code: 'gguf_tensor_name', message: `"${name}" looks like a path`, offset: at })
    const dims = await readDimensions(reader, name)
    await reader.need(12, `the tensor "${name}"`)
    const typeAt = reader.position
    const type = readType(reader.u32(), name, typeAt)
    const offset = reader.u64()
    const elements = dims.reduce((product, n) => product * n, 1n)
    rows.push({ name, dims, elements, type, offset, at, bytes: tensorBytes(name, dims, elements, type, at) })
  }
  return rows
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

async function readDimensions(reader: HeaderReader, name: string): Promise<bigint[]> {
  await reader.need(4, `the dimensions of "${name}"`)
  const offset = reader.position
  const count = reader.u32()
  if (count < 1 || count > MAX_DIMENSIONS)
    throw refusal('gguf_tensor_dims', `"${name}" has ${count} dimensions`, {
      field: name,
      offset,
      expected: `1 to ${MAX_DIMENSIONS}`,
      found: String(count),
    })
  await reader.need(8 * count, `the dimensions of "${name}"`)
  const dims: bigint[] = []
  for (let i = 0; i < count; i += 1) {
    const value = reader.u64()
    if (value === 0n || value >= 2n ** 63n)
      throw refusal('gguf_tensor_dims', `dimension ${i} of "${name}" is ${value}`, {
        field: name,
        offset: reader.position - 8,
        expected: '1 to 2^63 - 1',
        found: String(value),
      })
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

function tensorBytes(
  name: string,
  dims: readonly bigint[],
  elements: bigint,
  type: TensorTypeName,
  offset: number,
): bigint {
  const { block, bytes } = TENSOR_TYPES[type]
  const width = dims[0] ?? 0n
  if (width % BigInt(block) !== 0n)
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
  // Exact, of any size: in 64 bits the product would wrap, past the very check that guards it.
  return (elements / BigInt(block)) * BigInt(bytes)
}

/** Checks that the tensors lie in the data section one after another, as llama.cpp demands, and gives absolute offsets. */
export function placeTensors(
  rows: readonly TableRow[],
  { dataOffset, alignment, fileBytes }: { dataOffset: number; alignment: number; fileBytes: number },
): { tensors: GgufTensor[]; end: number } {
  const start = BigInt(dataOffset)
  const size = BigInt(fileBytes)
  const align = BigInt(alignment)
  let expected = 0n
  // A vocabulary-only file may end without padding its header.
  let end = rows.length === 0 ? Math.min(dataOffset, fileBytes) : dataOffset
  const tensors = rows.map((row): GgufTensor => {
    if (row.bytes > size)
      throw refusal('gguf_tensor_size', `"${row.name}" needs ${row.bytes} bytes, the file has ${fileBytes}`, {
        field: row.name,
        offset: row.at,
        expected: `at most ${fileBytes} bytes`,
        found: String(row.bytes),
      })
    if (row.offset !== expected)
      throw refusal(
        'gguf_tensor_offset',
        `"${row.name}" is said to begin at ${row.offset} of the data, not ${expected}`,
        {
          field: row.name,
          offset: row.at,
          expected: String(expected),
          found: String(row.offset),
        },
      )
    if (start + row.offset + row.bytes > size)
      throw refusal('gguf_tensor_bounds', `the file ends inside the data of "${row.name}"`, {
        field: row.name,
        offset: row.at,
        expected: `${start + row.offset + row.bytes} bytes`,
        found: `${fileBytes} bytes`,
      })
    end = Number(start + row.offset + row.bytes)
    expected = ((row.offset + row.bytes + align - 1n) / align) * align
    return {
      name: row.name,
      dims: row.dims.map(Number),
      elements: Number(row.elements),
      type: row.type,
      offset: Number(start + row.offset),
      bytes: Number(row.bytes),
    }
  })
  return { tensors, end }
}
