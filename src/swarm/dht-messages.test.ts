import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decode, encode, type Encodable } from '../torrent/bencode.ts'
import { checkDatagram } from './dht-messages.ts'

const ID = new Uint8Array(20).fill(1)
const HASH = new Uint8Array(20).fill(2)
const T = new Uint8Array([9, 9])

function bytes(message: Record<string, Encodable>): Uint8Array {
  return encode(fields(message))
}

function fields(values: Record<string, Encodable>): Map<string, Encodable> {
  return new Map(Object.entries(values))
}

function query(q: string, a: Record<string, Encodable>, more: Record<string, Encodable> = {}): Uint8Array {
  return bytes({ t: T, y: 'q', q, a: fields(a), ...more })
}

function answer(r: Record<string, Encodable>): Uint8Array {
  return bytes({ t: T, y: 'r', r: fields(r) })
}

/** What goes on of a datagram, as bencoded text; undefined where nothing does. */
function passed(datagram: Uint8Array, allows: (address: string) => boolean = () => true): string | undefined {
  const checked = checkDatagram(datagram, allows)
  return checked && Buffer.from(checked.rebuild(T)).toString('latin1')
}

describe('a datagram', () => {
  const good: [string, Uint8Array][] = [
    ['ping', query('ping', { id: ID })],
    ['find_node', query('find_node', { id: ID, target: HASH })],
    ['get_peers', query('get_peers', { id: ID, info_hash: HASH, scrape: 1, noseed: 1 })],
    ['announce_peer', query('announce_peer', { id: ID, info_hash: HASH, token: T, port: 1, seed: 1 })],
    [
      'an announce of the port it came from',
      query('announce_peer', { id: ID, info_hash: HASH, token: T, implied_port: 1 }),
    ],
    [
      'an answer',
      answer({ id: ID, token: T, nodes: new Uint8Array(26).fill(5), values: [new Uint8Array(6).fill(5)] }),
    ],
    ['filters', answer({ id: ID, BFsd: new Uint8Array(256), BFpe: new Uint8Array(256) })],
    ['an error', bytes({ t: T, y: 'e', e: [201, 'refused'] })],
  ]
  for (const [name, datagram] of good)
    it(`passes as it is: ${name}`, () => {
      assert.equal(passed(datagram), Buffer.from(datagram).toString('latin1'))
    })

  const id19 = ID.subarray(1)
  const bad: [string, Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['no bencoding', new Uint8Array(Buffer.from('GET / HTTP/1.1'))],
    ['no dictionary', encode([1, 2])],
    ['a type that is a dictionary', encode(fields({ t: T, y: fields({ toString: 'x' }) }))],
    ['a type that is a number', bytes({ t: T, y: 7, q: 'ping', a: fields({ id: ID }) })],
    ['an unknown type', bytes({ t: T, y: 'z', q: 'ping', a: fields({ id: ID }) })],
    ['no transaction', bytes({ y: 'q', q: 'ping', a: fields({ id: ID }) })],
    ['an empty transaction', bytes({ t: '', y: 'q', q: 'ping', a: fields({ id: ID }) })],
    ['a transaction that is a number', bytes({ t: 1, y: 'q', q: 'ping', a: fields({ id: ID }) })],
    ['a long transaction', bytes({ t: new Uint8Array(33), y: 'q', q: 'ping', a: fields({ id: ID }) })],
    ['a query without a body', bytes({ t: T, y: 'q', q: 'ping' })],
    ['a body that is a list', bytes({ t: T, y: 'q', q: 'ping', a: [] })],
    ['an unknown method', query('sample_infohashes', { id: ID, target: HASH })],
    ['BEP 44', query('put', { id: ID, token: T, v: 'x' })],
    ['a method of every object', query('constructor', { id: ID })],
    ['no id', query('ping', {})],
    ['a short id', query('ping', { id: id19 })],
    ['an id that is a list', query('ping', { id: [] })],
    ['no target', query('find_node', { id: ID })],
    ['a short info hash', query('get_peers', { id: ID, info_hash: id19 })],
    ['no token', query('announce_peer', { id: ID, info_hash: HASH, port: 1 })],
    ['a token that is a number', query('announce_peer', { id: ID, info_hash: HASH, token: 1, port: 1 })],
    [
      'a token that is a dictionary',
      query('announce_peer', { id: ID, info_hash: HASH, token: fields({ equals: 1 }), port: 1 }),
    ],
    ['no port', query('announce_peer', { id: ID, info_hash: HASH, token: T })],
    ['port 0', query('announce_peer', { id: ID, info_hash: HASH, token: T, port: 0 })],
    ['port 65536', query('announce_peer', { id: ID, info_hash: HASH, token: T, port: 65_536 })],
    ['an answer without an id', answer({ token: T })],
    ['an answer with a short id', answer({ id: id19 })],
    ['an answer that is a list', bytes({ t: T, y: 'r', r: [ID] })],
    ['an error without a code', bytes({ t: T, y: 'e', e: ['x'] })],
    ['deep nesting', new Uint8Array(Buffer.from(`d1:t2:991:y${'l'.repeat(2_000)}${'e'.repeat(2_000)}e`))],
    ['more than fits a packet', answer({ id: ID, token: new Uint8Array(4_096) })],
    ['unsorted keys', new Uint8Array(Buffer.from('d1:y1:q1:t2:99e'))],
  ]
  for (const [name, datagram] of bad)
    it(`goes no further with ${name}`, () => {
      assert.equal(passed(datagram), undefined)
    })

  it('goes on without what we do not know, and without what is not as it should be', () => {
    const plain = answer({ id: ID })
    const odd: Record<string, Encodable>[] = [
      { id: ID, samples: 'x', ip: 'y' },
      { id: ID, token: 5 },
      { id: ID, token: new Uint8Array(65) },
      { id: ID, values: 'x' },
      { id: ID, BFsd: new Uint8Array(255), BFpe: new Uint8Array(256) },
      { id: ID, BFsd: new Uint8Array(256) },
    ]
    for (const fieldsOf of odd) assert.equal(passed(answer(fieldsOf)), Buffer.from(plain).toString('latin1'))
    const both = answer({ id: ID, values: [new Uint8Array(6).fill(5), new Uint8Array(18), 3] })
    assert.equal(passed(both), passed(answer({ id: ID, values: [new Uint8Array(6).fill(5)] })))
    // A node and a half.
    const half = answer({ id: ID, nodes: new Uint8Array(39).fill(5) })
    assert.equal(passed(half), passed(answer({ id: ID, nodes: new Uint8Array(26).fill(5) })))
  })

  it('names nobody at an address that is not allowed, or at port 0', () => {
    const places = [
      [10, 0, 0, 1, 0, 7],
      [10, 0, 0, 2, 0, 7],
      [10, 0, 0, 1, 0, 0],
    ]
    const nodes = new Uint8Array(places.flatMap((place) => [...ID, ...place]))
    const datagram = answer({ id: ID, nodes, values: places.map((place) => new Uint8Array(place)) })
    const [first = []] = places
    assert.equal(
      passed(datagram, (address) => address === '10.0.0.1'),
      passed(answer({ id: ID, nodes: new Uint8Array([...ID, ...first]), values: [new Uint8Array(first)] })),
    )
  })

  it('of a node that only asks goes on without its id, so that nobody remembers it (BEP 43)', () => {
    const checked = passed(query('get_peers', { id: ID, info_hash: HASH }, { ro: 1 }))
    const root = decode(new Uint8Array(Buffer.from(checked ?? '', 'latin1')))
    const body = root.type === 'dictionary' ? root.entries.get('a') : undefined
    assert.deepEqual(body?.type === 'dictionary' ? [...body.entries.keys()] : [], ['info_hash'])
  })
})
