import { hash } from 'node:crypto'
import { BLOCK_BYTES, NODE_BYTES } from '../torrent/merkle.ts'
import { CHUNK_BYTES } from './hash-ring.ts'

const CHUNK_LEAVES = CHUNK_BYTES / BLOCK_BYTES
/** Height of a whole chunk's node above its leaves. */
export const CHUNK_HEIGHT = Math.log2(CHUNK_LEAVES)

interface Row {
  nodes: Buffer
  pairs: readonly Buffer[]
  /** Node over leaves of zeros, which stands for what is missing (BEP 52). */
  zero: Buffer
}

/**
 * The v2 tree over one chunk, as fast as Node can: `crypto.hash` in one call with
 * text of one character a byte, which allocates nothing, into views made once.
 * The tree over the chunks' nodes is the pure one of torrent/merkle.ts.
 */
export function createLeafHasher(): (
  blocks: readonly Buffer[],
  chunk: Buffer,
  height: number,
  into: Buffer,
) => number {
  const rows = makeRows()
  return (blocks, chunk, height, into) => {
    const [leaves] = rows
    if (leaves === undefined) throw new RangeError('unreachable: no row of leaves')
    let count = 0
    for (let at = 0; at < chunk.length; at += BLOCK_BYTES) {
      const block = chunk.length - at >= BLOCK_BYTES ? blocks[count] : undefined
      write(leaves.nodes, count, block ?? chunk.subarray(at))
      count++
    }
    let row = leaves
    for (const above of rows.slice(1, height + 1)) {
      if (count % 2 === 1) row.zero.copy(row.nodes, count * NODE_BYTES)
      count = Math.ceil(count / 2)
      for (let at = 0; at < count; at++) {
        const pair = row.pairs[at]
        if (pair !== undefined) write(above.nodes, at, pair)
      }
      row = above
    }
    row.nodes.copy(into, 0, 0, count * NODE_BYTES)
    return count
  }
}

/** The whole blocks of a chunk's place, as views made once. */
export function blocksOf(chunk: Buffer): Buffer[] {
  return Array.from({ length: CHUNK_LEAVES }, (_, at) =>
    chunk.subarray(at * BLOCK_BYTES, (at + 1) * BLOCK_BYTES),
  )
}

function write(nodes: Buffer, at: number, bytes: Buffer): void {
  nodes.write(hash('sha256', bytes, 'latin1'), at * NODE_BYTES, 'latin1')
}

function makeRows(): Row[] {
  const rows: Row[] = []
  let zero = Buffer.alloc(NODE_BYTES)
  for (let width = CHUNK_LEAVES; width >= 1; width /= 2) {
    const nodes = Buffer.alloc(width * NODE_BYTES)
    const pairs = Array.from({ length: width / 2 }, (_, at) =>
      nodes.subarray(at * 2 * NODE_BYTES, (at + 1) * 2 * NODE_BYTES),
    )
    rows.push({ nodes, pairs, zero })
    zero = hash('sha256', Buffer.concat([zero, zero]), 'buffer')
  }
  return rows
}
