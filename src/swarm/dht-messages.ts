/**
 * What nodes of the DHT send (BEP 5, 33, 43), read strictly and rebuilt from
 * the known fields only. The library behind it ends the process on one
 * malformed datagram: a `y` or a `token` of another type is enough (2026,
 * bittorrent-dht 11.0.12).
 */
import { decode, encode, type BValue, type Encodable } from '../torrent/bencode.ts'
import { latin1 } from '../torrent/refuse.ts'
import { FILTER_BYTES } from './bloom.ts'

/** A datagram that may go on, under a transaction id of ours or the sender's. */
export interface CheckedDatagram {
  kind: 'query' | 'answer'
  transaction: Uint8Array
  rebuild(transaction: Uint8Array): Uint8Array
}

/** Larger than what fits a packet; no node sends that. */
export const MAX_DATAGRAM_BYTES = 4_096
const MAX_TRANSACTION_BYTES = 32
const MAX_TOKEN_BYTES = 64
const MAX_NODES = 32
const MAX_VALUES = 200
const NODE_BYTES = 26
const PEER_BYTES = 6
const METHODS: Record<string, readonly string[]> = {
  ping: ['id'],
  find_node: ['id', 'target'],
  get_peers: ['id', 'info_hash'],
  announce_peer: ['id', 'info_hash'],
}

/** Reads one datagram; undefined for whatever is not a message we know. Addresses in it that `allows` says no to are left out. */
export function checkDatagram(
  bytes: Uint8Array,
  allows: (address: string, port: number) => boolean,
): CheckedDatagram | undefined {
  if (bytes.length > MAX_DATAGRAM_BYTES) return undefined
  let root: BValue
  try {
    root = decode(bytes, { bytes: MAX_DATAGRAM_BYTES, depth: 4, values: 500 })
  } catch {
    return undefined
  }
  const transaction = bytesOf(root, 't')
  if (!transaction || transaction.length === 0 || transaction.length > MAX_TRANSACTION_BYTES) return undefined
  const type = textOf(root, 'y')
  const fields =
    type === 'q'
      ? queryFields(root)
      : type === 'r'
        ? answerFields(root, allows)
        : type === 'e'
          ? errorFields(root)
          : undefined
  if (!fields) return undefined
  return {
    kind: type === 'q' ? 'query' : 'answer',
    transaction,
    rebuild: (id) => encode(new Map<string, Encodable>([['t', id], ['y', type ?? ''], ...fields])),
  }
}

/** One of our own messages, as it is to go out. */
export interface OwnMessage {
  kind: 'query' | 'answer'
  transaction: Uint8Array
  /** As `readOnly`, it asks not to be remembered as a node that answers (BEP 43). */
  rebuild(transaction: Uint8Array, readOnly: boolean): Uint8Array
}

/** Reads a message of the library's, so that it can go out under another transaction id. */
export function readOwnMessage(bytes: Uint8Array): OwnMessage | undefined {
  const root = decode(bytes)
  const transaction = bytesOf(root, 't')
  if (root.type !== 'dictionary' || !transaction) return undefined
  const kind = textOf(root, 'y') === 'q' ? 'query' : 'answer'
  return {
    kind,
    transaction,
    rebuild(id, readOnly) {
      const fields = new Map([...root.entries].map(([key, value]) => [key, plain(value)]))
      fields.set('t', id)
      if (readOnly && kind === 'query') fields.set('ro', 1)
      return encode(fields)
    },
  }
}

type Fields = [string, Encodable][]

function queryFields(root: BValue): Fields | undefined {
  const method = textOf(root, 'q') ?? ''
  const names = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined
  const given = entry(root, 'a')
  if (!names || given?.type !== 'dictionary') return undefined
  const body = new Map<string, Encodable>()
  for (const name of names) {
    const id = bytesOf(given, name)
    if (id?.length !== 20) return undefined
    body.set(name, id)
  }
  for (const name of ['seed', 'noseed', 'scrape', 'implied_port']) {
    if (numberOf(given, name) === 1) body.set(name, 1)
  }
  if (method === 'announce_peer') {
    const token = bytesOf(given, 'token')
    const port = numberOf(given, 'port')
    if (!token || token.length > MAX_TOKEN_BYTES) return undefined
    if (!body.has('implied_port') && !isPort(port)) return undefined
    body.set('token', token)
    if (isPort(port)) body.set('port', port)
  }
  // Without its id the library does not take it for a node that answers.
  if (numberOf(root, 'ro') === 1) body.delete('id')
  return [
    ['q', method],
    ['a', body],
  ]
}

function answerFields(root: BValue, allows: (address: string, port: number) => boolean): Fields | undefined {
  const given = entry(root, 'r')
  const id = given && bytesOf(given, 'id')
  if (!given || id?.length !== 20) return undefined
  const body = new Map<string, Encodable>([['id', id]])
  const nodes = bytesOf(given, 'nodes')
  if (nodes) body.set('nodes', Buffer.concat(sliced(nodes, NODE_BYTES, MAX_NODES).filter(allowed(allows))))
  const values = entry(given, 'values')
  if (values?.type === 'list') {
    const peers = values.items
      .slice(0, MAX_VALUES)
      .flatMap((item) => (item.type === 'string' && item.value.length === PEER_BYTES ? item.value : []))
    body.set('values', peers.filter(allowed(allows)))
  }
  const token = bytesOf(given, 'token')
  if (token && token.length > 0 && token.length <= MAX_TOKEN_BYTES) body.set('token', token)
  const [seeds, peers] = [bytesOf(given, 'BFsd'), bytesOf(given, 'BFpe')]
  if (seeds?.length === FILTER_BYTES && peers?.length === FILTER_BYTES) {
    body.set('BFsd', seeds)
    body.set('BFpe', peers)
  }
  return [['r', body]]
}

function errorFields(root: BValue): Fields | undefined {
  const given = entry(root, 'e')
  const code = given?.type === 'list' ? given.items[0] : undefined
  if (code?.type !== 'integer') return undefined
  return [['e', [Number(BigInt.asIntN(16, code.value)), 'refused']]]
}

/** `ip:port` of a compact peer. */
export function compactPeer(bytes: Uint8Array): { address: string; port: number } {
  const at = bytes.length - PEER_BYTES
  return {
    address: bytes.subarray(at, at + 4).join('.'),
    port: ((bytes[at + 4] ?? 0) << 8) | (bytes[at + 5] ?? 0),
  }
}

function allowed(allows: (address: string, port: number) => boolean): (compact: Uint8Array) => boolean {
  return (compact) => {
    const { address, port } = compactPeer(compact)
    return port > 0 && allows(address, port)
  }
}

function sliced(bytes: Uint8Array, width: number, most: number): Uint8Array[] {
  const count = Math.min(Math.floor(bytes.length / width), most)
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * width, (index + 1) * width))
}

function isPort(value: number | undefined): value is number {
  return value !== undefined && value > 0 && value < 65_536
}

function plain(value: BValue): Encodable {
  if (value.type === 'integer' || value.type === 'string') return value.value
  if (value.type === 'list') return value.items.map(plain)
  return new Map([...value.entries].map(([key, item]) => [key, plain(item)]))
}

function entry(value: BValue, key: string): BValue | undefined {
  return value.type === 'dictionary' ? value.entries.get(key) : undefined
}

function bytesOf(value: BValue, key: string): Uint8Array | undefined {
  const found = entry(value, key)
  return found?.type === 'string' ? found.value : undefined
}

function textOf(value: BValue, key: string): string | undefined {
  const found = bytesOf(value, key)
  return found && latin1(found)
}

function numberOf(value: BValue, key: string): number | undefined {
  const found = entry(value, key)
  return found?.type === 'integer' ? Number(found.value) : undefined
}
