import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { decode } from '../torrent/bencode.ts'
import { latin1 } from '../torrent/refuse.ts'
import { addressPolicy, checkUrl, policyFor } from './addresses.ts'
import { scrape } from './scrape.ts'
import { createTracker, type Tracker } from './tracker.ts'
import { connectUdpTracker } from './udp-client.ts'

const V1 = 'a1'.repeat(20)
const V2 = 'b2'.repeat(32)
const UNKNOWN = 'cc'.repeat(20)

interface Running {
  tracker: Tracker
  port: number
  http: string
  udp: string
  ws: string
  urls: string[]
}

async function start(t: TestContext, options: { intervalMs?: number } = {}): Promise<Running> {
  const server = createServer((request, response) => {
    if (!tracker.handleHttp(request, response)) response.writeHead(404).end('not the tracker')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const known = new Set([V1, V2.slice(0, 40)])
  const tracker = await createTracker({ http: server, allow: (infoHash) => known.has(infoHash), ...options })
  t.after(async () => {
    await tracker.close()
    server.close()
    server.closeAllConnections()
  })
  const at = (scheme: string) => `${scheme}://127.0.0.1:${port}/announce`
  return {
    tracker,
    port,
    http: at('http'),
    udp: at('udp'),
    ws: at('ws'),
    urls: ['http', 'udp', 'ws'].map(at),
  }
}

describe('when clients announce', () => {
  it('counts over HTTP, and hands the peers to the next', async (t) => {
    const running = await start(t)
    await announceHttp(running, {
      infoHash: V1,
      peerId: 'a'.repeat(20),
      port: 1111,
      left: 0,
      event: 'started',
    })
    const body = await announceHttp(running, { infoHash: V1, peerId: 'b'.repeat(20), port: 2222, left: 5 })
    const fields = readDictionary(body)
    assert.deepEqual([fields.get('complete'), fields.get('incomplete')], [1, 1])
    assert.ok(String(fields.get('peers')).includes('\x7f\0\0\x01\x04\x57'))
    assert.deepEqual(running.tracker.counts(V1), { seeders: 1, leechers: 1, completed: 0 })
  })

  it('counts over UDP, and does not take an address that a client names for another', async (t) => {
    const running = await start(t)
    await announceUdp(running, { infoHash: V1, peerId: 'u', port: 3333, left: 0, ip: [8, 8, 8, 8] })
    const answer = await announceUdp(running, { infoHash: V1, peerId: 'v', port: 4444, left: 9 })
    assert.deepEqual([answer.readUInt32BE(4), answer.readUInt32BE(8)], [1, 1])
    const peers = answer.subarray(12).toString('hex')
    assert.ok(peers.includes('7f0000010d05'), peers)
    assert.ok(!peers.includes('08080808'), peers)
  })

  it('counts over WebSocket, relays an offer and its answer, and forgets who hung up', async (t) => {
    const running = await start(t)
    const [a, b] = await Promise.all([openSocket(t, running.ws), openSocket(t, running.ws)])
    a.send({ ...peer('A'), event: 'started', left: 0, offers: [] })
    assert.equal((await a.next())['complete'], 1)
    b.send({ ...peer('B'), event: 'started', left: 7, offers: [offer('1')] })
    assert.deepEqual(pick(await b.next(), 'complete', 'incomplete'), [1, 1])
    const relayed = await a.next()
    assert.deepEqual(pick(relayed, 'peer_id', 'offer_id', 'offer'), [
      'B'.repeat(20),
      '1'.repeat(20),
      { type: 'offer', sdp: 'v=0' },
    ])
    a.send({
      ...peer('A'),
      answer: { type: 'answer', sdp: 'v=1' },
      to_peer_id: 'B'.repeat(20),
      offer_id: '1'.repeat(20),
    })
    assert.deepEqual(pick(await b.next(), 'peer_id', 'answer'), [
      'A'.repeat(20),
      { type: 'answer', sdp: 'v=1' },
    ])
    a.close()
    await until(() => running.tracker.counts(V1).seeders === 0)
    assert.deepEqual(running.tracker.counts(V1), { seeders: 0, leechers: 1, completed: 0 })
  })

  it('counts one client once, however many protocols it announces over', async (t) => {
    const running = await start(t)
    const peerId = 'p'.repeat(20)
    await announceHttp(running, { infoHash: V1, peerId, port: 1111, left: 0, event: 'started' })
    await announceUdp(running, { infoHash: V1, peerId: 'p', port: 1111, left: 0 })
    const socket = await openSocket(t, running.ws)
    socket.send({ ...peer('p'), event: 'started', left: 0 })
    await socket.next()
    assert.deepEqual(running.tracker.counts(V1), { seeders: 1, leechers: 0, completed: 0 })
  })

  it('counts a finished download once, and the rest as they come and go', async (t) => {
    const running = await start(t)
    const base = { infoHash: V1, peerId: 'd'.repeat(20), port: 1234 }
    await announceHttp(running, { ...base, left: 10, event: 'started' })
    await announceHttp(running, { ...base, left: 0, event: 'completed' })
    await announceHttp(running, { ...base, left: 0, event: 'completed' })
    assert.deepEqual(running.tracker.counts(V1), { seeders: 1, leechers: 0, completed: 1 })
    await announceHttp(running, { ...base, left: 0, event: 'stopped' })
    assert.deepEqual(running.tracker.counts(V1), { seeders: 0, leechers: 0, completed: 1 })
  })

  it('forgets a peer that was silent for two intervals', async (t) => {
    const running = await start(t, { intervalMs: 100 })
    await announceHttp(running, { infoHash: V1, peerId: 'z'.repeat(20), port: 1, left: 0 })
    assert.equal(running.tracker.counts(V1).seeders, 1)
    await until(() => running.tracker.counts(V1).seeders === 0)
  })

  it('keeps every peer of many that announce at once to a new swarm', async (t) => {
    const running = await start(t)
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        announceHttp(running, {
          infoHash: V1,
          peerId: String(index).padStart(20, '-'),
          port: 1000 + index,
          left: 1,
        }),
      ),
    )
    assert.equal(running.tracker.counts(V1).leechers, 30)
  })
})

describe('when clients scrape', () => {
  it('says the same over all three protocols, for v1 and for truncated v2', async (t) => {
    const running = await start(t)
    await announceHttp(running, { infoHash: V1, peerId: 'a'.repeat(20), port: 1, left: 0 })
    await announceHttp(running, { infoHash: V1, peerId: 'b'.repeat(20), port: 2, left: 4, event: 'started' })
    await announceHttp(running, {
      infoHash: V1,
      peerId: 'b'.repeat(20),
      port: 2,
      left: 0,
      event: 'completed',
    })
    await announceHttp(running, { infoHash: V2.slice(0, 40), peerId: 'c'.repeat(20), port: 3, left: 4 })
    for (const url of running.urls) {
      const { results, errors } = await scrape([url], [V1, V2.toUpperCase(), UNKNOWN], {
        policy: policyFor([url]),
      })
      assert.deepEqual(errors, [], url)
      const numbers = [...results].map(([hash, { seeders, leechers, completed, tracker }]) => [
        hash,
        [seeders, leechers, completed, tracker],
      ])
      assert.deepEqual(
        Object.fromEntries(numbers),
        { [V1]: [2, 0, 1, url], [V2]: [0, 1, 0, url], [UNKNOWN]: [0, 0, 0, url] },
        url,
      )
    }
  })

  it('asks for any number of torrents, in batches', async (t) => {
    const running = await start(t)
    await announceUdp(running, { infoHash: V1, peerId: 'a', port: 1, left: 0 })
    const many = Array.from({ length: 200 }, () => randomBytes(20).toString('hex'))
    for (const url of running.urls) {
      const { results, errors } = await scrape([url], [...many, V1], { policy: policyFor([url]) })
      assert.deepEqual(errors, [], url)
      assert.equal(results.size, 201, url)
      assert.equal(results.get(V1)?.seeders, 1, url)
    }
  })
})

describe('when a client is hostile', () => {
  it('tracks only what it knows', async (t) => {
    const running = await start(t)
    const body = await announceHttp(running, { infoHash: UNKNOWN, peerId: 'a'.repeat(20), port: 1, left: 0 })
    assert.match(String(readDictionary(body).get('failure reason')), /does not know/)
    await assert.rejects(announceUdp(running, { infoHash: UNKNOWN, peerId: 'a', port: 1, left: 0 }), {
      code: 'swarm_tracker_failed',
    })
    const socket = await openSocket(t, running.ws)
    socket.send({ ...peer('A'), info_hash: latin1(Buffer.from(UNKNOWN, 'hex')), event: 'started', left: 0 })
    assert.match(String((await socket.next())['failure reason']), /does not know/)
    assert.deepEqual(running.tracker.counts(UNKNOWN), { seeders: 0, leechers: 0, completed: 0 })
  })

  const hash = '%a1'.repeat(20)
  const queries = [
    '',
    '?',
    '?info_hash=abc&peer_id=x&port=1',
    `?info_hash=${hash}`,
    `?info_hash=${hash}&peer_id=${'a'.repeat(20)}&port=0`,
    `?info_hash=${hash}&peer_id=${'a'.repeat(20)}&port=65536`,
    `?info_hash=${hash}&peer_id=${'a'.repeat(20)}&port=1e3`,
    `?info_hash=${hash}&peer_id=${'a'.repeat(20)}&port=1&event=explode`,
    `?info_hash=${hash}&info_hash=${hash}&peer_id=${'a'.repeat(20)}&port=1`,
    '?info_hash=%zz%',
  ]
  for (const query of queries) {
    it(`refuses an announce with ${JSON.stringify(query.slice(0, 90))}`, async (t) => {
      const running = await start(t)
      const response = await fetch(`${running.http}${query}`)
      assert.ok(readDictionary(new Uint8Array(await response.arrayBuffer())).has('failure reason'))
    })
  }

  it('survives the requests that end the library\u2019s own server', async (t) => {
    const running = await start(t)
    const q = `?info_hash=${hash}&peer_id=${'a'.repeat(20)}&port=1&left=0&compact=2&socket=1&offers=1&answer=1`
    await fetch(`${running.http}${q}&event=started`)
    await fetch(`${running.http}${q}&event=stopped`)
    const [a, b] = await Promise.all([openSocket(t, running.ws), openSocket(t, running.ws)])
    a.send({ ...peer('A'), event: 'started', left: 0 })
    await a.next()
    for (const message of [
      { ...peer('B'), offers: [null] },
      { ...peer('B'), offers: [{}] },
      { ...peer('B'), offers: 'xyz' },
      { ...peer('B'), answer: 1 },
      { ...peer('B'), event: 'explode' },
      { action: 'scrape' },
      { action: 'scrape', info_hash: [1] },
      { action: 'announce' },
      { action: {} },
      null,
      [],
      'x',
      7,
    ]) {
      b.send(message)
      assert.ok((await b.next())['failure reason'], JSON.stringify(message))
    }
    b.sendText('{')
    assert.ok((await b.next())['failure reason'])
    b.send({ ...peer('B'), event: 'started', left: 1, offers: [offer('1')] })
    assert.equal((await b.next())['incomplete'], 1)
    b.send({ ...peer('C'), event: 'started', left: 1 })
    assert.match(String((await b.next())['failure reason']), /peer_id/)
  })

  it('cuts a WebSocket that sends too much', async (t) => {
    const running = await start(t)
    const socket = await openSocket(t, running.ws)
    socket.sendText('x'.repeat(300_000))
    await socket.closed
  })

  it('refuses a full scrape, and other methods and paths', async (t) => {
    const running = await start(t)
    const all = await fetch(running.http.replace('announce', 'scrape'))
    assert.ok(readDictionary(new Uint8Array(await all.arrayBuffer())).has('failure reason'))
    assert.equal((await fetch(running.http, { method: 'POST', body: 'x' })).status, 405)
    assert.equal((await fetch(running.http.replace('announce', 'stats'))).status, 404)
    const other = new WebSocket(running.ws.replace('announce', 'other'))
    await once(other, 'error')
  })

  it('answers over UDP only who proved its address, and never with more than was asked', async (t) => {
    const running = await start(t)
    const socket = createSocket('udp4')
    t.after(() => socket.close())
    const answers: Buffer[] = []
    socket.on('message', (message) => answers.push(message))
    const forged = Buffer.alloc(98)
    forged.writeBigUInt64BE(0x417_2710_1980n)
    forged.writeUInt32BE(1, 8)
    Buffer.from(V1, 'hex').copy(forged, 16)
    forged.writeUInt16BE(999, 96)
    const notMagic = Buffer.alloc(16)
    for (const packet of [forged, notMagic, Buffer.alloc(3), Buffer.alloc(0)]) {
      socket.send(packet, running.port, '127.0.0.1')
    }
    await until(() => answers.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.deepEqual(
      answers.map((answer) => answer.readUInt32BE(0)),
      [3],
    )
    assert.ok(answers.every((answer) => answer.length < 98))
    assert.deepEqual(running.tracker.counts(V1), { seeders: 0, leechers: 0, completed: 0 })
  })
})

describe('when the tracker closes', () => {
  it('leaves no socket open, and a second one can have its port', async () => {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const first = await createTracker({ http: server, allow: () => true })
    assert.equal(first.udpPort, port)
    await assert.rejects(createTracker({ http: server, allow: () => true }), { code: 'swarm_tracker_listen' })
    const client = new WebSocket(`ws://127.0.0.1:${port}/announce`)
    await once(client, 'open')
    const closed = once(client, 'close')
    await first.close()
    await closed
    const second = await createTracker({ http: server, allow: () => true })
    await second.close()
    server.close()
    await once(server, 'close')
    await assert.rejects(createTracker({ http: null, allow: () => true }), { code: 'swarm_tracker_listen' })
  })
})

interface Announce {
  infoHash: string
  peerId: string
  port: number
  left: number
  event?: string
}

async function announceHttp(running: Running, fields: Announce): Promise<Uint8Array> {
  const { infoHash, peerId, port, left, event = '' } = fields
  const query = `info_hash=${infoHash.replace(/../g, '%$&')}&peer_id=${peerId}&port=${port}&left=${left}&compact=1&event=${event}`
  const response = await fetch(`${running.http}?${query}`)
  return new Uint8Array(await response.arrayBuffer())
}

async function announceUdp(running: Running, fields: Announce & { ip?: number[] }): Promise<Buffer> {
  const body = Buffer.alloc(82)
  Buffer.from(fields.infoHash, 'hex').copy(body, 0)
  body.write(fields.peerId.repeat(20), 20, 20, 'latin1')
  body.writeBigUInt64BE(BigInt(fields.left), 48)
  body.writeUInt32BE(2, 64)
  Buffer.from(fields.ip ?? [0, 0, 0, 0]).copy(body, 68)
  body.writeInt32BE(-1, 76)
  body.writeUInt16BE(fields.port, 80)
  const policy = addressPolicy(['127.0.0.0/8'])
  const client = await connectUdpTracker(await checkUrl(policy, running.udp), AbortSignal.timeout(5000))
  try {
    return await client.request(1, body)
  } finally {
    client.close()
  }
}

function readDictionary(bytes: Uint8Array): Map<string, unknown> {
  const value = decode(bytes)
  assert.ok(value.type === 'dictionary')
  return new Map(
    [...value.entries].map(([key, item]) => [
      key,
      item.type === 'integer' ? Number(item.value) : item.type === 'string' ? latin1(item.value) : item,
    ]),
  )
}

function peer(letter: string): Record<string, unknown> {
  return { action: 'announce', info_hash: latin1(Buffer.from(V1, 'hex')), peer_id: letter.repeat(20) }
}

function offer(letter: string): object {
  return { offer: { type: 'offer', sdp: 'v=0' }, offer_id: letter.repeat(20) }
}

function pick(message: Record<string, unknown>, ...keys: string[]): unknown[] {
  return keys.map((key) => message[key])
}

/** A client of the WebTorrent protocol from outside: Node's own WebSocket. */
async function openSocket(t: TestContext, url: string) {
  const socket = new WebSocket(url)
  const inbox: Record<string, unknown>[] = []
  let wake: (() => void) | undefined
  socket.addEventListener('message', (event) => {
    inbox.push(JSON.parse(String(event.data)) as Record<string, unknown>)
    wake?.()
  })
  const closed = new Promise<void>((resolve) => {
    socket.addEventListener('close', () => resolve())
  })
  t.after(() => socket.close())
  await once(socket, 'open')
  return {
    closed,
    send: (message: unknown) => socket.send(JSON.stringify(message)),
    sendText: (text: string) => socket.send(text),
    close: () => socket.close(),
    async next(): Promise<Record<string, unknown>> {
      while (inbox.length === 0) {
        await new Promise<void>((resolve) => (wake = resolve))
      }
      return inbox.shift() ?? {}
    },
  }
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 5000
  while (!condition()) {
    assert.ok(Date.now() < end, 'still not so after 5 s')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
