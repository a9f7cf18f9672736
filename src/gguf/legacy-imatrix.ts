import type { ByteSource } from '../core/byte-source.ts'

const MAX_BYTES = 256 * 1024 * 1024
const MAX_ENTRIES = 65_536
const MAX_NAME_BYTES = 256

export interface LegacyImatrix {
  entries: number
  values: number
}

/**
 * Reads an importance matrix as llama.cpp wrote it before it became GGUF: i32
 * entries, of each i32 length and name, i32 calls, i32 values and those as f32;
 * then perhaps i32 chunks, i32 length and the data set's name. A sentence of what
 * is wrong otherwise. Reads all of the file, which has no other place for bytes.
 */
export async function readLegacyImatrix(source: ByteSource): Promise<LegacyImatrix | string> {
  if (source.size > MAX_BYTES) return `it is larger than ${MAX_BYTES} bytes`
  const bytes = await source.read(0, source.size)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const number = (): number | null => {
    if (at + 4 > bytes.length) return null
    at += 4
    return view.getInt32(at - 4, true)
  }
  const entries = number()
  if (entries === null || entries < 1 || entries > MAX_ENTRIES)
    return 'it does not begin with a number of entries'
  let total = 0
  for (let i = 0; i < entries; i += 1) {
    const length = number()
    if (length === null || length < 1 || length > MAX_NAME_BYTES || at + length > bytes.length)
      return `entry ${i} has no name`
    const name = String.fromCharCode(...bytes.subarray(at, at + length))
    if (!/^[\x21-\x7e]+$/.test(name)) return `the name of entry ${i} is not plain`
    at += length
    const calls = number()
    const values = number()
    if (calls === null || values === null || calls < 0 || values < 1 || at + values * 4 > bytes.length)
      return `entry ${i} is cut off`
    for (let v = 0; v < values; v += 1) {
      const value = view.getFloat32(at + v * 4, true)
      // Sums of squares: anything else makes the quantiser choose nonsense.
      if (!(value >= 0 && value < Infinity)) return `entry ${i} holds ${value}, which is no sum of squares`
    }
    at += values * 4
    total += values
  }
  if (at < bytes.length) {
    if (number() === null) return 'bytes follow the last entry'
    const length = at < bytes.length ? number() : 0
    if (length === null || length < 0 || at + length !== bytes.length) return 'bytes follow the last entry'
  }
  return { entries, values: total }
}
