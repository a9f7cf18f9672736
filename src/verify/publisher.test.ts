import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { startHub, tooMany, type HubFile, type TestHub } from '../../test/hub.ts'
import { EVENT_DATA, type ListedFile, PublisherRecorded } from '../core/events.ts'
import { Sha256 } from '../core/ids.ts'
import { addressPolicy } from '../swarm/addresses.ts'
import { createFromPath } from '../swarm/create-file.ts'
import { askHub } from '../swarm/hub.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { parseMetainfo } from '../torrent/metainfo.ts'
import { type Integrity, judgeIntegrity } from './integrity.ts'
import type { VerificationJob } from './job.ts'
import { askPublisher, type Hub, type PublisherClaim } from './publisher.ts'
import { checkWebSeeds } from './web-seeds.ts'

const COMMIT = 'c0ffee'.padEnd(40, '0')
const MODEL = Buffer.from('GGUF and the weights of a model')
const OTHER = Buffer.from('GGUF and the weights of another')
const CLAIM = { repository: 'org/repo', commit: COMMIT, path: 'q8/model.gguf' }

/** A listing's files as a torrent of one file or more, downloaded. */
async function listing(t: TestContext, files: Record<string, Buffer>, webSeeds: string[] = []) {
  const folder = await mkdtemp(join(tmpdir(), 'qal-publisher-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  for (const [path, bytes] of Object.entries(files)) await writeFile(join(folder, path), bytes)
  const [first = ''] = Object.keys(files)
  const single = Object.keys(files).length === 1
  const created = await createFromPath(single ? join(folder, first) : folder, { webSeeds })
  const listed = created.files.map((file): ListedFile => {
    const role = /-of-\d+\.gguf$/.test(file.path) ? 'shard' : file.path.endsWith('.gguf') ? 'model' : 'other'
    return { ...(file as Omit<ListedFile, 'role'>), role }
  })
  const metainfo = await parseMetainfo(created.bytes, nodeHashes)
  const places = created.files.map(({ path, size_bytes: size }) => ({
    path,
    size,
    diskPath: join(folder, single ? path : path.slice(path.indexOf('/') + 1)),
  }))
  return {
    job: { listing_id: 'x', torrent: created.bytes, files: listed } as VerificationJob,
    metainfo,
    places,
  }
}

async function judge(
  t: TestContext,
  files: Record<string, Buffer>,
  claim: PublisherClaim | undefined,
  hub: Hub | undefined,
): Promise<Integrity> {
  const { job, metainfo, places } = await listing(t, files)
  return judgeIntegrity({
    job,
    metainfo,
    fetched: { files: places },
    publisher: askPublisher(claim, job.files, hub),
    webSeeds: Promise.resolve([]),
    now: new Date(),
  })
}

function hubAt(server: TestHub, policy = addressPolicy(['127.0.0.0/8'])): Hub {
  const options = { base: server.url, policy, timeoutMs: 1_000, patienceMs: 0 }
  return { base: server.url, ask: (question) => askHub(question, options) }
}

function repository(files: Record<string, HubFile>): Parameters<typeof startHub>[1] {
  return { 'org/repo': { commits: { [COMMIT]: files } } }
}

const SAME = repository({ 'q8/model.gguf': { bytes: MODEL } })

type Outcome = [verdict: string | undefined, judge: string, state: string | undefined]

function outcome({ judge: { verdict, checks }, publisher }: Integrity): Outcome {
  if (publisher !== null) {
    // The ledger takes it as it is.
    PublisherRecorded.parse(publisher)
    assert.ok(EVENT_DATA.listing.verification_recorded.shape.publisher.safeParse(publisher).success)
  }
  const verdicts = checks.filter(({ id }) => id === 'publisher_digest').map((check) => check.verdict)
  const worst = ['fail', 'skipped', 'pass'].find((word) => verdicts.includes(word as 'fail'))
  return [worst, verdict, publisher?.state]
}

describe('when the source names a file at the publisher’s hub', () => {
  const cases: [string, PublisherClaim | undefined, Parameters<typeof startHub>[1], Outcome][] = [
    ['equal', CLAIM, SAME, ['pass', 'pass', 'equal']],
    [
      'another SHA-256',
      CLAIM,
      repository({ 'q8/model.gguf': { bytes: OTHER } }),
      ['fail', 'fail', 'differs'],
    ],
    [
      'another size, though the hub says the same SHA-256',
      CLAIM,
      repository({ 'q8/model.gguf': { bytes: MODEL, says: { size: MODEL.length + 1 } } }),
      ['fail', 'fail', 'differs'],
    ],
    [
      'a file that git keeps',
      CLAIM,
      repository({ 'q8/model.gguf': { bytes: MODEL, lfs: false } }),
      ['skipped', 'pass', 'unknown'],
    ],
    ['no such path', CLAIM, repository({}), ['skipped', 'pass', 'unknown']],
    ['a folder', { ...CLAIM, path: 'q8' }, SAME, ['skipped', 'pass', 'unknown']],
    ['no such commit', { ...CLAIM, commit: 'd'.repeat(40) }, SAME, ['skipped', 'pass', 'unknown']],
    ['no such repository', CLAIM, {}, ['skipped', 'pass', 'unknown']],
    [
      'a gated repository',
      CLAIM,
      { 'org/repo': { commits: {}, gated: true } },
      ['skipped', 'pass', 'unknown'],
    ],
    ['a repository of dots', { ...CLAIM, repository: '../..' }, SAME, ['skipped', 'pass', 'unknown']],
    ['no commit', { ...CLAIM, commit: null }, SAME, ['skipped', 'pass', undefined]],
    ['no path', { ...CLAIM, path: null }, SAME, ['skipped', 'pass', undefined]],
    ['no repository', { ...CLAIM, repository: null }, SAME, [undefined, 'pass', undefined]],
    ['no source', undefined, SAME, [undefined, 'pass', undefined]],
  ]
  for (const [what, claim, repositories, expected] of cases)
    it(`${what}: ${expected.join(', ')}`, async (t) => {
      const hub = await startHub(t, repositories)
      assert.deepEqual(outcome(await judge(t, { 'model.gguf': MODEL }, claim, hubAt(hub))), expected)
      assert.equal(hub.asked.length, expected[2] === undefined || what.includes('dots') ? 0 : 1)
    })

  it('says what it compared, with whose word', async (t) => {
    const hub = await startHub(t, SAME)
    hub.renamed['org/old'] = 'org/repo'
    const { publisher, judge: judged } = await judge(
      t,
      { 'model.gguf': MODEL },
      { ...CLAIM, repository: 'org/old' },
      hubAt(hub),
    )
    const sha256 = createHash('sha256').update(MODEL).digest('hex')
    assert.deepEqual(publisher, {
      state: 'equal',
      hub: hub.url,
      repository: 'org/old',
      commit: COMMIT,
      path: 'q8/model.gguf',
      renamed_to: 'org/repo',
      sha256: Sha256.parse(sha256),
      size_bytes: MODEL.length,
      reason: null,
    })
    const check = judged.checks.find(({ id }) => id === 'publisher_digest')
    assert.deepEqual([check?.expected, check?.found, check?.path], [sha256, sha256, 'model.gguf'])
  })

  const unreached: [string, (hub: TestHub) => Hub][] = [
    ['it may not be reached', (hub) => hubAt(hub, addressPolicy())],
    ['it is busy', (hub) => (hub.next.push(tooMany(300, 'api')), hubAt(hub))],
    ['it does not answer', (hub) => (hub.next.push(() => undefined), hubAt(hub))],
    ['it answers with a page', (hub) => (hub.next.push((_q, r) => r.end('<html>')), hubAt(hub))],
    [
      'it fails in a way that nobody foresaw',
      () => ({ base: 'http://x', ask: () => Promise.reject(new Error('x')) }),
    ],
  ]
  for (const [why, hubOf] of unreached)
    it(`neither passes nor fails where ${why}`, async (t) => {
      const hub = await startHub(t, repository({ 'q8/model.gguf': { bytes: OTHER } }))
      assert.deepEqual(outcome(await judge(t, { 'model.gguf': MODEL }, CLAIM, hubOf(hub))), [
        'skipped',
        'pass',
        'unknown',
      ])
    })

  it('is skipped by a verifier that asks nobody', async (t) => {
    assert.deepEqual(outcome(await judge(t, { 'model.gguf': MODEL }, CLAIM, undefined)), [
      'skipped',
      'pass',
      undefined,
    ])
  })
})

describe('when the model is split', () => {
  const names = ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf'] as const
  const parts = { [names[0]]: MODEL, [names[1]]: OTHER, 'README.md': Buffer.from('# A model') }
  const claim = { ...CLAIM, path: `q8/${names[0]}` }
  const there = (second: HubFile | null): Parameters<typeof startHub>[1] =>
    repository({ [`q8/${names[0]}`]: { bytes: MODEL }, ...(second && { [`q8/${names[1]}`]: second }) })
  const cases: [string, Parameters<typeof startHub>[1], Outcome][] = [
    ['every part is equal', there({ bytes: OTHER }), ['pass', 'pass', 'equal']],
    ['the second part differs', there({ bytes: MODEL }), ['fail', 'fail', 'differs']],
    ['the second part is not there', there(null), ['skipped', 'pass', 'unknown']],
  ]
  for (const [what, repositories, expected] of cases)
    it(`${what}: ${expected[2]}`, async (t) => {
      const hub = await startHub(t, repositories)
      assert.deepEqual(outcome(await judge(t, parts, claim, hubAt(hub))), expected)
      assert.equal(hub.asked.length, 1)
    })
})

describe('when a torrent names web seeds', () => {
  it('says of each whether it serves ranges of the file, and fails none', async (t) => {
    const hub = await startHub(t, SAME)
    const at = (path: string): string => `${hub.url}/org/repo/resolve/${COMMIT}/${path}`
    const files = hub.repositories['org/repo']?.commits[COMMIT] ?? {}
    files['short.gguf'] = { bytes: MODEL.subarray(1) }
    const seeds = [at('q8/model.gguf'), at('short.gguf'), at('gone.gguf'), 'http://10.0.0.1/model.gguf']
    const { job, metainfo } = await listing(t, { 'model.gguf': MODEL }, seeds)
    const checks = await checkWebSeeds(metainfo, job.files, { policy: addressPolicy(['127.0.0.0/8']) })
    assert.deepEqual(
      checks.map(({ verdict, found }) => [verdict, found]),
      seeds.map((seed, index) => [index === 0 ? 'pass' : 'skipped', seed]),
    )
  })
})
