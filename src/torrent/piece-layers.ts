import type { BDictionary } from './bencode.ts'
import { asKind, optional } from './fields.ts'
import type { FileEntry } from './files-v1.ts'
import type { HashProvider } from './hash-provider.ts'
import { NODE_BYTES, pieceLayerRoot } from './merkle.ts'
import { latin1Bytes, refusal } from './refuse.ts'

/**
 * Reads `piece layers` (BEP 52) and checks them: one for every file larger than
 * a piece, of the right length, folding up to the file's root, and none besides.
 * Answers them by root in hexadecimal.
 */
export async function readPieceLayers(
  root: BDictionary,
  files: readonly FileEntry[],
  pieceLength: number,
  hash: HashProvider,
): Promise<Map<string, Uint8Array>> {
  const dict = optional(root, 'piece layers', 'dictionary', '')
  const given = new Map<string, Uint8Array>()
  for (const [key, value] of dict?.entries ?? []) {
    const id = latin1Bytes(key).toHex()
    given.set(id, asKind(value, 'string', `piece layers.${id.slice(0, 64)}`).value)
  }
  const checked = new Map<string, Uint8Array>()
  for (const file of files) {
    if (file.root === null || file.size <= pieceLength) continue
    const id = file.root.toHex()
    const layer = given.get(id)
    const wanted = Math.ceil(file.size / pieceLength) * NODE_BYTES
    if (layer === undefined) throw wrong('missing', id, `${wanted} bytes`, 'none')
    if (layer.length !== wanted) throw wrong('length', id, `${wanted} bytes`, `${layer.length} bytes`)
    // Equal files share a root and a layer: one check is enough, or copies would cost the reader work without end.
    if (checked.has(id)) continue
    const folded = (await pieceLayerRoot(layer, pieceLength, hash)).toHex()
    if (folded !== id) throw wrong('root', id, id, folded)
    checked.set(id, layer)
  }
  for (const id of given.keys()) {
    if (!checked.has(id))
      throw wrong('unknown', id.slice(0, 64), 'a layer for each file larger than a piece', 'one more')
  }
  return checked
}

function wrong(
  what: 'missing' | 'length' | 'root' | 'unknown',
  id: string,
  expected: string,
  found: string,
): Error {
  return refusal(
    `torrent_piece_layers_${what}`,
    `Cannot check piece layer of ${id.slice(0, 12)}: expected ${expected}, got ${found}`,
    { field: `piece layers.${id}`, expected, found },
  )
}
