/**
 * The memory that the threads of one lane share: a ring of chunks, a place
 * beside each chunk for what was worked out of it, and how far every thread is.
 * Chunks are counted from 0 and never begin again; chunk n lies in place
 * n modulo RING_CHUNKS, until everybody has passed it.
 */

/** As much as fits in a core's own cache, so that what follows the read finds it there; less would only be more steps. */
export const CHUNK_BYTES = 524_288
/** 8 MiB: room for the threads to drift apart, small enough for the cache that they share. */
export const RING_CHUNKS = 16

/** Words of `control`. Each but the first counts chunks, in order: so many are done. */
export const CONTROL = {
  /** Goes up with every step of anyone: what a thread without work waits on. */
  change: 0,
  read: 1,
  md5: 2,
  sha256: 3,
  sha1: 4,
  /** The next chunk whose leaves nobody has taken: a ticket, as leaves need no order. */
  leaves: 5,
  /** How many chunks there are; -1 while the reader does not know. */
  end: 6,
} as const

/** Words of a chunk's `meta`. */
export const META = { file: 0, length: 1, flags: 2, leavesDone: 3, pieces: 4, nodes: 5 } as const
const META_WORDS = 8

/** Bits of `META.flags`: the file begins, or ends, with this chunk. */
export const FIRST = 1
export const LAST = 2

const CHUNK_BLOCKS = CHUNK_BYTES / 16_384
/** Of pieces one may end with every block, and one more with the last file. */
const PIECES_BYTES = (CHUNK_BLOCKS + 1) * 20

/** Bytes of a chunk's result: where each digest lies. */
export const RESULT = { md5: 0, sha256: 16, pieces: 48, nodes: 48 + PIECES_BYTES } as const
export const RESULT_BYTES = RESULT.nodes + CHUNK_BLOCKS * 32

const CONTROL_BYTES = 256
const META_AT = CONTROL_BYTES
const RESULTS_AT = META_AT + RING_CHUNKS * META_WORDS * 4
const CHUNKS_AT = RESULTS_AT + RING_CHUNKS * RESULT_BYTES

export interface Place {
  /** The chunk's bytes; only as many count as `META.length` says. */
  chunk: Buffer
  meta: Int32Array
  result: Buffer
}

export interface Ring {
  control: Int32Array
  places: readonly Place[]
}

/** New memory of a ring, which every thread of the lane opens. */
export function createRing(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(CHUNKS_AT + RING_CHUNKS * CHUNK_BYTES)
  new Int32Array(memory)[CONTROL.end] = -1
  return memory
}

/** A ring's memory with names to it. */
export function openRing(memory: SharedArrayBuffer): Ring {
  return {
    control: new Int32Array(memory, 0, CONTROL_BYTES / 4),
    places: Array.from({ length: RING_CHUNKS }, (_, index) => ({
      chunk: Buffer.from(memory, CHUNKS_AT + index * CHUNK_BYTES, CHUNK_BYTES),
      meta: new Int32Array(memory, META_AT + index * META_WORDS * 4, META_WORDS),
      result: Buffer.from(memory, RESULTS_AT + index * RESULT_BYTES, RESULT_BYTES),
    })),
  }
}

/** Where chunk n lies. */
export function placeOf(ring: Ring, chunk: number): Place {
  const place = ring.places[chunk % RING_CHUNKS]
  if (place === undefined) throw new RangeError(`Cannot find chunk ${chunk} in the ring`)
  return place
}
