import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { corpusDir } from '../../test/tools.ts'
import { isQalError } from '../core/error.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { parseMetainfo } from './metainfo.ts'

interface Verdict {
  libtorrent: 'accepts' | 'rejects'
  v1: string | null
  v2: string | null
  name: string
  total_size: number
  piece_length: number
  paths: string[]
}

/** What libtorrent takes, by rewriting it or by looking away, and an index refuses. */
const STRICTER: Record<string, string> = {
  'empty_path.torrent': 'torrent_path_empty',
  'hidden_parent_path.torrent': 'torrent_path_separator',
  'invalid_directory_name.torrent': 'torrent_path_absolute',
  'invalid_filename.torrent': 'torrent_path_absolute',
  'invalid_name2.torrent': 'torrent_path_parent',
  'large_piece_size.torrent': 'torrent_bencode_trailing',
  'long_name.torrent': 'torrent_path_too_long',
  'overlapping_symlinks.torrent': 'torrent_path_symlink',
  'parent_path.torrent': 'torrent_path_parent',
  'slash_path.torrent': 'torrent_path_absolute',
  'slash_path3.torrent': 'torrent_path_separator',
  'v2_invalid_filename.torrent': 'torrent_path_encoding',
  'v2_invalid_filename2.torrent': 'torrent_bencode_trailing',
  'v2_invalid_piece_layer_root.torrent': 'torrent_bencode_trailing',
  'v2_no_piece_layers.torrent': 'torrent_piece_layers_missing',
  'v2_symlinks.torrent': 'torrent_path_symlink',
}

/** The same with the line end behind them cut off: what else is wrong with them. */
const WITHOUT_LINE_END: Record<string, string> = {
  'large_piece_size.torrent': 'torrent_piece_length',
  'v2_invalid_filename2.torrent': 'torrent_path_absolute',
  'v2_invalid_piece_layer_root.torrent': 'torrent_piece_layers_root',
}

/** What libtorrent rejects, and the reason we give. */
const REJECTED: Record<string, string> = {
  'invalid_path_list.torrent': 'torrent_field_type',
  'invalid_piece_len.torrent': 'torrent_field_type',
  'many_pieces.torrent': 'torrent_pieces_count',
  'negative_file_size.torrent': 'torrent_bencode_key_order',
  'string.torrent': 'torrent_field_type',
  'v2_empty_filename.torrent': 'torrent_bencode_trailing',
  'v2_invalid_pad_file.torrent': 'torrent_pad_in_tree',
  'v2_invalid_piece_layer_size.torrent': 'torrent_piece_layers_length',
  'v2_large_offset.torrent': 'torrent_pieces_count',
  'v2_missing_file_root_invalid_symlink.torrent': 'torrent_field_missing',
  'v2_no_power2_piece.torrent': 'torrent_piece_length',
  'v2_non_multiple_piece_layer.torrent': 'torrent_piece_layers_length',
  'v2_overlong_integer.torrent': 'torrent_bencode_integer',
  'v2_piece_layer_invalid_file_hash.torrent': 'torrent_piece_layers_missing',
  'v2_piece_size.torrent': 'torrent_piece_length',
  'v2_zero_root_small.torrent': 'torrent_pieces_root',
  'zero2.torrent': 'torrent_empty',
}

describe("when libtorrent's own test torrents are read", () => {
  it('refuses what it rejects, and sees in the others what it sees', async (t) => {
    const dir = corpusDir(t, 'torrents')
    if (dir === undefined) return
    const manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as Record<string, Verdict>
    const names = (await readdir(dir)).filter((name) => name.endsWith('.torrent'))
    assert.deepEqual(names.toSorted(), Object.keys(manifest).toSorted())
    for (const name of names) {
      await t.test(name, async () => {
        const bytes = await readFile(join(dir, name))
        const verdict = manifest[name]
        assert.ok(verdict)
        const refused = verdict.libtorrent === 'rejects' ? REJECTED : STRICTER
        if (verdict.libtorrent === 'rejects' || name in STRICTER) {
          await assert.rejects(parseMetainfo(bytes, nodeHashes), refusedWith(refused[name]))
        } else {
          await sameAsLibtorrent(bytes, verdict)
        }
        const inner = WITHOUT_LINE_END[name]
        if (inner !== undefined) {
          await assert.rejects(
            parseMetainfo(bytes.subarray(0, bytes.lastIndexOf(0x65) + 1), nodeHashes),
            refusedWith(inner),
          )
        }
      })
    }
  })
})

function refusedWith(code: string | undefined): (error: unknown) => boolean {
  assert.ok(code !== undefined, 'expected the table to say the code')
  return (error) => {
    assert.ok(isQalError(error))
    assert.equal(error.code, code)
    return error.facts.exit === 4
  }
}

async function sameAsLibtorrent(bytes: Uint8Array, verdict: Verdict): Promise<void> {
  const metainfo = await parseMetainfo(bytes, nodeHashes)
  assert.equal(metainfo.info_hash, verdict.v1)
  assert.equal(metainfo.info_hash_v2, verdict.v2)
  assert.equal(metainfo.name, verdict.name)
  assert.equal(metainfo.piece_length, verdict.piece_length)
  // libtorrent counts pad files in its total.
  assert.equal(metainfo.padded_size_bytes, verdict.total_size)
  const paths = metainfo.files.map((file) => file.path)
  const theirs = verdict.paths.filter((path) => !/\/\.(?:pad|____padding_file)\//.test(path))
  assert.deepEqual(paths.slice(0, theirs.length), theirs)
}
