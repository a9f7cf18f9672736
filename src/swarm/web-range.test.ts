import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, it, type TestContext } from 'node:test'
import { startHub, tooMany, type TestHub } from '../../test/hub.ts'
import { hubFileUrl } from '../core/hub.ts'
import { addressPolicy } from './addresses.ts'
import { type WebFile, WebFileReader } from './web-range.ts'

const COMMIT = 'c0ffee'.padEnd(40, '0')
const BYTES = randomBytes(300_000)
const SIZE = BYTES.length
const FILE = { repository: 'org/repo', commit: COMMIT, path: 'q4/a b.gguf' }

async function hubOf(t: TestContext, lfs = true): Promise<TestHub> {
  return startHub(t, { 'org/repo': { commits: { [COMMIT]: { [FILE.path]: { bytes: BYTES, lfs } } } } })
}

function reader(hub: TestHub, more: Partial<WebFile> = {}): WebFileReader {
  return new WebFileReader({
    url: hubFileUrl(hub.url, FILE),
    size: SIZE,
    policy: addressPolicy(['127.0.0.0/8']),
    signal: new AbortController().signal,
    pauseMs: 1,
    ...more,
  })
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const with206 = (headers: Record<string, string>, body: Uint8Array): Answer => {
  return (_request, response) => void response.writeHead(206, headers).end(body)
}

describe('when a web seed redirects to signed addresses', () => {
  for (const lfs of [true, false])
    it(`reads every range through an address of its own (${lfs ? 'large' : 'small'} file)`, async (t) => {
      const hub = await hubOf(t, lfs)
      const web = reader(hub)
      for (const [from, length] of [
        [0, 10],
        [10, 100_000],
        [SIZE - 3, 3],
        [0, SIZE],
      ] as const)
        assert.deepEqual(Buffer.from(await web.read(from, length)), BYTES.subarray(from, from + length))
      assert.equal(hub.asked.filter((line) => line.includes('/resolve/')).length, 4)
    })

  it('resolves again where the signature has expired', async (t) => {
    const hub = await hubOf(t)
    hub.lifetimeMs = -1
    hub.nextCdn.push((_request, response) => {
      hub.lifetimeMs = 60_000
      response.writeHead(403).end('Auth failed: expired')
    })
    assert.equal((await reader(hub).read(5, 20)).length, 20)
    assert.equal(hub.asked.length, 4)
  })

  it('gives up where it stays refused', async (t) => {
    const hub = await hubOf(t)
    hub.lifetimeMs = -1
    await assert.rejects(reader(hub).read(5, 20), { code: 'swarm_web_seed_failed' })
    assert.equal(hub.asked.length, 8)
  })

  it('asks once where the file itself is refused', async (t) => {
    const hub = await hubOf(t)
    const repository = hub.repositories['org/repo']
    if (repository) repository.gated = true
    await assert.rejects(reader(hub).read(5, 20), { code: 'swarm_web_seed_failed' })
    assert.equal(hub.asked.length, 1)
  })

  it('checks every hop against the policy', async (t) => {
    const hub = await hubOf(t)
    const policy = addressPolicy([`127.0.0.1:${hub.port}`])
    await assert.rejects(reader(hub, { policy }).read(0, 5), { code: 'swarm_address_refused' })
    assert.ok(hub.asked.every((line) => !line.startsWith('CDN')))
  })
})

describe('when a web seed is busy', () => {
  it('leaves it alone as long as it asks, all requests together', async (t) => {
    const hub = await hubOf(t)
    hub.next.push(tooMany(1))
    const web = reader(hub)
    const started = performance.now()
    const first = web.read(0, 5)
    await first
    assert.ok(performance.now() - started >= 999)

    const asked = hub.asked.length
    hub.next.push((_request, response) => response.writeHead(503, { 'retry-after': '1' }).end())
    const held = web.read(0, 5)
    while (hub.asked.length === asked) await new Promise(setImmediate)
    await Promise.all([held, web.read(5, 5)])
    // The 503, and then both through the CDN: none in between.
    assert.equal(hub.asked.length, asked + 5)
  })

  it('gives it up where it wants more than our patience', async (t) => {
    const hub = await hubOf(t)
    hub.next.push(tooMany(3_000))
    await assert.rejects(reader(hub).read(0, 5), { code: 'swarm_web_seed_failed' })
    assert.equal(hub.asked.length, 1)
  })

  it('asks again after a fault, a few times', async (t) => {
    const hub = await hubOf(t)
    hub.next.push((request) => request.socket.destroy())
    hub.nextCdn.push((_request, response) => response.writeHead(502).end())
    assert.equal((await reader(hub).read(0, 5)).length, 5)
    hub.next.push(...Array.from({ length: 9 }, (): Answer => (_q, response) => response.writeHead(500).end()))
    const before = hub.asked.length
    await assert.rejects(reader(hub).read(0, 5), { code: 'swarm_web_seed_failed' })
    assert.equal(hub.asked.length, before + 4)
  })

  it('stops waiting when it is told to', async (t) => {
    const hub = await hubOf(t)
    hub.next.push(tooMany(60))
    const stop = new AbortController()
    const reading = reader(hub, { signal: stop.signal }).read(0, 5)
    while (hub.asked.length === 0) await new Promise(setImmediate)
    stop.abort()
    await assert.rejects(reading, { name: 'AbortError' })
  })
})

describe('when an answer is not the bytes asked for', () => {
  const range = `bytes 100-199/${SIZE}`
  const right = BYTES.subarray(100, 200)
  const cutShort: Answer = (_request, response) => {
    response.writeHead(206, { 'content-range': range, 'content-length': '100' })
    response.write(right.subarray(0, 50), () => response.destroy())
  }
  const cases: [string, string, Answer][] = [
    [
      'a page of HTML',
      'swarm_web_seed_failed',
      with206({ 'content-type': 'text/html; charset=utf-8', 'content-range': range }, right),
    ],
    [
      'several ranges',
      'swarm_web_seed_failed',
      with206({ 'content-type': 'multipart/byteranges; boundary=x', 'content-range': range }, right),
    ],
    ['no range', 'swarm_web_seed_failed', with206({}, right)],
    ['another range', 'swarm_web_seed_failed', with206({ 'content-range': `bytes 0-99/${SIZE}` }, right)],
    [
      'a file of another size',
      'swarm_web_seed_failed',
      with206({ 'content-range': 'bytes 100-199/200' }, right),
    ],
    ['a short body', 'swarm_web_seed_failed', with206({ 'content-range': range }, right.subarray(1))],
    // Asked for the rest, it answers with the same range.
    ['a body that is cut short', 'swarm_web_seed_failed', cutShort],
    [
      'an endless body',
      'swarm_http_too_large',
      (_q, response) => {
        response.writeHead(206, { 'content-range': range })
        const more = (error?: Error | null): void => {
          if (!error) response.write(Buffer.alloc(65_536), more)
        }
        more()
      },
    ],
    [
      'more than asked, announced',
      'swarm_web_seed_failed',
      with206({ 'content-range': range, 'content-length': '200' }, BYTES.subarray(100, 300)),
    ],
    [
      'a compressed body',
      'swarm_web_seed_failed',
      with206({ 'content-range': range, 'content-encoding': 'gzip' }, right),
    ],
    ['the whole file', 'swarm_web_seed_failed', (_q, response) => void response.writeHead(200).end(BYTES)],
    ['nothing', 'swarm_web_seed_failed', (_q, response) => void response.writeHead(204).end()],
    [
      '416',
      'swarm_web_seed_failed',
      (_q, response) => void response.writeHead(416, { 'content-range': `bytes */${SIZE}` }).end(),
    ],
  ]
  for (const [name, code, answer] of cases)
    it(`ends on ${name} with ${code}`, async (t) => {
      const hub = await hubOf(t)
      hub.nextCdn.push(...Array.from({ length: 4 }, () => answer))
      await assert.rejects(reader(hub).read(100, 100), { code })
    })

  it('goes on where a body was cut short', async (t) => {
    const hub = await hubOf(t)
    hub.nextCdn.push(cutShort)
    const chunks: Uint8Array[] = []
    await reader(hub).stream(100, 100, (chunk) => void chunks.push(chunk))
    assert.deepEqual(Buffer.concat(chunks), right)
    assert.equal(chunks[0]?.length, 50)
  })

  it('takes a page of HTML for a file that is one', async (t) => {
    const page = { ...FILE, path: 'index.html' }
    const hub = await startHub(t, {
      'org/repo': { commits: { [COMMIT]: { 'index.html': { bytes: BYTES } } } },
    })
    hub.nextCdn.push(with206({ 'content-type': 'text/html', 'content-range': range }, right))
    const read = reader(hub, { url: hubFileUrl(hub.url, page) }).read(100, 100)
    assert.deepEqual(Buffer.from(await read), right)
  })

  it('takes the whole file for a range that is the whole file, and a size that is not told', async (t) => {
    const hub = await hubOf(t)
    hub.nextCdn.push((_q, response) => void response.writeHead(200).end(BYTES))
    assert.equal((await reader(hub).read(0, SIZE)).length, SIZE)
    hub.nextCdn.push(with206({ 'content-range': 'bytes 100-199/*' }, right))
    assert.deepEqual(Buffer.from(await reader(hub).read(100, 100)), right)
  })
})
