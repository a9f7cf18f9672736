import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import {
  V1,
  V2,
  UNKNOWN,
  start,
  announceHttp,
  announceUdp,
  readDictionary,
  peer,
  offer,
  pick,
  openSocket,
  until,
} from '../../test/tracker-clients.ts'
import { policyFor } from './addresses.ts'
import { scrape } from './scrape.ts'
import { createTracker } from './tracker.ts'

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
