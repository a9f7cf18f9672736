import { decode, encode, Raw, type BDictionary, type Encodable } from './bencode.ts'
import { asKind, optional, required, requiredNumber } from './fields.ts'
import { addSize, readTorrentName, readV1Files, type FileEntry, type FileList } from './files-v1.ts'
import { alignUp, readV2Files } from './files-v2.ts'
import type { HashProvider } from './hash-provider.ts'
import { isPieceLength, MAX_PIECE_BYTES, MAX_PIECES, MAX_TORRENT_BYTES, MIN_PIECE_BYTES } from './limits.ts'
import { readOuter, setTrackers, type Outer } from './outer.ts'
import { checkCollisions } from './path-rules.ts'
import { readPieceLayers } from './piece-layers.ts'
import { printable, refusal } from './refuse.ts'

export { withOuter } from './outer.ts'

/** One file of a torrent; pad files are left out. */
export interface MetainfoFile {
  /** Below the folder one downloads into, so with the torrent's name in front where it is a folder; joined by slashes. */
  path: string
  size_bytes: number
  /** Root of its v2 tree, hexadecimal; null in a v1 torrent and for an empty file. */
  pieces_root: string | null
  /** Where it starts in the space that pieces divide, in bytes; of no meaning for an empty file. */
  offset: number
}

/** A parsed .torrent file, v1 (BEP 3), v2 (BEP 52) or hybrid. */
export interface Metainfo extends Outer {
  version: 'v1' | 'v2' | 'hybrid'
  /** SHA-1 of the raw `info` bytes; null for v2 only. */
  info_hash: string | null
  /** SHA-256 of the raw `info` bytes; null for v1 only. */
  info_hash_v2: string | null
  name: string
  /** One file outside any folder. */
  single_file: boolean
  files: MetainfoFile[]
  /** Of the files, pad files left out. */
  size_bytes: number
  /** Of the space that pieces divide: with pad files, and in v2 up to the end of the last piece, as libtorrent counts it. */
  padded_size_bytes: number
  piece_length: number
  piece_count: number
  /** BEP 27. */
  private: boolean
  /** The raw `info` dictionary: a view of the input. */
  infoBytes: Uint8Array
  /** v1 piece hashes, 20 bytes each; null for v2 only. */
  pieces: Uint8Array | null
  /** v2 piece layers by root in hexadecimal, checked against it; only of files larger than a piece. */
  pieceLayers: ReadonlyMap<string, Uint8Array>
}

/**
 * Reads a .torrent file and refuses whatever two clients could read
 * differently: see bencode.ts, path-rules.ts. Both info hashes come from the raw
 * bytes; v1 and v2 lists are checked against each other, piece layers against
 * every root. Metadata from peers comes without piece layers: with
 * `withoutLayers` none are read, and whoever has the content checks it against
 * the roots. Throws QalError `torrent_…`, exit code 4.
 */
export async function parseMetainfo(
  bytes: Uint8Array,
  hash: HashProvider,
  { withoutLayers = false }: { withoutLayers?: boolean } = {},
): Promise<Metainfo> {
  const root = asKind(decode(bytes, { bytes: MAX_TORRENT_BYTES }), 'dictionary', 'torrent')
  const info = required(root, 'info', 'dictionary', '')
  const isV2 = readVersion(info)
  // A v1 list without its pieces would be a hybrid to one client and v2 to another.
  const hasV1 = !isV2 || ['pieces', 'files', 'length'].some((key) => info.entries.has(key))
  const pieces = hasV1 ? required(info, 'pieces', 'string', 'info.') : undefined
  const pieceLength = readPieceLength(info)
  const ownName = readTorrentName(info)

  const v1 = pieces === undefined ? undefined : readV1Files(info, ownName)
  const v2 = isV2 ? readV2Files(info, ownName, pieceLength) : undefined
  if (v1 !== undefined && v2 !== undefined) checkSameFiles(v1, v2, pieceLength)
  const list = v1 ?? v2
  if (list === undefined) throw new Error('unreachable: neither v1 nor v2')
  checkCollisions(list.files)
  checkContent(list)

  const pieceCount = countPieces(v1, v2, pieceLength)
  if (pieces !== undefined) checkPiecesLength(pieces.value, pieceCount)
  const pieceLayers =
    v2 === undefined || withoutLayers ? new Map() : await readPieceLayers(root, v2.files, pieceLength, hash)

  const infoBytes = bytes.subarray(info.start, info.end)
  const roots = v2?.files.map((file) => file.root)
  const files = list.files
    .filter((file) => !file.pad)
    .map((file, index) => ({
      path: file.path,
      size_bytes: file.size,
      pieces_root: roots?.[index]?.toHex() ?? null,
      offset: v2?.files[index]?.offset ?? file.offset,
    }))
  return {
    version: v1 === undefined ? 'v2' : v2 === undefined ? 'v1' : 'hybrid',
    info_hash: v1 === undefined ? null : (await hash.sha1(infoBytes)).toHex(),
    info_hash_v2: v2 === undefined ? null : (await hash.sha256(infoBytes)).toHex(),
    // A v2 tree of one file carries the file's own name; `name` is only advice there.
    name: v1 === undefined && list.single ? (files[0]?.path ?? ownName) : ownName,
    single_file: list.single,
    files,
    size_bytes: files.reduce((sum, file) => addSize(sum, file.size_bytes), 0),
    padded_size_bytes: v1?.total ?? pieceCount * pieceLength,
    piece_length: pieceLength,
    piece_count: pieceCount,
    private: isPrivate(info),
    infoBytes,
    pieces: pieces?.value ?? null,
    pieceLayers,
    ...readOuter(root),
  }
}

/**
 * The smallest .torrent with the same info hashes: announce tiers, web seeds
 * and the raw `info`. For clients that only know v1 and choke on piece layers.
 */
export function clientTorrent(
  metainfo: Pick<Metainfo, 'infoBytes' | 'trackers' | 'web_seeds'>,
): Uint8Array<ArrayBuffer> {
  const outer = new Map<string, Encodable>([['info', new Raw(metainfo.infoBytes)]])
  setTrackers(outer, metainfo.trackers)
  if (metainfo.web_seeds.length > 0) outer.set('url-list', metainfo.web_seeds)
  return encode(outer)
}

/** Whether it is v2: `meta version` 2. A file tree without it would be v1 to one client and v2 to another. */
function readVersion(info: BDictionary): boolean {
  const version = optional(info, 'meta version', 'integer', 'info.')?.value ?? 1n
  const hasTree = info.entries.has('file tree')
  if ((version !== 1n && version !== 2n) || hasTree !== (version === 2n)) {
    const expected = hasTree
      ? 'meta version 2 beside a file tree'
      : 'meta version 1, or none, without a file tree'
    throw refusal('torrent_meta_version', `Cannot read torrent: expected ${expected}, got ${version}`, {
      field: 'info.meta version',
      expected,
      found: String(version),
    })
  }
  return hasTree
}

function readPieceLength(info: BDictionary): number {
  const length = requiredNumber(info, 'piece length', 'info.', 1)
  if (!isPieceLength(length)) {
    const expected = `a power of two from ${MIN_PIECE_BYTES} to ${MAX_PIECE_BYTES}`
    throw refusal(
      'torrent_piece_length',
      `Cannot read info.piece length: expected ${expected}, got ${length}`,
      {
        field: 'info.piece length',
        expected,
        found: String(length),
      },
    )
  }
  return length
}

/** Whether an info dictionary asks that peers come from its trackers alone (BEP 27). Whatever is not plainly "no" is private: a listing refuses it. */
function isPrivate(info: BDictionary): boolean {
  const value = info.entries.get('private')
  return value !== undefined && !(value.type === 'integer' && value.value === 0n)
}

/**
 * A hybrid's two lists must name the same files of the same sizes at the same
 * places, or v1 and v2 peers would have different content under one listing.
 */
function checkSameFiles(v1: FileList, v2: FileList, pieceLength: number): void {
  const real = v1.files.filter((file) => !file.pad)
  checkPads(v1, pieceLength)
  if (real.length !== v2.files.length || (v1.single && !v2.single)) {
    throw mismatch('info.files', `${v2.files.length} files`, `${real.length} files`)
  }
  for (const [index, file] of real.entries()) {
    const twin = v2.files[index]
    if (twin === undefined) break
    const field = `info.files.${index}`
    const twinPath = v1.single === v2.single ? twin.path : inFolder(v1, twin)
    if (file.path !== twinPath) throw mismatch(`${field}.path`, printable(twinPath), printable(file.path))
    if (file.size !== twin.size) throw mismatch(`${field}.length`, `${twin.size} bytes`, `${file.size} bytes`)
    if (file.size > 0 && file.offset !== twin.offset) {
      throw mismatch(field, `a start at byte ${twin.offset}`, `a start at byte ${file.offset}`)
    }
  }
  // A pad after the last file is allowed, to the end of its piece and no further.
  if (v1.total !== v2.total && v1.total !== alignUp(v2.total, pieceLength)) {
    throw mismatch('info.files', `${v2.total} bytes with pad files`, `${v1.total} bytes`)
  }
}

/** Each pad of a hybrid fills up one piece by itself: what libtorrent takes as equal to the v2 tree. */
function checkPads(v1: FileList, pieceLength: number): void {
  for (const [index, { pad, offset, size }] of v1.files.entries()) {
    const wanted = alignUp(offset, pieceLength) - offset
    if (!pad || (size > 0 && size === wanted)) continue
    throw mismatch(
      `info.files.${index}`,
      wanted === 0 ? 'no pad file' : `a pad file of ${wanted} bytes`,
      `one of ${size}`,
    )
  }
}

/** A folder with one file has a v2 tree that looks like a single file; the v1 list says which it is. */
function inFolder(v1: FileList, twin: FileEntry): string {
  const folder = v1.files[0]?.path.split('/')[0] ?? ''
  return `${folder}/${twin.path}`
}

function mismatch(field: string, expected: string, found: string): Error {
  return refusal(
    'torrent_hybrid_mismatch',
    `Cannot read hybrid torrent: expected ${field} as in the v2 file tree, ${expected}, got ${found}`,
    { field, expected, found },
  )
}

/** Pad files alone are nothing to download. */
function checkContent(list: FileList): void {
  if (!list.files.some(({ pad, size }) => !pad && size > 0)) {
    throw refusal('torrent_empty', 'Cannot read torrent: expected at least one byte of content, got none', {
      field: 'info',
      expected: 'at least one byte',
      found: '0 bytes',
    })
  }
}

function countPieces(v1: FileList | undefined, v2: FileList | undefined, pieceLength: number): number {
  const total = v1?.total ?? v2?.total ?? 0
  const count = Math.ceil(total / pieceLength)
  if (count > MAX_PIECES) {
    throw refusal(
      'torrent_pieces_count',
      `Cannot read torrent: expected at most ${MAX_PIECES} pieces, got ${count}`,
      {
        field: 'info.piece length',
        expected: `at most ${MAX_PIECES} pieces`,
        found: String(count),
      },
    )
  }
  return count
}

function checkPiecesLength(pieces: Uint8Array, count: number): void {
  if (pieces.length !== count * 20) {
    throw refusal(
      'torrent_pieces_length',
      `Cannot read info.pieces: expected ${count} hashes of 20 bytes, got ${pieces.length} bytes`,
      { field: 'info.pieces', expected: `${count * 20} bytes`, found: `${pieces.length} bytes` },
    )
  }
}
