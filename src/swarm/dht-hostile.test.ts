import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import { localDht } from '../../test/local-dht.ts'
import { decode, encode, type BDictionary, type Encodable } from '../torrent/bencode.ts'
import { addressPolicy } from './addresses.ts'
import { emptyFilter, insertAddress } from './bloom.ts'
import { findPeers, openDht, type Dht } from './dht.ts'

const HASH = new Uint8Array(20).fill(0xab)
const HEX = 'ab'.repeat(20)
const loopback = addressPolicy(['127.0.0.0/8'])
const JUNK = 20_000
/** More nodes than a lookup asks. */
const CHAIN = 1_000

/** A socket of a stranger's. */
async function stranger(t: TestContext, host = '127.0.0.1'): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(0, host)
  await once(socket, 'listening')
  t.after(() => socket.close())
  return socket
}

async function servingNode(t: TestContext): Promise<Dht> {
  const { nodes } = await localDht(t, 1)
  const [node] = nodes
  assert.ok(node)
  return node
}

function query(q: string, a: Record<string, Encodable>, more: Record<string, Encodable> = {}): Uint8Array {
  return encode(fields({ t: 'xx', y: 'q', q, a: fields({ id: randomBytes(20), ...a }), ...more }))
}

function answerTo(transaction: Uint8Array, r: Record<string, Encodable>): Uint8Array {
  return encode(fields({ t: transaction, y: 'r', r: fields(r) }))
}

function fields(values: Record<string, Encodable>): Map<string, Encodable> {
  return new Map(Object.entries(values))
}

/** Sends and takes the next answer; undefined where none comes. */
async function ask(
  socket: Socket,
  port: number,
  message: Uint8Array,
  withinMs = 1_000,
): Promise<Buffer | undefined> {
  const answer = once(socket, 'message', { signal: AbortSignal.timeout(withinMs) })
  socket.send(message, port, '127.0.0.1')
  return answer.then(
    ([bytes]) => bytes as Buffer,
    () => undefined,
  )
}

function body(answer: Uint8Array | undefined): BDictionary['entries'] {
  const root = decode(answer ?? new Uint8Array())
  const r = root.type === 'dictionary' ? root.entries.get('r') : undefined
  return r?.type === 'dictionary' ? r.entries : new Map()
}

/** A node that answers whatever it is asked, as told. */
async function liar(
  t: TestContext,
  answer: (asked: BDictionary, from: RemoteInfo) => Record<string, Encodable>,
  host?: string,
): Promise<{ port: number; router: string; asked: () => number }> {
  const socket = await stranger(t, host)
  let asked = 0
  socket.on('message', (message, from) => {
    const root = decode(message)
    const transaction = root.type === 'dictionary' ? root.entries.get('t') : undefined
    if (root.type !== 'dictionary' || transaction?.type !== 'string') return
    asked++
    const r = { id: new Uint8Array(20).fill(7), ...answer(root, from) }
    socket.send(answerTo(transaction.value, r), from.port, from.address)
  })
  const { port, address } = socket.address()
  return { port, router: `${address}:${port}`, asked: () => asked }
}

/** An id in the chain: twenty at each bit, as many as the lookup keeps of equally near ones. */
function idOf(index: number): Buffer {
  const id = Buffer.from(HASH)
  const bit = Math.floor(index / 20)
  id[bit >> 3] = (id[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7))
  id[19] = index % 20
  return id
}

function addressOf(index: number): string {
  return `127.1.${index >> 8}.${index & 255}`
}

/** A filter of `count` addresses that begin with the `from`th. */
function filled(from: number, count: number): Uint8Array {
  const filter = emptyFilter()
  for (let index = from; index < from + count; index++)
    insertAddress(filter, `10.0.${index >> 8}.${index & 255}`)
  return filter
}

function compact(address: string, port: number): Uint8Array {
  return new Uint8Array([...address.split('.').map(Number), port >> 8, port & 255])
}

describe('a node of ours among strangers', () => {
  it(`outlives ${JUNK} datagrams of junk and goes on answering`, async (t) => {
    const node = await servingNode(t)
    const socket = await stranger(t)
    const sound = [
      query('ping', {}),
      query('find_node', { target: HASH }),
      query('get_peers', { info_hash: HASH, scrape: 1 }),
      query('announce_peer', { info_hash: HASH, token: 'token', port: 7_000 }),
      answerTo(HASH.subarray(0, 2), { id: HASH, nodes: randomBytes(52) }),
      encode(fields({ t: 'xx', y: 'e', e: [201, 'no'] })),
    ]
    for (let index = 0; index < JUNK; index++) {
      const bytes =
        index % 10 === 0 ? randomBytes(index % 600) : Buffer.from(sound[index % sound.length] ?? [])
      for (let flips = index % 5; flips > 0 && bytes.length > 0; flips--)
        bytes[Math.floor(Math.random() * bytes.length)] = Math.floor(Math.random() * 256)
      socket.send(bytes, node.port, '127.0.0.1')
      // So that the kernel does not drop most of it.
      if (index % 100 === 99) await new Promise(setImmediate)
    }
    const other = await stranger(t, '127.0.0.9')
    let pong: Buffer | undefined
    while (!pong) pong = await ask(other, node.port, query('ping', {}), 200)
    assert.equal(body(pong).get('id')?.type, 'string')
    await node.findPeers(HEX).catch(() => undefined)
  })

  it('keeps no announce without the token it gave to that address', async (t) => {
    const node = await servingNode(t)
    const [one, two] = [await stranger(t, '127.0.0.2'), await stranger(t, '127.0.0.3')]
    const token = body(await ask(one, node.port, query('get_peers', { info_hash: HASH }))).get('token')
    assert.ok(token?.type === 'string')
    const announce = (given: Uint8Array) =>
      query('announce_peer', { info_hash: HASH, token: given, port: 7_000 })
    for (const [socket, given] of [
      [one, randomBytes(20)],
      [two, token.value],
    ] as const) {
      const refused = decode((await ask(socket, node.port, announce(given))) ?? new Uint8Array())
      assert.ok(refused.type === 'dictionary' && refused.entries.has('e'))
    }
    const values = async () =>
      body(await ask(one, node.port, query('get_peers', { info_hash: HASH }))).get('values')
    assert.equal(await values(), undefined)
    await ask(one, node.port, announce(token.value))
    const kept = await values()
    assert.ok(kept?.type === 'list')
    assert.deepEqual(
      kept.items.map((item) => item.type === 'string' && [...item.value]),
      [[127, 0, 0, 2, 27, 88]],
    )
  })

  it('counts an address once, as what it last said', async (t) => {
    const node = await servingNode(t)
    const one = await stranger(t, '127.0.0.2')
    const scrape = () => ask(one, node.port, query('get_peers', { info_hash: HASH, scrape: 1 }))
    const token = body(await scrape()).get('token')
    assert.ok(token?.type === 'string')
    for (const [port, seed] of [
      [7_000, 0],
      [7_001, 0],
      [7_002, 1],
    ])
      await ask(
        one,
        node.port,
        query('announce_peer', { info_hash: HASH, token: token.value, port: port ?? 0, seed: seed ?? 0 }),
      )
    const answer = body(await scrape())
    const expected = emptyFilter()
    insertAddress(expected, '127.0.0.2')
    const filter = (key: string) => {
      const found = answer.get(key)
      return found?.type === 'string' ? new Uint8Array(found.value) : undefined
    }
    assert.deepEqual(filter('BFsd'), expected)
    assert.deepEqual(filter('BFpe'), emptyFilter())
    const noseed = body(await ask(one, node.port, query('get_peers', { info_hash: HASH, noseed: 1 })))
    assert.equal(noseed.get('values'), undefined)
  })

  it('answers an address no more than so often, and no packet that is split on the way', async (t) => {
    const node = await servingNode(t)
    const [greedy, other] = [await stranger(t, '127.0.0.2'), await stranger(t, '127.0.0.3')]
    const sizes: number[] = []
    greedy.on('message', (message: Buffer) => sizes.push(message.length))
    for (let index = 0; index < 400; index++)
      greedy.send(query('find_node', { target: HASH }), node.port, '127.0.0.1')
    let pong: Buffer | undefined
    while (!pong) pong = await ask(other, node.port, query('ping', {}), 200)
    // Two seconds' worth, where one ended meanwhile.
    assert.ok(sizes.length > 0 && sizes.length <= 100, `${sizes.length} answers`)
    assert.ok(sizes.every((size) => size <= 1_400))
  })

  it('remembers nobody who only asks (BEP 43)', async (t) => {
    const node = await servingNode(t)
    const asker = await openDht({ routers: [`127.0.0.1:${node.port}`], policy: loopback })
    t.after(() => asker.close())
    await asker.findPeers(HEX)
    const socket = await stranger(t)
    const nodes = async () => {
      const found = body(await ask(socket, node.port, query('find_node', { target: HASH }, { ro: 1 }))).get(
        'nodes',
      )
      return found?.type === 'string' ? found.value.length : undefined
    }
    assert.equal(await nodes(), 0)
    await ask(socket, node.port, query('ping', {}))
    assert.equal(await nodes(), 26)
  })
})

describe('a lookup among strangers', () => {
  it('sends nothing to an address that is not allowed, whoever names it', async (t) => {
    const victim = await stranger(t, '127.0.0.99')
    let hits = 0
    victim.on('message', () => hits++)
    const at = compact('127.0.0.99', victim.address().port)
    const hostile = await liar(t, () => ({
      nodes: new Uint8Array([...randomBytes(20), ...at]),
      values: [at],
      token: 'x',
    }))
    const policy = addressPolicy(['127.0.0.1/32'])
    const dht = await openDht({ routers: [hostile.router], policy })
    t.after(() => dht.close())
    assert.deepEqual((await dht.announce(HEX, { port: 7_000, seed: true })).peers, [])
    assert.equal(hits, 0)
    // The same with the address allowed: the test can see it.
    const open = await openDht({ routers: [hostile.router], policy: loopback })
    t.after(() => open.close())
    assert.equal((await open.findPeers(HEX, { timeoutMs: 500 })).peers.length, 1)
    assert.ok(hits > 0)
  })

  it('takes no answer from another address or under another transaction', async (t) => {
    const forger = await stranger(t, '127.0.0.50')
    const peer = compact('127.0.0.77', 7_777)
    const honest = await liar(t, (asked, from) => {
      const transaction = asked.entries.get('t')
      assert.ok(transaction?.type === 'string')
      for (const id of [transaction.value, new Uint8Array([0, 1])])
        forger.send(answerTo(id, { id: HASH, values: [peer] }), from.port, from.address)
      return {}
    })
    const { peers, nodes } = await findPeers(HEX, { routers: [honest.router], policy: loopback })
    assert.deepEqual([peers, nodes], [[], 1])
  })

  it('ends although a stranger leads it on and on', async (t) => {
    const hostile: { port: number; asked: () => number }[] = []
    // Each of them names twenty others, all nearer to what is looked for.
    for (let index = 0; index < CHAIN; index++) {
      const answer = () => {
        const next = hostile.slice(index + 1, index + 21)
        const nodes = next.map(({ port }, by) => [
          ...idOf(index + 1 + by),
          ...compact(addressOf(index + 1 + by), port),
        ])
        return { id: idOf(index), nodes: new Uint8Array(nodes.flat()) }
      }
      hostile.push(await liar(t, answer, addressOf(index)))
    }
    const routers = [`${addressOf(0)}:${hostile[0]?.port}`]
    const { peers, nodes } = await findPeers(HEX, { routers, policy: loopback, timeoutMs: 60_000 })
    assert.deepEqual(peers, [])
    const asked = hostile.reduce((sum, node) => sum + node.asked(), 0)
    assert.ok(asked >= 250 && asked < 280, `${asked} queries, ${nodes} answers`)
  })

  it('ends in time although nobody answers', async (t) => {
    const dead = await liar(t, () => ({
      nodes: new Uint8Array(
        Array.from({ length: 20 }, (_, index) => [
          ...randomBytes(20),
          ...compact(`127.2.0.${index}`, 9),
        ]).flat(),
      ),
    }))
    const started = performance.now()
    await findPeers(HEX, { routers: [dead.router], policy: loopback, timeoutMs: 1_000 })
    assert.ok(performance.now() - started < 2_000)
  })

  it('ends when told to', async (t) => {
    const silent = await stranger(t)
    const stop = new AbortController()
    const asking = findPeers(HEX, {
      routers: [`127.0.0.1:${silent.address().port}`],
      policy: loopback,
      signal: stop.signal,
    })
    await once(silent, 'message')
    stop.abort()
    await assert.rejects(asking, { code: 'swarm_stopped' })
  })
})

describe('an estimate from strangers', () => {
  const cases: [string, Record<string, Encodable>, [number, number, number]][] = [
    ['takes filters', { BFsd: filled(0, 30), BFpe: filled(100, 7) }, [30, 7, 1]],
    ['takes no filter that is full', { BFsd: new Uint8Array(256).fill(255), BFpe: filled(0, 5) }, [0, 0, 0]],
    [
      'takes no filters that lack a peer beside them',
      { BFsd: filled(0, 30), BFpe: filled(100, 7), values: [compact('127.0.0.5', 1)] },
      [0, 0, 0],
    ],
    [
      'counts the peers of a node without filters as downloading',
      { values: [compact('127.0.0.5', 1), compact('127.0.0.6', 1)] },
      [0, 2, 1],
    ],
    [
      'counts an address of several ports once',
      { values: [compact('127.0.0.5', 1), compact('127.0.0.5', 2)] },
      [0, 1, 1],
    ],
    ['knows of nobody', {}, [0, 0, 0]],
  ]
  for (const [name, told, [seeders, leechers, informed]] of cases)
    it(name, async (t) => {
      const node = await liar(t, () => told)
      const dht = await openDht({ routers: [node.router], policy: loopback })
      t.after(() => dht.close())
      assert.deepEqual(await dht.estimate(HEX), { seeders, leechers, informed, nodes: 1 })
    })

  it('counts whom two nodes know once, and who seeds by one node’s word as no downloader by another’s', async (t) => {
    const second = await liar(t, () => ({
      id: new Uint8Array(20).fill(9),
      values: [compact('127.0.0.5', 1), compact('127.0.0.6', 1)],
    }))
    const seeds = filled(0, 30)
    insertAddress(seeds, '127.0.0.5')
    const first = await liar(t, () => ({
      BFsd: seeds,
      BFpe: emptyFilter(),
      nodes: new Uint8Array([...new Uint8Array(20).fill(9), ...compact('127.0.0.1', second.port)]),
    }))
    const dht = await openDht({ routers: [first.router], policy: loopback })
    t.after(() => dht.close())
    assert.deepEqual(await dht.estimate(HEX), { seeders: 31, leechers: 1, informed: 2, nodes: 2 })
  })
})
