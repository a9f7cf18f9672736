/** Torrents to break, and ways to break them: what the fuzzing tests share. */
import { decode, encode } from '../src/torrent/bencode.ts'
import type { HashProvider } from '../src/torrent/hash-provider.ts'
import {
  asList,
  content,
  dict,
  dropV1,
  edited,
  plain,
  torrentOf,
  type Plain,
} from '../src/torrent/torrent-fixture.ts'

export type Random = (below: number) => number

/** A small generator with a seed (mulberry32). */
export function generator(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Well-made torrents of every kind: v1, hybrid and v2, of one file and of folders, with pads, layers and what stands beside `info`. */
export async function goodTorrents(hash: HashProvider): Promise<Uint8Array[]> {
  const files = {
    'a.gguf': content(50_000),
    'b/c': content(3),
    'b/d': new Uint8Array(0),
    'b/e': content(32_768, 2),
    z: content(16_385, 3),
  }
  const outer = {
    trackers: [['udp://a.example:1', 'http://b.example/a'], ['wss://c.example']],
    webSeeds: ['http://d.example/'],
    comment: 'x',
    creationDate: 1_700_000_000,
  }
  const folder = (await torrentOf(files, hash, { folder: 't', ...outer })).bytes
  const single = (await torrentOf({ 'a.gguf': content(200_000) }, hash, outer)).bytes
  return [
    folder,
    single,
    edited(folder, dropV1),
    edited(single, dropV1),
    (await torrentOf({ 'a.gguf': content(5) }, hash)).bytes,
    (await torrentOf(files, hash, { folder: 't', v1: true, ...outer })).bytes,
    (await torrentOf({ 'a.gguf': content(70_000) }, hash, { v1: true })).bytes,
    // As libtorrent writes it: the last file padded too.
    edited(folder, (info) => {
      asList(info.get('files')).push(dict({ attr: 'p', length: 16_383, path: ['.pad', '16383'] }))
    }),
  ]
}

/** What hostile writers put where it hurts. */
const NUMBERS = [
  0n,
  1n,
  -1n,
  2n,
  3n,
  16_383n,
  16_384n,
  32_768n,
  65_536n,
  2n ** 29n,
  2n ** 30n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 48n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n - 1n,
  -(2n ** 63n),
]
const TEXTS = [
  '',
  '.',
  '..',
  '/',
  '\\',
  'a/b',
  '../x',
  '/etc/passwd',
  'C:\\x',
  'con',
  'a\0b',
  'a\u202eb',
  ' a',
  'a ',
  'a.',
  'é',
  'e\u0301',
  'A.GGUF',
  'p',
  'l',
  'xh',
  'lp',
  'x'.repeat(300),
  '\u00ff',
]
const KEYS = [
  'name',
  'name.utf-8',
  'path',
  'path.utf-8',
  'length',
  'files',
  'file tree',
  'pieces',
  'pieces root',
  'piece length',
  'piece layers',
  'meta version',
  'attr',
  'symlink path',
  'private',
  'root hash',
  'announce',
  'announce-list',
  'url-list',
  'httpseeds',
  'nodes',
  'creation date',
  'comment',
  'ssl-cert',
  'similar',
  'collections',
  'sha1',
  'mtime',
  '',
  'zz',
]

/** Changes the decoded torrent in one to three places, mostly within `info`, and encodes it again. */
export function mutateTree(base: Uint8Array, random: Random): Uint8Array {
  const root = plain(decode(base))
  for (let left = 1 + random(3); left > 0; left--) {
    const info = root instanceof Map ? root.get('info') : undefined
    const start = random(4) === 0 ? root : (info ?? root)
    const spots = spotsOf(start)
    const spot = spots[random(spots.length)]
    if (spot !== undefined) changeAt(spot, root, random)
  }
  // Else nearly every change of a size is refused for the number of pieces, before anything else is looked at.
  if (random(3) === 0) repairPieces(root)
  return encode(root)
}

/** Gives a v1 list as many piece hashes as its sizes ask for. */
function repairPieces(root: Plain): void {
  const info = root instanceof Map ? root.get('info') : undefined
  if (!(info instanceof Map) || !info.has('pieces')) return
  const files = info.get('files')
  const list = Array.isArray(files) ? files : [info]
  const total = list.reduce<number>((sum, file) => sum + numberOf(file, 'length'), 0)
  const count = Math.ceil(total / numberOf(info, 'piece length'))
  if (count > 0 && count < 1_000) info.set('pieces', new Uint8Array(count * 20))
}

function numberOf(value: Plain, key: string): number {
  const found = value instanceof Map ? value.get(key) : undefined
  return typeof found === 'bigint' || typeof found === 'number' ? Number(found) : 0
}

interface Spot {
  holder: Map<string, Plain> | Plain[]
  key: string | number
}

/** Every place below a value that holds another. */
function spotsOf(value: Plain): Spot[] {
  const spots: Spot[] = []
  const visit = (at: Plain): void => {
    if (Array.isArray(at)) {
      for (const [key, item] of at.entries()) {
        spots.push({ holder: at, key })
        visit(item)
      }
    } else if (at instanceof Map) {
      for (const [key, item] of at) {
        spots.push({ holder: at, key })
        visit(item)
      }
    }
  }
  visit(value)
  return spots
}

function changeAt(spot: Spot, root: Plain, random: Random): void {
  const old = get(spot)
  switch (random(9)) {
    case 0:
      remove(spot)
      break
    case 1:
      put(spot, anything(root, random))
      break
    case 2:
      if (spot.holder instanceof Map && typeof spot.key === 'string') {
        spot.holder.delete(spot.key)
        spot.holder.set(pick(KEYS, random), old)
      } else put(spot, old)
      break
    case 3:
      if (spot.holder instanceof Map) spot.holder.set(pick(KEYS, random), anything(root, random))
      else spot.holder.splice(Number(spot.key), 0, copy(old))
      break
    case 4:
      if (Array.isArray(spot.holder)) {
        const other = random(spot.holder.length)
        const at = Number(spot.key)
        ;[spot.holder[at], spot.holder[other]] = [spot.holder[other] ?? old, old]
      } else if (spot.holder instanceof Map) spot.holder.set(pick(TEXTS, random), copy(old))
      break
    default:
      put(spot, near(old, random))
  }
}

/** A value of the same kind, not far off. */
function near(value: Plain, random: Random): Plain {
  if (typeof value === 'bigint' || typeof value === 'number') {
    const steps = [1n, -1n, 16_384n, -16_384n, 65_536n]
    return random(2) === 0 ? BigInt(value) + pick(steps, random) : pick(NUMBERS, random)
  }
  if (value instanceof Uint8Array) {
    const kind = random(5)
    if (kind === 0) return value.subarray(0, random(value.length + 1))
    if (kind === 1) return Buffer.concat([value, value.subarray(0, random(value.length + 1))])
    if (kind === 2) return Buffer.alloc(value.length)
    if (kind === 3) return pick(TEXTS, random)
    const flipped = Buffer.from(value)
    if (flipped.length > 0) flipped[random(flipped.length)] = random(256)
    return flipped
  }
  if (Array.isArray(value)) {
    if (value.length > 0 && random(2) === 0) return value.slice(0, random(value.length))
    return [...value, ...value.slice(0, 1).map(copy)]
  }
  return value instanceof Map ? new Map([...value].slice(0, random(value.size + 1))) : value
}

function anything(root: Plain, random: Random): Plain {
  const kind = random(7)
  if (kind === 0) return pick(NUMBERS, random)
  if (kind === 1) return pick(TEXTS, random)
  if (kind === 2) return []
  if (kind === 3) return new Map()
  if (kind === 4) return [pick(TEXTS, random), pick(TEXTS, random)]
  if (kind === 5) return Buffer.alloc(pick([0, 19, 20, 31, 32, 33, 40, 64], random), random(256))
  // A part of the torrent itself, in another place.
  const spots = spotsOf(root)
  const spot = spots[random(spots.length)]
  return spot === undefined ? 0n : copy(get(spot))
}

function pick<T>(items: readonly T[], random: Random): T {
  const item = items[random(items.length)]
  if (item === undefined) throw new RangeError('Cannot pick from nothing')
  return item
}

function get({ holder, key }: Spot): Plain {
  const value = holder instanceof Map ? holder.get(String(key)) : holder[Number(key)]
  return value ?? ''
}

function put({ holder, key }: Spot, value: Plain): void {
  if (holder instanceof Map) holder.set(String(key), value)
  else holder[Number(key)] = value
}

function remove({ holder, key }: Spot): void {
  if (holder instanceof Map) holder.delete(String(key))
  else holder.splice(Number(key), 1)
}

function copy(value: Plain): Plain {
  if (Array.isArray(value)) return value.map(copy)
  return value instanceof Map ? new Map([...value].map(([key, item]) => [key, copy(item)])) : value
}

/** Tokens that the format's own readers stumble over. */
const TOKENS = [
  'i0e',
  'i-0e',
  'i01e',
  'i-1e',
  'i99999999999999999999e',
  'i9223372036854775808e',
  'd',
  'l',
  'e',
  'i',
  'de',
  'le',
  '0:',
  '00:',
  '01:a',
  '-1:a',
  '2:..',
  '1:/',
  '999999999:',
  '4294967296:',
  '4:attr1:l',
  '4:attr1:p',
  '6:lengthi9007199254740991e',
]

/** Changes the bytes in one to four places: a byte, a token, a cut, a copy, a digit, a bit. */
export function mutateBytes(base: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  let bytes = Buffer.from(base)
  for (let left = 1 + random(4); left > 0 && bytes.length > 0; left--) {
    const at = random(bytes.length)
    const kind = random(6)
    if (kind === 0) bytes[at] = random(256)
    else if (kind === 1) bytes = splice(bytes, at, at, Buffer.from(pick(TOKENS, random)))
    else if (kind === 2) bytes = splice(bytes, at, at + 1 + random(16), Buffer.alloc(0))
    else if (kind === 3)
      bytes = splice(bytes, at, at, bytes.subarray(random(bytes.length)).subarray(0, 1 + random(64)))
    else if (kind === 4) bytes[digitAt(bytes, at)] = 0x30 + random(10)
    else bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
  }
  return bytes
}

function splice(bytes: Buffer, from: number, to: number, insert: Buffer): Buffer<ArrayBuffer> {
  return Buffer.concat([bytes.subarray(0, from), insert, bytes.subarray(to)])
}

function digitAt(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if (byte >= 0x30 && byte <= 0x39) return at
  }
  return from
}
