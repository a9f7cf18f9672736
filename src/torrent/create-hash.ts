import { concat } from './bencode.ts'
import type { InputFile, PlannedFile, TorrentPlan } from './create.ts'
import type { HashProvider } from './hash-provider.ts'
import { pieceLayerRoot, pieceNode, smallFileRoot } from './merkle.ts'
import { printable, refusal } from './refuse.ts'

/** What one read of a file gave. */
export interface HashedFile<File extends PlannedFile = PlannedFile> {
  file: File
  sha256: string
  md5: string | null
  /** Null in v1 and for an empty file. */
  root: Uint8Array | null
  /** Only of a file larger than a piece. */
  layer: Uint8Array | null
}

/** What one read of all files gave: of each, in torrent order, and the v1 pieces over all, 20 bytes each. */
export interface HashedFiles {
  hashed: readonly HashedFile[]
  pieces: Uint8Array
}

interface Run {
  readonly hash: HashProvider
  readonly options: TorrentPlan['options']
  readonly pieceLength: number
  readonly total: number
  done: number
  /** v1 piece hashes so far. */
  readonly pieces: Uint8Array[]
  /** The piece being filled; in v1 it runs on from file to file. */
  readonly buffer: Uint8Array
  filled: number
}

/** Reads every file once, in order: v1 pieces over all, and for each SHA-256, MD5 and v2 tree. Memory: one piece and one chunk. */
export async function hashFiles(
  { files, size, pieceLength, options }: TorrentPlan<InputFile>,
  hash: HashProvider,
): Promise<HashedFiles> {
  const run: Run = {
    hash,
    options,
    pieceLength,
    total: size,
    done: 0,
    pieces: [],
    buffer: new Uint8Array(pieceLength),
    filled: 0,
  }
  const lastFull = files.findLastIndex((file) => file.size > 0)
  const hashed: HashedFile[] = []
  for (const [index, file] of files.entries()) hashed.push(await hashFile(file, index < lastFull, run))
  if (run.filled > 0) run.pieces.push(await hash.sha1(run.buffer.subarray(0, run.filled)))
  return { hashed, pieces: concat(run.pieces) }
}

async function hashFile(file: InputFile, followed: boolean, run: Run): Promise<HashedFile> {
  const { hash, options, pieceLength } = run
  const sha256 = await hash.sha256Stream()
  const md5 = options.noMd5 === true ? null : await hash.md5Stream()
  const nodes: Uint8Array[] = []
  let read = 0
  for await (const chunk of file.chunks) {
    read += chunk.length
    if (read > file.size) throw changed(file, `more than ${file.size} bytes`)
    // MD5 first: it is the slowest and may run in another thread meanwhile.
    await Promise.all([md5?.update(chunk), sha256.update(chunk), fillPieces(chunk, file, nodes, run)])
    run.done += chunk.length
    options.onProgress?.(run.done, run.total)
  }
  if (read < file.size) throw changed(file, `${read} bytes`)

  if (options.v1 !== true && run.filled > 0) {
    const piece = run.buffer.subarray(0, run.filled)
    nodes.push(await treeNode(piece, file, run))
    if (followed) run.buffer.fill(0, run.filled)
    run.pieces.push(await hash.sha1(followed ? run.buffer : piece))
    run.filled = 0
  }
  const layer = options.v1 !== true && file.size > pieceLength ? concat(nodes) : null
  return {
    file,
    sha256: await sha256.digestHex(),
    md5: (await md5?.digestHex()) ?? null,
    root: layer === null ? (nodes[0] ?? null) : await pieceLayerRoot(layer, pieceLength, hash),
    layer,
  }
}

async function fillPieces(chunk: Uint8Array, file: InputFile, nodes: Uint8Array[], run: Run): Promise<void> {
  let at = 0
  while (at < chunk.length) {
    const take = Math.min(run.pieceLength - run.filled, chunk.length - at)
    const part = chunk.subarray(at, at + take)
    at += take
    // A chunk that holds a whole piece is hashed where it lies.
    const whole = take === run.pieceLength
    if (!whole) {
      run.buffer.set(part, run.filled)
      run.filled += take
      if (run.filled < run.pieceLength) return
      run.filled = 0
    }
    const piece = whole ? part : run.buffer
    if (run.options.v1 !== true) nodes.push(await treeNode(piece, file, run))
    run.pieces.push(await run.hash.sha1(piece))
  }
}

/** A piece's node in the piece layer; for a file of at most one piece, its root. */
async function treeNode(piece: Uint8Array, file: InputFile, run: Run): Promise<Uint8Array> {
  return file.size > run.pieceLength
    ? await pieceNode(piece, run.pieceLength, run.hash)
    : await smallFileRoot(piece, run.hash)
}

function changed(file: InputFile, found: string): Error {
  return refusal(
    'torrent_create_changed',
    `Cannot hash ${printable(file.path)}: expected ${file.size} bytes, got ${found}`,
    { field: file.path, expected: `${file.size} bytes`, found },
  )
}
