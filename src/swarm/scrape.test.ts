import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import Server, { type TrackerSocket } from 'bittorrent-tracker/server'
import { freePort } from '../../test/tools.ts'
import { encode, type Encodable } from '../torrent/bencode.ts'
import { latin1 } from '../torrent/refuse.ts'
import { addressPolicy } from './addresses.ts'
import { scrape } from './scrape.ts'

const HASH = 'ab'.repeat(20)
const policy = addressPolicy(['127.0.0.0/8'])

describe('when trackers differ', () => {
  it('keeps the highest number of any, never a sum, and reports who failed', async (t) => {
    const few = await serveHttp(t, answers({ complete: 3, incomplete: 9, downloaded: 1 }))
    const many = await serveHttp(t, answers({ complete: 5, incomplete: 2, downloaded: 70 }))
    const dead = `udp://127.0.0.1:${await freePort()}/announce`
    const started = Date.now()
    const { results, errors } = await scrape(
      [few, many, dead, 'nonsense', 'ftp://1.1.1.1/announce'],
      [HASH],
      {
        policy,
        timeoutMs: 3000,
      },
    )
    const { at, ...numbers } = results.get(HASH) ?? { at: '' }
    assert.deepEqual(numbers, { seeders: 5, leechers: 9, completed: 70, tracker: many })
    assert.ok(Date.parse(at) >= started - 1000)
    assert.deepEqual(errors.map(({ tracker }) => tracker).toSorted(), [
      'ftp://1.1.1.1/announce',
      'nonsense',
      dead,
    ])
  })

  it('asks nothing of private addresses, and nothing at all about no torrents', async (t) => {
    let asked = 0
    const inside = await serveHttp(t, (_request, response) => {
      asked++
      response.end()
    })
    const strict = addressPolicy()
    const refused = await scrape([inside, 'udp://127.0.0.1:9/announce', 'ws://[::1]:9/announce'], [HASH], {
      policy: strict,
    })
    assert.equal(refused.results.size, 0)
    assert.equal(refused.errors.length, 3)
    assert.ok(refused.errors.every(({ message }) => message.includes('not a public address')))
    const nothing = await scrape([inside], ['not a hash', ''], { policy })
    assert.equal(nothing.results.size, 0)
    assert.equal(asked, 0)
  })
})

describe('when a tracker is hostile or broken', () => {
  const bad: [string, RequestListener][] = [
    ['an error status', (_request, response) => void response.writeHead(500).end('no')],
    ['no bencoding', (_request, response) => void response.end('<html>')],
    ['no files', (_request, response) => void response.end('de')],
    [
      'its own reason',
      (_request, response) => void response.end('d14:failure reason4:nope\u0001e'.replace('4:', '5:')),
    ],
    ['endless data', (_request, response) => void response.end(Buffer.alloc(1_000_000, 'l'))],
    ['silence', () => undefined],
    [
      'a redirect inside',
      (_request, response) => void response.writeHead(302, { location: 'http://10.0.0.1/' }).end(),
    ],
  ]
  for (const [name, listener] of bad) {
    it(`reports an HTTP tracker that answers with ${name}`, async (t) => {
      const tracker = await serveHttp(t, listener)
      const { results, errors } = await scrape([tracker], [HASH], { policy, timeoutMs: 400 })
      assert.equal(results.size, 0)
      assert.deepEqual(
        errors.map((error) => error.tracker),
        [tracker],
      )
    })
  }

  it('gives up on an HTTP tracker that answers a byte at a time', async (t) => {
    const tracker = await serveHttp(t, (_request, response) => {
      response.writeHead(200)
      const drip = setInterval(() => response.write('d'), 20)
      response.on('close', () => clearInterval(drip))
    })
    const started = performance.now()
    const { results, errors } = await scrape([tracker], [HASH], { policy, timeoutMs: 300 })
    assert.deepEqual([results.size, errors.length], [0, 1])
    assert.ok(performance.now() - started < 5_000)
  })

  const badSocket: [string, (socket: TrackerSocket) => void][] = [
    ['no JSON', (socket) => socket.send('<html>')],
    ['no object', (socket) => socket.send('null')],
    ['no files', (socket) => socket.send('{"action":"scrape"}')],
    ['files of another', (socket) => socket.send('{"action":"scrape","files":{"x":{"complete":1}}}')],
    ['files that are a list', (socket) => socket.send('{"action":"scrape","files":[1]}')],
    ['its own reason', (socket) => socket.send('{"failure reason":"no\\u0001"}')],
    ['endless data', (socket) => socket.send(JSON.stringify({ action: 'scrape', x: 'x'.repeat(1_000_000) }))],
    [
      'other things for ever',
      (socket) => {
        const repeated = setInterval(() => socket.send('{"action":"announce"}'), 20)
        socket.on('close', () => clearInterval(repeated))
      },
    ],
    ['a closed socket', (socket) => socket.close()],
    ['silence', () => undefined],
  ]
  for (const [name, answer] of badSocket) {
    it(`reports a WebSocket tracker that answers with ${name}`, async (t) => {
      const tracker = await serveSocket(t, answer)
      const { results, errors } = await scrape([tracker], [HASH], { policy, timeoutMs: 400 })
      assert.deepEqual([results.size, errors.map((error) => error.tracker)], [0, [tracker]])
    })
  }

  it('waits for a WebSocket tracker’s scrape among other things it says', async (t) => {
    const files = { [latin1(Buffer.from(HASH, 'hex'))]: { complete: 4, incomplete: -1, downloaded: 'x' } }
    const tracker = await serveSocket(t, (socket) => {
      socket.send('{"action":"announce","peers":[]}')
      socket.send(JSON.stringify({ action: 'scrape', files }))
    })
    const { results } = await scrape([tracker], [HASH], { policy })
    const { seeders, leechers, completed } = results.get(HASH) ?? {}
    assert.deepEqual([seeders, leechers, completed], [4, 0, 0])
  })

  it('does not believe negative, huge or missing numbers', async (t) => {
    const tracker = await serveHttp(t, answers({ complete: -5, incomplete: 10 ** 12 }))
    const { results } = await scrape([tracker], [HASH], { policy })
    const { seeders, leechers, completed } = results.get(HASH) ?? {}
    assert.deepEqual([seeders, leechers, completed], [0, 0, 0])
  })

  it('gives up on a UDP tracker that is silent, lies about the transaction or cuts its answer', async (t) => {
    const silent = await serveUdp(t, () => undefined)
    const stranger = await serveUdp(t, (message) =>
      Buffer.concat([message.subarray(8, 12), Buffer.alloc(12)]),
    )
    const cut = await serveUdp(t, (message) =>
      Buffer.concat([message.subarray(8, 16), Buffer.alloc(message.length === 16 ? 8 : 4)]),
    )
    const { results, errors } = await scrape([silent, stranger, cut], [HASH], { policy, timeoutMs: 400 })
    assert.equal(results.size, 0)
    assert.deepEqual(errors.map(({ tracker }) => tracker).toSorted(), [cut, silent, stranger].toSorted())
    assert.match(errors.find(({ tracker }) => tracker === cut)?.message ?? '', /cut short/)
  })

  it('asks a UDP tracker again when a packet is lost', async (t) => {
    let lost = false
    const tracker = await serveUdp(t, (message) => {
      if (!lost) {
        lost = true
        return undefined
      }
      return Buffer.concat([message.subarray(8, 16), Buffer.alloc(message.length === 16 ? 8 : 12, 1)])
    })
    const { results } = await scrape([tracker], [HASH], { policy, timeoutMs: 5000 })
    assert.equal(results.get(HASH)?.seeders, 0x01010101)
  })

  it('knows that a URL without "announce" has no scrape', async () => {
    const { errors } = await scrape(['http://127.0.0.1:9/a/tracker'], [HASH], { policy })
    assert.match(errors[0]?.message ?? '', /no scrape address/)
  })
})

function answers(file: Record<string, number>): RequestListener {
  const files = new Map<string, Encodable>([
    [latin1(Buffer.from(HASH, 'hex')), new Map(Object.entries(file))],
  ])
  return (request, response) => {
    assert.match(request.url ?? '', /^\/x\/scrape\?key=1&info_hash=%ab/i)
    response.end(encode(new Map([['files', files]])))
  }
}

async function serveHttp(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/x/announce?key=1`
}

async function serveSocket(t: TestContext, answer: (socket: TrackerSocket) => void): Promise<string> {
  // The library's socket server alone, with what answers in place of it.
  const tracker = new Server({
    http: false,
    udp: false,
    stats: false,
    ws: { noServer: true, maxPayload: 99_999 },
  })
  tracker.ws.removeAllListeners('connection')
  const server = createServer()
  const open = new Set<TrackerSocket>()
  server.on('upgrade', (request, stream, head) => {
    tracker.ws.handleUpgrade(request, stream, head, (opened) => {
      const socket = opened as TrackerSocket
      open.add(socket)
      socket.on('message', () => answer(socket))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of open) socket.terminate()
    tracker.close()
    server.close()
    server.closeAllConnections()
  })
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/announce`
}

async function serveUdp(t: TestContext, answer: (message: Buffer) => Buffer | undefined): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => {
    const reply = answer(message)
    if (reply) socket.send(reply, from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return `udp://127.0.0.1:${socket.address().port}/announce`
}
