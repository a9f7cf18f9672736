/** Other people's programs say whether our torrents are right, and we read theirs. */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { requireTool, runLibtorrent, runTool, tempDir } from '../../test/tools.ts'
import { createFromPath } from '../swarm/create-file.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { parseMetainfo, withOuter } from './metainfo.ts'
import { content } from './torrent-fixture.ts'

const FOLDER: Record<string, number> = {
  'a.gguf': 150_000,
  'b/empty': 0,
  'b/exact': 32_768,
  'b/one': 1,
  'b.txt': 16_385,
  'ünï/模型.gguf': 16_384,
  zero: 0,
}

async function writeFolder(root: string, files: Record<string, number>): Promise<void> {
  for (const [index, [path, size]] of Object.entries(files).entries()) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content(size, index + 1))
  }
}

/** Hashes, sizes and paths as libtorrent reads them, and whether it finds every piece of them on the disk. */
const CHECK = `
import json, sys, time, libtorrent as lt
save, torrents = sys.argv[1], sys.argv[2:]
session = lt.session({'listen_interfaces': '127.0.0.1:0', 'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False})
out = []
for path in torrents:
    info = lt.torrent_info(path)
    handle = session.add_torrent({'ti': info, 'save_path': save})
    handle.force_recheck()
    for _ in range(300):
        status = handle.status()
        if status.state in (lt.torrent_status.seeding, lt.torrent_status.finished): break
        time.sleep(0.05)
    files = info.files()
    real = [i for i in range(files.num_files()) if not (files.file_flags(i) & lt.file_storage.flag_pad_file)]
    hashes = info.info_hashes()
    out.append({
        'v1': str(hashes.v1) if hashes.has_v1() else None,
        'v2': str(hashes.v2) if hashes.has_v2() else None,
        'name': info.name(), 'piece_length': info.piece_length(),
        'complete': bool(status.is_seeding), 'error': status.errc.message() if status.errc.value() else None,
        'files': [[files.file_path(i), files.file_size(i)] for i in real],
        'trackers': [t.url for t in info.trackers()],
    })
    session.remove_torrent(handle)
print(json.dumps(out))`

describe('when libtorrent judges what we make', () => {
  it('agrees on both info hashes and every file, and finds every piece', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const dir = await tempDir(t)
    await writeFolder(join(dir, 'model'), FOLDER)
    await writeFolder(join(dir, 'lone'), { 'only.gguf': 70_000 })
    await writeFolder(dir, { 'single.gguf': 200_001, 'tiny.gguf': 5 })
    const cases = [
      ['model', false],
      ['model', true],
      ['lone', false],
      ['single.gguf', false],
      ['single.gguf', true],
      ['tiny.gguf', false],
    ] as const
    const made = []
    for (const [index, [path, v1]] of cases.entries()) {
      const created = await createFromPath(join(dir, path), { v1, announce: ['udp://127.0.0.1:9/announce'] })
      const torrent = join(dir, `${index}.torrent`)
      await writeFile(
        torrent,
        index === 0 ? withOuter(created.bytes, { addWebSeeds: ['http://127.0.0.1:9/'] }) : created.bytes,
      )
      made.push({ torrent, created })
    }
    const { stdout, stderr } = await runLibtorrent(CHECK, [dir, ...made.map(({ torrent }) => torrent)])
    assert.notEqual(stdout, '', stderr)
    assert.deepEqual(
      JSON.parse(stdout),
      made.map(({ created }) => ({
        v1: created.info_hash,
        v2: created.info_hash_v2,
        name: created.name,
        piece_length: created.piece_length,
        complete: true,
        error: null,
        files: created.files.map((file) => [file.path, file.size_bytes]),
        trackers: ['udp://127.0.0.1:9/announce'],
      })),
    )
  })

  it('and we agree with it on what it makes, with and without pad files at the end', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const dir = await tempDir(t)
    await writeFolder(join(dir, 'model'), FOLDER)
    await writeFolder(dir, { 'single.gguf': 200_001 })
    const script = `
import json, os, sys, libtorrent as lt
base, c, out = sys.argv[1], lt.create_torrent, []
for name in ('model', 'single.gguf'):
    for flags in (0, c.v1_only, c.v2_only, c.canonical_files, c.canonical_files_no_tail_padding):
        files = lt.file_storage()
        lt.add_files(files, os.path.join(base, name))
        torrent = lt.create_torrent(files, flags=flags, piece_size=16384)
        lt.set_piece_hashes(torrent, base)
        path = os.path.join(base, '%s.%d.torrent' % (name, flags))
        with open(path, 'wb') as file: file.write(lt.bencode(torrent.generate()))
        info = lt.torrent_info(path)
        hashes = info.info_hashes()
        out.append([path, str(hashes.v1) if hashes.has_v1() else None, str(hashes.v2) if hashes.has_v2() else None])
print(json.dumps(out))`
    const { stdout, stderr } = await runLibtorrent(script, [dir])
    assert.notEqual(stdout, '', stderr)
    const theirs = JSON.parse(stdout) as [path: string, v1: string | null, v2: string | null][]
    assert.equal(theirs.length, 10)
    for (const [path, v1, v2] of theirs) {
      const read = await parseMetainfo(await readFile(path), nodeHashes)
      assert.deepEqual([read.info_hash, read.info_hash_v2], [v1, v2], path)
      const ours = await createFromPath(join(dir, read.name))
      const roots = new Map(ours.files.map((file) => [file.path, file.pieces_root]))
      assert.deepEqual(
        read.files.map((file) => file.path).toSorted(),
        ours.files.map((file) => file.path).toSorted(),
      )
      if (v2 === null) continue
      for (const file of read.files) assert.equal(file.pieces_root, roots.get(file.path), file.path)
    }
  })
})

describe('when v1 clients judge what we make', () => {
  it('transmission-show says the same info hash', async (t) => {
    if (!requireTool(t, 'transmission-show')) return
    const dir = await tempDir(t)
    await writeFolder(join(dir, 'model'), FOLDER)
    // Transmission before 4.0 reads no hybrid at all, whoever made it: it takes no empty key, which BEP 52 needs.
    const { stdout: version, stderr } = await runTool('transmission-show', ['--version'])
    const old = /transmission-show [0-3]\./.test(version + stderr)
    for (const v1 of old ? [true] : [true, false]) {
      const created = await createFromPath(join(dir, 'model'), {
        v1,
        announce: ['udp://127.0.0.1:9/announce'],
      })
      const torrent = join(dir, 'x.torrent')
      await writeFile(torrent, created.bytes)
      const { stdout } = await runTool('transmission-show', [torrent])
      assert.match(stdout, new RegExp(`Hash: ${created.info_hash}`))
      assert.match(stdout, /ünï\/模型\.gguf/)
    }
  })

  it('aria2 says the same info hash, and finds the pieces on the disk', async (t) => {
    if (!requireTool(t, 'aria2c')) return
    const dir = await tempDir(t)
    await writeFolder(dir, { 'single.gguf': 200_001 })
    // Before 1.37 aria2 drops empty keys and so hashes another dictionary than the one in any hybrid.
    const { stdout: version } = await runTool('aria2c', ['--version'])
    const old = /aria2 version 1\.(?:[0-9]|[12][0-9]|3[0-6])\./.test(version)
    for (const v1 of old ? [true] : [true, false]) {
      await writeFolder(dir, { 'single.gguf': 200_001 })
      const created = await createFromPath(join(dir, 'single.gguf'), { v1 })
      const torrent = join(dir, 'single.gguf.torrent')
      await writeFile(torrent, created.bytes)
      const { stdout } = await runTool('aria2c', ['--show-files', torrent])
      assert.match(stdout, new RegExp(`Info Hash: ${created.info_hash}`))
      const check = [
        '--check-integrity=true',
        '--hash-check-only=true',
        '--enable-dht=false',
        '--no-conf',
        `--dir=${dir}`,
        torrent,
      ]
      assert.equal((await runTool('aria2c', check)).code, 0)
      const bytes = content(200_001)
      bytes[100_000] = (bytes[100_000] ?? 0) ^ 1
      await writeFile(join(dir, 'single.gguf'), bytes)
      assert.notEqual((await runTool('aria2c', check)).code, 0)
    }
  })

  it('mktorrent makes the very same info dictionary', async (t) => {
    if (!requireTool(t, 'mktorrent')) return
    const dir = await tempDir(t)
    await writeFolder(dir, { 'single.gguf': 200_001 })
    const torrent = join(dir, 'mk.torrent')
    await runTool('mktorrent', [
      '-l',
      '15',
      '-a',
      'http://127.0.0.1:9/announce',
      '-o',
      torrent,
      join(dir, 'single.gguf'),
    ])
    const read = await parseMetainfo(await readFile(torrent), nodeHashes)
    const created = await createFromPath(join(dir, 'single.gguf'), { v1: true, pieceLength: 32_768 })
    assert.equal(read.info_hash, created.info_hash)
    assert.deepEqual(read.trackers, [['http://127.0.0.1:9/announce']])
  })

  it('what transmission-create and mktorrent make of a folder is read as they meant it', async (t) => {
    if (!requireTool(t, 'transmission-create', 'transmission-show', 'mktorrent')) return
    const dir = await tempDir(t)
    await writeFolder(join(dir, 'model'), FOLDER)
    const torrents = [join(dir, 'tr.torrent'), join(dir, 'mk.torrent')] as const
    await runTool('transmission-create', [
      '-o',
      torrents[0],
      '-t',
      'udp://127.0.0.1:9/announce',
      '-c',
      'hello',
      join(dir, 'model'),
    ])
    await runTool('mktorrent', ['-o', torrents[1], '-w', 'http://127.0.0.1:9/', join(dir, 'model')])
    for (const torrent of torrents) {
      const read = await parseMetainfo(await readFile(torrent), nodeHashes)
      const { stdout } = await runTool('transmission-show', [torrent])
      assert.match(stdout, new RegExp(`Hash: ${read.info_hash}`))
      // Some creators leave empty files out.
      const wanted = Object.entries(FOLDER).filter(([, size]) => size > 0)
      const found = read.files.filter((file) => file.size_bytes > 0)
      assert.deepEqual(
        new Map(found.map((file) => [file.path, file.size_bytes])),
        new Map(wanted.map(([path, size]) => [`model/${path}`, size])),
      )
    }
  })
})
