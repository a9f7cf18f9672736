import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import {
  V1,
  UNKNOWN,
  start,
  announceHttp,
  announceUdp,
  readDictionary,
  offer,
  openSocket,
  peer,
  until,
} from '../../test/tracker-clients.ts'
import { latin1 } from '../torrent/refuse.ts'

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

  it('takes what a proxy says of its client only where that is an address', async (t) => {
    const running = await start(t, { clientAddress: ({ headers }) => String(headers['x-from']) })
    const announce = async (from: string) => {
      const query = `?info_hash=${hash}&peer_id=${'a'.repeat(20)}&port=258&left=0&event=started`
      const response = await fetch(`${running.http}${query}`, { headers: { 'x-from': from } })
      return readDictionary(new Uint8Array(await response.arrayBuffer()))
    }
    for (const from of ['localhost', '1.2.3', '1.2.3.4.5', 'fe80::1%eth0', '1.2.3.4, 5.6.7.8', ''])
      assert.ok((await announce(from)).has('failure reason'), from)
    assert.equal(running.tracker.counts(V1).seeders, 0)
    await announce('2001:db8::7')
    const answer = await announce('198.51.100.7')
    assert.deepEqual(answer.get('peers'), Buffer.from([198, 51, 100, 7, 1, 2]).toString('latin1'))
    const v6 = Buffer.from('20010db80000000000000000000000070102', 'hex')
    assert.deepEqual(answer.get('peers6'), v6.toString('latin1'))
  })

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
