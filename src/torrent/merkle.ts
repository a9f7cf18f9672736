import type { HashProvider, MaybePromise } from './hash-provider.ts'

/** A leaf of a v2 tree covers this many bytes of a file (BEP 52); a piece is a power of two of it. */
export const BLOCK_BYTES = 16_384
/** Size of a node. */
export const NODE_BYTES = 32

/** So many digests are asked for at once: enough for `crypto.subtle` to overlap, few enough for flat memory. */
const BATCH = 1_024

/**
 * The leaves over `bytes`, concatenated: SHA-256 of each 16 KiB block, the last
 * one shorter where the bytes end (it is not padded).
 */
export async function leavesOf(bytes: Uint8Array, hash: HashProvider): Promise<Uint8Array<ArrayBuffer>> {
  const count = Math.ceil(bytes.length / BLOCK_BYTES)
  return await digests(count, (at) => hash.sha256(bytes.subarray(at * BLOCK_BYTES, (at + 1) * BLOCK_BYTES)))
}

/**
 * Folds concatenated nodes upwards by `levels`, filling missing right siblings
 * with the root of a tree of zero leaves of the right height (BEP 52).
 * `height` is how far above the leaves the given nodes stand. Answers
 * `ceil(nodes / 2^levels)` nodes.
 */
export async function foldUp(
  nodes: Uint8Array,
  height: number,
  levels: number,
  hash: HashProvider,
): Promise<Uint8Array> {
  let pad: Uint8Array = new Uint8Array(NODE_BYTES)
  for (let at = 0; at < height; at++) pad = await hash.sha256(pair(pad, pad))
  let row = nodes
  for (let level = 0; level < levels; level++) {
    const below = row
    const filler = pad
    row = await digests(Math.ceil(below.length / NODE_BYTES / 2), (at) => {
      const both = below.subarray(at * 2 * NODE_BYTES, (at + 1) * 2 * NODE_BYTES)
      return hash.sha256(both.length === 2 * NODE_BYTES ? both : pair(both, filler))
    })
    pad = await hash.sha256(pair(pad, pad))
  }
  return row
}

/** The root over nodes `height` above the leaves, padded to the next power of two; at least one node. */
export async function rootOf(nodes: Uint8Array, height: number, hash: HashProvider): Promise<Uint8Array> {
  return await foldUp(nodes, height, Math.ceil(Math.log2(nodes.length / NODE_BYTES)), hash)
}

/** Height of the piece layer above the leaves; `pieceLength` is a power of two of at least 16 KiB. */
function pieceLayerHeight(pieceLength: number): number {
  return Math.log2(pieceLength / BLOCK_BYTES)
}

/** The node of the piece layer for one piece of a file larger than a piece; the last piece may be shorter. */
export async function pieceNode(
  piece: Uint8Array,
  pieceLength: number,
  hash: HashProvider,
): Promise<Uint8Array> {
  return await foldUp(await leavesOf(piece, hash), 0, pieceLayerHeight(pieceLength), hash)
}

/** The root of a file that fits in one piece: its tree is only as wide as its blocks need. */
export async function smallFileRoot(bytes: Uint8Array, hash: HashProvider): Promise<Uint8Array> {
  return await rootOf(await leavesOf(bytes, hash), 0, hash)
}

/** The root above a whole piece layer. */
export async function pieceLayerRoot(
  layer: Uint8Array,
  pieceLength: number,
  hash: HashProvider,
): Promise<Uint8Array> {
  return await rootOf(layer, pieceLayerHeight(pieceLength), hash)
}

async function digests(
  count: number,
  digest: (at: number) => MaybePromise<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  const out = new Uint8Array(count * NODE_BYTES)
  for (let from = 0; from < count; from += BATCH) {
    const pending: Promise<void>[] = []
    for (let at = from; at < Math.min(count, from + BATCH); at++) {
      const node = digest(at)
      if (node instanceof Uint8Array) out.set(node, at * NODE_BYTES)
      else pending.push(node.then((late) => out.set(late, at * NODE_BYTES)))
    }
    await Promise.all(pending)
  }
  return out
}

function pair(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(2 * NODE_BYTES)
  both.set(left)
  both.set(right, NODE_BYTES)
  return both
}
