import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { projectAll } from '../core/project.ts'
import { fold } from '../core/fold.ts'
import type { ListingView, Status, Tier } from '../core/views.ts'
import { syntheticLedger } from '../../bench/synthetic.ts'
import { randomSource } from '../../test/random-events.ts'
import { openSqliteLedger } from './ledger-sqlite.ts'
import type { Catalogue, CataloguePage, CatalogueQuery, CatalogueSort } from './catalogue.ts'
import { openCatalogue } from './catalogue.ts'
import { matchOf } from './catalogue-search.ts'

const LISTINGS = 400
const NOW = '2026-06-01T00:00:00.000Z'

let catalogue: Catalogue
let views: ListingView[]

before(async () => {
  const ledger = await openSqliteLedger(':memory:')
  const synthetic = syntheticLedger({ listings: LISTINGS, seed: 3 })
  await Promise.all(
    [...synthetic.appends].map(({ stream, expected, events }) => ledger.append(stream, expected, events)),
  )
  catalogue = openCatalogue(':memory:', { siteName: 'Test', now: () => NOW })
  await catalogue.catchUp(ledger)
  await ledger.close()
  views = [...projectAll(fold(synthetic.events), NOW, 'Test').listings.values()]
  catalogue.putSwarm(
    views
      .filter((_, n) => n % 3 === 0)
      .map((view, n) => ({
        info_hash: view.info_hash ?? '',
        seeders: n % 50,
        leechers: 1,
        completed: (n * 7) % 90,
        tracker: 'udp://tracker.example:1',
        at: NOW,
      })),
  )
})

/** What a search must give, worked out the slow way. */
function bruteForce(query: CatalogueQuery): {
  total: number
  ids: string[]
  facets: CataloguePage['facets']
} {
  const words = (query.q ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  const found = views
    .filter(({ status }) => query.status === 'all' || status === (query.status ?? 'published'))
    .filter(({ uploader }) => (query.uploader ?? uploader.id) === uploader.id)
    .filter((view) => words.every((word) => textOf(view).some((each) => each.startsWith(word))))
  const fits = {
    tier: (view: ListingView) => (query.tier ?? view.tier) === view.tier,
    quant: (view: ListingView) => !query.quant || quantOf(view) === query.quant,
    tag: (view: ListingView) => !query.tag || view.tags.includes(query.tag),
  }
  const hits = found.filter((view) => fits.tier(view) && fits.quant(view) && fits.tag(view))
  const tiers = tally(found.filter((view) => fits.quant(view) && fits.tag(view)).map(({ tier }) => tier))
  const order: Tier[] = ['official', 'trusted', 'community', 'unverified']
  return {
    total: hits.length,
    ids: hits.toSorted(by(query.sort ?? 'new')).map(({ id }) => id),
    facets: {
      tier: order.flatMap((value) =>
        tiers.filter((each) => each.value === value),
      ) as CataloguePage['facets']['tier'],
      quant: tally(
        found.filter((view) => fits.tier(view) && fits.tag(view)).flatMap((view) => quantOf(view) ?? []),
      ),
      tag: tally(found.filter((view) => fits.tier(view) && fits.quant(view)).flatMap(({ tags }) => tags)),
    },
  }
}

function textOf(view: ListingView): string[] {
  const { claimed, proven } = view.quantisation
  const all = [
    view.model,
    view.uploader.handle,
    view.architecture ?? '',
    claimed ?? '',
    ...proven,
    ...view.tags,
  ]
  return all
    .join(' ')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
}

function quantOf({ quantisation: { claimed, proven, match } }: ListingView): string | null {
  return match === 'mislabelled' ? (proven[0] ?? claimed) : (claimed ?? proven[0] ?? null)
}

function tally(values: string[]): { value: string; count: number }[] {
  return [...Map.groupBy(values, (value) => value)]
    .map(([value, all]) => ({ value, count: all.length }))
    .toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
}

function by(sort: CatalogueSort): (a: ListingView, b: ListingView) => number {
  const keys: Record<CatalogueSort, (view: ListingView) => number | string> = {
    new: (view) => Date.parse(view.published_at ?? view.submitted_at),
    seeders: (view) => catalogue.swarm([view.info_hash ?? '']).trackers?.seeders ?? -1,
    downloads: (view) => catalogue.swarm([view.info_hash ?? '']).trackers?.completed ?? -1,
    name: (view) => view.model.toLowerCase(),
    size: (view) => view.size_bytes,
    rating: ({ community }) => (community.rank_centi ?? -1) * 1_000 + community.ratings,
  }
  const up = sort === 'name' ? 1 : -1
  return (a, b) => {
    const [x, y] = [keys[sort](a), keys[sort](b)]
    if (x !== y) return x < y ? -up : up
    return a.id < b.id ? 1 : -1
  }
}

describe('a search', () => {
  const queries: CatalogueQuery[] = [
    {},
    { status: 'all' },
    ...(['pending', 'rejected', 'withdrawn', 'removed', 'suspended'] as Status[]).map((status) => ({
      status,
    })),
    ...(['new', 'seeders', 'downloads', 'name', 'size', 'rating'] as CatalogueSort[]).flatMap((sort) => [
      { sort },
      { sort, q: 'llama' },
      { sort, tag: 'chat', status: 'all' as const },
    ]),
    { q: 'qwen' },
    { q: 'QWEN q4' },
    { q: 'math coder' },
    { q: 'nothinghasthis' },
    { q: 'gemma', quant: 'Q8_0' },
    { q: 'llama', tag: 'chat', quant: 'Q4_K_M', tier: 'community' },
    { quant: 'Q2_K', status: 'rejected' },
    { quant: 'NONE' },
    { tag: 'none' },
    { tier: 'official' },
    { tier: 'community', sort: 'rating' },
  ]
  for (const query of queries)
    it(`gives what a walk through all listings gives: ${JSON.stringify(query)}`, () => {
      const expected = bruteForce(query)
      const found = catalogue.search({ ...query, perPage: 1_000 })
      assert.deepEqual(
        { total: found.total, ids: found.items.map(({ id }) => id), facets: found.facets },
        expected,
      )
    })

  it('finds an uploader by handle', () => {
    const { items } = catalogue.search({ q: 'member-12', status: 'all', perPage: 1_000 })
    assert.ok(items.length > 0)
    for (const { uploader } of items) assert.ok(uploader.handle.startsWith('member-12'))
  })

  it('finds by uploader', () => {
    const uploader = views[0]?.uploader.id ?? ''
    const { items, total } = catalogue.search({ uploader, status: 'all', perPage: 1_000 })
    assert.deepEqual(
      items.map(({ id }) => id),
      bruteForce({ uploader, status: 'all' }).ids,
    )
    assert.ok(total > 0 && total < LISTINGS)
    assert.equal(catalogue.search({ uploader: 'm_nobody' }).total, 0)
  })

  it('gives whole views, in pages that together are all', () => {
    const all = catalogue.search({ perPage: 1_000, sort: 'size' })
    const paged = Array.from({ length: Math.ceil(all.total / 37) }, (_, n) =>
      catalogue.search({ perPage: 37, page: n + 1, sort: 'size' }),
    )
    assert.deepEqual(
      paged.flatMap(({ items }) => items),
      all.items,
    )
    for (const { total, facets } of paged) assert.deepEqual([total, facets], [all.total, all.facets])
    for (const item of all.items)
      assert.deepEqual(
        item,
        views.find(({ id }) => id === item.id),
      )
  })

  it('takes any page as asked for: none beyond the last, and what is no page as the first', () => {
    const { total } = catalogue.search({})
    assert.deepEqual(catalogue.search({ page: 9_999 }).items, [])
    assert.equal(catalogue.search({ page: 9_999 }).total, total)
    const first = catalogue.search({}).items
    assert.equal(first.length, 50)
    for (const page of [0, -5, Number.NaN, 0.5]) assert.deepEqual(catalogue.search({ page }).items, first)
    assert.equal(catalogue.search({ perPage: 0 }).items.length, 1)
    assert.equal(catalogue.search({ perPage: Number.POSITIVE_INFINITY }).items.length, total)
  })

  it('gives facets of its own, so that a page may change what it got', () => {
    const { facets } = catalogue.search({})
    const given = structuredClone(facets)
    facets.tag.pop()
    assert.deepEqual(catalogue.search({}).facets, given)
  })

  for (const q of [
    '"',
    '"" OR ""',
    'a" OR "b',
    'AND',
    'NOT',
    'NEAR(a b)',
    'name:llama',
    '-llama',
    '^llama',
    '*',
    'llama*',
    '(',
    ')',
    'a\0b',
    '\u0000',
    '\ud800',
    "'; DROP TABLE listings; --",
    '%',
    '\\',
    '{name tags}: x',
    'é\u0301',
    '🦙',
    '-'.repeat(10_000),
    'a '.repeat(10_000),
    '"'.repeat(500),
  ])
    // prettier-ignore
    it(`takes ${JSON.stringify(q.slice(0, 24))} as words, never as syntax`, () => {
      const { items, total } = catalogue.search({ q })
      assert.ok(items.length <= total)
    })

  it('takes no random text as syntax', () => {
    const random = randomSource(1)
    const alphabet = `"'*^-+(){}:,.\\/ \n\0ab1é_%`.split('').concat(' AND ', ' OR ', ' NOT ', ' NEAR ', '""')
    for (let n = 0; n < 2_000; n++)
      catalogue.search({ q: Array.from({ length: random.below(12) }, () => random.pick(alphabet)).join('') })
  })

  const matches: [string, string | null][] = [
    ['', null],
    ['  \n ', null],
    ['llama 3', '"llama"* "3"*'],
    ['say "hi"', '"say"* """hi"""*'],
    ['OR', '"OR"*'],
    ['--- *', ''],
    ['ｑｗｅｎ', '"qwen"*'],
  ]
  for (const [q, match] of matches)
    it(`asks FTS5 for ${JSON.stringify(match)} where a visitor says ${JSON.stringify(q)}`, () => {
      assert.equal(matchOf(q), match)
    })

  const finds: [string, string][] = [
    ['qwen2.5', 'Qwen2.5-'],
    ['qwen 2.5', 'Qwen2.5-'],
    ['qwen2.5-7b-instr', 'Qwen2.5-7B-Instr'],
    ['llama-3.1-8B', 'Llama-3.1-8B'],
    ['q4_k_m', 'Q4_K_M'],
    ['q4_k', 'Q4_K_M'],
    ['7B', '7B'],
    ['gemma3', ''],
  ]
  for (const [q, part] of finds)
    it(`finds names with ${JSON.stringify(part)} where a visitor says ${JSON.stringify(q)}`, () => {
      const { items } = catalogue.search({ q, status: 'all', perPage: 1_000 })
      assert.ok(items.length > 0)
      for (const { model } of items) assert.ok(model.includes(part), model)
    })

  it('finds no rows where nothing in the words can match', () => {
    assert.deepEqual(catalogue.search({ q: '---' }), {
      items: [],
      total: 0,
      facets: { tier: [], quant: [], tag: [] },
    })
  })
})

describe('a look-up', () => {
  it('finds listings by each of their hashes, whole, in capitals and by a prefix', () => {
    for (const view of views.slice(0, 20))
      for (const hash of [view.info_hash, view.info_hash_v2, view.sha256]) {
        assert.deepEqual(catalogue.byHash(hash ?? ''), [view.id])
        assert.deepEqual(catalogue.byHash((hash ?? '').toUpperCase()), [view.id])
        assert.ok(catalogue.byHash((hash ?? '').slice(0, 5)).includes(view.id))
      }
  })

  it('gives nothing for what is no hash or too short to be asked', () => {
    for (const hash of ['', 'abc', 'ghij', '%', '_____', 'a'.repeat(65), `${views[0]?.sha256}0`])
      assert.deepEqual(catalogue.byHash(hash), [])
  })

  it('finds files and torrents by a prefix, each by its own hash alone', () => {
    const all = { own: null, limit: 1_000 }
    for (const view of views) {
      const hidden = view.status === 'pending' || view.status === 'withdrawn'
      for (const [kind, hash] of [
        ['sha256', view.sha256],
        ['info_hash', view.info_hash],
        ['info_hash', view.info_hash_v2],
      ] as const) {
        if (hash === null) continue
        const other = kind === 'sha256' ? 'info_hash' : 'sha256'
        const found = { hash, id: view.id }
        for (const prefix of [hash, hash.slice(0, 5), hash.slice(0, 5).toUpperCase()]) {
          const has = (options: Parameters<Catalogue['byPrefix']>[1]): boolean =>
            catalogue.byPrefix(prefix, options).some(({ id }) => id === found.id)
          assert.equal(has({ ...all, kind }), !hidden, `${view.status} ${kind}`)
          assert.equal(has({ ...all, kind, own: view.uploader.id }), true)
          assert.equal(has({ ...all, kind, own: 'm_nobody' }), !hidden)
        }
        assert.ok(!catalogue.byPrefix(hash, { ...all, kind: other, own: view.uploader.id }).length)
      }
    }
    assert.ok(views.some(({ status }) => status === 'pending'))
    for (const prefix of ['', 'abc', 'ghijk', '%'])
      assert.deepEqual(catalogue.byPrefix(prefix, { ...all, kind: 'sha256' }), [])
  })

  it('names the published listing that has a digest already, and in which field', () => {
    const none = { sha256: null, info_hash: null, info_hash_v2: null }
    for (const view of views.slice(0, 60))
      for (const field of ['sha256', 'info_hash', 'info_hash_v2'] as const) {
        const found = catalogue.duplicateOf({ ...none, [field]: view[field] })
        assert.deepEqual(found, view.status === 'published' ? { id: view.id, field } : null)
      }
    assert.equal(catalogue.duplicateOf(none), null)
    // A hash stands for what it is: a SHA-256 is no info hash.
    const published = views.find(({ status }) => status === 'published')
    assert.equal(catalogue.duplicateOf({ ...none, info_hash_v2: published?.sha256 ?? null }), null)
  })

  it('gives members and listings by id and handle, null where there is none', () => {
    const view = views[0] ?? assert.fail()
    assert.deepEqual(catalogue.listing(view.id), view)
    assert.equal(catalogue.member(view.uploader.id)?.handle, view.uploader.handle)
    assert.equal(catalogue.memberByHandle(view.uploader.handle)?.id, view.uploader.id)
    for (const name of ['', 'nobody', "'"]) {
      assert.equal(catalogue.listing(name), null)
      assert.equal(catalogue.member(name), null)
      assert.equal(catalogue.memberByHandle(name), null)
      assert.equal(catalogue.listingState(name), null)
      assert.equal(catalogue.memberState(name), null)
    }
  })

  it('knows reports that verifications name and keys that members registered, and no others', () => {
    const report = views.flatMap(({ verifications }) => verifications)[0]?.report ?? assert.fail()
    assert.equal(catalogue.hasReport(report), true)
    assert.equal(catalogue.hasReport(views[0]?.sha256 ?? ''), false)
    const [key] = [...catalogue.members()].flatMap(({ keys }) => keys)
    assert.equal(catalogue.publicKey(key?.fingerprint ?? ''), key?.public_key)
    assert.equal(catalogue.publicKey('0'.repeat(40)), null)
  })

  it('gives the oldest listings that wait for a verifier first', () => {
    const waiting = catalogue.pendingVerification()
    assert.ok(waiting.length > 10)
    for (const { status, verifications } of waiting) {
      assert.ok(status === 'pending' || status === 'published' || status === 'suspended')
      assert.equal(verifications.length, 0)
    }
    const times = waiting.map((view) => view.published_at ?? view.submitted_at)
    assert.deepEqual(times, times.toSorted())
    assert.deepEqual(catalogue.pendingVerification(3), waiting.slice(0, 3))
  })
})
