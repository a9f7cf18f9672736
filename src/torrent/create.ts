import { encode, Raw, type Encodable } from './bencode.ts'
import { hashFiles, type HashedFile, type HashedFiles } from './create-hash.ts'
import { checkFileCount } from './files-v1.ts'
import type { HashProvider } from './hash-provider.ts'
import { isPieceLength, MAX_PIECE_BYTES, MAX_PIECES, MAX_TORRENT_BYTES, MIN_PIECE_BYTES } from './limits.ts'
import { setTrackers } from './outer.ts'
import { checkCollisions, checkName, joinPath } from './path-rules.ts'
import { latin1, refusal } from './refuse.ts'
import { checkTracker, checkWebSeed } from './urls.ts'

/** A file to put into a torrent. */
export interface PlannedFile {
  /** Below the torrent's folder, joined by slashes; the torrent's name for a single file. */
  path: string
  /** In bytes. */
  size: number
}

/** With its bytes. Chunks are asked for once, in torrent order; a chunk is used up before the next is asked for. */
export interface InputFile extends PlannedFile {
  /** Adding up to other than the size is an error. */
  chunks: AsyncIterable<Uint8Array>
}

export interface CreateInput<File extends PlannedFile = InputFile> {
  name: string
  /** Whether the name is a folder's; else there is one file, of that name. */
  folder: boolean
  files: readonly File[]
}

export interface CreateOptions {
  /** Only v1 (BEP 3), for old clients; else hybrid with aligned files (BEP 52, BEP 47). */
  v1?: boolean
  /** A power of two from 16 KiB; by default 1,000 to 2,000 pieces, of 16 KiB to 16 MiB. */
  pieceLength?: number
  /** Announce URLs in tiers (BEP 12). */
  trackers?: readonly (readonly string[])[]
  /** BEP 19. */
  webSeeds?: readonly string[]
  comment?: string
  createdBy?: string
  /** Seconds since 1970; left out by default, so that equal input gives equal bytes. */
  creationDate?: number
  /** Leave MD5 out, which is the slowest of the hashes. */
  noMd5?: boolean
  /** Called as bytes have been hashed, of all files together. */
  onProgress?: (doneBytes: number, totalBytes: number) => void
}

export interface CreatedFile {
  /** Below the folder one downloads into, as in `Metainfo.files`. */
  path: string
  size_bytes: number
  sha256: string
  /** Null where it was left out. */
  md5: string | null
  /** Null in a v1 torrent and for an empty file. */
  pieces_root: string | null
}

export interface CreatedTorrent {
  /** The .torrent file. */
  bytes: Uint8Array<ArrayBuffer>
  info_hash: string
  /** Null in a v1 torrent. */
  info_hash_v2: string | null
  piece_length: number
  piece_count: number
  name: string
  size_bytes: number
  files: CreatedFile[]
}

const MAX_AUTO_PIECE_BYTES = 16 * 2 ** 20
const MAX_AUTO_PIECES = 2_000
const MAX_COMMENT_CHARS = 4_096

/** The piece length for so many bytes: 1,000 to 2,000 pieces, between 16 KiB and 16 MiB. */
export function choosePieceLength(totalBytes: number): number {
  let length = MIN_PIECE_BYTES
  while (length < MAX_AUTO_PIECE_BYTES && totalBytes / length > MAX_AUTO_PIECES) length *= 2
  return length
}

/** A torrent of which everything is settled but the hashes. */
export interface TorrentPlan<File extends PlannedFile = PlannedFile> {
  name: string
  folder: boolean
  /** In torrent order. */
  files: readonly File[]
  /** Of all files, in bytes. */
  size: number
  pieceLength: number
  options: CreateOptions
  /** What stands beside `info`. */
  outer: Map<string, Encodable>
}

/**
 * Makes a torrent and every file's checksums in one read. Files go in the order
 * of the v2 tree, whatever order they are given in. Refuses names, URLs and
 * sizes that the parser would refuse, and a file whose bytes do not add up to
 * its size (`torrent_create_changed`).
 */
export async function createTorrent(
  input: CreateInput,
  hash: HashProvider,
  options: CreateOptions = {},
): Promise<CreatedTorrent> {
  const plan = planTorrent(input, options)
  return await finishTorrent(plan, await hashFiles(plan, hash), hash)
}

/** Checks all that can be known before the files are read; whoever reads them faster than `createTorrent` begins here. */
export function planTorrent<File extends PlannedFile>(
  input: CreateInput<File>,
  options: CreateOptions = {},
): TorrentPlan<File> {
  const files = checkInput(input)
  const size = files.reduce((sum, file) => sum + file.size, 0)
  checkSize(size)
  const pieceLength = checkPieceLength(options.pieceLength ?? choosePieceLength(size), size)
  return {
    name: input.name,
    folder: input.folder,
    files,
    size,
    pieceLength,
    options,
    outer: outerEntries(options),
  }
}

/** Writes the torrent of a plan when its files have been read. */
export async function finishTorrent(
  plan: TorrentPlan,
  { hashed, pieces }: HashedFiles,
  hash: HashProvider,
): Promise<CreatedTorrent> {
  const { options, pieceLength, size } = plan
  const isV1 = options.v1 === true
  const outer = new Map(plan.outer)
  const info = encode(infoEntries(plan, hashed, pieces, isV1))
  outer.set('info', new Raw(info))
  if (!isV1) outer.set('piece layers', layerEntries(hashed))
  const bytes = encode(outer)
  if (bytes.length > MAX_TORRENT_BYTES) throw tooLarge('bytes of .torrent', MAX_TORRENT_BYTES, bytes.length)
  return {
    bytes,
    info_hash: (await hash.sha1(info)).toHex(),
    info_hash_v2: isV1 ? null : (await hash.sha256(info)).toHex(),
    piece_length: pieceLength,
    piece_count: pieces.length / 20,
    name: plan.name,
    size_bytes: size,
    files: hashed.map(({ file, sha256, md5, root }) => ({
      path: plan.folder ? `${plan.name}/${file.path}` : file.path,
      size_bytes: file.size,
      sha256,
      md5,
      pieces_root: root?.toHex() ?? null,
    })),
  }
}

function checkInput<File extends PlannedFile>(input: CreateInput<File>): File[] {
  checkName(input.name, 'name')
  checkFileCount(input.files.length)
  if (!input.folder && (input.files.length !== 1 || input.files[0]?.path !== input.name)) {
    throw refusal(
      'torrent_create_single',
      "Cannot create torrent: expected one file of the torrent's own name",
      {
        field: 'files',
        expected: "one file of the torrent's own name",
      },
    )
  }
  for (const [index, file] of input.files.entries()) {
    const names = file.path.split('/').map((name) => checkName(name, `files.${index}.path`))
    joinPath(input.folder ? [input.name, ...names] : names, `files.${index}.path`)
  }
  checkCollisions(input.files.map(({ path }) => ({ path, pad: false })))
  return input.files.toSorted((a, b) => compareTreeOrder(a.path, b.path))
}

/** The order of a v2 tree: name by name, by UTF-8 bytes. */
function compareTreeOrder(a: string, b: string): number {
  const left = a.split('/').map(byteString)
  const right = b.split('/').map(byteString)
  for (const [index, name] of left.entries()) {
    const other = right[index]
    if (other === undefined) return 1
    if (name !== other) return name < other ? -1 : 1
  }
  return left.length - right.length
}

function byteString(text: string): string {
  return latin1(new TextEncoder().encode(text))
}

function checkSize(size: number): void {
  if (size === 0) {
    throw refusal('torrent_empty', 'Cannot create torrent: expected at least one byte of content, got none', {
      field: 'files',
      expected: 'at least one byte',
      found: '0 bytes',
    })
  }
  if (!Number.isSafeInteger(size)) throw tooLarge('bytes', Number.MAX_SAFE_INTEGER, size)
}

function checkPieceLength(length: number, size: number): number {
  if (!isPieceLength(length)) {
    const expected = `a power of two from ${MIN_PIECE_BYTES} to ${MAX_PIECE_BYTES}`
    throw refusal(
      'torrent_piece_length',
      `Cannot create torrent: expected piece length ${expected}, got ${length}`,
      {
        field: 'pieceLength',
        expected,
        found: String(length),
      },
    )
  }
  if (size / length > MAX_PIECES) throw tooLarge('pieces', MAX_PIECES, Math.ceil(size / length))
  return length
}

function tooLarge(what: string, expected: number, found: number): Error {
  return refusal(
    'torrent_size',
    `Cannot create torrent: expected at most ${expected} ${what}, got ${found}`,
    {
      expected: `at most ${expected} ${what}`,
      found: String(found),
    },
  )
}

function outerEntries(options: CreateOptions): Map<string, Encodable> {
  const outer = new Map<string, Encodable>()
  const trackers = (options.trackers ?? []).filter((tier) => tier.length > 0)
  for (const url of trackers.flat()) checkTracker(url, 'trackers')
  setTrackers(outer, trackers)
  for (const url of options.webSeeds ?? []) checkWebSeed(url, 'webSeeds')
  // A list also for one: some clients read only that form.
  if (options.webSeeds !== undefined && options.webSeeds.length > 0) outer.set('url-list', options.webSeeds)
  if (options.comment !== undefined) {
    if (options.comment.length > MAX_COMMENT_CHARS) {
      throw refusal(
        'torrent_comment',
        `Cannot create torrent: expected a comment of at most ${MAX_COMMENT_CHARS} characters`,
        {
          field: 'comment',
          expected: `at most ${MAX_COMMENT_CHARS} characters`,
          found: `${options.comment.length} characters`,
        },
      )
    }
    outer.set('comment', options.comment)
  }
  if (options.createdBy !== undefined) outer.set('created by', options.createdBy)
  if (options.creationDate !== undefined) outer.set('creation date', options.creationDate)
  return outer
}

function infoEntries(
  { name, folder, pieceLength }: TorrentPlan,
  hashed: readonly HashedFile[],
  pieces: Uint8Array,
  isV1: boolean,
): Map<string, Encodable> {
  const info = new Map<string, Encodable>([
    ['name', name],
    ['piece length', pieceLength],
    ['pieces', pieces],
  ])
  if (folder) {
    const list = v1List(hashed, isV1 ? undefined : pieceLength)
    checkFileCount(list.length)
    info.set('files', list)
  } else {
    info.set('length', hashed[0]?.file.size ?? 0)
  }
  if (!isV1) {
    info.set('meta version', 2)
    info.set('file tree', fileTree(hashed))
  }
  return info
}

/** The v1 list; with a piece length, a pad file (BEP 47) fills the piece after each file that bytes follow. */
function v1List(hashed: readonly HashedFile[], align: number | undefined): Encodable[] {
  const list: Encodable[] = []
  const lastFull = hashed.findLastIndex(({ file }) => file.size > 0)
  for (const [index, { file }] of hashed.entries()) {
    list.push(
      new Map<string, Encodable>([
        ['length', file.size],
        ['path', file.path.split('/')],
      ]),
    )
    const over = align === undefined ? 0 : file.size % align
    if (align === undefined || over === 0 || index >= lastFull) continue
    const pad = align - over
    list.push(
      new Map<string, Encodable>([
        ['attr', 'p'],
        ['length', pad],
        ['path', ['.pad', String(pad)]],
      ]),
    )
  }
  return list
}

type Tree = Map<string, Encodable>

function fileTree(hashed: readonly HashedFile[]): Tree {
  const root: Tree = new Map()
  for (const { file, root: piecesRoot } of hashed) {
    let folder = root
    for (const name of file.path.split('/').map(byteString)) {
      let next = folder.get(name)
      if (!(next instanceof Map)) {
        next = new Map<string, Encodable>()
        folder.set(name, next)
      }
      folder = next as Tree
    }
    const leaf = new Map<string, Encodable>([['length', file.size]])
    if (piecesRoot !== null) leaf.set('pieces root', piecesRoot)
    folder.set('', leaf)
  }
  return root
}

function layerEntries(hashed: readonly HashedFile[]): Map<string, Encodable> {
  const layers = new Map<string, Encodable>()
  for (const { root, layer } of hashed) {
    if (root !== null && layer !== null) layers.set(latin1(root), layer)
  }
  return layers
}
