import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fold } from '../core/fold.ts'
import { projectAll } from '../core/project.ts'
import { syntheticLedger } from '../../bench/synthetic.ts'
import { openSqliteLedger } from './ledger-sqlite.ts'
import { DHT_SOURCE, openCatalogue, type Catalogue } from './catalogue.ts'

const NOTHING = { trackers: null, dht: null }
const NOW = '2026-06-01T00:00:00.000Z'

function observation(
  info_hash: string,
  seeders: number,
  completed: number,
  more: { tracker?: string; at?: string } = {},
) {
  return { info_hash, seeders, leechers: 1, completed, tracker: 'udp://tracker.example:1', at: NOW, ...more }
}

function hoursAgo(hours: number): string {
  return new Date(Date.parse(NOW) - hours * 3_600_000).toISOString()
}

function fresh(): Catalogue {
  return openCatalogue(':memory:', { siteName: 'Test', now: () => NOW })
}

describe('what trackers said', () => {
  const V1 = '1'.repeat(40)
  const V2 = '2'.repeat(64)
  it('is the highest of any tracker over both info hashes, never a sum', () => {
    const own = fresh()
    own.putSwarm([
      observation(V1, 5, 10, { tracker: 'udp://a' }),
      observation(V1, 3, 99, { tracker: 'udp://b' }),
      observation(V2.slice(0, 40), 7, 2, { tracker: 'udp://c', at: hoursAgo(1) }),
    ])
    assert.deepEqual(own.swarm([V1, V2]), {
      trackers: { seeders: 7, leechers: 1, completed: 99, tracker: 'udp://c', as_of: hoursAgo(1) },
      dht: null,
    })
    assert.equal(own.swarm([V1]).trackers?.seeders, 5)
    assert.deepEqual(own.swarm([]), NOTHING)
    assert.deepEqual(own.swarm(['3'.repeat(40)]), NOTHING)
    own.close()
  })

  it('is each tracker’s latest word, and none that is old beside a newer', () => {
    const own = fresh()
    own.putSwarm([observation(V1, 50, 0, { tracker: 'udp://old', at: hoursAgo(7) })])
    assert.equal(own.swarm([V1]).trackers?.seeders, 50)
    own.putSwarm([observation(V1, 2, 0, { tracker: 'udp://new' })])
    assert.equal(own.swarm([V1]).trackers?.seeders, 2)
    own.putSwarm([observation(V1, 9, 0, { tracker: 'udp://new', at: hoursAgo(1) })])
    assert.equal(own.swarm([V1]).trackers?.seeders, 2, 'an older word came later')
    own.close()
  })

  it('keeps the DHT’s estimate apart from the trackers’ word, each as old as it is', () => {
    const own = fresh()
    own.putSwarm([
      observation(V1, 40, 0, { tracker: DHT_SOURCE, at: hoursAgo(9) }),
      observation(V2.slice(0, 40), 60, 0, { tracker: DHT_SOURCE, at: hoursAgo(8) }),
    ])
    const dht = { seeders: 60, leechers: 1, as_of: hoursAgo(8) }
    assert.deepEqual(own.swarm([V1, V2]), { trackers: null, dht })
    own.putSwarm([observation(V1, 3, 4)])
    assert.deepEqual(own.swarm([V1, V2]).trackers, {
      seeders: 3,
      leechers: 1,
      completed: 4,
      tracker: 'udp://tracker.example:1',
      as_of: NOW,
    })
    // Newer than the estimate by more than six hours, and no reason to forget it.
    assert.deepEqual(own.swarm([V1, V2]).dht, dht)
    own.close()
  })

  it('leaves out what cannot be meant', () => {
    const own = fresh()
    own.putSwarm([
      observation('x', 1, 1),
      observation(V1, -1, 1),
      observation(V1, 0.5, 1),
      observation(V1, 1, Number.NaN),
      observation(V1, 2 ** 40, 1),
      observation(V1, 1, 1, { at: 'soon' }),
      observation(V1, 1, 1, { tracker: 'x'.repeat(5_000) }),
    ])
    assert.deepEqual(own.swarm([V1]), NOTHING)
    own.close()
  })

  it('orders listings at once, also where it came before the listing', async () => {
    const ledger = await openSqliteLedger(':memory:')
    const synthetic = syntheticLedger({ listings: 30, seed: 4 })
    const own = fresh()
    const hash = [...projectAll(fold(synthetic.events), NOW, 'Test').listings.values()].at(7)
    own.putSwarm([observation((hash?.info_hash_v2 ?? '').slice(0, 40), 1_000, 1)])
    for (const { stream, expected, events } of synthetic.appends)
      await ledger.append(stream, expected, events)
    await own.catchUp(ledger)
    assert.equal(own.search({ sort: 'seeders', status: 'all' }).items[0]?.id, hash?.id)
    const other = [...own.listings()].at(-1)
    own.putSwarm([observation(other?.info_hash ?? '', 2_000, 1)])
    assert.equal(own.search({ sort: 'seeders', status: 'all' }).items[0]?.id, other?.id)
    // An estimate moves nobody: anyone may make it up.
    own.putSwarm([observation(hash?.info_hash ?? '', 9_000, 1, { tracker: DHT_SOURCE })])
    assert.equal(own.search({ sort: 'seeders', status: 'all' }).items[0]?.id, other?.id)
    own.close()
    await ledger.close()
  })
})

describe('what the DHT is to be asked about', () => {
  it('is what is published and was not asked about lately, first what no tracker knows a seeder of', async () => {
    const ledger = await openSqliteLedger(':memory:')
    const own = fresh()
    for (const { stream, expected, events } of syntheticLedger({ listings: 40, seed: 5 }).appends)
      await ledger.append(stream, expected, events)
    await own.catchUp(ledger)
    const published = [...own.listings('published')]
    const hashes = published.flatMap(({ info_hash, info_hash_v2 }) =>
      [info_hash, info_hash_v2].flatMap((hash) => (hash === null ? [] : [hash.slice(0, 40)])),
    )
    assert.ok(published.length > 3 && published.length < 40)
    const due = (since: string) => own.dhtDue(since, 1_000)
    assert.deepEqual(due(NOW).toSorted(), hashes.toSorted())
    const [seeded = '', asked = '', recent = ''] = published.map(({ info_hash }) => info_hash ?? '')
    own.putSwarm([
      observation(seeded, 1, 0),
      observation(asked, 0, 0, { tracker: DHT_SOURCE, at: hoursAgo(7) }),
      observation(recent, 0, 0, { tracker: DHT_SOURCE, at: hoursAgo(1) }),
    ])
    const order = due(hoursAgo(6))
    assert.ok(!order.includes(recent))
    const last = order.slice(published[0]?.info_hash_v2 ? -2 : -1)
    assert.ok(last.includes(seeded), 'whom a tracker knows comes last')
    assert.ok(order.indexOf(asked) > order.length - 4 && order.indexOf(asked) < order.indexOf(seeded))
    assert.equal(own.dhtDue(NOW, 2).length, 2)
    own.close()
    await ledger.close()
  })
})
