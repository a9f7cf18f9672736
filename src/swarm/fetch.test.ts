import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { liar, liesOf, until, webSeed } from '../../test/fetching.ts'
import { digestsOf, libtorrentSeed, makeTorrent, startTracker, type TestTorrent } from '../../test/swarm.ts'
import { freePort, requireTool, tempDir } from '../../test/tools.ts'
import { addressPolicy } from './addresses.ts'
import { announceTo } from './announce.ts'
import { fetchTorrent, type FetchOptions, type FetchResult } from './fetch.ts'
import { startSeeder } from './seed.ts'

const FOLDER = { 'm/model.gguf': 300_001, 'm/a b/n\u00f6tes.txt': 17, 'm/empty.bin': 0, 'm/tail.bin': 65_536 }
const SIZE = 365_554
const policy = addressPolicy(['127.0.0.0/8'])
const limits = { policy, maxBytes: 3_000_000, idleTimeoutMs: 10_000 }

describe('when somebody seeds', () => {
  it('fetches a hybrid from libtorrent, found through a tracker, and leaves only the files', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const trackers = await startTracker(t)
    const made = await makeTorrent(t, FOLDER, { trackers: trackers.all })
    await libtorrentSeed(t, made.torrentPath, made.dir)
    await until(() => trackers.tracker.counts(made.infoHash).seeders === 1)
    const into = await tempDir(t)
    const seen: number[] = []
    const result = await fetchTorrent({
      ...limits,
      torrent: made.torrent,
      into,
      onProgress: ({ downloaded }) => seen.push(downloaded),
    })
    await assertFetched(result, made, into)
    assert.deepEqual((await readdir(into, { recursive: true })).toSorted(), [
      'm',
      'm/a b',
      'm/a b/n\u00f6tes.txt',
      'm/empty.bin',
      'm/model.gguf',
      'm/tail.bin',
    ])
    assert.ok(result.bytes_from.peers >= SIZE)
    assert.deepEqual([result.bytes_from.web_seeds, result.peers_seen, result.bad_pieces], [0, 1, 0])
    assert.deepEqual(result.problems, [])
    assert.ok(seen.length > 0 && seen.every((value, index) => value >= (seen[index - 1] ?? 0)))
    // It said goodbye: only the seeder is left.
    assert.equal(trackers.tracker.counts(made.infoHash).leechers, 0)
  })

  for (const scheme of ['http', 'udp'] as const) {
    it(`fetches from our own seeder through our ${scheme} tracker`, async (t) => {
      if (!requireTool(t, 'libtorrent')) return
      const trackers = await startTracker(t)
      const made = await makeTorrent(t, { 'model.gguf': 200_000 }, { trackers: [trackers[scheme]] })
      const seeder = await startSeeder({ trackers: trackers.all, host: '127.0.0.1' })
      t.after(() => seeder.close())
      await seeder.add({ torrent: made.torrent, path: made.dir })
      await until(() => trackers.tracker.counts(made.infoHash).seeders === 1)
      const into = await tempDir(t)
      await assertFetched(await fetchTorrent({ ...limits, torrent: made.torrent, into }), made, into)
    })
  }

  it('fetches a magnet: the metadata first, byte for byte, then the data', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, FOLDER)
    const peers = [await libtorrentSeed(t, made.torrentPath, made.dir)]
    const into = await tempDir(t)
    const torrent = { infoHash: made.infoHash.toUpperCase(), trackers: [] }
    const result = await fetchTorrent({ ...limits, torrent, peers, into })
    await assertFetched(result, made, into)
    assert.equal(createHash('sha1').update(result.infoBytes).digest('hex'), made.infoHash)
  })

  it('fetches from a web seed alone, folder or file, and asks it for no padding', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    for (const files of [FOLDER, { 'one.gguf': 250_000 }] as Record<string, number>[]) {
      const { url, serve, asked } = await webSeed(t)
      const single = Object.keys(files).length === 1
      const made = await makeTorrent(t, files, { webSeeds: [single ? `${url}one.gguf` : url] })
      serve(made.dir)
      const into = await tempDir(t)
      const result = await fetchTorrent({ ...limits, torrent: made.torrent, into })
      await assertFetched(result, made, into)
      const size = Object.values(files).reduce((sum, bytes) => sum + bytes, 0)
      assert.ok(result.bytes_from.web_seeds >= size)
      assert.equal(result.bytes_from.peers, 0)
      assert.ok(asked.every((path) => !path.includes('pad')))
    }
  })

  it('takes up what an earlier fetch left', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, { 'one.gguf': 400_000 })
    const into = await tempDir(t)
    const partial = join(into, `.qal-${made.infoHash}`)
    await mkdir(partial)
    const data = await readFile(join(made.dir, 'one.gguf'))
    data[0] = (data[0] ?? 0) ^ 1
    await writeFile(join(partial, '0'), data.subarray(0, 330_000))
    const peers = [await libtorrentSeed(t, made.torrentPath, made.dir)]
    const result = await fetchTorrent({ ...limits, torrent: made.torrent, peers, into })
    await assertFetched(result, made, into)
    // The first piece, which was wrong, and those after the fifth.
    assert.equal(result.bytes_from.peers, 400_000 - 4 * 65_536)
  })
})

describe('when bytes are wrong', () => {
  it('takes nothing from a peer that lies, and says why', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, FOLDER)
    const peers = [await liar(t, made)]
    const into = await tempDir(t)
    await assert.rejects(
      fetchTorrent({ ...limits, torrent: made.torrent, peers, into, idleTimeoutMs: 3000 }),
      { code: 'swarm_bad_data' },
    )
    assert.deepEqual(await readdir(into), [`.qal-${made.infoHash}`])
  })

  for (const liars of [1, 3]) {
    it(`finishes beside ${liars} lying peers when an honest one is there too`, async (t) => {
      if (!requireTool(t, 'libtorrent')) return
      const made = await makeTorrent(t, { 'one.gguf': 2_000_000 })
      const lying = Array.from({ length: liars }, () => liar(t, made))
      const peers = await Promise.all([...lying, libtorrentSeed(t, made.torrentPath, made.dir)])
      const into = await tempDir(t)
      const result = await fetchTorrent({ ...limits, torrent: made.torrent, peers, into })
      await assertFetched(result, made, into)
    })
  }

  it('finishes by an honest peer beside a lying web seed', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { url, serve } = await webSeed(t)
    const made = await makeTorrent(t, { 'one.gguf': 2_000_000 }, { webSeeds: [url] })
    serve(await liesOf(t, made))
    const peers = [await libtorrentSeed(t, made.torrentPath, made.dir)]
    const into = await tempDir(t)
    const result = await fetchTorrent({ ...limits, torrent: made.torrent, peers, into })
    await assertFetched(result, made, into)
  })

  it('takes nothing from a web seed that lies, answers too much or redirects inside', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { url, serve, mode } = await webSeed(t)
    const made = await makeTorrent(t, { 'one.gguf': 100_000 }, { webSeeds: [url] })
    serve(await liesOf(t, made))
    const into = await tempDir(t)
    const options = { ...limits, torrent: made.torrent, into, idleTimeoutMs: 1500 }
    await assert.rejects(fetchTorrent(options), { code: 'swarm_bad_data' })
    for (const [how, code] of [
      ['too much', 'swarm_no_peers'],
      ['redirect', 'swarm_address_refused'],
    ] as const) {
      mode.current = how
      await assert.rejects(fetchTorrent(options), { code })
    }
    assert.deepEqual(await readdir(into), [`.qal-${made.infoHash}`])
  })
})

describe('when it cannot be fetched', () => {
  it('says that nobody seeds', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const trackers = await startTracker(t)
    const made = await makeTorrent(t, FOLDER, { trackers: [trackers.http] })
    const into = await tempDir(t)
    const options = { ...limits, into, idleTimeoutMs: 800 }
    await assert.rejects(fetchTorrent({ ...options, torrent: made.torrent }), { code: 'swarm_no_peers' })
    const nobody = [`127.0.0.1:${await freePort()}`]
    await assert.rejects(fetchTorrent({ ...options, torrent: made.torrent, peers: nobody }), {
      code: 'swarm_no_peers',
    })
    const bare = { infoHash: made.infoHash, trackers: [] }
    await assert.rejects(fetchTorrent({ ...options, torrent: bare }), { code: 'swarm_no_peers' })
    assert.equal(trackers.tracker.counts(made.infoHash).leechers, 0)
  })

  it('refuses what is too large before a byte of it is asked for, magnets too', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, FOLDER)
    const into = await tempDir(t)
    const peers = [await libtorrentSeed(t, made.torrentPath, made.dir)]
    for (const torrent of [made.torrent, { infoHash: made.infoHash, trackers: [] }]) {
      await assert.rejects(fetchTorrent({ ...limits, torrent, peers, into, maxBytes: 300_000 }), {
        code: 'swarm_too_large',
      })
    }
    assert.deepEqual(await readdir(into), [])
  })

  it('connects to no private tracker, web seed or peer', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const trackers = await startTracker(t)
    const { url, asked } = await webSeed(t)
    const made = await makeTorrent(t, FOLDER, { trackers: trackers.all, webSeeds: [url] })
    const peer = await libtorrentSeed(t, made.torrentPath, made.dir)
    await until(() => trackers.tracker.counts(made.infoHash).seeders === 1)
    const into = await tempDir(t)
    const options = { ...limits, torrent: made.torrent, into, idleTimeoutMs: 1500 }
    const code = 'swarm_address_refused'
    await assert.rejects(fetchTorrent({ ...options, policy: addressPolicy() }), { code })
    await assert.rejects(fetchTorrent({ ...options, policy: addressPolicy(), peers: [peer] }), { code })
    // The tracker may be asked, but the peer it names may not.
    const trackerOnly = addressPolicy([`127.0.0.1:${trackers.port}`])
    await assert.rejects(fetchTorrent({ ...options, policy: trackerOnly }), { code })
    assert.deepEqual(asked, [])
    assert.equal(trackers.tracker.counts(made.infoHash).leechers, 0)
  })

  it('stops at once when told to, at its time limit, and before it began', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, FOLDER)
    const into = await tempDir(t)
    const options: FetchOptions = {
      ...limits,
      torrent: made.torrent,
      into,
      peers: [`127.0.0.1:${await freePort()}`],
    }
    const started = Date.now()
    await assert.rejects(fetchTorrent({ ...options, signal: AbortSignal.timeout(300) }), {
      code: 'swarm_stopped',
    })
    await assert.rejects(fetchTorrent({ ...options, signal: AbortSignal.abort() }), { code: 'swarm_stopped' })
    await assert.rejects(fetchTorrent({ ...options, totalTimeoutMs: 300 }), { code: 'swarm_timeout' })
    assert.ok(Date.now() - started < 8000)
  })

  it('refuses v2-only torrents and what is no torrent', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, { 'a.bin': 20_000 }, { flags: 'v2' })
    const into = await tempDir(t)
    await assert.rejects(fetchTorrent({ ...limits, torrent: made.torrent, into }), { code: 'swarm_v2_only' })
    const v2 = { infoHash: made.infoHash, trackers: ['udp://127.0.0.1:9'] }
    await assert.rejects(fetchTorrent({ ...limits, torrent: v2, into }), { code: 'swarm_v2_only' })
    await assert.rejects(fetchTorrent({ ...limits, torrent: Buffer.from('/etc/passwd'), into }), {
      name: 'QalError',
    })
  })

  it('says so when a peer\u2019s message ends the client library', async (t) => {
    const trackers = await startTracker(t)
    const infoHash = 'ab'.repeat(20)
    const into = await tempDir(t)
    const fetching = fetchTorrent({ ...limits, torrent: { infoHash, trackers: [trackers.http] }, into })
    const hostile = (async () => {
      await until(() => trackers.tracker.counts(infoHash).leechers === 1)
      const me = { infoHash, peerId: '00'.repeat(20), port: 9, left: 1, event: 'update' } as const
      const { peers } = await announceTo(trackers.http, me, {
        policy,
        signal: AbortSignal.timeout(5000),
        timeoutMs: 5000,
      })
      const victim = peers.find((peer) => !peer.endsWith(':9')) ?? ''
      await sendBadMetadata(t, Number(victim.split(':')[1]), infoHash)
    })()
    await assert.rejects(fetching, { code: 'swarm_client_failed' })
    await hostile
  })
})

async function assertFetched(result: FetchResult, made: TestTorrent, into: string): Promise<void> {
  assert.equal(result.infoHash, made.infoHash)
  assert.deepEqual(result.files.map(({ path }) => path).toSorted(), [...made.digests.keys()].toSorted())
  for (const { path, diskPath, size } of result.files) {
    assert.equal(diskPath, join(into, path))
    assert.equal((await readFile(diskPath)).length, size)
  }
  assert.deepEqual(await digestsOf(made, into), made.digests)
}

/** A peer that offers metadata and sends a block of it far beyond its end. */
async function sendBadMetadata(t: TestContext, port: number, infoHash: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  const reserved = Buffer.alloc(8)
  reserved[5] = 0x10
  socket.write(
    Buffer.concat([
      Buffer.from('\x13BitTorrent protocol', 'latin1'),
      reserved,
      Buffer.from(infoHash, 'hex'),
      Buffer.from('-XX0000-123456789012'),
    ]),
  )
  await once(socket, 'data')
  const extended = (id: number, body: string) => {
    const payload = Buffer.concat([Buffer.from([20, id]), Buffer.from(body, 'latin1')])
    const length = Buffer.alloc(4)
    length.writeUInt32BE(payload.length)
    socket.write(Buffer.concat([length, payload]))
  }
  extended(0, 'd1:md11:ut_metadatai1ee13:metadata_sizei100ee')
  // Its own number for ut_metadata is 1 too.
  extended(1, `d8:msg_typei1e5:piecei9999e10:total_sizei100ee${'x'.repeat(100)}`)
  await once(socket, 'close')
}
