import assert from 'node:assert/strict'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { digestsOf, libtorrentDownload, makeTorrent, startTracker } from '../../test/swarm.ts'
import { requireTool, runTool, tempDir } from '../../test/tools.ts'
import { policyFor } from './addresses.ts'
import { scrape } from './scrape.ts'
import { startSeeder, type Seeder } from './seed.ts'

const FOLDER = { 'm/model.gguf': 300_001, 'm/notes.txt': 17, 'm/sub/empty.bin': 0, 'm/tail.bin': 65_536 }

describe('when we seed', () => {
  for (const tracker of ['http', 'udp'] as const) {
    it(`gives libtorrent the exact bytes of a hybrid, found through our ${tracker} tracker`, async (t) => {
      if (!requireTool(t, 'libtorrent')) return
      const trackers = await startTracker(t)
      const made = await makeTorrent(t, FOLDER, { trackers: [trackers[tracker]] })
      const seeder = await seederFor(t, trackers.all)
      assert.deepEqual(await seeder.add({ torrent: made.torrent, path: made.dir }), {
        infoHash: made.infoHash,
        name: 'm',
        size: 365_554,
        private: false,
      })
      const into = await tempDir(t)
      await libtorrentDownload(made.torrentPath, into)
      assert.deepEqual(await digestsOf(made, into), made.digests)
      await until(() => trackers.tracker.counts(made.infoHash).completed === 1)
    })
  }

  // aria2 1.36 drops the empty key that BEP 52 puts into every file tree, so it gets a hybrid's info hash wrong;
  // its UDP tracker client works with a DHT only.
  it('gives aria2 the exact bytes of a v1 torrent, found through our HTTP tracker', async (t) => {
    if (!requireTool(t, 'libtorrent', 'aria2c')) return
    const trackers = await startTracker(t)
    const made = await makeTorrent(t, FOLDER, { trackers: [trackers.http], flags: 'v1' })
    const seeder = await seederFor(t, trackers.all)
    await seeder.add({ torrent: made.torrent, path: made.dir })
    await until(() => trackers.tracker.counts(made.infoHash).seeders === 1)
    const into = await tempDir(t)
    await aria2(made.torrentPath, into)
    assert.deepEqual(await digestsOf(made, into), made.digests)
  })

  it('seeds a single file, counts as one seeder on every protocol, and is gone after close', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const trackers = await startTracker(t)
    const made = await makeTorrent(t, { 'model.gguf': 200_000 }, { trackers: [trackers.http] })
    const seeder = await seederFor(t, trackers.all)
    await seeder.add({ torrent: made.torrent, path: made.dir })
    await until(() => trackers.tracker.counts(made.infoHash).seeders === 1)
    const { results, errors } = await scrape(trackers.all, [made.infoHash], {
      policy: policyFor(trackers.all),
    })
    assert.deepEqual(errors, [])
    assert.deepEqual([results.get(made.infoHash)?.seeders, results.get(made.infoHash)?.leechers], [1, 0])
    await seeder.close()
    await until(() => trackers.tracker.counts(made.infoHash).seeders === 0)
  })

  it('seeds several torrents, stops one, and writes nothing into what it seeds', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const trackers = await startTracker(t)
    const one = await makeTorrent(t, FOLDER, { trackers: [trackers.http] })
    const two = await makeTorrent(t, { 'b.bin': 70_000 }, { trackers: [trackers.http], flags: 'v1' })
    const seeder = await seederFor(t, [trackers.http])
    const before = await readdir(one.dir, { recursive: true })
    await Promise.all([one, two].map((made) => seeder.add({ torrent: made.torrent, path: made.dir })))
    await until(() => [one, two].every((made) => trackers.tracker.counts(made.infoHash).seeders === 1))
    await assert.rejects(seeder.add({ torrent: one.torrent, path: one.dir }), {
      code: 'swarm_already_seeding',
    })
    await seeder.remove(one.infoHash)
    await seeder.remove('00'.repeat(20))
    await until(() => trackers.tracker.counts(one.infoHash).seeders === 0)
    assert.equal(trackers.tracker.counts(two.infoHash).seeders, 1)
    assert.deepEqual(await readdir(one.dir, { recursive: true }), before)
    await seeder.add({ torrent: one.torrent, path: one.dir })
    await until(() => trackers.tracker.counts(one.infoHash).seeders === 1)
  })

  it('uses a torrent\u2019s own trackers only where the policy allows them', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const trackers = await startTracker(t)
    const made = await makeTorrent(t, { 'a.bin': 20_000 }, { trackers: [trackers.http, trackers.udp] })
    const errors: string[] = []
    const strict = await startSeeder({ host: '127.0.0.1', onError: ({ code }) => errors.push(code) })
    t.after(() => strict.close())
    await strict.add({ torrent: made.torrent, path: made.dir })
    assert.deepEqual(errors, ['swarm_address_refused', 'swarm_address_refused'])
    assert.equal(trackers.tracker.counts(made.infoHash).seeders, 0)
    await strict.close()
    const allowed = await startSeeder({ host: '127.0.0.1', policy: policyFor(trackers.all) })
    t.after(() => allowed.close())
    await allowed.add({ torrent: made.torrent, path: made.dir })
    await until(() => trackers.tracker.counts(made.infoHash).seeders === 1)
  })
})

describe('when the data or the torrent is wrong', () => {
  it('refuses a changed byte, a missing file and a shorter one', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const seeder = await seederFor(t, [])
    const made = await makeTorrent(t, FOLDER)
    const path = join(made.dir, 'm/model.gguf')
    const good = await readFile(path)
    const changed = Buffer.from(good)
    changed[200_000] = (changed[200_000] ?? 0) ^ 1
    for (const bytes of [changed, good.subarray(0, 299_999), Buffer.alloc(0)]) {
      await writeFile(path, bytes)
      await assert.rejects(seeder.add({ torrent: made.torrent, path: made.dir }), {
        code: 'swarm_data_mismatch',
      })
    }
    await rm(path)
    await assert.rejects(seeder.add({ torrent: made.torrent, path: made.dir }), {
      code: 'swarm_data_mismatch',
    })
    await writeFile(path, good)
    assert.ok(await seeder.add({ torrent: made.torrent, path: made.dir }))
  })

  it('refuses v2-only torrents, what is no torrent, and work after close', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const seeder = await seederFor(t, [])
    const v2 = await makeTorrent(t, { 'a.bin': 20_000 }, { flags: 'v2' })
    await assert.rejects(seeder.add({ torrent: v2.torrent, path: v2.dir }), { code: 'swarm_v2_only' })
    await assert.rejects(seeder.add({ torrent: Buffer.from('http://127.0.0.1/x.torrent'), path: v2.dir }), {
      name: 'QalError',
    })
    const made = await makeTorrent(t, { 'a.bin': 20_000 })
    await seeder.close()
    await seeder.close()
    await assert.rejects(seeder.add({ torrent: made.torrent, path: made.dir }), { code: 'swarm_closed' })
  })

  it('says when its port is taken', async (t) => {
    const first = await seederFor(t, [])
    await assert.rejects(startSeeder({ host: '127.0.0.1', torrentPort: first.port }), {
      code: 'swarm_seeder_listen',
    })
  })
})

describe('when a seeder has closed', () => {
  it('lets its process end by itself', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const trackers = await startTracker(t)
    const made = await makeTorrent(t, { 'a.bin': 20_000 }, { trackers: [trackers.http] })
    const script = `
      import { readFile } from 'node:fs/promises'
      import { startSeeder } from ${JSON.stringify(new URL('./seed.ts', import.meta.url).href)}
      const [torrent, path, ...trackers] = process.argv.slice(1)
      const seeder = await startSeeder({ trackers, host: '127.0.0.1' })
      await seeder.add({ torrent: await readFile(torrent), path })
      await new Promise((resolve) => setTimeout(resolve, 300))
      await seeder.close()
    `
    const args = ['--input-type=module', '-e', script, made.torrentPath, made.dir, ...trackers.all]
    const { code, stderr } = await runTool(process.execPath, args, { timeoutMs: 20_000 })
    assert.deepEqual([code, stderr], [0, ''])
  })
})

async function seederFor(t: TestContext, trackers: readonly string[]): Promise<Seeder> {
  const seeder = await startSeeder({ trackers, host: '127.0.0.1' })
  t.after(() => seeder.close())
  return seeder
}

async function aria2(torrentPath: string, into: string): Promise<void> {
  const flags = [
    '--enable-dht=false',
    '--enable-dht6=false',
    '--bt-enable-lpd=false',
    '--enable-peer-exchange=false',
  ]
  const { code, stdout } = await runTool(
    'aria2c',
    [...flags, '--seed-time=0', '--interface=127.0.0.1', '--no-conf', '--dir', into, torrentPath],
    { timeoutMs: 40_000 },
  )
  assert.equal(code, 0, stdout)
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 8000
  while (!condition()) {
    assert.ok(Date.now() < end, 'still not so after 8 s')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
