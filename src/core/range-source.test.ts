import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { policyFor } from '../swarm/addresses.ts'
import { checkedGet } from '../swarm/checked-http.ts'
import { isQalError } from './error.ts'
import { openRangeSource, requestByFetch, type RequestRange } from './range-source.ts'

const FILE = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >> 8)) & 255)

type Answer = (request: IncomingMessage, response: ServerResponse, range: [number, number]) => void

/** A server of one file that answers as it is told to, and counts what it sent. */
async function serve(t: TestContext, answer: Answer): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    asked.push([request.headers.range, request.headers['if-range']].flat().filter(Boolean).join(' '))
    answer(request, response, match === null ? [0, 0] : [Number(match[1]), Number(match[2])])
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.after(() => {
    server.closeAllConnections()
    return new Promise((done) => server.close(done))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`, asked }
}

const ranged =
  (headers: Record<string, string> = { etag: '"one"' }): Answer =>
  (_, response, [from, to]) => {
    const end = Math.min(to, FILE.length - 1)
    response.writeHead(206, { 'content-range': `bytes ${from}-${end}/${FILE.length}`, ...headers })
    response.end(FILE.subarray(from, end + 1))
  }

/** The two ways to ask: as a browser does, and through the address policy. */
const WAYS: [string, (url: string) => RequestRange][] = [
  ['fetch', (url) => requestByFetch(url, (at, init) => fetch(at, init))],
  [
    'the address policy',
    (url) => async (request) => {
      const { body } = await checkedGet(url, {
        policy: policyFor([url]),
        timeoutMs: 10_000,
        headers: request.headers,
        maxBytes: request.maxBytes,
        onHead: ({ status, headers }) =>
          request.onHead({
            status,
            header: (name) => (headers[name] === undefined ? null : String(headers[name])),
          }),
      })
      return body
    },
  ],
]

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'read'
  } catch (error) {
    assert.ok(isQalError(error), String(error))
    return error.code
  }
}

for (const [way, requestOf] of WAYS)
  describe(`when a file is read by ranges through ${way}`, () => {
    it('reads just what is asked for, the beginning once', async (t) => {
      const { url, asked } = await serve(t, ranged())
      const source = await openRangeSource(requestOf(url), { firstBytes: 1_000 })
      assert.equal(source.size, FILE.length)
      assert.deepEqual(await source.read(10, 500), FILE.slice(10, 510))
      assert.equal(source.requests, 1)
      assert.deepEqual(await source.read(900, 300), FILE.slice(900, 1200))
      assert.deepEqual(await source.read(2_999_990, 10), FILE.slice(2_999_990))
      assert.deepEqual(asked, ['bytes=0-999', 'bytes=1000-1199 "one"', 'bytes=2999990-2999999 "one"'])
      assert.equal(source.bytesReceived, 1_000 + 200 + 10)
      await assert.rejects(source.read(2_999_990, 11), RangeError)
    })

    it('reads a file shorter than the first request', async (t) => {
      const { url } = await serve(t, ranged())
      const source = await openRangeSource(requestOf(url), { firstBytes: 5_000_000 })
      assert.equal(source.size, FILE.length)
      assert.deepEqual(await source.read(0, FILE.length), FILE)
      assert.equal(source.requests, 1)
    })

    it('follows redirects', async (t) => {
      const target = await serve(t, ranged())
      const { url } = await serve(t, (_, response) => response.writeHead(302, { location: target.url }).end())
      // Where the policy is asked, both hosts are this machine's: it allows the one that was named.
      const opened = codeOf(() => openRangeSource(requestOf(url)))
      assert.equal(await opened, way === 'fetch' ? 'read' : 'swarm_address_refused')
    })

    it('refuses a server that ignores ranges, and does not read its body', async (t) => {
      let sent = 0
      const { url } = await serve(t, (_, response) => {
        response.writeHead(200)
        const more = () => {
          for (;;) {
            sent += 65_536
            if (!response.write(new Uint8Array(65_536))) break
            if (sent > 2 ** 30) break
          }
        }
        response.on('drain', more)
        more()
      })
      assert.equal(await codeOf(() => openRangeSource(requestOf(url))), 'http_range_ignored')
      assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were taken`)
    })

    const REFUSED: [string, Answer, string][] = [
      ['404', (_, response) => response.writeHead(404).end('no'), 'http_range_refused'],
      ['403', (_, response) => response.writeHead(403).end(), 'http_range_refused'],
      [
        '416',
        (_, response) => response.writeHead(416, { 'content-range': 'bytes */0' }).end(),
        'http_range_refused',
      ],
      ['no Content-Range', (_, response) => response.writeHead(206).end('x'), 'http_range_wrong'],
      ['another beginning', answered('bytes 1-100/3000000', 100), 'http_range_wrong'],
      ['another end', answered('bytes 0-98/3000000', 99), 'http_range_wrong'],
      ['an unknown size', answered('bytes 0-99/*', 100), 'http_range_wrong'],
      ['another unit', answered('items 0-99/3000000', 100), 'http_range_wrong'],
      ['a size of 2^60', answered(`bytes 0-99/${2n ** 60n}`, 100), 'http_range_wrong'],
      [
        'several parts',
        (_, response) =>
          response.writeHead(206, { 'content-type': 'multipart/byteranges; boundary=x' }).end('--x'),
        'http_range_wrong',
      ],
      ['a body too short', answered('bytes 0-99/3000000', 50), 'http_range_wrong'],
      ['a coding', answered('bytes 0-99/3000000', 100, { 'content-encoding': 'br' }), 'http_range_wrong'],
    ]
    for (const [name, answer, code] of REFUSED)
      it(`refuses ${name}`, async (t) => {
        const { url } = await serve(t, answer)
        const found = await codeOf(() => openRangeSource(requestOf(url), { firstBytes: 100 }))
        assert.equal(found, code)
      })

    it('refuses a body that is too long', async (t) => {
      const { url } = await serve(t, answered('bytes 0-99/3000000', 5_000))
      const found = await codeOf(() => openRangeSource(requestOf(url), { firstBytes: 100 }))
      assert.ok(['http_range_wrong', 'swarm_http_too_large'].includes(found), found)
    })

    const CHANGES: [string, Answer, string][] = [
      ['another ETag', ranged({ etag: '"two"' }), 'http_range_changed'],
      ['no ETag any more', ranged({}), 'http_range_changed'],
      [
        'another date',
        ranged({ etag: '"one"', 'last-modified': 'Tue, 01 Dec 2026 00:00:00 GMT' }),
        'http_range_changed',
      ],
      ['another size', answered('bytes 100-199/2999999', 100, { etag: '"one"' }), 'http_range_changed'],
      [
        'all of it, since If-Range did not hold',
        (_, response) => response.writeHead(200).end('new'),
        'http_range_changed',
      ],
      ['the same', ranged(), 'read'],
    ]
    for (const [name, second, code] of CHANGES)
      it(`of a file that changes, notices ${name}: ${code}`, async (t) => {
        let requests = 0
        const { url } = await serve(t, (...args) => {
          requests += 1
          return (requests === 1 ? ranged() : second)(...args)
        })
        const source = await openRangeSource(requestOf(url), { firstBytes: 100 })
        assert.equal(await codeOf(() => source.read(100, 100)), code)
      })

    it('sends no weak validator, and none at all where that would ask for permission first', async (t) => {
      const weak = await serve(t, ranged({ etag: 'W/"one"' }))
      await (await openRangeSource(requestOf(weak.url), { firstBytes: 100 })).read(100, 10)
      assert.deepEqual(weak.asked, ['bytes=0-99', 'bytes=100-109'])
      const plain = await serve(t, ranged())
      await (
        await openRangeSource(requestOf(plain.url), { firstBytes: 100, conditional: false })
      ).read(100, 10)
      assert.deepEqual(plain.asked, ['bytes=0-99', 'bytes=100-109'])
    })
  })

function answered(range: string, length: number, headers: Record<string, string> = {}): Answer {
  return (_, response) => {
    response.writeHead(206, { 'content-range': range, ...headers })
    response.end(new Uint8Array(length))
  }
}
