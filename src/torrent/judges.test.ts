/** What is special about other people's programs as judges; round-trips.test.ts has what is common to them. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { checkByLibtorrent, singleName, writeContents } from '../../test/round-trip.ts'
import { requireTool, runTool, tempDir } from '../../test/tools.ts'
import { createFromPath } from '../swarm/create-file.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { parseMetainfo, withOuter } from './metainfo.ts'
import { edited } from './torrent-fixture.ts'

const SINGLE = singleName(200_001)

describe('when a byte on the disk is wrong', () => {
  for (const v1 of [false, true]) {
    it(`libtorrent and aria2 see it by our ${v1 ? 'v1' : 'hybrid'} torrent`, async (t) => {
      if (!requireTool(t, 'libtorrent', 'aria2c')) return
      const dir = await tempDir(t)
      await writeContents(dir)
      const torrent = join(dir, 'x.torrent')
      await writeFile(torrent, (await createFromPath(join(dir, SINGLE), { v1 })).bytes)
      const bytes = await readFile(join(dir, SINGLE))
      bytes[100_000] = (bytes[100_000] ?? 0) ^ 1
      await writeFile(join(dir, SINGLE), bytes)
      const [checked] = await checkByLibtorrent(dir, [torrent], { withinMs: 1_000 })
      assert.equal(checked?.complete, false)
      // Before 1.37 aria2 drops empty keys and so hashes another dictionary than the one in any hybrid.
      const { stdout: version } = await runTool('aria2c', ['--version'])
      if (!v1 && /aria2 version 1\.(?:[0-9]|[12][0-9]|3[0-6])\./.test(version)) return
      const check = ['--no-conf', '--check-integrity=true', '--hash-check-only=true', '--enable-dht=false']
      assert.notEqual((await runTool('aria2c', [...check, `--dir=${dir}`, torrent])).code, 0)
    })
  }
})

describe('when trackers and web seeds are added to a torrent', () => {
  it('libtorrent sees the same torrent with them, v1, v2 and hybrid', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const dir = await tempDir(t)
    await writeContents(dir)
    const torrents: string[] = []
    const before: string[] = []
    for (const name of [SINGLE, 'mixed']) {
      for (const v1 of [false, true]) {
        const made = await createFromPath(join(dir, name), { v1, announce: ['udp://127.0.0.1:9/one'] })
        const more = withOuter(made.bytes, {
          addTrackers: ['udp://127.0.0.1:9/two'],
          addWebSeeds: ['http://127.0.0.1:9/'],
        })
        torrents.push(join(dir, `${torrents.length}.torrent`))
        await writeFile(torrents.at(-1) ?? '', more)
        before.push(made.info_hash)
      }
    }
    for (const [index, checked] of (await checkByLibtorrent(dir, torrents)).entries()) {
      assert.deepEqual([checked.v1, checked.complete], [before[index], true])
      assert.deepEqual(checked.trackers, ['udp://127.0.0.1:9/one', 'udp://127.0.0.1:9/two'])
      assert.deepEqual(checked.web_seeds, ['http://127.0.0.1:9/'])
    }
  })
})

it('libtorrent sees the one tracker that is added to a list of none that can be used', async (t) => {
  if (!requireTool(t, 'libtorrent')) return
  const dir = await tempDir(t)
  await writeContents(dir)
  const { bytes } = await createFromPath(join(dir, SINGLE))
  const odd = edited(bytes, (_, root) => root.set('announce-list', [['']]))
  await writeFile(join(dir, 'x'), withOuter(odd, { addTrackers: ['udp://127.0.0.1:9/one'] }))
  await writeFile(
    join(dir, 'y'),
    edited(bytes, (_, root) => root.set('announce-list', [['nobody']])),
  )
  const more = withOuter(await readFile(join(dir, 'y')), { addTrackers: ['udp://127.0.0.1:9/one'] })
  await writeFile(join(dir, 'y'), more)
  for (const { trackers } of await checkByLibtorrent(dir, [join(dir, 'x'), join(dir, 'y')], {
    withinMs: 500,
  }))
    assert.deepEqual(trackers, ['udp://127.0.0.1:9/one'])
})

describe('when transmission says what we wrote beside info', () => {
  it('shows comment, creator and tiers', async (t) => {
    if (!requireTool(t, 'transmission-show')) return
    const dir = await tempDir(t)
    await writeContents(dir)
    const torrent = join(dir, 'x.torrent')
    const trackers = [['http://127.0.0.1:9/a', 'http://127.0.0.1:9/b'], ['http://127.0.0.1:9/c']]
    const options = { v1: true, comment: 'hellö', trackers, creationDate: 1_700_000_000 }
    await writeFile(torrent, (await createFromPath(join(dir, 'mixed'), options)).bytes)
    const { stdout } = await runTool('transmission-show', [torrent])
    assert.match(stdout, /Comment: hellö\n/)
    assert.match(stdout, /Created by: Qal\.to\n/)
    assert.match(
      stdout,
      /Tier #1\n {2}http:\/\/127\.0\.0\.1:9\/a\n {2}http:\/\/127\.0\.0\.1:9\/b\n\n {2}Tier #2\n/,
    )
  })

  it('reads a comment of its own making', async (t) => {
    if (!requireTool(t, 'transmission-create')) return
    const dir = await tempDir(t)
    await writeContents(dir)
    const torrent = join(dir, 'x.torrent')
    await runTool('transmission-create', [
      '-o',
      torrent,
      '-c',
      'hello',
      '-p',
      '-t',
      'http://127.0.0.1:9/a',
      join(dir, SINGLE),
    ])
    const read = await parseMetainfo(await readFile(torrent), nodeHashes)
    assert.deepEqual([read.comment, read.private], ['hello', true])
    assert.match(read.created_by ?? '', /^Transmission\//)
  })
})
