import { createHash, hash, type Hash } from 'node:crypto'
import type { LaneWork } from './hash-paths.ts'
import {
  CHUNK_BYTES,
  CONTROL,
  FIRST,
  LAST,
  META,
  placeOf,
  RESULT,
  type Place,
  type Ring,
} from './hash-ring.ts'

/** Does the next of a chain's chunks, if it is there. */
export type Step = () => 'went on' | 'idle' | 'ended'

/** A step that takes chunk after chunk as they are read. */
function inOrder(ring: Ring, counter: number, take: (place: Place) => void): Step {
  let next = 0
  return () => {
    if (next >= Atomics.load(ring.control, CONTROL.read)) {
      return next === Atomics.load(ring.control, CONTROL.end) ? 'ended' : 'idle'
    }
    take(placeOf(ring, next))
    Atomics.store(ring.control, counter, ++next)
    return 'went on'
  }
}

/** MD5 or SHA-256 of each file; the digest stands beside the file's last chunk. */
export function createDigestStep(ring: Ring, _work: LaneWork, algorithm: 'md5' | 'sha256'): Step {
  let running: Hash | undefined
  return inOrder(ring, CONTROL[algorithm], ({ chunk, meta, result }) => {
    const bytes = used(chunk, meta)
    const flags = meta[META.flags] ?? 0
    const into = RESULT[algorithm]
    // A file of one chunk, of which folders have many, needs no stream.
    if (flags === (FIRST | LAST)) {
      write(result, into, hash(algorithm, bytes, 'latin1'))
      return
    }
    running ??= createHash(algorithm)
    running.update(bytes)
    if ((flags & LAST) === 0) return
    write(result, into, running.digest('latin1'))
    running = undefined
  })
}

/** What a piece that is longer than its file is filled up with. */
const ZEROS = Buffer.alloc(CHUNK_BYTES)

/** SHA-1 of each v1 piece; it stands beside the chunk in which the piece ends. */
export function createPiecesStep(ring: Ring, work: LaneWork): Step {
  if (work.pieces === null) throw new Error('Cannot hash pieces: expected a piece length, got none')
  const pieceLength = work.pieces.length
  let running: Hash | undefined
  let filled = 0
  const add = (bytes: Buffer): void => {
    running ??= createHash('sha1')
    running.update(bytes)
    filled += bytes.length
  }
  return inOrder(ring, CONTROL.sha1, ({ chunk, meta, result }) => {
    const bytes = used(chunk, meta)
    let count = 0
    const end = (digest: string): void => {
      write(result, RESULT.pieces + 20 * count++, digest)
      running = undefined
      filled = 0
    }
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + pieceLength - filled)
      at += part.length
      if (part.length === pieceLength) {
        end(hash('sha1', part, 'latin1'))
        continue
      }
      add(part)
      if (filled === pieceLength) end(running?.digest('latin1') ?? '')
    }
    if (filled > 0 && ((meta[META.flags] ?? 0) & LAST) !== 0) {
      const after = work.files[meta[META.file] ?? -1]?.after
      if (after === 'pad') {
        for (let left = pieceLength - filled; left > 0; left -= ZEROS.length) add(ZEROS.subarray(0, left))
      }
      if (after !== 'run on') end(running?.digest('latin1') ?? '')
    }
    meta[META.pieces] = count
  })
}

/** The part of a place that the chunk fills. */
export function used(chunk: Buffer, meta: Int32Array): Buffer {
  const length = meta[META.length] ?? 0
  return length === CHUNK_BYTES ? chunk : chunk.subarray(0, length)
}

function write(result: Buffer, at: number, digest: string): void {
  result.write(digest, at, 'latin1')
}
