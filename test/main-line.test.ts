import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { ModelItem } from '../src/web/page-types.ts'
import { runSite, tokenFor, type RunningSite } from './site.ts'
import { requireTool } from './tools.ts'

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

  it('serves the .torrent whose info hashes outsiders read as we do', async (t) => {
    requireTool(t, 'transmission-show')
    const model = of('demo-official')
    const path = join(scratch, 'official.torrent')
    await writeFile(
      path,
      new Uint8Array(await (await fetch(`${site.url}${model.torrent_url}`)).arrayBuffer()),
    )
    const shown = execFileSync('transmission-show', [path], { encoding: 'utf8' })
    assert.ok(shown.includes(model.info_hash ?? '?'))
    const script = `import libtorrent as lt,sys;i=lt.torrent_info(sys.argv[1]).info_hashes();print(i.v1,i.v2)`
    const hashes = execFileSync('/usr/bin/python3', ['-c', script, path], { encoding: 'utf8' }).trim()
    assert.equal(hashes, `${model.info_hash} ${model.info_hash_v2}`)
  })

  it('lets aria2 download the model from our seeder, and sha256sum, md5sum and gpg agree', async (t) => {
    for (const tool of ['aria2c', 'gpg']) requireTool(t, tool)
    const model = of('demo-official')
    const torrent = join(scratch, 'aria.torrent')
    // The client torrent has no web seed of ours left out: peers must do it, so web seeds are refused.
    await writeFile(
      torrent,
      new Uint8Array(await (await fetch(`${site.url}${model.torrent_url}`)).arrayBuffer()),
    )
    execFileSync(
      'aria2c',
      [
        '--seed-time=0',
        '--enable-dht=false',
        '--enable-dht6=false',
        '--bt-enable-lpd=false',
        '--no-conf',
        '-q',
        '-d',
        scratch,
        torrent,
      ],
      { timeout: 60_000 },
    )
    const path = join(scratch, model.files[0]?.path ?? '')
    assert.ok(existsSync(path))
    assert.equal(execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64), model.sha256)
    assert.equal(execFileSync('md5sum', [path], { encoding: 'utf8' }).slice(0, 32), model.md5)

    const home = join(scratch, 'gnupg')
    execFileSync('mkdir', ['-m', '700', home])
    const env = { ...process.env, GNUPGHOME: home }
    const key = await (await fetch(`${site.url}/keys/${model.signature.fingerprint}`)).text()
    await writeFile(join(scratch, 'key.asc'), key)
    await writeFile(
      `${path}.sig`,
      new Uint8Array(await (await fetch(`${site.url}/models/${model.id}.sig`)).arrayBuffer()),
    )
    execFileSync('gpg', ['--batch', '--quiet', '--import', join(scratch, 'key.asc')], { env, stdio: 'pipe' })
    execFileSync('gpg', ['--batch', '--verify', `${path}.sig`, path], { env, stdio: 'pipe' })
    const bytes = await readFile(path)
    bytes[100] = (bytes[100] ?? 0) ^ 1
    await writeFile(path, bytes)
    assert.throws(() =>
      execFileSync('gpg', ['--batch', '--verify', `${path}.sig`, path], { env, stdio: 'pipe' }),
    )
    execFileSync('gpgconf', ['--kill', 'all'], { env })
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
