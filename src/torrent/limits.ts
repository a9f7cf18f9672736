/** Files in one torrent, pad files counted; a listing takes fewer. */
export const MAX_FILES = 20_000
/** Pieces in one torrent, as libtorrent has it. */
export const MAX_PIECES = 2 ** 21
/** The block that peers ask for: no piece is smaller. */
export const MIN_PIECE_BYTES = 16_384
/** Clients refuse much larger pieces. */
export const MAX_PIECE_BYTES = 256 * 2 ** 20
/** One file, as libtorrent has it: the leaves of its tree are counted in 31 bits. */
export const MAX_FILE_BYTES = (2 ** 30 - 1) * 16_384 - 1
/** A .torrent file: room for a model of tens of terabytes. */
export const MAX_TORRENT_BYTES = 10_000_000

/** Whether pieces may be so long: a power of two (BEP 52), of at least a block. */
export function isPieceLength(bytes: number): boolean {
  return bytes >= MIN_PIECE_BYTES && bytes <= MAX_PIECE_BYTES && Number.isInteger(Math.log2(bytes))
}
