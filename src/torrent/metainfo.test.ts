import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { isQalError } from '../core/error.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { parseMetainfo } from './metainfo.ts'
import {
  asList,
  asMap,
  content,
  dict,
  dropV1,
  edited,
  fileTree as tree,
  treeLeaf as leaf,
  torrentOf,
  v1File as file,
  type Plain,
} from './torrent-fixture.ts'

type Change = (info: Map<string, Plain>, root: Map<string, Plain>) => void

/** `t/a.gguf` of 3.1 pieces, `t/empty`, `t/sub/b` of one byte and `t/sub/c` of exactly two pieces. */
let folder: Uint8Array
let single: Uint8Array
let oldSingle: Uint8Array
let oldFolder: Uint8Array

before(async () => {
  const files = {
    'a.gguf': content(50_000),
    empty: new Uint8Array(0),
    'sub/b': content(1),
    'sub/c': content(32_768, 9),
  }
  folder = (await torrentOf(files, nodeHashes, { folder: 't' })).bytes
  single = (await torrentOf({ 'a.gguf': content(50_000) }, nodeHashes)).bytes
  oldSingle = (await torrentOf({ 'a.gguf': content(50_000) }, nodeHashes, { v1: true })).bytes
  oldFolder = (await torrentOf(files, nodeHashes, { folder: 't', v1: true })).bytes
})

async function refused(bytes: Uint8Array, code: string, field?: string): Promise<void> {
  await assert.rejects(parseMetainfo(bytes, nodeHashes), (error) => {
    assert.ok(isQalError(error), String(error))
    assert.equal(error.code, code, error.message)
    if (field !== undefined) assert.equal(error.facts.field, field)
    return error.facts.exit === 4
  })
}

describe('when a torrent is well made', () => {
  it('reads a hybrid folder: files without pads, offsets, roots', async () => {
    const metainfo = await parseMetainfo(folder, nodeHashes)
    assert.equal(metainfo.version, 'hybrid')
    assert.equal(metainfo.size_bytes, 82_769)
    assert.deepEqual(
      metainfo.files.map(({ path, size_bytes, offset }) => [path, size_bytes, size_bytes && offset]),
      [
        ['t/a.gguf', 50_000, 0],
        ['t/empty', 0, 0],
        ['t/sub/b', 1, 65_536],
        ['t/sub/c', 32_768, 81_920],
      ],
    )
    assert.equal(metainfo.piece_count, 7)
    assert.equal(metainfo.files[1]?.pieces_root, null)
    assert.deepEqual(
      [...metainfo.pieceLayers.keys()],
      [metainfo.files[0]?.pieces_root, metainfo.files[3]?.pieces_root],
    )
    assert.equal(metainfo.info_hash, Buffer.from(await nodeHashes.sha1(metainfo.infoBytes)).toString('hex'))
    assert.ok(Buffer.from(folder).includes(metainfo.infoBytes))
  })

  it('takes info hashes from the raw bytes, also of keys it does not know', async () => {
    const bytes = edited(single, (info) => info.set('zz', dict({ more: [1, 'x'] })))
    const metainfo = await parseMetainfo(bytes, nodeHashes)
    assert.equal(Buffer.from(metainfo.infoBytes).toString('latin1').endsWith('2:zzd4:moreli1e1:xeee'), true)
    assert.notEqual(metainfo.info_hash, (await parseMetainfo(single, nodeHashes)).info_hash)
  })

  it('takes a pad after the last file, as libtorrent writes it, up to the end of the piece', async () => {
    const two = await torrentOf({ a: content(1), b: content(2) }, nodeHashes, { folder: 't' })
    const bytes = edited(two.bytes, (info) =>
      asList(info.get('files')).push(dict({ attr: 'p', length: 16_382, path: ['.pad', '16382'] })),
    )
    const metainfo = await parseMetainfo(bytes, nodeHashes)
    assert.deepEqual([metainfo.files.length, metainfo.size_bytes, metainfo.padded_size_bytes], [2, 3, 32_768])
  })

  const accepted: [
    what: string,
    base: () => Uint8Array,
    change: Change,
    check?: [key: string, value: unknown],
  ][] = [
    ['a v2-only single file', () => single, dropV1, ['version', 'v2']],
    ['a v2-only folder', () => folder, dropV1, ['version', 'v2']],
    ['meta version 1 in v1', () => oldSingle, (info) => info.set('meta version', 1), ['version', 'v1']],
    ['a private torrent', () => single, (info) => info.set('private', 1), ['private', true]],
    ['private 0', () => single, (info) => info.set('private', 0), ['private', false]],
    [
      'a private key of another kind, as private',
      () => single,
      (info) => info.set('private', 'no'),
      ['private', true],
    ],
    ['a pad file without a path', () => folder, (info) => file(info, 1).delete('path')],
    ['a name twice, the same', () => single, (info) => info.set('name.utf-8', 'a.gguf'), ['name', 'a.gguf']],
    [
      'a legacy name with its UTF-8 twin',
      () => oldSingle,
      (info) => void [info.set('name', new Uint8Array([0xe9])), info.set('name.utf-8', 'é')],
      ['name', 'é'],
    ],
    [
      'legacy paths with UTF-8 twins',
      () => oldFolder,
      (info) =>
        void [file(info, 0).set('path', [new Uint8Array([0xe9])]), file(info, 0).set('path.utf-8', ['é'])],
    ],
    [
      'executable and hidden files',
      () => folder,
      (info) => void [file(info, 0).set('attr', 'xh'), leaf(info, 'a.gguf').set('attr', 'xh')],
    ],
  ]
  for (const [what, base, change, check] of accepted) {
    it(`takes ${what}`, async () => {
      const bytes = edited(base(), change)
      const metainfo = await parseMetainfo(bytes, nodeHashes)
      if (check !== undefined) assert.deepEqual(metainfo[check[0] as keyof typeof metainfo], check[1])
    })
  }
})

describe('when a torrent could be read in two ways', () => {
  const cases: [what: string, code: string, base: () => Uint8Array, change: Change][] = [
    ['no info', 'torrent_field_missing', () => single, (_, root) => root.delete('info')],
    ['info of another kind', 'torrent_field_type', () => single, (_, root) => root.set('info', 'x')],
    ['no name', 'torrent_field_missing', () => single, (info) => info.delete('name')],
    ['no piece length', 'torrent_field_missing', () => single, (info) => info.delete('piece length')],
    ['piece length 0', 'torrent_field_range', () => oldSingle, (info) => info.set('piece length', 0)],
    ['piece length 8 KiB', 'torrent_piece_length', () => single, (info) => info.set('piece length', 8_192)],
    [
      'piece length 48 KiB',
      'torrent_piece_length',
      () => oldSingle,
      (info) => info.set('piece length', 49_152),
    ],
    [
      'piece length 512 MiB',
      'torrent_piece_length',
      () => single,
      (info) => info.set('piece length', 2 ** 29),
    ],
    ['no pieces in v1', 'torrent_field_missing', () => oldSingle, (info) => info.delete('pieces')],
    ['no pieces in a hybrid', 'torrent_field_missing', () => single, (info) => info.delete('pieces')],
    ['no pieces in a hybrid folder', 'torrent_field_missing', () => folder, (info) => info.delete('pieces')],
    ['pieces without a v1 list', 'torrent_field_missing', () => single, (info) => info.delete('length')],
    ['only pad files', 'torrent_empty', () => oldSingle, (info) => info.set('attr', 'p')],
    [
      'two pads for one',
      'torrent_hybrid_mismatch',
      () => folder,
      (info) =>
        asList(info.get('files')).splice(
          1,
          1,
          dict({ attr: 'p', length: 15_000, path: ['.pad', '15000'] }),
          dict({ attr: 'p', length: 152, path: ['.pad', '152'] }),
        ),
    ],
    [
      'a piece hash too many',
      'torrent_pieces_length',
      () => single,
      (info) => info.set('pieces', new Uint8Array(100)),
    ],
    [
      'half a piece hash',
      'torrent_pieces_length',
      () => oldSingle,
      (info) => info.set('pieces', new Uint8Array(70)),
    ],
    ['no length', 'torrent_field_missing', () => oldSingle, (info) => info.delete('length')],
    ['negative length', 'torrent_field_range', () => oldSingle, (info) => info.set('length', -1)],
    ['length beyond 2^53', 'torrent_field_range', () => oldSingle, (info) => info.set('length', 2n ** 53n)],
    [
      'sizes adding up beyond 2^53',
      'torrent_size',
      () => oldFolder,
      (info) =>
        info.set(
          'files',
          Array.from({ length: 600 }, (_, index) =>
            dict({ length: 2 ** 44 - 16_385, path: [String(index)] }),
          ),
        ),
    ],
    [
      'a length beyond what libtorrent takes',
      'torrent_field_range',
      () => oldSingle,
      (info) => info.set('length', 2 ** 44 - 16_384),
    ],
    ['length and files', 'torrent_files_ambiguous', () => oldFolder, (info) => info.set('length', 1)],
    ['no files', 'torrent_files_count', () => oldFolder, (info) => info.set('files', [])],
    [
      '20,001 files',
      'torrent_files_count',
      () => oldFolder,
      (info) =>
        info.set(
          'files',
          Array.from({ length: 20_001 }, (_, index) => dict({ length: 1, path: [String(index)] })),
        ),
    ],
    [
      'only empty files',
      'torrent_empty',
      () => oldSingle,
      (info) => void [info.set('length', 0), info.set('pieces', '')],
    ],
    ['meta version 3', 'torrent_meta_version', () => single, (info) => info.set('meta version', 3)],
    [
      'a tree without meta version',
      'torrent_meta_version',
      () => single,
      (info) => info.delete('meta version'),
    ],
    [
      'meta version 2 without a tree',
      'torrent_meta_version',
      () => oldSingle,
      (info) => info.set('meta version', 2),
    ],
    ['an empty tree', 'torrent_files_count', () => single, (info) => info.set('file tree', new Map())],
    [
      'a file that is a folder too',
      'torrent_tree_ambiguous',
      () => single,
      (info) => asMap(tree(info).get('a.gguf')).set('x', dict({ '': dict({ length: 0 }) })),
    ],
    [
      'a pad file in the tree',
      'torrent_pad_in_tree',
      () => folder,
      (info) => leaf(info, 'a.gguf').set('attr', 'p'),
    ],
    [
      'a root of 31 bytes',
      'torrent_pieces_root',
      () => single,
      (info) => leaf(info, 'a.gguf').set('pieces root', new Uint8Array(31).fill(1)),
    ],
    [
      'a root of zeros',
      'torrent_pieces_root',
      () => single,
      (info) => leaf(info, 'a.gguf').set('pieces root', new Uint8Array(32)),
    ],
    ['no root', 'torrent_field_missing', () => single, (info) => leaf(info, 'a.gguf').delete('pieces root')],
    [
      'v2 of another size',
      'torrent_hybrid_mismatch',
      () => single,
      (info) => leaf(info, 'a.gguf').set('length', 49_999),
    ],
    ['v2 of another name', 'torrent_hybrid_mismatch', () => single, (info) => info.set('name', 'b.gguf')],
    [
      'v2 of another path',
      'torrent_hybrid_mismatch',
      () => folder,
      (info) => file(info, 0).set('path', ['b.gguf']),
    ],
    [
      'a file more in v1',
      'torrent_hybrid_mismatch',
      () => folder,
      (info) => asList(info.get('files')).push(dict({ length: 0, path: ['more'] })),
    ],
    [
      'a file more in v2',
      'torrent_hybrid_mismatch',
      () => folder,
      (info) => tree(info).set('more', dict({ '': dict({ length: 0 }) })),
    ],
    [
      'files in another order',
      'torrent_hybrid_mismatch',
      () => folder,
      (info) => {
        const files = asList(info.get('files'))
        const [empty] = files.splice(2, 1)
        if (empty !== undefined) files.unshift(empty)
      },
    ],
    [
      'a pad one byte short',
      'torrent_hybrid_mismatch',
      () => folder,
      (info) => file(info, 1).set('length', 15_535),
    ],
    [
      'a pad one piece long',
      'torrent_hybrid_mismatch',
      () => folder,
      (info) => file(info, 1).set('length', 15_536 + 16_384),
    ],
    [
      'pads that move one file and add up',
      'torrent_hybrid_mismatch',
      () => folder,
      (info) => void [file(info, 1).set('length', 15_535), file(info, 4).set('length', 16_384)],
    ],
    ['a pad that is no pad', 'torrent_hybrid_mismatch', () => folder, (info) => file(info, 1).delete('attr')],
    [
      'a trailing pad of more than a piece',
      'torrent_hybrid_mismatch',
      () => folder,
      (info) => asList(info.get('files')).push(dict({ attr: 'p', length: 16_384, path: ['.pad', '16384'] })),
    ],
    [
      'no piece layers',
      'torrent_piece_layers_missing',
      () => single,
      (_, root) => root.delete('piece layers'),
    ],
    [
      'a layer of the wrong length',
      'torrent_piece_layers_length',
      () => single,
      (_, root) => changeLayer(root, (layer) => layer.subarray(32)),
    ],
    [
      'a layer with a wrong bit',
      'torrent_piece_layers_root',
      () => single,
      (_, root) => changeLayer(root, (layer) => layer.map((byte, index) => (index === 40 ? byte ^ 1 : byte))),
    ],
    [
      'a layer of no file',
      'torrent_piece_layers_unknown',
      () => single,
      (_, root) => layers(root).set('q'.repeat(32), new Uint8Array(64)),
    ],
    [
      'a layer under half a root',
      'torrent_piece_layers_unknown',
      () => single,
      (_, root) => layers(root).set('q', new Uint8Array(64)),
    ],
    [
      'layers of another kind',
      'torrent_field_type',
      () => single,
      (_, root) => root.set('piece layers', 'x'),
    ],
    [
      'a name that differs from its twin',
      'torrent_path_ambiguous',
      () => single,
      (info) => info.set('name.utf-8', 'b.gguf'),
    ],
    [
      'a path that differs from its twin',
      'torrent_path_ambiguous',
      () => oldFolder,
      (info) => file(info, 0).set('path.utf-8', ['b.gguf']),
    ],
    [
      'a path longer than its twin',
      'torrent_path_ambiguous',
      () => oldFolder,
      (info) => file(info, 0).set('path.utf-8', ['a.gguf', 'b']),
    ],
  ]
  for (const [what, code, base, change] of cases) {
    it(`refuses ${what} with ${code}`, () => refused(edited(base(), change), code))
  }
})

function layers(root: Map<string, Plain>): Map<string, Plain> {
  return asMap(root.get('piece layers'))
}

function changeLayer(root: Map<string, Plain>, change: (layer: Uint8Array) => Uint8Array): void {
  for (const [key, layer] of layers(root)) layers(root).set(key, change(layer as Uint8Array))
}
