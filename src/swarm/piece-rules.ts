import { NODE_BYTES } from '../torrent/merkle.ts'
import type { Metainfo } from '../torrent/metainfo.ts'
import { layoutOf, partsFinder } from './layout.ts'

/** What the bytes of one piece must be; at least one of both is there. */
export interface PieceRule {
  /** v1: SHA-1 over the whole piece, pad bytes included. */
  sha1: Uint8Array | null
  /** v2 (BEP 52): the node over the piece's part of its file. */
  v2: V2Rule | null
}

export interface V2Rule {
  /** Number of the file, and of the piece within it. */
  file: number
  nth: number
  /** How many bytes of the piece are the file's. */
  bytes: number
  /** `layer`: a node as high as a whole piece; `root`: the root of a file that fits into one. */
  tree: 'layer' | 'root'
  /** Null where the torrent came without its piece layers: then all nodes together are held against the file's root. */
  node: Uint8Array | null
}

/** The rules of a torrent's pieces, by number. */
export function pieceRules(metainfo: Metainfo): (index: number) => PieceRule {
  const { pieces, pieceLayers, files, piece_length: pieceLength } = metainfo
  const find = partsFinder(layoutOf(metainfo))
  return (index) => {
    const sha1 = pieces?.slice(index * 20, index * 20 + 20) ?? null
    // In a v2 torrent every file begins a piece of its own.
    const number = find(index * pieceLength, 1)[0]?.file
    const file = number === undefined ? undefined : files[number]
    if (number === undefined || file === undefined || file.pieces_root === null) return { sha1, v2: null }
    const start = index * pieceLength - file.offset
    const nth = start / pieceLength
    const small = file.size_bytes <= pieceLength
    const layer = pieceLayers.get(file.pieces_root)
    const node = small
      ? Uint8Array.fromHex(file.pieces_root)
      : (layer?.slice(nth * NODE_BYTES, (nth + 1) * NODE_BYTES) ?? null)
    const bytes = Math.min(pieceLength, file.size_bytes - start)
    return { sha1, v2: { file: number, nth, bytes, tree: small ? 'root' : 'layer', node } }
  }
}
