import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { webSeed, until } from '../../test/fetching.ts'
import { running, type Running } from '../../test/running.ts'
import { libtorrentSeed, makeTorrent, startTracker, type TestTorrent } from '../../test/swarm.ts'
import { freePort, requireTool, tempDir } from '../../test/tools.ts'
import { startSeeder } from '../swarm/seed.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { magnetsOf } from '../torrent/magnet.ts'
import { parseMetainfo } from '../torrent/metainfo.ts'

const ID = '01JZ0000000000000000000000'
const HERE = ['--allow', '127.0.0.0/8', '--dht', 'off']

interface GotJson {
  files: {
    path: string
    path_in_torrent: string
    size_bytes: number
    sha256: string
    md5: string | null
    where: string
  }[]
  bytes_from: { peers: number; web_seeds: number }
  bytes_read: { rechecked: number; read_back: number }
  verified_against: {
    torrent: string
    listing: { files: number } | null
    sha256_given: boolean
    signature: unknown
  }
  problems: { url: string; code: string }[]
  error?: { code: string }
}

function get(t: TestContext, args: readonly string[]): Running {
  return running(t, ['get', ...args, ...HERE, '--json'])
}

async function got(t: TestContext, args: readonly string[]): Promise<GotJson> {
  const { code, stdout, stderr } = await get(t, args).ended
  assert.equal(code, 0, stderr + stdout)
  return JSON.parse(stdout) as GotJson
}

/** Exit code and error code of a call that fails. */
async function failed(t: TestContext, args: readonly string[]): Promise<[number | null, string | undefined]> {
  const { code, stdout } = await get(t, args).ended
  return [code, (JSON.parse(stdout) as GotJson).error?.code]
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}

describe('when qal get is given a .torrent', () => {
  it('downloads from our seeder through its tracker, and prints what it got', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const trackers = await startTracker(t)
    const made = await makeTorrent(t, { 'm/a.gguf': 300_001, 'm/b.txt': 17 }, { trackers: [trackers.udp] })
    const seeder = await startSeeder({ trackers: trackers.all, host: '127.0.0.1' })
    t.after(() => seeder.close())
    await seeder.add({ torrent: made.torrent, path: made.dir })
    await until(() => trackers.tracker.counts(made.infoHash).seeders === 1)
    const into = await tempDir(t)
    const result = await got(t, [made.torrentPath, '-o', into])
    assert.deepEqual(new Map(result.files.map((file) => [file.path_in_torrent, file.sha256])), made.digests)
    for (const { path, size_bytes, md5: sum, where } of result.files) {
      assert.equal((await stat(path)).size, size_bytes)
      assert.deepEqual([sum, where], [null, 'downloaded'])
    }
    assert.deepEqual(result.verified_against, {
      torrent: 'hybrid',
      listing: null,
      sha256_given: false,
      signature: null,
    })
    assert.ok(result.bytes_from.peers >= 300_018)
    assert.deepEqual(await readdir(into), ['m'])
  })

  it('downloads from a web seed alone, takes what is there for what it is, and works out the MD5 if asked', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { url, serve } = await webSeed(t)
    const made = await makeTorrent(t, { 'one.gguf': 250_000 }, { webSeeds: [`${url}one.gguf`], flags: 'v2' })
    serve(made.dir)
    const into = await tempDir(t)
    const first = await got(t, [made.torrentPath, '-o', into, '--md5'])
    assert.equal(first.bytes_from.web_seeds, 250_000)
    assert.equal(first.files[0]?.md5, md5(await readFile(join(made.dir, 'one.gguf'))))
    const again = await got(t, [made.torrentPath, '-o', into, '--sha256', made.digests.get('one.gguf') ?? ''])
    assert.deepEqual([again.files[0]?.where, again.bytes_from.web_seeds], ['already_here', 0])
    assert.equal(again.verified_against.sha256_given, true)
  })

  it('names a web seed that sends wrong bytes, and takes the right ones from a peer', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { url, serve } = await webSeed(t)
    const made = await makeTorrent(t, { 'one.gguf': 2_000_000 }, { webSeeds: [`${url}one.gguf`] })
    const other = await makeTorrent(t, { 'one.gguf': 2_000_000 })
    serve(other.dir)
    const peer = await libtorrentSeed(t, made.torrentPath, made.dir)
    const result = await got(t, [made.torrentPath, '-o', await tempDir(t), '--peer', peer])
    assert.equal(result.files[0]?.sha256, made.digests.get('one.gguf'))
    assert.deepEqual(
      result.problems.map(({ url: who, code }) => [who, code]),
      [[`${url}one.gguf`, 'swarm_bad_data']],
    )
  })

  it('lists files, and takes only those that are named', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, {
      'm/a-Q4_K_M.gguf': 100_001,
      'm/a-Q8_0.gguf': 120_000,
      'm/readme.md': 9,
    })
    const list = await running(t, ['get', made.torrentPath, '--list', '--json']).ended
    const { files } = JSON.parse(list.stdout) as { files: { path: string; size_bytes: number }[] }
    const sizes = { 'm/a-Q4_K_M.gguf': 100_001, 'm/a-Q8_0.gguf': 120_000, 'm/readme.md': 9 }
    assert.deepEqual(Object.fromEntries(files.map(({ path, size_bytes }) => [path, size_bytes])), sizes)
    const into = await tempDir(t)
    const peer = await libtorrentSeed(t, made.torrentPath, made.dir)
    const result = await got(t, [
      made.torrentPath,
      '-o',
      into,
      '--peer',
      peer,
      '--file',
      '*Q4*',
      '--file',
      'readme.md',
    ])
    assert.deepEqual(result.files.map(({ path_in_torrent }) => path_in_torrent).toSorted(), [
      'm/a-Q4_K_M.gguf',
      'm/readme.md',
    ])
    assert.deepEqual((await readdir(join(into, 'm'))).toSorted(), ['a-Q4_K_M.gguf', 'readme.md'])
    const { code } = await running(t, ['get', made.torrentPath, '--list', '--file', 'nothing']).ended
    assert.equal(code, 2)
  })
})

describe('when qal get is given a magnet or an info hash', () => {
  it('asks peers for the metadata, of a hybrid, a v1 and a base32 link, and of a bare hash', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const trackers = await startTracker(t)
    const made = await makeTorrent(
      t,
      { 'm/a.gguf': 200_000, 'm/b.gguf': 70_000 },
      { trackers: [trackers.http] },
    )
    const peer = await libtorrentSeed(t, made.torrentPath, made.dir)
    await until(() => trackers.tracker.counts(made.infoHash).seeders === 1)
    const { magnet, magnet_v1 } = magnetsOf(await parseMetainfo(made.torrent, nodeHashes))
    const base32 = `magnet:?xt=urn:btih:${toBase32(made.infoHash)}&tr=${encodeURIComponent(trackers.http)}`
    for (const [what, more] of [
      [magnet, []],
      [magnet_v1 ?? '', []],
      [base32, []],
      [made.infoHash, ['--peer', peer]],
    ] as const) {
      const into = await tempDir(t)
      const result = await got(t, [what, '-o', into, ...more])
      assert.deepEqual(new Map(result.files.map((file) => [file.path_in_torrent, file.sha256])), made.digests)
    }
    // BEP 53: the second file, with the pad file between them counted.
    const one = await got(t, [`${magnet}&so=2`, '-o', await tempDir(t)])
    assert.deepEqual(
      one.files.map(({ path_in_torrent }) => path_in_torrent),
      ['m/b.gguf'],
    )
  })

  it('refuses a v2-only link, and a hash that is no v1 info hash', async (t) => {
    const v2 = `magnet:?xt=urn:btmh:1220${'0'.repeat(64)}`
    assert.deepEqual(await failed(t, [v2]), [1, 'swarm_v2_only'])
    assert.deepEqual(await failed(t, ['0'.repeat(64)]), [2, 'cli_usage'])
  })
})

describe('when qal get is given a listing', () => {
  it('compares size, SHA-256 and MD5 with what was published, by id, page, file hash and info hash', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const site = await siteWith(t)
    for (const what of [ID, `${site.url}/models/${ID}/a-name`, site.sha256, site.made.infoHash]) {
      const into = await tempDir(t)
      const result = await got(t, [what, '--site', site.url, '-o', into])
      assert.deepEqual(result.verified_against.listing, {
        id: ID,
        site: site.url,
        model: 'Test model',
        status: 'published',
        tier: 'community',
        consensus: 'VERIFIED',
        files: 1,
      })
      assert.equal(result.files[0]?.md5, site.md5)
      assert.deepEqual(await readdir(into), ['one.gguf'])
    }
  })

  it('ends with 3 where what came is not what was published, and puts nothing under its name', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    for (const [what, change] of [
      ['another SHA-256', { sha256: '0'.repeat(64) }],
      ['another MD5', { md5: '0'.repeat(32) }],
      ['another size', { size_bytes: 5 }],
    ] as const) {
      const site = await siteWith(t, { file: change })
      const into = await tempDir(t)
      assert.deepEqual(await failed(t, [ID, '--site', site.url, '-o', into]), [3, 'cli_get_mismatch'], what)
      assert.equal(existsSync(join(into, 'one.gguf')), false, what)
    }
    const site = await siteWith(t, { listing: { info_hash: '0'.repeat(40) } })
    assert.deepEqual(await failed(t, [ID, '--site', site.url]), [3, 'cli_get_mismatch'])
    const { made } = site
    const into = await tempDir(t)
    const given = [made.torrentPath, '-o', into, '--peer', site.peer, '--sha256', '0'.repeat(64)]
    assert.deepEqual(await failed(t, given), [3, 'cli_get_mismatch'])
    assert.deepEqual(await readdir(into), [`.qal-${made.infoHash}`])
    // The download is not lost: told the right one, it needs nobody.
    given.splice(-1, 1, site.sha256)
    assert.equal((await got(t, given)).bytes_from.peers, 0)
  })

  it('refuses what its page warns of, unless it is wanted anyway', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    for (const listing of [
      { status: 'suspended' },
      { status: 'rejected' },
      { consensus: 'REFUSED' },
      { consensus: 'SPLIT' },
    ]) {
      const site = await siteWith(t, { listing })
      assert.deepEqual(await failed(t, [ID, '--site', site.url]), [3, 'cli_get_refused'])
    }
    const site = await siteWith(t, { listing: { status: 'suspended' } })
    await got(t, [ID, '--site', site.url, '-o', await tempDir(t), '--anyway'])
  })

  it('takes a listing without a .torrent by its magnet, whatever path it was claimed under', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const site = await siteWith(t, { listing: { torrent_url: null }, file: { path: 'claimed.gguf' } })
    const result = await got(t, [ID, '--site', site.url, '-o', await tempDir(t), '--peer', site.peer])
    assert.equal(result.verified_against.listing?.files, 1)
  })

  it('says which document is no listing, and which id is not there', async (t) => {
    const site = await siteWith(t, { listing: { sha256: 'x' } })
    assert.deepEqual(await failed(t, [ID, '--site', site.url]), [4, 'cli_manifest'])
    assert.deepEqual(await failed(t, [ID.replace('J', 'K'), '--site', site.url]), [4, 'cli_fetch'])
    for (const args of [[ID], ['https://example.org/x'], ['nothing'], [ID, '--site', 'ftp://example.org']])
      assert.deepEqual(await failed(t, args), [2, 'cli_usage'], args.join(' '))
  })
})

describe('when qal get is interrupted', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    it(`goes on after ${signal} where it stopped, and reads what is there once`, async (t) => {
      if (!requireTool(t, 'libtorrent')) return
      const made = await makeTorrent(t, { 'one.gguf': 12_000_000 })
      const peer = await libtorrentSeed(t, made.torrentPath, made.dir)
      const into = await tempDir(t)
      const args = [made.torrentPath, '-o', into, '--peer', peer]
      const first = get(t, [...args, '--down-limit', '2M'])
      const journal = join(into, `.qal-${made.infoHash}`, 'pieces')
      await until(async () => (await pieces(journal)) >= 20)
      first.signal(signal)
      const { code, stderr } = await first.ended
      assert.equal(code, signal === 'SIGKILL' ? null : 130, stderr)
      assert.deepEqual(await readdir(into), [`.qal-${made.infoHash}`])
      const had = await pieces(journal)
      const result = await got(t, args)
      assert.equal(result.files[0]?.sha256, made.digests.get('one.gguf'))
      assert.equal(result.bytes_read.rechecked, had * 65_536)
      assert.equal(result.bytes_from.peers, 12_000_000 - had * 65_536)
      assert.deepEqual(await readdir(into), ['one.gguf'])
    })
  }
})

describe('when qal get cannot get it', () => {
  it('says that nobody has it, and what may help', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const trackers = await startTracker(t)
    const made = await makeTorrent(t, { 'one.gguf': 100_000 }, { trackers: [trackers.http] })
    const args = [made.torrentPath, '-o', await tempDir(t), '--timeout', '1']
    assert.deepEqual(await failed(t, args), [1, 'swarm_no_peers'])
    const { stderr } = await running(t, ['get', ...args, ...HERE]).ended
    assert.match(stderr, /Try again later/)
    assert.deepEqual(await failed(t, [...args, '--peer', `127.0.0.1:${await freePort()}`]), [
      1,
      'swarm_no_peers',
    ])
    const bare = await running(t, ['get', ...args, '--dht', 'off', '--json']).ended
    assert.match(bare.stdout, /swarm_address_refused/)
    assert.match(bare.stderr, /--allow/)
  })

  it('overwrites nothing, and refuses v2 only without a web seed and options that are none', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const made = await makeTorrent(t, { 'one.gguf': 100_000 })
    const peer = await libtorrentSeed(t, made.torrentPath, made.dir)
    const into = await tempDir(t)
    await writeFile(join(into, 'one.gguf'), 'mine')
    assert.deepEqual(await failed(t, [made.torrentPath, '-o', into, '--peer', peer]), [
      2,
      'swarm_target_exists',
    ])
    assert.equal(await readFile(join(into, 'one.gguf'), 'utf8'), 'mine')
    await got(t, [made.torrentPath, '-o', into, '--peer', peer, '--force'])
    const v2 = await makeTorrent(t, { 'one.gguf': 100_000 }, { flags: 'v2' })
    assert.deepEqual(await failed(t, [v2.torrentPath]), [1, 'swarm_v2_only'])
    for (const option of [
      ['--down-limit', '5X'],
      ['--up-limit', '10'],
      ['--timeout', 'x'],
      ['--listen', 'x'],
      ['--peer', 'x'],
      ['--sha256', 'x'],
      ['--file', 'nothing'],
    ])
      assert.deepEqual(await failed(t, [made.torrentPath, ...option]), [2, 'cli_usage'], option.join(' '))
    assert.deepEqual(await failed(t, [made.torrentPath, '--allow', 'x']), [2, 'input_address_policy'])
  })
})

/** How many pieces a journal says are there. */
async function pieces(journal: string): Promise<number> {
  const bytes = await readFile(journal).catch(() => new Uint8Array())
  return bytes.reduce((sum, byte) => sum + byte, 0)
}

function toBase32(hex: string): string {
  let text = ''
  for (let bits = BigInt(`0x${hex}`), at = 0; at < 32; at++, bits >>= 5n)
    text = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.charAt(Number(bits & 31n)) + text
  return text
}

interface TestSite {
  url: string
  made: TestTorrent
  peer: string
  sha256: string
  md5: string
}

/** A server that answers as a site does for one listing, whose torrent is seeded; parts of what it says can be changed. */
async function siteWith(
  t: TestContext,
  changes: { listing?: Record<string, unknown>; file?: Record<string, unknown> } = {},
): Promise<TestSite> {
  const answers = new Map<string, unknown>()
  const { port, tracker } = await startTracker(t, (request, response) => {
    const answer = answers.get(request.url ?? '')
    if (answer === undefined) response.writeHead(404).end()
    else response.end(answer instanceof Uint8Array ? answer : JSON.stringify(answer))
  })
  const url = `http://127.0.0.1:${port}`
  const made = await makeTorrent(t, { 'one.gguf': 150_000 }, { trackers: [`${url}/announce`] })
  const peer = await libtorrentSeed(t, made.torrentPath, made.dir)
  await until(() => tracker.counts(made.infoHash).seeders === 1)
  const metainfo = await parseMetainfo(made.torrent, nodeHashes)
  const sha256 = made.digests.get('one.gguf') ?? ''
  const sum = md5(await readFile(join(made.dir, 'one.gguf')))
  const file = { path: 'one.gguf', size_bytes: 150_000, sha256, md5: sum, ...changes.file }
  const { info_hash, info_hash_v2 } = metainfo
  answers.set(`/models/${ID}.json`, {
    id: ID,
    model: 'Test model',
    status: 'published',
    tier: 'community',
    consensus: 'VERIFIED',
    sha256,
    info_hash,
    info_hash_v2,
    magnet: magnetsOf(metainfo).magnet,
    torrent_url: `/models/${ID}.torrent`,
    files: [file],
    signature: { state: 'none', fingerprint: null, blob: null },
    ...changes.listing,
  })
  answers.set(`/models/${ID}.torrent`, made.torrent)
  for (const hash of [sha256, info_hash ?? ''])
    answers.set(`/api/identify/${hash.slice(0, 5)}`, {
      matches: [{ id: ID, sha256, info_hash, info_hash_v2 }],
    })
  return { url, made, peer, sha256, md5: sum }
}
