/** The thread behind `PieceThreads`: hashes pieces, writes them to the disk, and follows whole files. */
import { createHash, hash, type Hash } from 'node:crypto'
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { pieceNode, smallFileRoot } from '../torrent/merkle.ts'
import { partsFinder, pieceSize, type Layout } from './layout.ts'
import { nodeHashes } from './node-hashes.ts'
import type { PieceRule } from './piece-rules.ts'

/** Where a file of the torrent lies: one that is `kept` was there before, and is compared with, never written. */
export interface FilePlace {
  path: string
  kept: boolean
}

export interface ThreadData {
  layout: Layout
  places: readonly (FilePlace | null)[]
}

export type ToPieceThread =
  /** Memory of a piece, shared with all threads. */
  | { type: 'memory'; slot: number; memory: SharedArrayBuffer }
  /** Check a piece against its rule, and write what is right. With `load` it is read from the disk first. */
  | { type: 'check'; id: number; slot: number; index: number; rule: PieceRule; load: boolean }
  /** Read a piece from the disk. */
  | { type: 'load'; id: number; slot: number; index: number }
  /** Go on with a file's digest by bytes of a piece. */
  | {
      type: 'feed'
      id: number
      slot: number
      file: number
      algorithm: string
      from: number
      to: number
      last: boolean
    }

export interface FromPieceThread {
  id: number
  /** Why it failed: `absent` where a piece that was to be loaded is not there whole. */
  verdict: 'good' | 'sha1' | 'v2' | 'absent' | 'conflict' | 'disk'
  /** The v2 node of a checked piece. */
  node: Uint8Array | null
  /** A file's digest, after its last bytes; hexadecimal. */
  digest: string | null
  message: string
}

const port = parentPort
if (port === null) throw new Error('Cannot run piece-thread.ts: expected a worker thread, got the main one')

const MAX_OPEN_FILES = 64
const { layout, places } = workerData as ThreadData
const partsOf = partsFinder(layout)
const memories = new Map<number, Uint8Array>()
const digests = new Map<string, Hash>()
const handles = new Map<number, number>()

port.on('message', (message: ToPieceThread) => {
  if (message.type === 'memory') {
    memories.set(message.slot, new Uint8Array(message.memory))
    return
  }
  void answer(message).then((reply) =>
    port.postMessage({
      id: message.id,
      node: null,
      digest: null,
      message: '',
      ...reply,
    } satisfies FromPieceThread),
  )
})

type Reply = Pick<FromPieceThread, 'verdict'> & Partial<FromPieceThread>

async function answer(message: Exclude<ToPieceThread, { type: 'memory' }>): Promise<Reply> {
  try {
    if (message.type === 'feed') return feed(message)
    const piece = pieceOf(message)
    if (message.type === 'load') return { verdict: read(message.index, piece) ? 'good' : 'absent' }
    if (message.load && !read(message.index, piece)) return { verdict: 'absent' }
    return await check(message.index, piece, message.rule, !message.load)
  } catch (error) {
    return { verdict: 'disk', message: error instanceof Error ? error.message : String(error) }
  }
}

function pieceOf({ slot, index }: { slot: number; index: number }): Uint8Array {
  return memoryOf(slot).subarray(0, pieceSize(layout, index))
}

function memoryOf(slot: number): Uint8Array {
  const memory = memories.get(slot)
  if (!memory) throw new Error(`there is no memory ${slot}`)
  return memory
}

async function check(index: number, piece: Uint8Array, rule: PieceRule, write: boolean): Promise<Reply> {
  if (rule.sha1 && Buffer.compare(hash('sha1', piece, 'buffer'), rule.sha1) !== 0) return { verdict: 'sha1' }
  let node: Uint8Array | null = null
  if (rule.v2) {
    const bytes = piece.subarray(0, rule.v2.bytes)
    node = await (rule.v2.tree === 'root'
      ? smallFileRoot(bytes, nodeHashes)
      : pieceNode(bytes, layout.pieceLength, nodeHashes))
    if (rule.v2.node && Buffer.compare(node, rule.v2.node) !== 0) return { verdict: 'v2' }
  }
  if (write && !store(index, piece)) return { verdict: 'conflict' }
  return { verdict: 'good', node }
}

/** Writes a piece; false where a file that was there already has other bytes. */
function store(index: number, piece: Uint8Array): boolean {
  for (const { file, position, from, size } of partsOf(index * layout.pieceLength, piece.length)) {
    const bytes = piece.subarray(from, from + size)
    if (places[file]?.kept === true) {
      const there = new Uint8Array(size)
      if (!readAt(file, there, position) || Buffer.compare(there, bytes) !== 0) return false
      continue
    }
    const handle = open(file)
    for (let at = 0; at < size;) at += writeSync(handle, bytes, at, size - at, position + at)
  }
  return true
}

/** Reads a piece with zeros for what is padding; false where a part of it is not there. */
function read(index: number, piece: Uint8Array): boolean {
  const parts = partsOf(index * layout.pieceLength, piece.length)
  if (parts.reduce((sum, { size }) => sum + size, 0) < piece.length) piece.fill(0)
  return parts.every(({ file, position, from, size }) =>
    readAt(file, piece.subarray(from, from + size), position),
  )
}

function readAt(file: number, into: Uint8Array, position: number): boolean {
  let handle: number
  try {
    handle = open(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
  for (let at = 0; at < into.length;) {
    const count = readSync(handle, into, at, into.length - at, position + at)
    if (count === 0) return false
    at += count
  }
  return true
}

/** Never through a link: one may have been put there since. */
function open(file: number): number {
  const known = handles.get(file)
  if (known !== undefined) return known
  const place = places[file]
  if (!place) throw new Error(`file ${file} has no place`)
  for (const [other, handle] of handles) {
    if (handles.size < MAX_OPEN_FILES) break
    closeSync(handle)
    handles.delete(other)
  }
  const access = place.kept ? constants.O_RDONLY : constants.O_RDWR
  const handle = openSync(place.path, access | constants.O_NOFOLLOW)
  handles.set(file, handle)
  return handle
}

function feed({ slot, file, algorithm, from, to, last }: Extract<ToPieceThread, { type: 'feed' }>): Reply {
  const key = `${algorithm} ${file}`
  const running = digests.get(key) ?? createHash(algorithm)
  running.update(memoryOf(slot).subarray(from, to))
  if (!last) {
    digests.set(key, running)
    return { verdict: 'good' }
  }
  digests.delete(key)
  return { verdict: 'good', digest: running.digest('hex') }
}
