import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { DEBIAN_PYTHON, requireTool } from '../../test/tools.ts'
import { createFromPath } from '../swarm/create-file.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { parseMetainfo } from '../torrent/metainfo.ts'
import { digestFiles } from './digest-files.ts'

const LIBTORRENT = `
import sys, libtorrent as lt
kind, source, parent, out = sys.argv[1:]
fs = lt.file_storage()
lt.add_files(fs, source)
flags = {'v1': lt.create_torrent.v1_only, 'v2': lt.create_torrent.v2_only, 'hybrid': 0}[kind]
torrent = lt.create_torrent(fs, 16384, flags)
lt.set_piece_hashes(torrent, parent)
open(out, 'wb').write(lt.bencode(torrent.generate()))
`
/** Around every border: empty, one byte, a block, a piece, a unit of the tree, and beyond. */
const SIZES = [0, 1, 16_383, 16_384, 16_385, 65_536, 262_143, 262_144, 262_145, 524_288, 700_001]

let root: string
let folder: string
before(() => {
  root = mkdtempSync(join(tmpdir(), 'qal-digest-'))
  folder = join(root, 'models')
  mkdirSync(folder)
  for (const size of SIZES)
    writeFileSync(join(folder, `size-${String(size).padStart(6, '0')}`), randomBytes(size))
})
after(() => rmSync(root, { recursive: true, force: true }))

const locate = (path: string): string => join(root, path)

describe('when the files of a torrent are read', () => {
  for (const v1 of [true, false])
    it(`finds what ${v1 ? 'a v1' : 'a hybrid'} torrent of ours promises`, async () => {
      const created = await createFromPath(folder, { v1, pieceLength: 32_768 })
      const metainfo = await parseMetainfo(created.bytes, nodeHashes)
      const { files, pieces } = await digestFiles(metainfo, locate)
      assert.equal(pieces?.wrong_count, 0)
      assert.equal(pieces.checked, metainfo.piece_count)
      assert.deepEqual(
        files.map(({ path, sha256, md5, size_bytes }) => ({ path, sha256, md5, size_bytes })),
        created.files.map(({ path, sha256, md5, size_bytes }) => ({ path, sha256, md5, size_bytes })),
      )
      if (!v1)
        assert.deepEqual(
          files.map((file) => file.pieces_root),
          created.files.map((file) => file.pieces_root),
        )
      for (const file of files)
        assert.equal(
          file.sha256,
          createHash('sha256')
            .update(readFileSync(locate(file.path)))
            .digest('hex'),
        )
    })

  for (const kind of ['v1', 'v2', 'hybrid'])
    it(`agrees with libtorrent about ${kind}`, async (t) => {
      if (!requireTool(t, 'libtorrent')) return
      const out = join(root, `${kind}.torrent`)
      const made = spawnSync(DEBIAN_PYTHON, ['-c', LIBTORRENT, kind, folder, root, out])
      assert.equal(made.status, 0, made.stderr.toString())
      const metainfo = await parseMetainfo(readFileSync(out), nodeHashes)
      const { files, pieces } = await digestFiles(metainfo, locate)
      if (kind === 'v2') assert.equal(pieces, null)
      else assert.deepEqual([pieces?.checked, pieces?.wrong_count], [metainfo.piece_count, 0])
      if (kind !== 'v1')
        assert.deepEqual(
          new Map(files.map((file) => [file.path, file.pieces_root])),
          new Map(metainfo.files.map((file) => [file.path, file.pieces_root])),
        )
    })

  it('names the pieces of a changed file, and says nothing of pieces where one is short', async () => {
    const created = await createFromPath(folder, { v1: true, pieceLength: 32_768 })
    const metainfo = await parseMetainfo(created.bytes, nodeHashes)
    const last = metainfo.files.at(-1)
    assert.ok(last)
    const path = locate(last.path)
    const whole = readFileSync(path)
    try {
      const changed = Buffer.from(whole)
      changed[300_000] = (changed[300_000] ?? 0) ^ 0x80
      writeFileSync(path, changed)
      const { pieces } = await digestFiles(metainfo, locate)
      assert.deepEqual(pieces?.wrong, [Math.floor((last.offset + 300_000) / 32_768)])
      assert.equal(pieces.wrong_count, 1)
      writeFileSync(path, whole.subarray(1))
      assert.equal((await digestFiles(metainfo, locate)).pieces, null)
      const without = await digestFiles(metainfo, (name) => (name === last.path ? undefined : locate(name)))
      assert.equal(without.pieces, null)
      assert.equal(without.files.length, SIZES.length - 1)
    } finally {
      writeFileSync(path, whole)
    }
  })

  it('does not hash padding without end', async () => {
    const created = await createFromPath(folder, { v1: true, pieceLength: 32_768 })
    const metainfo = await parseMetainfo(created.bytes, nodeHashes)
    const hostile = { ...metainfo, padded_size_bytes: 2 ** 52 }
    assert.equal((await digestFiles(hostile, locate)).pieces, null)
  })

  it('counts every byte once, and stops when it is told to', async () => {
    const created = await createFromPath(folder)
    const metainfo = await parseMetainfo(created.bytes, nodeHashes)
    const told: number[] = []
    await digestFiles(metainfo, locate, { onProgress: (done) => told.push(done) })
    assert.equal(
      told.at(-1),
      SIZES.reduce((sum, size) => sum + size, 0),
    )
    assert.deepEqual(
      told,
      told.toSorted((a, b) => a - b),
    )
    await assert.rejects(
      digestFiles(metainfo, locate, { signal: AbortSignal.abort(new Error('stopped')) }),
      /stopped/,
    )
  })
})
