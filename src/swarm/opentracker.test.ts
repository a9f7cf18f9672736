import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startOpenTracker } from '../../test/opentracker.ts'
import { digestsOf, libtorrentSeed, makeTorrent } from '../../test/swarm.ts'
import { requireTool, tempDir } from '../../test/tools.ts'
import { parseMetainfo } from '../torrent/metainfo.ts'
import { addressPolicy } from './addresses.ts'
import { fetchTorrent } from './fetch.ts'
import { nodeHashes } from './node-hashes.ts'
import { scrape } from './scrape.ts'
import { startSeeder } from './seed.ts'

const policy = addressPolicy(['127.0.0.0/8'])

describe('with opentracker as the tracker', () => {
  for (const scheme of ['udp', 'http'] as const) {
    it(`seeds, is counted and is fetched from over ${scheme}`, async (t) => {
      if (!requireTool(t, 'opentracker', 'libtorrent')) return
      const made = await makeTorrent(t, { 'model.gguf': 200_000 })
      const tracker = (await startOpenTracker(t, [made.infoHash]))[scheme]
      const seeder = await startSeeder({ trackers: [tracker], host: '127.0.0.1', webRtc: false })
      t.after(() => seeder.close())
      await seeder.add({ torrent: made.torrent, path: made.dir })
      let seeders = 0
      while (seeders === 0) {
        t.signal.throwIfAborted()
        const { results, errors } = await scrape([tracker], [made.infoHash], { policy })
        assert.deepEqual(errors, [])
        seeders = results.get(made.infoHash)?.seeders ?? 0
      }
      assert.equal(seeders, 1)
      const into = await tempDir(t)
      const torrent = { infoHash: made.infoHash, trackers: [tracker] }
      await fetchTorrent({ torrent, into, policy, maxBytes: 1_000_000, idleTimeoutMs: 20_000 })
      assert.deepEqual(await digestsOf(made, into), made.digests)
    })
  }

  it('counts both info hashes of a hybrid, each by itself', async (t) => {
    if (!requireTool(t, 'opentracker', 'libtorrent')) return
    const [made, other] = [await makeTorrent(t, { 'a.gguf': 90_000 }), await makeTorrent(t, { 'b.gguf': 9 })]
    const { info_hash_v2: v2 } = await parseMetainfo(made.torrent, nodeHashes)
    assert.ok(v2)
    const { udp, http } = await startOpenTracker(t, [made.infoHash, v2, other.infoHash])
    await libtorrentSeed(t, made.torrentPath, made.dir, { tracker: udp })
    const asked = [made.infoHash, v2, other.infoHash]
    const counts = async (tracker: string) => {
      const { results, errors } = await scrape([tracker], asked, { policy })
      assert.deepEqual(errors, [])
      return asked.map((infoHash) => results.get(infoHash)?.seeders)
    }
    // Over HTTP it leaves out what it has no peers of, over UDP it says 0.
    while ((await counts(udp)).join() !== '1,1,0') t.signal.throwIfAborted()
    assert.deepEqual(await counts(http), [1, 1, undefined])
  })
})
