import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { servePeer, webSeed } from '../../test/fetching.ts'
import { digestsOf, libtorrentSeed, makeTorrent, type TestTorrent } from '../../test/swarm.ts'
import { freePort, requireTool, tempDir } from '../../test/tools.ts'
import { parseMetainfo } from '../torrent/metainfo.ts'
import { edited } from '../torrent/torrent-fixture.ts'
import { addressPolicy } from './addresses.ts'
import { fetchMetainfo, fetchTorrent, type FetchOptions } from './fetch.ts'
import { nodeHashes } from './node-hashes.ts'

const FOLDER = { 'm/a.gguf': 300_001, 'm/b.txt': 17, 'm/empty.bin': 0, 'm/z.bin': 200_000 }
const limits = { policy: addressPolicy(['127.0.0.0/8']), maxBytes: 3_000_000, idleTimeoutMs: 10_000 }
const algorithms = ['sha256', 'md5'] as const

describe('when whole-file digests are asked for', () => {
  for (const flags of ['hybrid', 'v1'] as const) {
    it(`works them out for every file of a ${flags} folder, aligned to pieces or not`, async (t) => {
      if (!requireTool(t, 'libtorrent')) return
      const made = await makeTorrent(t, FOLDER, { flags })
      const peers = [await libtorrentSeed(t, made.torrentPath, made.dir)]
      const into = await tempDir(t)
      const result = await fetchTorrent({ ...limits, torrent: made.torrent, peers, into, algorithms })
      assert.deepEqual(new Map(result.files.map(({ path, sha256 }) => [path, sha256])), made.digests)
      for (const { diskPath, md5, kept } of result.files) {
        assert.equal(
          md5,
          createHash('md5')
            .update(await readFile(diskPath))
            .digest('hex'),
        )
        assert.equal(kept, false)
      }
      assert.deepEqual(result.bytes_read.rechecked, 0)
    })
  }

  it('reads what is there only once to take a download up again', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, { 'one.gguf': 1_000_000 })
    const into = await tempDir(t)
    const partial = join(into, `.qal-${made.infoHash}`)
    await mkdir(partial)
    const data = await readFile(join(made.dir, 'one.gguf'))
    await writeFile(join(partial, '0'), data.subarray(0, 700_000))
    // A piece that its journal does not name is not looked at, one that it names wrongly is.
    await writeFile(join(partial, 'pieces'), Uint8Array.of(1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0))
    const peers = [await libtorrentSeed(t, made.torrentPath, made.dir)]
    const result = await fetchTorrent({ ...limits, torrent: made.torrent, peers, into, algorithms })
    assert.equal(result.files[0]?.sha256, made.digests.get('one.gguf'))
    assert.equal(result.bytes_from.peers, 1_000_000 - 4 * 65_536)
    assert.equal(result.bytes_read.rechecked, 5 * 65_536)
    assert.ok(result.bytes_read.read_back <= 1_000_000)
  })
})

describe('when some files are chosen', () => {
  for (const flags of ['hybrid', 'v1'] as const) {
    it(`fetches those of a ${flags} folder and leaves nothing of the others`, async (t) => {
      if (!requireTool(t, 'libtorrent')) return
      const made = await makeTorrent(t, FOLDER, { flags })
      const peers = [await libtorrentSeed(t, made.torrentPath, made.dir)]
      const into = await tempDir(t)
      const { files } = await parseMetainfo(made.torrent, nodeHashes)
      const chosen = [
        files.findIndex(({ path }) => path === 'm/z.bin'),
        files.findIndex(({ path }) => path === 'm/empty.bin'),
      ]
      const result = await fetchTorrent({
        ...limits,
        torrent: made.torrent,
        peers,
        into,
        algorithms,
        files: chosen,
      })
      assert.deepEqual(
        result.files.map(({ path }) => path),
        ['m/z.bin', 'm/empty.bin'],
      )
      assert.equal(result.files[0]?.sha256, made.digests.get('m/z.bin'))
      assert.deepEqual((await readdir(into, { recursive: true })).toSorted(), ['m', 'm/empty.bin', 'm/z.bin'])
      assert.ok(result.bytes_from.peers < 300_000)
    })
  }
})

describe('when a torrent is v2 only', () => {
  for (const files of [FOLDER, { 'one.gguf': 250_000 }, { 'small.gguf': 40_000 }] as Record<
    string,
    number
  >[]) {
    it(`fetches ${Object.keys(files)[0]} from its web seed, each piece checked`, async (t) => {
      if (!requireTool(t, 'libtorrent')) return
      const { url, serve } = await webSeed(t)
      const [first = ''] = Object.keys(files)
      const single = !first.includes('/')
      const made = await makeTorrent(t, files, { flags: 'v2', webSeeds: [single ? `${url}${first}` : url] })
      serve(made.dir)
      const into = await tempDir(t)
      const result = await fetchTorrent({ ...limits, torrent: made.torrent, into, algorithms })
      assert.deepEqual(await digestsOf(made, into), made.digests)
      assert.equal(
        result.bytes_from.web_seeds,
        Object.values(files).reduce((sum, size) => sum + size, 0),
      )
    })
  }

  it('takes nothing wrong from a web seed, which it names, and needs one', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { url, serve } = await webSeed(t)
    const made = await makeTorrent(t, { 'a.bin': 100_000 }, { flags: 'v2', webSeeds: [`${url}a.bin`] })
    const other = await makeTorrent(t, { 'a.bin': 100_000 }, { flags: 'v2' })
    serve(other.dir)
    const into = await tempDir(t)
    const options = { ...limits, into, idleTimeoutMs: 1500 }
    await assert.rejects(fetchTorrent({ ...options, torrent: made.torrent }), (error: Error) => {
      assert.equal((error as { code?: string }).code, 'swarm_bad_data')
      assert.ok(error.message.includes(`${url}a.bin`))
      return true
    })
    await assert.rejects(fetchTorrent({ ...options, torrent: other.torrent }), { code: 'swarm_v2_only' })
  })
})

describe('when a hybrid says two things', () => {
  it('refuses bytes that have its SHA-1 and not its SHA-256, by .torrent and by magnet', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { torrent, infoHash, peer } = await contradiction(t)
    for (const source of [torrent, { infoHash, trackers: [] }]) {
      const into = await tempDir(t)
      await assert.rejects(fetchTorrent({ ...limits, torrent: source, peers: [peer], into }), {
        code: 'swarm_hybrid_contradiction',
      })
      assert.deepEqual(await readdir(into), [`.qal-${infoHash}`])
    }
  })

  it('refuses metadata that is not the v2 part of its magnet', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, { 'a.bin': 100_000 })
    const peers = [await libtorrentSeed(t, made.torrentPath, made.dir)]
    const magnet = { infoHash: made.infoHash, infoHashV2: '0'.repeat(64), trackers: [] }
    await assert.rejects(fetchMetainfo(magnet, { ...limits, peers }), { code: 'swarm_bad_data' })
    const { info_hash_v2, infoBytes } = await parseMetainfo(made.torrent, nodeHashes)
    const { metainfo } = await fetchMetainfo({ ...magnet, infoHashV2: info_hash_v2 }, { ...limits, peers })
    assert.equal(metainfo.infoBytes.toHex(), infoBytes.toHex())
  })
})

describe('when something is there already', () => {
  it('checks it and asks nobody', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, FOLDER)
    const options = await nobody(made)
    const result = await fetchTorrent({ ...options, into: made.dir, algorithms })
    assert.ok(
      result.files.every(
        ({ kept, path, sha256 }) => sha256 === made.digests.get(path) && (kept || path === 'm/empty.bin'),
      ),
    )
    assert.deepEqual(result.bytes_from, { peers: 0, web_seeds: 0 })
    assert.deepEqual(await readdir(made.dir), ['m'])
  })

  it('neither overwrites nor takes another file, link or folder, unless it is to be replaced', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, { 'm/a.gguf': 100_000 })
    const elsewhere = await tempDir(t)
    await writeFile(join(elsewhere, 'mine'), 'mine')
    const peers = [await libtorrentSeed(t, made.torrentPath, made.dir)]
    const cases: [string, (into: string) => Promise<unknown>, string, boolean][] = [
      [
        'same size',
        (into) => writeFile(join(into, 'm/a.gguf'), Buffer.alloc(100_000)),
        'swarm_target_differs',
        true,
      ],
      ['shorter', (into) => writeFile(join(into, 'm/a.gguf'), 'x'), 'swarm_target_exists', true],
      [
        'link',
        (into) => symlink(join(elsewhere, 'mine'), join(into, 'm/a.gguf')),
        'swarm_target_exists',
        true,
      ],
      ['folder', (into) => mkdir(join(into, 'm/a.gguf')), 'swarm_target_exists', false],
    ]
    for (const [name, prepare, code, replaceable] of cases) {
      const into = await tempDir(t)
      await mkdir(join(into, 'm'))
      await prepare(into)
      const options = { ...limits, torrent: made.torrent, peers, into }
      await assert.rejects(fetchTorrent(options), { code }, name)
      if (replaceable) {
        await fetchTorrent({ ...options, replace: true })
        assert.deepEqual(await digestsOf(made, into), made.digests, name)
      } else await assert.rejects(fetchTorrent({ ...options, replace: true }), { code }, name)
    }
    assert.equal(await readFile(join(elsewhere, 'mine'), 'utf8'), 'mine')
  })

  it('goes through no link below the folder it downloads into', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, { 'm/sub/a.gguf': 100_000 })
    const elsewhere = await tempDir(t)
    const peers = [await libtorrentSeed(t, made.torrentPath, made.dir)]
    for (const name of ['m', `.qal-${made.infoHash}`]) {
      const into = await tempDir(t)
      await symlink(elsewhere, join(into, name))
      const options = { ...limits, torrent: made.torrent, peers, into, replace: true }
      await assert.rejects(fetchTorrent(options), { code: 'swarm_target_unsafe' })
    }
    const into = await tempDir(t)
    await mkdir(join(into, `.qal-${made.infoHash}`))
    await symlink(join(elsewhere, 'x'), join(into, `.qal-${made.infoHash}`, '0'))
    await assert.rejects(fetchTorrent({ ...limits, torrent: made.torrent, peers, into }))
    assert.deepEqual(await readdir(elsewhere), [])
    // The folder itself may be one: the caller chose it.
    const link = join(await tempDir(t), 'link')
    await symlink(elsewhere, link)
    await fetchTorrent({ ...limits, torrent: made.torrent, peers, into: link })
    assert.deepEqual(await digestsOf(made, elsewhere), made.digests)
  })

  it('keeps what is not accepted unfinished, and needs nobody to be asked again', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, { 'a.gguf': 100_000 })
    const peers = [await libtorrentSeed(t, made.torrentPath, made.dir)]
    const into = await tempDir(t)
    const options = { ...limits, torrent: made.torrent, into, algorithms }
    await assert.rejects(fetchTorrent({ ...options, peers, accept: refuseAll }), /not these 1/)
    assert.deepEqual(await readdir(into), [`.qal-${made.infoHash}`])
    const { files } = await fetchTorrent({ ...options, ...(await nobody(made)), into })
    assert.equal(files[0]?.sha256, made.digests.get('a.gguf'))
  })

  it('leaves a folder alone that another process downloads into, and not one whose process is gone', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, { 'a.gguf': 100_000 })
    const peers = [await libtorrentSeed(t, made.torrentPath, made.dir)]
    const locked = async (lock: string): Promise<FetchOptions> => {
      const into = await tempDir(t)
      await mkdir(join(into, `.qal-${made.infoHash}`))
      await writeFile(join(into, `.qal-${made.infoHash}`, 'lock'), lock)
      return { ...limits, torrent: made.torrent, peers, into }
    }
    const running = await locked(`{"pid":${process.pid},"started":null}`)
    await assert.rejects(fetchTorrent(running), { code: 'swarm_busy' })
    // A later process with the same number is another one.
    for (const gone of ['{"pid":999999999,"started":null}', `{"pid":${process.pid},"started":"1"}`, 'x']) {
      const options = await locked(gone)
      await fetchTorrent(options)
      assert.deepEqual(await readdir(options.into), ['a.gguf'])
    }
  })

  it('says before it begins that the disk is too small', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, { 'a.gguf': 100_000 }, { flags: 'v1' })
    const pieceLength = 2 ** 28
    const huge = edited(made.torrent, (info) => {
      info.set('piece length', BigInt(pieceLength))
      info.set('length', BigInt(pieceLength * 65_000))
      info.set('pieces', new Uint8Array(65_000 * 20))
    })
    const into = await tempDir(t)
    const options = { ...(await nobody(made)), torrent: huge, maxBytes: Number.MAX_SAFE_INTEGER, into }
    await assert.rejects(fetchTorrent(options), { code: 'swarm_disk_space' })
  })
})

/** Options with a source that is not there. */
async function nobody(made: TestTorrent): Promise<Omit<FetchOptions, 'into'>> {
  return { ...limits, torrent: made.torrent, peers: [`127.0.0.1:${await freePort()}`] }
}

/** A hybrid whose v1 pieces are those of other bytes, and a peer that serves these. */
async function contradiction(t: TestContext) {
  const [one, two] = [await makeTorrent(t, { 'a.bin': 200_000 }), await makeTorrent(t, { 'a.bin': 200_000 })]
  const { pieces } = await parseMetainfo(two.torrent, nodeHashes)
  const torrent = edited(one.torrent, (info) => info.set('pieces', pieces ?? new Uint8Array()))
  const { info_hash } = await parseMetainfo(torrent, nodeHashes)
  return { torrent, infoHash: info_hash ?? '', peer: await servePeer(t, torrent, two.dir) }
}

async function refuseAll(files: readonly unknown[]): Promise<void> {
  throw new Error(`not these ${files.length}`)
}
