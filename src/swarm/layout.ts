import { join } from 'node:path'
import { QalError } from '../core/error.ts'
import type { Metainfo } from '../torrent/metainfo.ts'

/** Where a torrent's files lie in the space that its pieces divide; what no file covers are pad files, zeros. */
export interface Layout {
  /** v1, hex: what a client without BEP 52 knows; the v2 one where there is no other. */
  infoHash: string
  pieceLength: number
  /** Pad files included. */
  totalBytes: number
  /** `path` is below the folder one downloads into, checked by the parser, joined by slashes. */
  files: LayoutFile[]
  single: boolean
}

export interface LayoutFile {
  path: string
  size: number
  offset: number
}

/** The layout of a parsed torrent. */
export function layoutOf(metainfo: Metainfo): Layout {
  const files = metainfo.files.map(({ path, size_bytes: size, offset }) => ({ path, size, offset }))
  const end = Math.max(0, ...files.map(({ size, offset }) => (size === 0 ? 0 : offset + size)))
  return {
    infoHash: metainfo.info_hash ?? metainfo.info_hash_v2 ?? '',
    pieceLength: metainfo.piece_length,
    // A v2 piece ends where its file does.
    totalBytes: metainfo.info_hash === null ? end : metainfo.padded_size_bytes,
    files,
    single: metainfo.single_file,
  }
}

/** Throws `swarm_v2_only` for a torrent without a v1 part, of which the client library's peers know nothing. */
export function requireV1(metainfo: Metainfo): void {
  if (metainfo.info_hash !== null) return
  throw new QalError(
    'swarm_v2_only',
    'Cannot exchange a v2-only torrent with peers: expected a v1 or hybrid torrent',
    { expected: 'v1 or hybrid', found: 'v2' },
  )
}

/** Size of a piece: the last one may be shorter. */
export function pieceSize({ pieceLength, totalBytes }: Layout, index: number): number {
  return Math.min(pieceLength, totalBytes - index * pieceLength)
}

export function pieceCount({ pieceLength, totalBytes }: Layout): number {
  return Math.ceil(totalBytes / pieceLength)
}

/** First and last piece that a file has a part in; undefined for an empty file, which has none. */
export function piecesOf(layout: Layout, { offset, size }: LayoutFile): [number, number] | undefined {
  if (size === 0) return undefined
  return [Math.floor(offset / layout.pieceLength), Math.floor((offset + size - 1) / layout.pieceLength)]
}

/** The pieces that some files, by number, have a part in; sorted. */
export function piecesFor(layout: Layout, files: readonly number[]): number[] {
  const pieces = new Set<number>()
  for (const number of files) {
    const file = layout.files[number]
    const [first, last] = (file && piecesOf(layout, file)) ?? [0, -1]
    for (let index = first; index <= last; index++) pieces.add(index)
  }
  return [...pieces].toSorted((a, b) => a - b)
}

/** A run of bytes of one file within the space that pieces divide. */
export interface FilePart {
  /** Number of the file. */
  file: number
  /** Where it begins in the file. */
  position: number
  /** Where it begins in the range asked for. */
  from: number
  size: number
}

/** Finds which files lie in a range of the space; the gaps between the parts are padding. */
export function partsFinder({ files }: Layout): (start: number, length: number) => FilePart[] {
  // An empty file has no place among the pieces.
  const places = files
    .map((file, index) => ({ index, start: file.offset, end: file.offset + file.size }))
    .filter(({ start, end }) => end > start)
    .toSorted((a, b) => a.start - b.start)
  return (start, length) => {
    const parts: FilePart[] = []
    for (let at = firstAfter(places, start); at < places.length; at++) {
      const place = places[at]
      if (!place || place.start >= start + length) break
      const from = Math.max(start, place.start)
      const to = Math.min(start + length, place.end)
      parts.push({ file: place.index, position: from - place.start, from: from - start, size: to - from })
    }
    return parts
  }
}

/** Index of the first place that ends after a byte. */
function firstAfter(places: readonly { end: number }[], byte: number): number {
  let [low, high] = [0, places.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((places[middle]?.end ?? 0) > byte) high = middle
    else low = middle + 1
  }
  return low
}

/** Where a torrent's file lies when the torrent was downloaded into `folder`. */
export function diskPath(folder: string, path: string): string {
  return join(folder, ...path.split('/'))
}
