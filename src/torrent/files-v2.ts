import type { BDictionary } from './bencode.ts'
import { asKind, required, requiredNumber } from './fields.ts'
import {
  addSize,
  checkFileCount,
  hasAttribute,
  refuseSymlink,
  type FileEntry,
  type FileList,
} from './files-v1.ts'
import { MAX_FILE_BYTES } from './limits.ts'
import { NODE_BYTES } from './merkle.ts'
import { joinPath, readName } from './path-rules.ts'
import { latin1Bytes, refusal } from './refuse.ts'

/**
 * The v2 file tree (BEP 52) as a list, in the tree's order, each file at the
 * start of a piece. A tree of one file and nothing beside it, not even an empty
 * folder, is a single file, as libtorrent has it.
 */
export function readV2Files(info: BDictionary, name: string, pieceLength: number): FileList {
  const tree = required(info, 'file tree', 'dictionary', 'info.')
  const walk: Walk = { files: [], total: 0, pieceLength }
  visit(tree, [], walk)
  checkFileCount(walk.files.length)
  const only = walk.files.length === 1 ? walk.files[0] : undefined
  const single = only !== undefined && only.names.length === 1 && tree.entries.size === 1
  const files = walk.files.map(({ names, ...entry }) => ({
    ...entry,
    path: joinPath(single ? names : [name, ...names], `info.file tree.${names.join('/')}`),
  }))
  return { files, single, total: walk.total }
}

interface Walk {
  files: (Omit<FileEntry, 'path'> & { names: string[] })[]
  total: number
  readonly pieceLength: number
}

function visit(folder: BDictionary, names: readonly string[], walk: Walk): void {
  for (const [key, value] of folder.entries) {
    // At the tree's root an empty key would be a file without a name: the name's rules refuse it.
    const path = [...names, readName(latin1Bytes(key), `info.file tree.${[...names, ''].join('/')}`)]
    const here = `info.file tree.${path.join('/')}`
    const node = asKind(value, 'dictionary', here)
    const leaf = node.entries.get('')
    if (leaf === undefined) {
      visit(node, path, walk)
      continue
    }
    if (node.entries.size > 1) {
      throw refusal('torrent_tree_ambiguous', `Cannot read ${here}: expected a file or a folder, got both`, {
        field: here,
        expected: 'a file or a folder',
        found: 'both',
        offset: node.start,
      })
    }
    checkFileCount(walk.files.length + 1)
    addFile(asKind(leaf, 'dictionary', here), path, walk, here)
  }
}

function addFile(leaf: BDictionary, names: string[], walk: Walk, field: string): void {
  const at = `${field}.`
  refuseSymlink(leaf, at)
  if (hasAttribute(leaf, 'p', at)) {
    throw refusal('torrent_pad_in_tree', `Cannot read ${field}: expected no pad file in a v2 tree, got one`, {
      field,
      expected: 'no pad file',
      found: 'a pad file',
      offset: leaf.start,
    })
  }
  const size = requiredNumber(leaf, 'length', at, 0, MAX_FILE_BYTES)
  const root = size === 0 ? null : readRoot(leaf, at)
  const offset = alignUp(walk.total, walk.pieceLength)
  walk.files.push({ names, size, offset, pad: false, root })
  if (size > 0) walk.total = addSize(offset, size)
}

function readRoot(leaf: BDictionary, at: string): Uint8Array {
  const root = required(leaf, 'pieces root', 'string', at)
  if (root.value.length !== NODE_BYTES || root.value.every((byte) => byte === 0)) {
    throw refusal(
      'torrent_pieces_root',
      `Cannot read ${at}pieces root: expected a SHA-256 of ${NODE_BYTES} bytes`,
      {
        field: `${at}pieces root`,
        expected: `${NODE_BYTES} bytes, not all zero`,
        found: `${root.value.length} bytes`,
        offset: root.start,
      },
    )
  }
  return root.value
}

/** The next multiple of a piece. */
export function alignUp(offset: number, pieceLength: number): number {
  const over = offset % pieceLength
  return over === 0 ? offset : offset + pieceLength - over
}
