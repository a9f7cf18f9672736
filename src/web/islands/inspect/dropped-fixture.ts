/** Files as a visitor drops them, for tests. */
import {
  arrayItem,
  memorySource,
  parseGguf,
  tinyLlama,
  writeGguf,
  type MetaValue,
  type WriteValue,
} from '../../../gguf/index.ts'
import { createTorrent } from '../../../torrent/create.ts'
import { browserHashes } from '../browser-hashes.ts'

export const TINY = tinyLlama({ seed: 5, name: 'Tiny', type: 'Q8_0' })

/** A small model whose header says what the changes say; null takes a key away. */
export async function modelWith(
  changes: Record<string, WriteValue | null>,
): Promise<Uint8Array<ArrayBuffer>> {
  const header = await parseGguf(memorySource(TINY))
  const metadata = new Map<string, WriteValue>()
  for (const [key, value] of header.metadata) metadata.set(key, written(value))
  for (const [key, value] of Object.entries(changes))
    if (value === null) metadata.delete(key)
    else metadata.set(key, value)
  return writeGguf({
    metadata,
    tensors: header.tensors.map(({ name, dims, type, offset, bytes }) => ({
      name,
      dims,
      type,
      data: TINY.subarray(offset, offset + bytes),
    })),
  })
}

function written(value: MetaValue): WriteValue {
  if (value.type !== 'array') return value
  return {
    type: 'array',
    of: value.of,
    values: Array.from({ length: value.length }, (_, index) => arrayItem(value, index)),
  }
}

/** A file with a tensor of every name. */
export function manyTensors(names: readonly string[]): Uint8Array<ArrayBuffer> {
  return writeGguf({
    metadata: [['general.architecture', { type: 'string', value: 'none' }]],
    tensors: names.map((name) => ({ name, dims: [8], type: 'F32', data: new Uint8Array(32) })),
  })
}

export function file(bytes: Uint8Array<ArrayBuffer> | string, name: string): File {
  return new File([bytes], name)
}

/** The hybrid torrent of one file. */
export async function torrentOf(
  bytes: Uint8Array,
  name: string,
  options: Parameters<typeof createTorrent>[2] = {},
): Promise<Uint8Array<ArrayBuffer>> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  const input = { name, folder: false, files: [{ path: name, size: bytes.length, chunks: chunks() }] }
  return (await createTorrent(input, await browserHashes(), options)).bytes
}
