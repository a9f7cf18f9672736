/** What the tests of this folder share: torrents to start from and to take apart. */
import { decode, encode, type BValue } from './bencode.ts'
import { createTorrent, type CreateOptions } from './create.ts'
import type { HashProvider } from './hash-provider.ts'

/** A value that can be changed and encoded again. */
export type Plain = bigint | number | string | Uint8Array | Plain[] | Map<string, Plain>

/** A bencoded dictionary from an object. */
export function dict(entries: Record<string, Plain>): Map<string, Plain> {
  return new Map(Object.entries(entries))
}

/** Decodes, lets a function change the outer dictionary and `info`, and encodes again. */
export function edited(
  bytes: Uint8Array,
  change: (info: Map<string, Plain>, root: Map<string, Plain>) => void,
): Uint8Array {
  const root = asMap(plain(decode(bytes)))
  change(asMap(root.get('info')), root)
  return encode(root)
}

/** The value as a dictionary; throws where it is none. */
export function asMap(value: Plain | undefined): Map<string, Plain> {
  if (!(value instanceof Map)) throw new Error('Cannot change a fixture: expected a dictionary')
  return value
}

/** The value as a list; throws where it is none. */
export function asList(value: Plain | undefined): Plain[] {
  if (!Array.isArray(value)) throw new Error('Cannot change a fixture: expected a list')
  return value
}

/** An entry of the v1 file list. */
export function v1File(info: Map<string, Plain>, index: number): Map<string, Plain> {
  return asMap(asList(info.get('files'))[index])
}

/** Takes the v1 part out of a hybrid's `info`. */
export function dropV1(info: Map<string, Plain>): void {
  for (const key of ['pieces', 'files', 'length']) info.delete(key)
}

/** The v2 file tree. */
export function fileTree(info: Map<string, Plain>): Map<string, Plain> {
  return asMap(info.get('file tree'))
}

/** What the v2 file tree says of a file. */
export function treeLeaf(info: Map<string, Plain>, ...names: string[]): Map<string, Plain> {
  return [...names, ''].reduce((node, name) => asMap(node.get(name)), fileTree(info))
}

/** A decoded value as one that can be changed and encoded again. */
export function plain(value: BValue): Plain {
  if (value.type === 'integer' || value.type === 'string') return value.value
  if (value.type === 'list') return value.items.map(plain)
  return new Map([...value.entries].map(([key, item]) => [key, plain(item)]))
}

/** Bytes that differ from place to place, the same on every run. */
export function content(size: number, seed = 1): Uint8Array {
  const out = new Uint8Array(size)
  let state = seed >>> 0 || 1
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    out[at] = state >>> 24
  }
  return out
}

/** Makes a torrent from contents in memory, of one file or, with `folder`, of a folder. */
export async function torrentOf(
  contents: Record<string, Uint8Array>,
  hash: HashProvider,
  options: CreateOptions & { folder?: string; chunk?: number } = {},
): Promise<Awaited<ReturnType<typeof createTorrent>>> {
  const { folder, chunk = 40_000, ...rest } = options
  const files = Object.entries(contents).map(([path, bytes]) => ({
    path,
    size: bytes.length,
    chunks: inChunks(bytes, chunk),
  }))
  return await createTorrent(
    { name: folder ?? files[0]?.path ?? '', folder: folder !== undefined, files },
    hash,
    rest,
  )
}

/** The bytes in chunks of a size that divides neither blocks nor pieces. */
export async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
}
