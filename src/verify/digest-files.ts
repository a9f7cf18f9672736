import { type Hash, createHash } from 'node:crypto'
import type { DetachedVerifier } from '../sign/detached.ts'
import { withHashes } from '../swarm/create-file.ts'
import { findFiles, readChunks } from '../swarm/read-files.ts'
import type { HashProvider } from '../torrent/hash-provider.ts'
import { foldUp, leavesOf, rootOf, smallFileRoot } from '../torrent/merkle.ts'
import type { Metainfo } from '../torrent/metainfo.ts'

/** What one read of a file gave. */
export interface FileDigests {
  path: string
  size_bytes: number
  sha256: string
  md5: string
  /** Root of the v2 tree (BEP 52); null for an empty file. */
  pieces_root: string | null
}

/** How the v1 pieces came out (BEP 3). */
export interface PieceCheck {
  checked: number
  /** Numbers of the first pieces that differ, at most 20. */
  wrong: number[]
  wrong_count: number
}

export interface DigestOptions {
  /** Takes the bytes of one file as they pass. */
  signature?: { path: string; verifier: DetachedVerifier }
  onProgress?: (doneBytes: number, totalBytes: number) => void
  signal?: AbortSignal
}

/**
 * Reads each file of a torrent once, in the torrent's order, for SHA-256, MD5,
 * its v2 root, the v1 pieces and a signature. `locate` gives the place of a
 * file on disk; files without one are left out, and then no pieces are checked.
 */
export async function digestFiles(
  metainfo: Pick<Metainfo, 'files' | 'pieces' | 'piece_length' | 'padded_size_bytes'>,
  locate: (path: string) => string | undefined,
  options: DigestOptions = {},
): Promise<{ files: FileDigests[]; pieces: PieceCheck | null }> {
  const total = metainfo.files.reduce((sum, { size_bytes }) => sum + size_bytes, 0)
  let done = 0
  const took = (bytes: number): void => {
    options.signal?.throwIfAborted()
    done += bytes
    options.onProgress?.(done, total)
  }
  return withHashes(total, async (hash) => {
    const files: FileDigests[] = []
    const pieces =
      metainfo.pieces === null || isMostlyPadding(metainfo, total)
        ? null
        : startPieces(metainfo.pieces, metainfo.piece_length)
    let whole = true
    for (const { path, size_bytes, offset } of metainfo.files) {
      const location = locate(path)
      const [found] = location === undefined ? [] : (await findFiles(location, { onlyFile: true })).files
      whole &&= found?.size === size_bytes
      if (found === undefined) continue
      // Pad files are zeroes that nobody stores (BEP 47).
      if (whole && size_bytes > 0) pieces?.zeroesUpTo(offset)
      const sha256 = await hash.sha256Stream()
      const md5 = await hash.md5Stream()
      const tree = startTree(hash)
      for await (const chunk of readChunks(found)) {
        if (whole) pieces?.update(chunk)
        if (options.signature?.path === path) options.signature.verifier.update(chunk)
        await Promise.all([md5.update(chunk), sha256.update(chunk), tree.update(chunk)])
        took(chunk.length)
      }
      files.push({
        path,
        size_bytes: found.size,
        sha256: await sha256.digestHex(),
        md5: await md5.digestHex(),
        pieces_root: await tree.root(),
      })
    }
    if (pieces === null || !whole) return { files, pieces: null }
    pieces.zeroesUpTo(metainfo.padded_size_bytes)
    return { files, pieces: pieces.finish() }
  })
}

/** Padding aligns files to pieces; more than that would only keep the verifier busy. */
function isMostlyPadding(
  { files, piece_length, padded_size_bytes }: Pick<Metainfo, 'files' | 'piece_length' | 'padded_size_bytes'>,
  total: number,
): boolean {
  return padded_size_bytes - total > files.length * piece_length
}

/** Leaves are gathered to units of this many bytes: a row of the tree that stays small for any file. */
const UNIT_BYTES = 262_144
const UNIT_HEIGHT = 4

/** The v2 root of bytes that arrive in parts; it does not depend on the torrent's piece length. */
function startTree(hash: HashProvider) {
  const buffer = new Uint8Array(UNIT_BYTES)
  const nodes: Uint8Array[] = []
  let filled = 0
  const node = async (unit: Uint8Array): Promise<void> => {
    nodes.push(await foldUp(await leavesOf(unit, hash), 0, UNIT_HEIGHT, hash))
  }
  return {
    async update(bytes: Uint8Array): Promise<void> {
      if (filled === 0 && bytes.length === UNIT_BYTES) return node(bytes)
      for (let at = 0; at < bytes.length;) {
        const part = bytes.subarray(at, at + UNIT_BYTES - filled)
        buffer.set(part, filled)
        filled += part.length
        at += part.length
        if (filled === UNIT_BYTES) {
          await node(buffer)
          filled = 0
        }
      }
    },
    async root(): Promise<string | null> {
      if (nodes.length === 0)
        return filled === 0 ? null : (await smallFileRoot(buffer.subarray(0, filled), hash)).toHex()
      if (filled > 0) await node(buffer.subarray(0, filled))
      return (await rootOf(Buffer.concat(nodes), UNIT_HEIGHT, hash)).toHex()
    },
  }
}

const MAX_WRONG_LISTED = 20
const ZEROES = new Uint8Array(65_536)

/** Hashes the space of all files, one after the other, piece by piece. */
function startPieces(expected: Uint8Array, pieceLength: number) {
  let position = 0
  let hash: Hash = createHash('sha1')
  const result: PieceCheck = { checked: 0, wrong: [], wrong_count: 0 }
  const endPiece = (): void => {
    const index = result.checked++
    if (!hash.digest().equals(expected.subarray(index * 20, (index + 1) * 20))) {
      result.wrong_count++
      if (result.wrong.length < MAX_WRONG_LISTED) result.wrong.push(index)
    }
    hash = createHash('sha1')
  }
  const update = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + pieceLength - (position % pieceLength))
      hash.update(part)
      at += part.length
      position += part.length
      if (position % pieceLength === 0) endPiece()
    }
  }
  return {
    update,
    zeroesUpTo(offset: number): void {
      for (let left = offset - position; left > 0; left -= ZEROES.length) update(ZEROES.subarray(0, left))
    },
    finish(): PieceCheck {
      if (position % pieceLength > 0) endPiece()
      const missing = expected.length / 20 - result.checked
      if (missing !== 0) result.wrong_count += Math.abs(missing)
      return result
    },
  }
}
