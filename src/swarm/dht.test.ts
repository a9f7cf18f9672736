import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { localDht } from '../../test/local-dht.ts'
import { libtorrentDht } from '../../test/swarm.ts'
import { freePort, requireTool } from '../../test/tools.ts'
import { isQalError } from '../core/error.ts'
import { addressPolicy } from './addresses.ts'
import { findPeers, openDht, type Dht, type DhtOptions } from './dht.ts'
import { parseRouters } from './dht-routers.ts'

const HASH = 'ab'.repeat(20)
const policy = addressPolicy(['127.0.0.0/8'])

async function join(t: TestContext, options: Omit<DhtOptions, 'policy'> & Partial<DhtOptions>): Promise<Dht> {
  const dht = await openDht({ policy, ...options })
  t.after(() => dht.close())
  return dht
}

describe('a local DHT', () => {
  it('finds who announced, and estimates seeds and downloaders apart', async (t) => {
    const { routers } = await localDht(t, 12)
    // A machine of its own for each, as far as the DHT can tell.
    for (const [index, seed] of [true, true, true, false, false].entries()) {
      const peer = await join(t, { routers, host: `127.0.1.${index + 1}` })
      const { told } = await peer.announce(HASH, { port: 7_000 + index, seed })
      assert.ok(told > 0)
    }
    const asker = await join(t, { routers })
    const { peers, nodes } = await asker.findPeers(HASH)
    assert.deepEqual(
      peers.toSorted(),
      [0, 1, 2, 3, 4].map((index) => `127.0.1.${index + 1}:${7_000 + index}`),
    )
    assert.ok(nodes >= 8)
    const estimate = await asker.estimate(HASH)
    assert.deepEqual([estimate.seeders, estimate.leechers], [3, 2])
    assert.ok(estimate.informed > 0 && estimate.informed <= estimate.nodes)
    const unknown = await asker.estimate('cd'.repeat(20))
    assert.deepEqual([unknown.seeders, unknown.leechers, unknown.informed], [0, 0, 0])
    assert.ok(unknown.nodes > 0)
  })

  it('knows a v2 torrent by the first 20 bytes of its info hash', async (t) => {
    const { routers } = await localDht(t, 4)
    const v2 = '12'.repeat(32)
    const peer = await join(t, { routers })
    await peer.announce(v2, { port: 7_001, seed: true })
    assert.deepEqual((await findPeers(v2.slice(0, 40), { routers, policy })).peers, ['127.0.0.1:7001'])
  })
})

describe('a DHT of libtorrent', () => {
  it('takes our announces, and its filters say what ours say', async (t) => {
    if (!requireTool(t, 'libtorrent')) return
    const routers = [await libtorrentDht(t)]
    const asker = await join(t, { routers })
    while (!(await asker.findPeers(HASH).catch(() => undefined))) t.signal.throwIfAborted()
    for (const [index, seed] of [true, true, true, false, false].entries()) {
      const peer = await join(t, { routers, host: `127.0.1.${index + 1}` })
      assert.equal((await peer.announce(HASH, { port: 7_000 + index, seed, timeoutMs: 500 })).told, 1)
    }
    // It asks those too, who have announced to it and only ask: nobody waits for them.
    assert.equal((await asker.findPeers(HASH, { timeoutMs: 500 })).peers.length, 5)
    assert.deepEqual(await asker.estimate(HASH, { timeoutMs: 500 }), {
      seeders: 3,
      leechers: 2,
      nodes: 1,
      informed: 1,
    })
  })
})

describe('the routers', () => {
  it('are host:port of a name or an IPv4 literal, and nothing else', () => {
    assert.deepEqual(parseRouters(['router.example.org:6881', ' 127.0.0.1:1 ']), [
      { host: 'router.example.org', port: 6881 },
      { host: '127.0.0.1', port: 1 },
    ])
    const wrong = [
      '',
      'a',
      'a:',
      ':1',
      'a:0',
      'a:65536',
      '[::1]:1',
      '1.2.3:4',
      'udp://a:1',
      'a b:1',
      '-a:1',
      '256.1.1.1:1',
    ]
    for (const router of wrong)
      assert.throws(
        () => parseRouters([router]),
        (error) => isQalError(error) && error.code === 'input_dht_router',
        router,
      )
    assert.throws(() => parseRouters(Array.from({ length: 17 }, () => 'a:1')))
  })

  it('that do not answer are said to be so', async (t) => {
    const silent = await join(t, { routers: [`127.0.0.1:${await freePort()}`] })
    for (const ask of [silent.findPeers(HASH), silent.estimate(HASH)])
      await assert.rejects(ask, (error) => isQalError(error) && error.code === 'swarm_dht_failed')
    await assert.rejects(
      silent.findPeers(HASH, { signal: AbortSignal.abort() }),
      (error) => isQalError(error) && error.code === 'swarm_stopped',
    )
    await assert.rejects(
      silent.findPeers('no hash'),
      (error) => isQalError(error) && error.code === 'input_info_hash',
    )
  })
})
