import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import Server from 'bittorrent-tracker/server'
import { startOpenTracker } from '../../test/opentracker.ts'
import { requireTool } from '../../test/tools.ts'
import { encode } from '../torrent/bencode.ts'
import { latin1 } from '../torrent/refuse.ts'
import { addressPolicy, checkUrl } from './addresses.ts'
import { announceTo } from './announce.ts'
import { scrape } from './scrape.ts'
import { connectUdpTracker } from './udp-client.ts'

const policy = addressPolicy(['127.0.0.0/8'])
const MANY = 10_000
const HASHES = Array.from({ length: MANY }, (_, index) => index.toString(16).padStart(8, '0').repeat(5))

interface Request {
  message: Buffer
  action: number
  reply: (answer: Buffer) => void
}

/** A UDP tracker that is told each request. */
async function udpTracker(t: TestContext, onRequest: (request: Request) => void): Promise<string> {
  const socket: Socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  socket.on('message', (message, from) => {
    const action = message.readUInt32BE(8)
    const reply = (answer: Buffer) =>
      socket.send(Buffer.concat([message.subarray(8, 16), answer]), from.port, from.address)
    onRequest({ message, action, reply })
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return `udp://127.0.0.1:${socket.address().port}/announce`
}

/** Each torrent's seeders are the first 4 bytes of its info hash. */
function answerOf(message: Buffer, count = Number.POSITIVE_INFINITY): Buffer {
  const asked = (message.length - 16) / 20
  return Buffer.concat(
    Array.from({ length: Math.min(asked, count) }, (_, index) => {
      const at = 16 + index * 20
      return Buffer.concat([message.subarray(at, at + 4), Buffer.alloc(8)])
    }),
  )
}

describe('a UDP tracker of 10,000 torrents', () => {
  it('is asked for 74 at a time, a few packets under way, with one connection', async (t) => {
    const held: (() => void)[] = []
    const actions: number[] = []
    let most = 0
    const tracker = await udpTracker(t, ({ message, action, reply }) => {
      actions.push(action)
      if (action === 0) return reply(Buffer.alloc(8, 1))
      held.push(() => reply(answerOf(message)))
      most = Math.max(most, held.length)
      // Answers go out once the asker has sent what it will.
      setTimeout(() => held.shift()?.(), 5)
    })
    const { results, errors } = await scrape([tracker], HASHES, { policy, repeatAfterMs: 60_000 })
    assert.deepEqual(errors, [])
    assert.equal(results.size, MANY)
    assert.ok(HASHES.every((hash, index) => results.get(hash)?.seeders === index))
    assert.deepEqual([actions.filter((action) => action === 0).length, actions.length], [1, 137])
    assert.ok(most > 1 && most <= 8, `${most} under way`)
  })

  it('is asked again for what it left out of an answer', async (t) => {
    const sizes: number[] = []
    const tracker = await udpTracker(t, ({ message, action, reply }) => {
      if (action === 0) return reply(Buffer.alloc(8, 1))
      sizes.push((message.length - 16) / 20)
      reply(answerOf(message, 50))
    })
    const some = HASHES.slice(0, 1_000)
    const { results, errors } = await scrape([tracker], some, { policy })
    assert.deepEqual(errors, [])
    assert.ok(some.every((hash, index) => results.get(hash)?.seeders === index))
    assert.equal(sizes[0], 74)
    assert.ok(sizes.at(-1) !== undefined && sizes.slice(8).every((size) => size <= 50))
  })

  it('is asked for all although some packets are lost, and each again only after a while', async (t) => {
    const seen = new Map<string, number>()
    const tracker = await udpTracker(t, ({ message, action, reply }) => {
      const key = message.toString('hex', 12, 16)
      seen.set(key, (seen.get(key) ?? 0) + 1)
      // The first packet, which asks for a connection, and every tenth.
      if (seen.get(key) === 1 && seen.size % 10 === 1) return
      reply(action === 0 ? Buffer.alloc(8, 1) : answerOf(message))
    })
    const { results, errors } = await scrape([tracker], HASHES, { policy, repeatAfterMs: 250 })
    assert.deepEqual(errors, [])
    assert.equal(results.size, MANY)
    const repeated = [...seen.values()].filter((count) => count > 1).length
    assert.ok(repeated >= 14, `${repeated} repeated`)
  })

  it('keeps what it said when it falls silent', async (t) => {
    let answers = 0
    const tracker = await udpTracker(t, ({ message, action, reply }) => {
      if (action === 0) reply(Buffer.alloc(8, 1))
      else if (++answers <= 5) reply(answerOf(message))
    })
    const { results, errors } = await scrape([tracker], HASHES, { policy, timeoutMs: 300 })
    assert.equal(results.size, 5 * 74)
    assert.deepEqual(
      errors.map((error) => error.tracker),
      [tracker],
    )
  })

  it('is opentracker', async (t) => {
    if (!requireTool(t, 'opentracker')) return
    const { udp, http } = await startOpenTracker(t, HASHES)
    const announcement = { peerId: 'ab'.repeat(20), port: 7_000, left: 0, event: 'started' as const }
    const signal = AbortSignal.timeout(10_000)
    const seeded = [HASHES[3] ?? '', HASHES.at(-1) ?? '']
    for (const infoHash of seeded)
      await announceTo(udp, { ...announcement, infoHash }, { policy, signal, timeoutMs: 5_000 })
    const overUdp = await scrape([udp], HASHES, { policy })
    assert.deepEqual([overUdp.errors, overUdp.results.size], [[], MANY])
    const found = [...overUdp.results].filter(([, { seeders }]) => seeders > 0)
    assert.deepEqual(found.map(([infoHash]) => infoHash).toSorted(), seeded.toSorted())
    const overHttp = await scrape([http], HASHES.slice(0, 200), { policy })
    assert.deepEqual(overHttp.errors, [])
    assert.equal(overHttp.results.get(seeded[0] ?? '')?.seeders, 1)
  })
})

describe('an HTTP tracker of many torrents', () => {
  it('is never asked by a URL that it would not read', async (t) => {
    const lengths: number[] = []
    const tracker = await httpTracker(t, ({ url = '' }) => {
      lengths.push(url.length)
      return filesOf(url)
    })
    const some = HASHES.slice(0, 300)
    const { results, errors } = await scrape([tracker], some, { policy })
    assert.deepEqual(errors, [])
    assert.ok(some.every((hash, index) => results.get(hash)?.seeders === index))
    assert.ok(lengths.every((length) => length <= 1_800) && lengths.length < 20, lengths.join())
  })

  it('that refuses one request is asked for the rest', async (t) => {
    const tracker = await httpTracker(t, ({ url = '' }) =>
      hashesOf(url).includes(HASHES[0] ?? '') ? null : filesOf(url),
    )
    const { results, errors } = await scrape([tracker], HASHES.slice(0, 100), { policy })
    assert.equal(errors.length, 1)
    assert.ok(results.size >= 70 && results.size < 100, `${results.size}`)
    assert.equal(results.get(HASHES[99] ?? '')?.seeders, 99)
  })

  it('that refuses all is left alone', async (t) => {
    let asked = 0
    const tracker = await httpTracker(t, () => {
      asked++
      return null
    })
    const { results, errors } = await scrape([tracker], HASHES, { policy })
    assert.deepEqual([results.size, errors.length], [0, 1])
    assert.ok(asked >= 3 && asked <= 5, `${asked} requests`)
  })
})

describe('a UDP connection', () => {
  it('is asked for anew after a minute, and not before (BEP 15)', async (t) => {
    const ids: string[] = []
    let connects = 0
    const tracker = await udpTracker(t, ({ message, action, reply }) => {
      if (action === 0) return reply(Buffer.alloc(8, ++connects))
      ids.push(message.toString('hex', 0, 1))
      reply(Buffer.alloc(12))
    })
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const client = await connectUdpTracker(await checkUrl(policy, tracker), AbortSignal.timeout(10_000))
    t.after(() => client.close())
    const ask = () => client.request(2, Buffer.alloc(20))
    await ask()
    t.mock.timers.tick(59_000)
    await Promise.all([ask(), ask()])
    t.mock.timers.tick(2_000)
    await Promise.all([ask(), ask()])
    assert.deepEqual(ids, ['01', '01', '01', '02', '02'])
  })

  it('is asked for anew after an error, such as that its id is unknown', async (t) => {
    let connects = 0
    const tracker = await udpTracker(t, ({ message, action, reply }) => {
      if (action === 0) return reply(Buffer.alloc(8, ++connects))
      if (message[0] === 2) return reply(Buffer.alloc(12))
      message.writeUInt32BE(3, 8)
      reply(Buffer.from('Connection ID missmatch.\u0000'))
    })
    const client = await connectUdpTracker(await checkUrl(policy, tracker), AbortSignal.timeout(10_000))
    t.after(() => client.close())
    await assert.rejects(client.request(2, Buffer.alloc(20)), { code: 'swarm_tracker_failed' })
    assert.equal((await client.request(2, Buffer.alloc(20))).length, 12)
  })

  it('repeats a packet after a while, and after twice that', async (t) => {
    const arrivals = Promise.withResolvers<void>()
    let packets = 0
    const tracker = await udpTracker(t, () => {
      if (++packets === 3) arrivals.resolve()
    })
    const checked = await checkUrl(policy, tracker)
    const stop = new AbortController()
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const client = await connectUdpTracker(checked, stop.signal, 15_000)
    const asked = client.request(2, Buffer.alloc(20))
    const counts: number[] = []
    for (const seconds of [14, 2, 14, 14, 3]) {
      await settle()
      t.mock.timers.tick(seconds * 1_000)
      await settle()
      counts.push(packets)
    }
    assert.deepEqual(counts, [1, 2, 2, 2, 3])
    await arrivals.promise
    stop.abort()
    await assert.rejects(asked, { code: 'swarm_tracker_failed' })
    client.close()
  })
})

describe('bittorrent-tracker’s own server', () => {
  it('is asked over all three protocols', async (t) => {
    const server = new Server({ http: true, udp: true, ws: true, stats: false })
    t.after(() => new Promise<void>((resolve) => server.close(() => resolve())))
    const hosts = { http: '127.0.0.1', udp: '127.0.0.1', udp6: '::1' }
    await new Promise<void>((resolve) => server.listen(0, hosts, resolve))
    const { port } = server.http.address() as AddressInfo
    const at = { http: port, udp: server.udp4.address().port, ws: port }
    const urls = Object.entries(at).map(([scheme, of]) => `${scheme}://127.0.0.1:${of}/announce`)
    const [http = ''] = urls
    // Bytes that are no UTF-8 and no ASCII; the second is a v2 one, cut.
    const [v1, v2, none] = ['fe'.repeat(20), '80c3'.repeat(16), 'cd'.repeat(20)]
    const signal = AbortSignal.timeout(10_000)
    for (const infoHash of [v1, v2.slice(0, 40)])
      await announceTo(
        http,
        { infoHash, peerId: 'cd'.repeat(20), port: 7_000, left: 0, event: 'started' },
        { policy, signal, timeoutMs: 5_000 },
      )
    for (const url of urls) {
      const { results, errors } = await scrape([url], [v1, v2, none, ...HASHES.slice(0, 200)], { policy })
      assert.deepEqual(errors, [], url)
      assert.deepEqual(
        [v1, v2, none].map((hash) => results.get(hash)?.seeders),
        [1, 1, 0],
        url,
      )
      assert.equal(results.size, 203, url)
    }
  })
})

/** Lets pass what is under way, whatever the clock says. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

function hashesOf(url: string): string[] {
  return [...url.matchAll(/info_hash=((?:%[0-9a-f]{2}){20})/gi)].map((found) =>
    (found[1] ?? '').replaceAll('%', ''),
  )
}

function filesOf(url: string): Uint8Array {
  const files = hashesOf(url).map((hash) => {
    const counts = new Map([
      ['complete', Number.parseInt(hash.slice(0, 8), 16)],
      ['incomplete', 0],
      ['downloaded', 0],
    ])
    return [latin1(Buffer.from(hash, 'hex')), counts] as const
  })
  return encode(new Map([['files', new Map(files)]]))
}

/** An HTTP tracker; null is an answer of status 500. */
async function httpTracker(
  t: TestContext,
  answer: (request: IncomingMessage) => Uint8Array | null,
): Promise<string> {
  const server = createServer((request, response) => {
    const body = answer(request)
    response.writeHead(body ? 200 : 500).end(body ?? 'no')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/announce`
}
