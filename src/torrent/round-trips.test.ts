/**
 * Single files and folders of sizes around block and piece edges, with empty
 * files: what others make is read as they meant it, and what we make is the same
 * torrent to them. judges.test.ts has what is special about a judge.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import createTorrent from 'create-torrent'
import parseTorrent from 'parse-torrent'
import {
  checkByLibtorrent,
  filesOf,
  FOLDERS,
  piecesOnDisk,
  sorted,
  writeContents,
} from '../../test/round-trip.ts'
import { requireTool, runLibtorrent, runTool, tempDir } from '../../test/tools.ts'
import { createFromPath } from '../swarm/create-file.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { parseMetainfo, type Metainfo } from './metainfo.ts'

const PIECES = [16_384, 32_768, 65_536]
const TRACKER = 'http://127.0.0.1:9/announce'

/** All contents, in a folder of their own. */
async function contents(
  t: Parameters<typeof tempDir>[0],
): Promise<{ dir: string; names: string[]; out: string }> {
  const dir = await tempDir(t)
  return { dir, names: await writeContents(dir), out: await tempDir(t) }
}

/** What was meant: the files there are (some makers leave empty ones out), where their bytes are, under this hash. */
async function readAsMeant(
  torrent: string,
  dir: string,
  name: string,
  infoHash: string | undefined,
  withEmpty: boolean,
): Promise<Metainfo> {
  const read = await parseMetainfo(await readFile(torrent), nodeHashes)
  assert.equal(read.name, name)
  assert.deepEqual(
    sorted(read.files.map((file) => [file.path, file.size_bytes])),
    filesOf(name).filter(([, size]) => withEmpty || size > 0),
  )
  assert.equal(read.single_file, !(name in FOLDERS))
  if (infoHash !== undefined) assert.equal(read.info_hash, infoHash)
  if (read.pieces !== null)
    assert.ok((await piecesOnDisk(read, dir)).equals(read.pieces), `${name}: other pieces`)
  return read
}

async function shownHash(torrent: string): Promise<string | undefined> {
  const { stdout } = await runTool('transmission-show', [torrent])
  return /Hash(?: v1)?: ([0-9a-f]{40})/.exec(stdout)?.[1]
}

describe('when others make torrents', () => {
  it('reads what transmission makes, which for one file is what we make', async (t) => {
    if (!requireTool(t, 'transmission-create', 'transmission-show')) return
    const { dir, names, out } = await contents(t)
    for (const [index, name] of names.entries()) {
      const pieceLength = PIECES[index % PIECES.length] ?? 0
      const torrent = join(out, `${index}.torrent`)
      const args = ['-s', String(pieceLength / 1_024), '-t', TRACKER, '-o', torrent, join(dir, name)]
      await runTool('transmission-create', args)
      const hash = await shownHash(torrent)
      assert.ok(hash !== undefined, name)
      const read = await readAsMeant(torrent, dir, name, hash, false)
      assert.equal(read.piece_length, pieceLength)
      assert.deepEqual(read.trackers, [[TRACKER]])
      const ours = await createFromPath(join(dir, name), { v1: true, pieceLength })
      const private0 = Buffer.from(read.infoBytes).toString('latin1').includes('7:privatei0e')
      // Transmission writes that a torrent is not private, which is another info dictionary.
      if (read.single_file) assert.equal(read.info_hash === ours.info_hash, !private0)
      if (read.single_file)
        assert.deepEqual(Buffer.from(read.pieces ?? []), Buffer.from((await parsed(ours.bytes)).pieces ?? []))
    }
  })

  it('reads what mktorrent makes, which for one file is what we make', async (t) => {
    if (!requireTool(t, 'mktorrent', 'transmission-show')) return
    const { dir, names, out } = await contents(t)
    for (const [index, name] of names.entries()) {
      // It makes no pieces of 16 KiB.
      const pieceLength = 32_768 * 2 ** (index % 2)
      const torrent = join(out, `${index}.torrent`)
      const args = ['-l', String(Math.log2(pieceLength)), '-a', TRACKER, '-w', 'http://127.0.0.1:9/w/']
      await runTool('mktorrent', [...args, '-o', torrent, join(dir, name)])
      const read = await readAsMeant(torrent, dir, name, await shownHash(torrent), true)
      assert.equal(read.piece_length, pieceLength)
      assert.deepEqual([read.trackers, read.web_seeds], [[[TRACKER]], ['http://127.0.0.1:9/w/']])
      const ours = await createFromPath(join(dir, name), { v1: true, pieceLength })
      if (read.single_file) assert.equal(read.info_hash, ours.info_hash)
    }
  })

  it('reads what create-torrent of webtorrent makes, which for one file is what we make', async (t) => {
    const { dir, names, out } = await contents(t)
    for (const [index, name] of names.entries()) {
      const pieceLength = PIECES[index % PIECES.length] ?? 0
      const torrent = join(out, `${index}.torrent`)
      const options = { pieceLength, announceList: [[TRACKER]], urlList: ['http://127.0.0.1:9/w/'] }
      await writeFile(torrent, await promisify(createTorrent)(join(dir, name), options))
      const { infoHash } = await parseTorrent(await readFile(torrent))
      const read = await readAsMeant(torrent, dir, name, infoHash, true)
      assert.deepEqual([read.trackers, read.web_seeds], [[[TRACKER]], ['http://127.0.0.1:9/w/']])
      const ours = await createFromPath(join(dir, name), { v1: true, pieceLength })
      if (read.single_file) assert.equal(read.info_hash, ours.info_hash)
    }
  })

  it('reads what libtorrent makes, v1, v2 and hybrid, padded in every way it knows', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { dir, names, out } = await contents(t)
    const script = `
import json, os, sys, libtorrent as lt
base, out, names, lengths = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
c, made = lt.create_torrent, []
for index, name in enumerate(names):
    for flags in (0, c.v1_only, c.v2_only, c.canonical_files, c.canonical_files_no_tail_padding):
        files = lt.file_storage()
        lt.add_files(files, os.path.join(base, name))
        piece = lengths[(index + flags) % len(lengths)]
        torrent = lt.create_torrent(files, flags=flags, piece_size=piece)
        torrent.add_tracker('${TRACKER}')
        lt.set_piece_hashes(torrent, base)
        path = os.path.join(out, '%d.%d.torrent' % (index, flags))
        with open(path, 'wb') as file: file.write(lt.bencode(torrent.generate()))
        info = lt.torrent_info(path)
        hashes = info.info_hashes()
        made.append([name, path, str(hashes.v1) if hashes.has_v1() else None, str(hashes.v2) if hashes.has_v2() else None, piece])
print(json.dumps(made))`
    const given = [dir, out, JSON.stringify(names), JSON.stringify(PIECES)]
    const { stdout, stderr } = await runLibtorrent(script, given)
    assert.notEqual(stdout, '', stderr)
    const made = JSON.parse(stdout) as [string, string, string | null, string | null, number][]
    assert.equal(made.length, names.length * 5)
    for (const [name, path, v1, v2, pieceLength] of made) {
      // A v2 tree of one file in a folder of another name is a single file to libtorrent, and so to us.
      const lone = v1 === null && name === 'lone'
      const read = lone
        ? await parseMetainfo(await readFile(path), nodeHashes)
        : await readAsMeant(path, dir, name, undefined, true)
      assert.deepEqual([read.info_hash, read.info_hash_v2, read.piece_length], [v1, v2, pieceLength], path)
      assert.deepEqual(read.trackers, [[TRACKER]])
      const ours = await createFromPath(join(dir, name), { v1: v2 === null, pieceLength })
      const roots = new Map(ours.files.map((file) => [file.path, file.pieces_root]))
      for (const file of v2 === null || lone ? [] : read.files)
        assert.equal(file.pieces_root, roots.get(file.path), file.path)
      if (read.single_file && v1 !== null) assert.equal(ours.info_hash, v1, `${name}, ${pieceLength}`)
    }
  })
})

describe('when we make torrents', () => {
  const made: { name: string; v1: boolean; torrent: string; read: Metainfo }[] = []
  const cleanup: (() => unknown)[] = []
  let dir: string

  /** Every content as hybrid and as v1. */
  before(async () => {
    const all = await contents({ after: (remove: () => unknown) => void cleanup.push(remove) })
    dir = all.dir
    for (const [index, name] of all.names.entries()) {
      for (const v1 of [false, true]) {
        const pieceLength = PIECES[index % PIECES.length] ?? 0
        const created = await createFromPath(join(dir, name), { v1, pieceLength, announce: [TRACKER] })
        const torrent = join(all.out, `${made.length}.torrent`)
        await writeFile(torrent, created.bytes)
        made.push({ name, v1, torrent, read: await parsed(created.bytes) })
      }
    }
  })

  after(async () => {
    for (const remove of cleanup) await remove()
  })

  it('libtorrent reads them the same, and finds every piece on the disk', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const checked = await checkByLibtorrent(
      dir,
      made.map(({ torrent }) => torrent),
    )
    for (const [index, { name, read }] of made.entries()) {
      assert.deepEqual(checked[index], {
        v1: read.info_hash,
        v2: read.info_hash_v2,
        name,
        piece_length: read.piece_length,
        complete: true,
        error: null,
        files: read.files.map((file) => [file.path, file.size_bytes]),
        trackers: [TRACKER],
        web_seeds: [],
      })
      assert.deepEqual(sorted(read.files.map((file) => [file.path, file.size_bytes])), filesOf(name))
      assert.ok((await piecesOnDisk(read, dir)).equals(read.pieces ?? Buffer.alloc(0)), name)
    }
  })

  it('parse-torrent of webtorrent reads them the same', async () => {
    for (const { name, torrent, read } of made) {
      const theirs = await parseTorrent(await readFile(torrent))
      assert.equal(theirs.infoHash, read.info_hash, name)
      assert.deepEqual(
        [theirs.name, theirs.pieceLength, theirs.announce],
        [name, read.piece_length, [TRACKER]],
      )
      // It takes pad files for files.
      const files = (theirs.files ?? []).filter(({ path }) => !/(?:^|\/)\.pad\//.test(path))
      assert.deepEqual(
        files.map((file) => [file.path, file.length]),
        read.files.map((file) => [file.path, file.size_bytes]),
      )
      assert.equal((theirs.pieces ?? []).join(''), Buffer.from(read.pieces ?? []).toString('hex'))
    }
  })

  it('transmission reads the v1 ones the same', async (t) => {
    if (!requireTool(t, 'transmission-show')) return
    for (const { name, torrent, read } of made.filter(({ v1 }) => v1)) {
      const { stdout } = await runTool('transmission-show', [torrent])
      assert.match(stdout, new RegExp(`Hash(?: v1)?: ${read.info_hash}`), name)
      for (const [path] of filesOf(name)) assert.ok(stdout.includes(`  ${path} (`), `${path} in ${stdout}`)
    }
  })

  it('aria2 reads the v1 ones the same, and finds every piece on the disk', async (t) => {
    if (!requireTool(t, 'aria2c')) return
    for (const { name, torrent, read } of made.filter(({ v1 }) => v1)) {
      const { stdout } = await runTool('aria2c', ['--no-conf', '--show-files', torrent])
      assert.match(stdout, new RegExp(`Info Hash: ${read.info_hash}`), name)
      for (const [path] of filesOf(name)) assert.ok(stdout.includes(`|./${path}`), `${path} in ${stdout}`)
      const check = ['--no-conf', '--check-integrity=true', '--hash-check-only=true', '--enable-dht=false']
      const result = await runTool('aria2c', [...check, `--dir=${dir}`, torrent])
      assert.equal(result.code, 0, `${name}: ${result.stdout}`)
    }
  })
})

async function parsed(bytes: Uint8Array): Promise<Metainfo> {
  return await parseMetainfo(bytes, nodeHashes)
}
