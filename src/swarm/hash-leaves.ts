import { BLOCK_BYTES } from '../torrent/merkle.ts'
import { used, type Step } from './hash-chains.ts'
import type { LaneWork } from './hash-paths.ts'
import { CHUNK_BYTES, CONTROL, META, placeOf, RESULT, type Ring } from './hash-ring.ts'
import { blocksOf, CHUNK_HEIGHT, createLeafHasher } from './leaf-nodes.ts'

/** Takes the leaves of the next chunk that nobody has taken, and folds them as far up as the chunk reaches. */
export function createLeavesStep(ring: Ring, work: LaneWork): Step {
  if (work.pieces === null) throw new Error('Cannot hash leaves: expected a piece length, got none')
  const pieceLength = work.pieces.length
  const blocks = ring.places.map(({ chunk }) => blocksOf(chunk))
  const hashLeaves = createLeafHasher()
  return () => {
    const next = Atomics.load(ring.control, CONTROL.leaves)
    if (next >= Atomics.load(ring.control, CONTROL.read)) {
      return next === Atomics.load(ring.control, CONTROL.end) ? 'ended' : 'idle'
    }
    // Another thread was quicker: there is more to look for.
    if (Atomics.compareExchange(ring.control, CONTROL.leaves, next, next + 1) !== next) return 'went on'
    const { chunk, meta, result } = placeOf(ring, next)
    const size = work.files[meta[META.file] ?? -1]?.size ?? 0
    meta[META.nodes] = hashLeaves(
      blocks[next % blocks.length] ?? [],
      used(chunk, meta),
      nodeHeight(size, pieceLength),
      result.subarray(RESULT.nodes),
    )
    Atomics.store(meta, META.leavesDone, next + 1)
    return 'went on'
  }
}

/** How far above the leaves the nodes of a file's chunks stand: at the pieces, at the chunks, or, in a file smaller than both, at its root. */
export function nodeHeight(fileBytes: number, pieceLength: number): number {
  const reach = Math.min(pieceLength, CHUNK_BYTES)
  if (fileBytes > reach) return Math.min(Math.log2(pieceLength / BLOCK_BYTES), CHUNK_HEIGHT)
  return fileBytes === 0 ? 0 : Math.ceil(Math.log2(Math.ceil(fileBytes / BLOCK_BYTES)))
}
