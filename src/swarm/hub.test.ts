import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { startHub, tooMany, type HubRepository, type TestHub } from '../../test/hub.ts'
import { addressPolicy } from './addresses.ts'
import { askHub, type HubOptions } from './hub.ts'

const COMMIT = 'c0ffee'.padEnd(40, '0')
const MODEL = Buffer.from('the weights of a model')
const REPOSITORY: HubRepository = {
  commits: {
    [COMMIT]: {
      'q4/model Q4.gguf': { bytes: MODEL },
      'config.json': { bytes: Buffer.from('{}'), lfs: false },
    },
  },
}
const SHA256 = createHash('sha256').update(MODEL).digest('hex')
const question = { repository: 'org/repo', commit: COMMIT, paths: ['q4/model Q4.gguf'] }
const FOUND = { path: 'q4/model Q4.gguf', known: true, sha256: SHA256, size_bytes: MODEL.length }

async function hubOf(t: TestContext, repository: HubRepository = REPOSITORY): Promise<TestHub> {
  return startHub(t, { 'org/repo': repository })
}

function at(hub: TestHub, more: Partial<HubOptions> = {}): HubOptions {
  return { base: hub.url, policy: addressPolicy(['127.0.0.0/8']), timeoutMs: 2_000, ...more }
}

type Change = (hub: TestHub) => void
const answering =
  (status: number, body: string, headers: Record<string, string> = {}): Change =>
  ({ next }) =>
    next.push((_request, response) => response.writeHead(status, headers).end(body))

describe('when the Hub knows a file', () => {
  it('says its SHA-256 and size, and what is none, in one request', async (t) => {
    const hub = await hubOf(t)
    const paths = ['q4/model Q4.gguf', 'config.json', 'q4', 'else.gguf']
    const { repository, files } = await askHub({ ...question, paths }, at(hub))
    assert.equal(repository, 'org/repo')
    assert.deepEqual(files, [
      FOUND,
      { path: 'config.json', known: false, why: 'git_only' },
      { path: 'q4', known: false, why: 'no_file' },
      { path: 'else.gguf', known: false, why: 'missing' },
    ])
    assert.deepEqual(hub.asked, [`POST /api/models/org/repo/paths-info/${COMMIT}`])
  })

  it('follows a repository to its new name, with the question', async (t) => {
    const hub = await hubOf(t)
    hub.renamed['org/old'] = 'org/repo'
    const answer = await askHub({ ...question, repository: 'org/old' }, at(hub))
    assert.deepEqual(answer, { repository: 'org/repo', files: [FOUND] })
  })

  it('waits as long as a busy Hub asks, and asks again', async (t) => {
    const hub = await hubOf(t)
    hub.next.push(tooMany(0, 'api'), (_request, response) =>
      response.writeHead(503, { 'retry-after': '0' }).end(),
    )
    assert.deepEqual((await askHub(question, at(hub))).files, [FOUND])
    assert.equal(hub.asked.length, 3)
  })

  it('knows a file whose metadata is public in a gated repository', async (t) => {
    const hub = await hubOf(t, { ...REPOSITORY, gated: true, publicMetadata: true })
    assert.deepEqual((await askHub(question, at(hub))).files, [FOUND])
  })
})

describe('when the Hub does not tell', () => {
  const entry = { type: 'file', oid: '0'.repeat(40), size: 1, path: question.paths[0] }
  const cases: [string, string, Change][] = [
    ['a repository that is not there', 'swarm_hub_refused', (hub) => void (hub.repositories = {})],
    [
      'a gated repository',
      'swarm_hub_refused',
      (hub) => void (hub.repositories['org/repo'] = { ...REPOSITORY, gated: true }),
    ],
    [
      'a commit that is not there',
      'swarm_hub_missing',
      (hub) => void (hub.repositories['org/repo'] = { commits: {} }),
    ],
    ['403 without a code', 'swarm_hub_refused', answering(403, '{"error":"Forbidden"}')],
    ['404 without a code', 'swarm_hub_missing', answering(404, 'Not found')],
    ['400 with its reason', 'swarm_hub_answer', answering(400, '{"error":"✖ Invalid input"}')],
    [
      'a wait that is longer than our patience',
      'swarm_hub_busy',
      ({ next }) => void next.push(tooMany(3_000, 'api')),
    ],
    [
      'a page of HTML',
      'swarm_hub_answer',
      answering(200, '<!doctype html>', { 'content-type': 'text/html' }),
    ],
    ['bytes that are no text', 'swarm_hub_answer', answering(200, '\xff\xfe[]')],
    ['another shape', 'swarm_hub_answer', answering(200, '{"files":[]}')],
    [
      'a digest that is none',
      'swarm_hub_answer',
      answering(200, JSON.stringify([{ ...entry, lfs: { oid: 'abc', size: 1 } }])),
    ],
    ['the same file twice', 'swarm_hub_answer', answering(200, JSON.stringify([entry, entry]))],
    ['an endless answer', 'swarm_hub_answer', answering(200, ' '.repeat(5 * 2 ** 20))],
    ['no answer', 'swarm_hub_unreachable', ({ next }) => void next.push(() => undefined)],
    [
      'a cut connection',
      'swarm_hub_unreachable',
      ({ next }) => void next.push((request) => request.socket.destroy()),
    ],
    [
      'a redirect to another host',
      'swarm_hub_unreachable',
      ({ next, cdnPort }) =>
        void next.push((_q, r) => r.writeHead(307, { location: `http://127.0.0.1:${cdnPort}/` }).end()),
    ],
    ['a redirect that drops the question', 'swarm_hub_answer', answering(302, '', { location: '/login' })],
  ]
  for (const [name, code, change] of cases)
    it(`ends on ${name} with ${code}`, async (t) => {
      const hub = await hubOf(t)
      change(hub)
      await assert.rejects(askHub(question, at(hub, { timeoutMs: 400 })), { code })
    })

  it('gives up on a Hub that is always busy', async (t) => {
    const hub = await hubOf(t)
    hub.next.push(...Array.from({ length: 9 }, () => tooMany(0, 'api')))
    await assert.rejects(askHub(question, at(hub)), { code: 'swarm_hub_busy' })
    assert.equal(hub.asked.length, 4)
  })

  it('does not go where it may not', async (t) => {
    const hub = await hubOf(t)
    await assert.rejects(askHub(question, at(hub, { policy: addressPolicy() })), {
      code: 'swarm_address_refused',
    })
    assert.deepEqual(hub.asked, [])
  })

  it('stops when it is told to, also while it waits', async (t) => {
    const hub = await hubOf(t)
    hub.next.push(tooMany(30, 'api'))
    const stop = new AbortController()
    const asking = askHub(question, at(hub, { signal: stop.signal, patienceMs: 60_000 }))
    setTimeout(() => stop.abort(), 100)
    await assert.rejects(asking, { name: 'AbortError' })
  })
})
