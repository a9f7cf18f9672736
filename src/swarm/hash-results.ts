import { concat } from '../torrent/bencode.ts'
import type { HashedFile } from '../torrent/create-hash.ts'
import { foldUp, NODE_BYTES, pieceLayerRoot, rootOf } from '../torrent/merkle.ts'
import { nodeHeight } from './hash-leaves.ts'
import type { FromReader, LaneWork } from './hash-paths.ts'
import { SENT_WORDS } from './hash-reader.ts'
import { CHUNK_BYTES, LAST, RESULT, RESULT_BYTES } from './hash-ring.ts'
import { CHUNK_HEIGHT } from './leaf-nodes.ts'
import { nodeHashes } from './node-hashes.ts'
import type { FoundFile } from './read-files.ts'

interface Gathered {
  sha256: string
  md5: string | null
  pieces: Uint8Array[]
  /** Of the chunks of the piece that is not whole yet; of pieces where they are smaller; of a small file up to its root. */
  nodes: Uint8Array[]
  /** Nodes of whole pieces. */
  layer: Uint8Array[]
}

/**
 * Puts together what the lanes send, in whatever order the files come, each
 * file's chunks in their own: digests, pieces, and the v2 tree from the chunks
 * upwards, folded piece by piece so that no more than the torrent's own bytes are kept.
 */
export function gatherResults(
  files: readonly FoundFile[],
  { pieces, md5 }: Pick<LaneWork, 'pieces' | 'md5'>,
): {
  add(chunks: FromReader): void
  finish(): Promise<{ hashed: HashedFile<FoundFile>[]; pieces: Uint8Array }>
} {
  const gathered = files.map((): Gathered => ({ sha256: '', md5: null, pieces: [], nodes: [], layer: [] }))
  // Folding is asynchronous in name only: it ends before the next message is taken.
  let folding = Promise.resolve()
  return {
    add(chunks) {
      for (const { index, last, result, pieceCount, nodeCount } of eachChunk(chunks)) {
        const into = gathered[index]
        const size = files[index]?.size ?? 0
        if (into === undefined) throw new RangeError(`Cannot take results: expected no file ${index}`)
        if (pieceCount > 0) into.pieces.push(result.slice(RESULT.pieces, RESULT.pieces + pieceCount * 20))
        if (nodeCount > 0) into.nodes.push(result.slice(RESULT.nodes, RESULT.nodes + nodeCount * NODE_BYTES))
        if (
          pieces !== null &&
          size > pieces.length &&
          pieces.length > CHUNK_BYTES &&
          into.nodes.length * CHUNK_BYTES === pieces.length
        ) {
          const nodes = concat(into.nodes.splice(0))
          folding = folding.then(async () => void into.layer.push(await foldToPiece(nodes, pieces.length)))
        }
        if (!last) continue
        into.sha256 = Buffer.from(result.subarray(RESULT.sha256, RESULT.sha256 + 32)).toString('hex')
        if (md5) into.md5 = Buffer.from(result.subarray(RESULT.md5, RESULT.md5 + 16)).toString('hex')
      }
    },
    async finish() {
      await folding
      const hashed: HashedFile<FoundFile>[] = []
      for (const [index, { sha256, md5: md5Hex, nodes, layer }] of gathered.entries()) {
        const file = files[index]
        if (file === undefined) break
        if (sha256 === '') throw new Error(`Cannot hash files: expected a digest of file ${index}, got none`)
        const tree = await finishTree(file.size, nodes, layer, pieces)
        hashed.push({ file, sha256, md5: md5Hex, ...tree })
      }
      return { hashed, pieces: concat(gathered.flatMap((file) => file.pieces)) }
    },
  }
}

function* eachChunk({ meta, results }: FromReader): Generator<{
  index: number
  last: boolean
  result: Uint8Array
  pieceCount: number
  nodeCount: number
}> {
  for (let at = 0; at * SENT_WORDS < meta.length; at++) {
    const [index = -1, flags = 0, pieceCount = 0, nodeCount = 0] = meta.subarray(at * SENT_WORDS)
    const result = results.subarray(at * RESULT_BYTES, (at + 1) * RESULT_BYTES)
    yield { index, last: (flags & LAST) !== 0, result, pieceCount, nodeCount }
  }
}

/** One piece's node from its chunks'; missing ones are filled up with zeros. */
async function foldToPiece(nodes: Uint8Array, pieceLength: number): Promise<Uint8Array> {
  return await foldUp(nodes, CHUNK_HEIGHT, Math.log2(pieceLength / CHUNK_BYTES), nodeHashes)
}

async function finishTree(
  size: number,
  nodes: readonly Uint8Array[],
  layer: readonly Uint8Array[],
  pieces: LaneWork['pieces'],
): Promise<Pick<HashedFile<FoundFile>, 'root' | 'layer'>> {
  if (pieces === null || pieces.v1 || size === 0) return { root: null, layer: null }
  const rest = concat(nodes)
  if (size <= pieces.length) {
    return { root: await rootOf(rest, nodeHeight(size, pieces.length), nodeHashes), layer: null }
  }
  const tail = rest.length > 0 && pieces.length > CHUNK_BYTES ? await foldToPiece(rest, pieces.length) : rest
  const whole = concat([...layer, tail])
  return { root: await pieceLayerRoot(whole, pieces.length, nodeHashes), layer: whole }
}
