/** libtorrent and aria2 download for real what `create` made: from peers, and from a web seed alone. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { createFromPath, type CreateFromPathOptions } from '../src/swarm/create-file.ts'
import { startSeeder } from '../src/swarm/seed.ts'
import { policyFor } from '../src/swarm/addresses.ts'
import { serveFiles } from './file-server.ts'
import { filesOf, singleName, writeContents } from './round-trip.ts'
import { libtorrentDownload, libtorrentSeed, startTracker } from './swarm.ts'
import { requireTool, runTool, tempDir } from './tools.ts'

const SINGLE = singleName(200_001)
const NAMES = [SINGLE, 'mixed', 'lone'] as const

interface Published {
  name: string
  dir: string
  torrent: string
  bytes: Uint8Array
  infoHash: string
}

/** Makes a torrent of one of the contents. */
async function publish(t: TestContext, name: string, options: CreateFromPathOptions): Promise<Published> {
  const dir = await tempDir(t)
  await writeContents(dir)
  const created = await createFromPath(join(dir, name), { pieceLength: 32_768, ...options })
  const torrent = join(await tempDir(t), 'x.torrent')
  await writeFile(torrent, created.bytes)
  return { name, dir, torrent, bytes: created.bytes, infoHash: created.info_hash }
}

/** Every file there, byte for byte. */
async function assertSame({ name, dir }: Published, into: string): Promise<void> {
  for (const [path, size] of filesOf(name)) {
    const found = await readFile(join(into, path))
    assert.equal(found.length, size, path)
    assert.ok(found.equals(await readFile(join(dir, path))), path)
  }
}

async function aria2(torrent: string, into: string): Promise<void> {
  const local = [
    '--enable-dht=false',
    '--enable-dht6=false',
    '--bt-enable-lpd=false',
    '--enable-peer-exchange=false',
  ]
  const flags = ['--no-conf', '--interface=127.0.0.1', '--listen-port=1024-65535', '--seed-time=0', ...local]
  const { code, stdout } = await runTool('aria2c', [...flags, '--dir', into, torrent])
  assert.equal(code, 0, stdout)
}

/** aria2 asks a tracker once in minutes: it must know our seeder first. */
async function untilSeeded(seeders: () => number): Promise<void> {
  const end = Date.now() + 10_000
  while (seeders() === 0) {
    assert.ok(Date.now() < end, 'no seeder after 10 s')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('when others download what we made', () => {
  for (const name of NAMES) {
    it(`libtorrent does so from our seeder, by the hybrid torrent of ${name}`, async (t) => {
      if (!requireTool(t, 'libtorrent')) return
      const tracker = await startTracker(t)
      const made = await publish(t, name, { announce: [tracker.http] })
      const seeder = await startSeeder({
        trackers: [tracker.http],
        policy: policyFor([tracker.http]),
        host: '127.0.0.1',
        webRtc: false,
      })
      t.after(() => seeder.close())
      await seeder.add({ torrent: made.bytes, path: made.dir })
      const into = await tempDir(t)
      await libtorrentDownload(made.torrent, into)
      await assertSame(made, into)
    })

    it(`aria2 does so from libtorrent, by the v1 torrent of ${name}`, async (t) => {
      if (!requireTool(t, 'libtorrent', 'aria2c')) return
      const tracker = await startTracker(t)
      const made = await publish(t, name, { announce: [tracker.http], v1: true })
      await libtorrentSeed(t, made.torrent, made.dir)
      await untilSeeded(() => tracker.tracker.counts(made.infoHash).seeders)
      const into = await tempDir(t)
      await aria2(made.torrent, into)
      await assertSame(made, into)
    })

    it(`libtorrent does so from a web seed alone, by the hybrid torrent of ${name}`, async (t) => {
      if (!requireTool(t, 'libtorrent')) return
      const { made, asked } = await withWebSeed(t, name, false)
      const into = await tempDir(t)
      await libtorrentDownload(made.torrent, into)
      await assertSame(made, into)
      assertAsked(name, asked)
    })

    it(`aria2 does so from a web seed alone, by the v1 torrent of ${name}`, async (t) => {
      if (!requireTool(t, 'aria2c')) return
      const { made, asked } = await withWebSeed(t, name, true)
      const into = await tempDir(t)
      await aria2(made.torrent, into)
      await assertSame(made, into)
      assertAsked(name, asked)
    })
  }
})

/** A torrent without any tracker, whose files a plain web server has. */
async function withWebSeed(
  t: TestContext,
  name: string,
  v1: boolean,
): Promise<{ made: Published; asked: Set<string> }> {
  const dir = await tempDir(t)
  await writeContents(dir)
  const { url, asked } = await serveFiles(t, dir)
  // A file by its own address, a folder by the one that it lies in.
  const made = await publish(t, name, { webSeeds: [name === SINGLE ? `${url}${name}` : url], v1 })
  return { made, asked }
}

function assertAsked(name: string, asked: ReadonlySet<string>): void {
  for (const [path, size] of filesOf(name))
    if (size > 0) assert.ok(asked.has(path), `nobody asked for ${path}`)
}
