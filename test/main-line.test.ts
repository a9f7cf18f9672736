import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { policyFor } from '../src/swarm/addresses.ts'
import { scrape } from '../src/swarm/scrape.ts'
import type { ModelItem } from '../src/web/page-types.ts'
import { qal, runSite, tokenFor, type RunningSite } from './site.ts'
import { libtorrentDownload } from './swarm.ts'
import { requireTool, runLibtorrent, runTool } from './tools.ts'

interface GotJson {
  files: { path: string; sha256: string; md5: string | null }[]
  verified_against: { listing: { files: number } | null; signature: { state: string } | null }
}

/** The mission's main job on real bytes: what `npm start` shows after about a minute. */
describe('when npm start fills an empty data folder', () => {
  let site: RunningSite
  let scratch: string
  const models: Record<string, ModelItem> = {}

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'qal-main-'))
    site = await runSite({ demo: true })
    await until(
      () => /demo: done/.test(site.output()),
      180_000,
      () => site.output(),
    )
    const admin = await tokenFor(site, 'watcher', 'moderator')
    const listed = (await (
      await fetch(`${site.url}/api/models?status=all`, { headers: { authorization: `Bearer ${admin}` } })
    ).json()) as { models: ModelItem[] }
    for (const model of listed.models) models[model.uploader.handle] = model
  })
  after(async () => {
    assert.equal(await site.stop(), 0)
    await rm(scratch, { recursive: true, force: true })
  })

  async function save(path: string, from: string): Promise<void> {
    const response = await fetch(site.url + from)
    assert.equal(response.status, 200, from)
    await writeFile(path, new Uint8Array(await response.arrayBuffer()))
  }

  async function torrentOf(handle: string): Promise<{ path: string; model: ModelItem }> {
    const path = join(scratch, `${handle}.torrent`)
    await save(path, of(handle).torrent_url ?? '')
    return { path, model: of(handle) }
  }

  const of = (handle: string): ModelItem => {
    const model = models[handle]
    assert.ok(model, `a listing of @${handle}`)
    return model
  }

  it('shows one listing that is Official, signed and verified', () => {
    const model = of('demo-official')
    assert.equal(model.status, 'published')
    assert.equal(model.tier, 'official')
    assert.equal(model.signature.state, 'good')
    assert.equal(model.consensus, 'VERIFIED')
    assert.deepEqual(model.verification, { integrity: 'pass', form: 'pass', behaviour: 'pass' })
    assert.deepEqual(model.verified_by, ['local-verifier'])
    assert.deepEqual(model.quantisation.proven, ['F16'])
    assert.equal(model.demo, true)
  })

  it('shows one from a new uploader that was verified and approved', () => {
    const model = of('demo-newcomer')
    assert.equal(model.status, 'published')
    assert.equal(model.tier, 'unverified')
    assert.equal(model.consensus, 'VERIFIED')
    assert.equal(model.review?.by_handle, 'demo-moderator')
    assert.equal(model.signature.state, 'none')
  })

  it('keeps one in the queue', () => {
    assert.equal(of('demo-patient').status, 'pending')
    assert.equal(of('demo-patient').verifications[0]?.recommendation.decision, 'approve')
  })

  it('rejects the one labelled Q4_K_M whose tensors are Q8_0, with that reason', async () => {
    const model = of('demo-mislabeller')
    assert.equal(model.status, 'rejected')
    assert.equal(model.consensus, 'REFUSED')
    assert.equal(model.quantisation.match, 'mislabelled')
    assert.ok(model.quantisation.proven.includes('Q8_0'))
    assert.equal(model.verification.form, 'fail')
    assert.equal(model.verification.behaviour, 'skipped')
    const page = await (await fetch(site.url + model.url)).text()
    assert.match(page, /Q4_K_M/)
    assert.match(page, /Q8_0/)
    const { models: published } = (await (await fetch(`${site.url}/models.json`)).json()) as {
      models: ModelItem[]
    }
    assert.ok(!published.some(({ id }) => id === model.id))
    assert.equal(published.length, 2)
  })

  it('counts seeders by scraping the tracker', async () => {
    const counted = await until(
      async () => {
        const item = (await (
          await fetch(`${site.url}/api/models/${of('demo-official').id}`)
        ).json()) as ModelItem
        return item.swarm !== null && item.swarm.seeders >= 1 ? item : null
      },
      60_000,
      () => 'no seeder was scraped',
    )
    assert.match(counted?.swarm?.tracker ?? '', /^(?:http|udp|ws):/)
  })

  it('serves the .torrent whose info hashes libtorrent reads as we do', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const { path, model } = await torrentOf('demo-official')
    const script = 'import libtorrent as lt,sys;i=lt.torrent_info(sys.argv[1]).info_hashes();print(i.v1,i.v2)'
    const { stdout, stderr } = await runLibtorrent(script, [path])
    assert.equal(stdout.trim(), `${model.info_hash} ${model.info_hash_v2}`, stderr)
  })

  it('lets libtorrent download a hybrid from our seeder; sha256sum and md5sum agree', async (t) => {
    if (!requireTool(t, 'libtorrent', 'sha256sum', 'md5sum')) return
    // It names no web seed, so every byte is a peer's.
    const { path: torrent, model } = await torrentOf('demo-newcomer')
    assert.deepEqual(model.web_seeds, [])
    await libtorrentDownload(torrent, scratch)
    const path = join(scratch, model.files[0]?.path ?? '')
    assert.equal((await runTool('sha256sum', [path])).stdout.slice(0, 64), model.sha256)
    assert.equal((await runTool('md5sum', [path])).stdout.slice(0, 32), model.md5)
  })

  it('lets qal get download by id from the seeder and the web seed, and check digests and signature', async () => {
    const { id, sha256, md5, files } = of('demo-official')
    const into = join(scratch, 'got')
    const { code, stdout, stderr } = await qal(['get', id, '--site', site.url, '-o', into, '--json'])
    assert.equal(code, 0, stderr + stdout)
    const got = JSON.parse(stdout) as GotJson
    assert.equal(got.files[0]?.path, join(into, files[0]?.path ?? ''))
    assert.deepEqual([got.files[0]?.sha256, got.files[0]?.md5], [sha256, md5])
    assert.equal(got.verified_against.listing?.files, 1)
    assert.equal(got.verified_against.signature?.state, 'good')
    assert.equal((await qal(['get', of('demo-newcomer').id, '--site', site.url, '-o', into])).code, 0)
    const refused = await qal(['get', `${site.url}${of('demo-mislabeller').url}`, '-o', into])
    assert.equal(refused.code, 3, refused.stderr)
  })

  it('serves the signature, the key and the web seed that gpg agrees on', async (t) => {
    if (!requireTool(t, 'gpg')) return
    const model = of('demo-official')
    const path = join(scratch, 'signed.gguf')
    assert.equal(model.web_seeds.length, 1)
    await save(path, new URL(model.web_seeds[0] ?? '').pathname)
    const home = await mkdtemp(join(tmpdir(), 'qal-gpg-'))
    const env = { ...process.env, GNUPGHOME: home }
    const gpg = (...args: string[]): ReturnType<typeof runTool> =>
      runTool('gpg', ['--batch', ...args], { env })
    try {
      await save(join(scratch, 'key.asc'), `/keys/${model.signature.fingerprint}`)
      await save(`${path}.sig`, `/models/${model.id}.sig`)
      assert.equal((await gpg('--import', join(scratch, 'key.asc'))).code, 0)
      assert.equal((await gpg('--verify', `${path}.sig`, path)).code, 0)
      const bytes = await readFile(path)
      bytes[100] = (bytes[100] ?? 0) ^ 1
      await writeFile(path, bytes)
      assert.notEqual((await gpg('--verify', `${path}.sig`, path)).code, 0)
    } finally {
      await runTool('gpgconf', ['--kill', 'all'], { env })
      await rm(home, { recursive: true, force: true })
    }
  })

  // Debian's aria2 1.36 and transmission 3.00 drop or refuse the empty keys that BEP 52 puts into a
  // hybrid's file tree, so they judge a v1 torrent of the same file, as `create --v1` is there for.
  it('lets aria2 download a demo model from our seeder by a v1 torrent that transmission-show reads as we do', async (t) => {
    if (!requireTool(t, 'aria2c', 'transmission-show')) return
    const model = of('demo-patient')
    const file = model.files[0]?.path ?? ''
    const torrent = join(site.data, 'seed', 'old-clients.torrent')
    const announce = ['http', 'udp'].flatMap((scheme) => [
      '--announce',
      `${site.url.replace('http', scheme)}/announce`,
    ])
    const made = await qal([
      'create',
      join(site.data, 'seed', file),
      '--v1',
      '-o',
      torrent,
      '--json',
      ...announce,
    ])
    assert.equal(made.code, 0, made.stderr)
    const { info_hash } = JSON.parse(made.stdout) as { info_hash: string }
    assert.match((await runTool('transmission-show', [torrent])).stdout, new RegExp(`Hash: ${info_hash}`))

    const response = await fetch(`${site.url}/api/submissions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await tokenFor(site, 'old-client')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        name: 'For old clients F16',
        info_hash,
        size_bytes: model.size_bytes,
        sha256: model.sha256,
      }),
    })
    const submitted = (await response.json()) as { id: string; rivals: string[] }
    assert.equal(response.status, 201, JSON.stringify(submitted))
    assert.deepEqual(submitted.rivals, [model.id])
    // aria2 asks a tracker again only after minutes, so the seeder must be known to it first.
    const trackers = [`${site.url}/announce`]
    await until(
      async () => {
        const { results } = await scrape(trackers, [info_hash], { policy: policyFor(trackers) })
        return (results.get(info_hash)?.seeders ?? 0) > 0
      },
      60_000,
      () => 'our seeder never announced the v1 torrent',
    )
    const flags = [
      '--seed-time=0',
      '--enable-dht=false',
      '--enable-dht6=false',
      '--bt-enable-lpd=false',
      '--no-conf',
    ]
    const { code, stdout } = await runTool('aria2c', [...flags, '-d', scratch, torrent], {
      timeoutMs: 90_000,
    })
    assert.equal(code, 0, stdout)
    assert.deepEqual(await readFile(join(scratch, file)), await readFile(join(site.data, 'seed', file)))

    // It was submitted by info hash alone: the verifier has the metadata from the swarm too.
    const verified = await until(
      async () => {
        const item = (await (await fetch(`${site.url}/api/models/${submitted.id}`)).json()) as ModelItem
        return item.verifications.length > 0 ? item : null
      },
      60_000,
      () => site.output(),
    )
    assert.equal(verified?.consensus, 'VERIFIED', JSON.stringify(verified?.verifications))
  })

  it('publishes a ledger that replays to the same catalogue', async () => {
    const { readPublishedLedger } = await import('../src/store/published-ledger.ts')
    const { fold } = await import('../src/core/fold.ts')
    const { projectAll } = await import('../src/core/project.ts')
    const events = await readPublishedLedger(async (path) =>
      (await fetch(`${site.url}/ledger/${path}`)).text(),
    )
    const { listings } = projectAll(fold(events), new Date().toISOString(), 'Qal.to')
    for (const model of Object.values(models)) {
      const replayed = listings.get(model.id)
      assert.deepEqual(
        [replayed?.status, replayed?.tier, replayed?.consensus, replayed?.signature.state],
        [model.status, model.tier, model.consensus, model.signature.state],
      )
    }
  })
})

async function until<Value>(
  ask: () => Value | Promise<Value>,
  withinMs: number,
  describeFailure: () => string,
): Promise<Value> {
  const end = Date.now() + withinMs
  for (;;) {
    const value = await ask()
    if (value) return value
    assert.ok(Date.now() < end, describeFailure())
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}
