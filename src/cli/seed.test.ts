import assert from 'node:assert/strict'
import { copyFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { until } from '../../test/fetching.ts'
import { running, type Running } from '../../test/running.ts'
import {
  digestsOf,
  libtorrentDownload,
  makeTorrent,
  startTracker,
  type TestTorrent,
} from '../../test/swarm.ts'
import { requireTool, tempDir } from '../../test/tools.ts'

interface Ready {
  port: number
  torrents: { info_hash: string; name: string; size_bytes: number }[]
}

/** `qal seed` until it says what it seeds. */
async function seeding(t: TestContext, args: readonly string[]): Promise<{ seeder: Running; ready: Ready }> {
  const seeder = running(t, ['seed', ...args, '--json'])
  await until(() => seeder.stdout().includes('\n'))
  return { seeder, ready: JSON.parse(seeder.stdout().split('\n')[0] ?? '') as Ready }
}

/** The torrent beside its data, as users keep it. */
async function beside(made: TestTorrent): Promise<string> {
  const path = join(made.dir, made.name)
  await copyFile(made.torrentPath, `${path}.torrent`)
  return path
}

describe('when qal seed is given a model with its torrent beside it', () => {
  it('checks it, announces it, and gives it to libtorrent and to qal get; Ctrl-C says goodbye', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { tracker, http, udp } = await startTracker(t)
    const made = await makeTorrent(t, { 'model.gguf': 700_001 }, { trackers: [http, udp] })
    const { seeder, ready } = await seeding(t, [await beside(made)])
    assert.deepEqual(ready.torrents, [{ info_hash: made.infoHash, name: 'model.gguf', size_bytes: 700_001 }])
    await until(() => tracker.counts(made.infoHash).seeders === 1)
    const [one, two] = [await tempDir(t), await tempDir(t)]
    await libtorrentDownload(made.torrentPath, one)
    assert.deepEqual(await digestsOf(made, one), made.digests)
    const got = await running(t, [
      'get',
      made.torrentPath,
      '-o',
      two,
      '--allow',
      '127.0.0.0/8',
      '--dht',
      'off',
    ]).ended
    assert.equal(got.code, 0, got.stderr)
    assert.deepEqual(await digestsOf(made, two), made.digests)
    seeder.signal('SIGINT')
    const { code, stdout } = await seeder.ended
    assert.equal(code, 0)
    const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      torrents: { uploaded_bytes: number }[]
    }
    assert.ok((last.torrents[0]?.uploaded_bytes ?? 0) >= 1_400_002)
    await until(() => tracker.counts(made.infoHash).seeders === 0)
  })

  it('takes a folder of pairs, a .torrent, and a torrent that lies elsewhere', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { http } = await startTracker(t)
    const [a, b] = [
      await makeTorrent(t, { 'a.gguf': 40_000 }, { trackers: [http] }),
      await makeTorrent(t, { 'b/one.gguf': 20_000, 'b/two.txt': 9 }, { trackers: [http] }),
    ]
    await beside(a)
    await copyFile(b.torrentPath, join(a.dir, 'b.torrent'))
    await rename(join(b.dir, 'b'), join(a.dir, 'b'))
    const names = async (args: string[]) =>
      (await seeding(t, args)).ready.torrents.map(({ name }) => name).toSorted()
    assert.deepEqual(await names([a.dir]), ['a.gguf', 'b'])
    assert.deepEqual(await names([join(a.dir, 'b.torrent'), join(a.dir, 'a.gguf')]), ['a.gguf', 'b'])
    assert.deepEqual(await names([join(a.dir, 'a.gguf'), '--torrent', a.torrentPath]), ['a.gguf'])
  })
})

describe('when qal seed cannot', () => {
  it('refuses data that is another with 3, and calls that say too little with 2', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { http } = await startTracker(t)
    const made = await makeTorrent(t, { 'm.gguf': 100_000 }, { trackers: [http] })
    const bare = await makeTorrent(t, { 'n.gguf': 1_000 })
    const path = await beside(made)
    const ends = async (...args: string[]) => (await running(t, ['seed', ...args, '--json']).ended).code
    assert.equal(await ends(join(made.dir, 'nowhere')), 2)
    assert.equal(await ends(join(bare.dir, 'n.gguf')), 2)
    assert.equal(await ends(await beside(bare), '--dht', 'off'), 2)
    assert.equal(await ends(path, '--listen', 'off'), 2)
    assert.equal(await ends(path, `${path}.torrent`, '--torrent', made.torrentPath), 2)
    await copyFile(path, join(made.dir, 'renamed.gguf'))
    assert.equal(await ends(join(made.dir, 'renamed.gguf'), '--torrent', made.torrentPath), 2)
    await writeFile(path, Buffer.alloc(100_000, 7))
    assert.equal(await ends(path), 3)
    await writeFile(`${path}.torrent`, 'no torrent')
    assert.equal(await ends(path), 4)
  })
})
