import { join } from 'node:path'
import { QalError } from '../core/error.ts'
import { decode } from '../torrent/bencode.ts'
import { asKind, required, requiredNumber } from '../torrent/fields.ts'
import { readTorrentName, readV1Files } from '../torrent/files-v1.ts'
import { isPieceLength, MAX_PIECES } from '../torrent/limits.ts'
import type { Metainfo } from '../torrent/metainfo.ts'
import { checkCollisions } from '../torrent/path-rules.ts'

/** Where a torrent's files lie in the space that its v1 pieces divide; what no file covers are pad files, zeros. */
export interface Layout {
  /** v1, hex: what a client without BEP 52 knows. */
  infoHash: string
  pieceLength: number
  /** Pad files included. */
  totalBytes: number
  /** `path` is below the folder one downloads into, checked by the parser, joined by slashes. */
  files: { path: string; size: number; offset: number }[]
  single: boolean
}

/** The layout of a parsed .torrent; throws `swarm_v2_only` for one that has no v1 part. */
export function layoutOf(metainfo: Metainfo): Layout {
  if (metainfo.info_hash === null) {
    throw new QalError(
      'swarm_v2_only',
      'Cannot exchange a v2-only torrent with peers: expected a v1 or hybrid torrent',
      { expected: 'v1 or hybrid', found: 'v2' },
    )
  }
  return {
    infoHash: metainfo.info_hash,
    pieceLength: metainfo.piece_length,
    totalBytes: metainfo.padded_size_bytes,
    files: metainfo.files.map(({ path, size_bytes: size, offset }) => ({ path, size, offset })),
    single: metainfo.single_file,
  }
}

/**
 * The v1 layout of raw `info` bytes, as peers send them for a magnet: they come
 * without the piece layers that the full parser asks of a hybrid. Paths, sizes
 * and counts are checked as strictly; throws `torrent_…`.
 */
export function layoutOfInfo(infoBytes: Uint8Array, infoHash: string): Layout {
  const info = asKind(decode(infoBytes), 'dictionary', 'info')
  const pieces = required(info, 'pieces', 'string', 'info.')
  const pieceLength = requiredNumber(info, 'piece length', 'info.', 1)
  const list = readV1Files(info, readTorrentName(info))
  checkCollisions(list.files)
  const count = Math.ceil(list.total / pieceLength)
  const sound =
    isPieceLength(pieceLength) && count > 0 && count <= MAX_PIECES && pieces.value.length === count * 20
  if (!sound) {
    throw new QalError('torrent_pieces_length', 'Cannot read info.pieces: expected one hash for each piece', {
      field: 'info.pieces',
      exit: 4,
    })
  }
  return {
    infoHash,
    pieceLength,
    totalBytes: list.total,
    files: list.files.filter(({ pad }) => !pad).map(({ path, size, offset }) => ({ path, size, offset })),
    single: list.single,
  }
}

/** Where a torrent's file lies when the torrent was downloaded into `folder`. */
export function diskPath(folder: string, path: string): string {
  return join(folder, ...path.split('/'))
}
