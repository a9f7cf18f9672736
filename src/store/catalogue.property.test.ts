import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fold } from '../core/fold.ts'
import { parseEvent } from '../core/lift.ts'
import { projectAll } from '../core/project.ts'
import { EVENT_DATA, type StoredEvent } from '../core/events.ts'
import { reportsOf } from '../core/reports.ts'
import type { World } from '../core/state.ts'
import { randomEvents, randomSource, unplaced } from '../../test/random-events.ts'
import { tempDir } from '../../test/tools.ts'
import type { Catalogue } from './catalogue.ts'
import { openCatalogue, replay } from './catalogue.ts'
import { openSqliteLedger } from './ledger-sqlite.ts'
import type { Ledger } from './ledger.ts'

const SEEDS = 25
const EVENTS = 300

describe('a catalogue that follows a random ledger', () => {
  for (let seed = 1; seed <= SEEDS; seed++)
    it(`equals the projection of the whole fold at every step (seed ${seed})`, async (t) => {
      const path = join(await tempDir(t), 'catalogue.sqlite')
      const ledger = await openSqliteLedger(':memory:')
      t.after(() => ledger.close())
      const random = randomSource(seed * 7_919)
      const events = randomEvents(seed, EVENTS)
      const clock = { now: '' }
      const open = (): Catalogue => openCatalogue(path, { siteName: 'Test', now: () => clock.now })
      // Two at one file, as two processes have it; either may come first.
      let catalogues = [open(), open()]
      for (let done = 0; done < events.length;) {
        const batch = events.slice(done, done + 1 + random.below(random.chance(20) ? 60 : 6))
        done += batch.length
        await appendAll(ledger, batch)
        // Time goes on by itself too, and now and then back.
        const hours = random.chance(20) ? random.below(24 * 9) : random.chance(10) ? -random.below(48) : 0
        clock.now = new Date(Date.parse(batch.at(-1)?.at ?? '') + hours * 3_600_000).toISOString()
        const catalogue = random.pick(catalogues)
        const calls = random.chance(20)
          ? catalogues
          : Array.from({ length: 1 + random.below(3) }, () => catalogue)
        await Promise.all(calls.map((each) => each.catchUp(ledger)))
        assertEqual(catalogue, fold(events.slice(0, done)), clock.now)
        if (!random.chance(10)) continue
        for (const each of catalogues) each.close()
        catalogues = [open(), open()]
      }
      const rebuilt = openCatalogue(':memory:', { siteName: 'Test', now: () => clock.now })
      await rebuilt.catchUp(ledger)
      assertEqual(rebuilt, await replay(ledger), clock.now)
      for (const each of [...catalogues, rebuilt]) each.close()
    })

  it('is asked for everything: every type of event and status comes up', () => {
    const types = new Set<string>()
    const statuses = new Set<string>()
    const tiers = new Set<string>()
    for (let seed = 1; seed <= SEEDS; seed++) {
      const events = randomEvents(seed, EVENTS)
      for (const event of events) types.add(parseEvent(event).type)
      const { listings, members } = projectAll(fold(events), '2026-06-01T00:00:00.000Z', 'Test')
      for (const { status, tier, signature, consensus } of listings.values())
        for (const value of [status, `badge ${tier}`, `signature ${signature.state}`, consensus])
          statuses.add(value)
      for (const { tier } of members.values()) tiers.add(tier)
    }
    const known = Object.values(EVENT_DATA).flatMap((table) => Object.keys(table))
    assert.deepEqual([...types].toSorted(), [...known, 'of_a_later_version'].toSorted())
    for (const wanted of [
      'pending',
      'published',
      'rejected',
      'suspended',
      'removed',
      'withdrawn',
      'VERIFIED',
      'SPLIT',
      'REFUSED',
      'badge official',
      'badge trusted',
      'badge community',
      'signature good',
      'signature revoked',
    ])
      // prettier-ignore
      assert.ok(statuses.has(wanted), `no ${wanted} among ${[...statuses].join(', ')}`)
    assert.deepEqual([...tiers].toSorted(), ['community', 'official', 'trusted', 'unverified'])
  })
})

async function appendAll(ledger: Ledger, events: readonly StoredEvent[]): Promise<void> {
  await Promise.all(events.map((event) => ledger.append(event.stream, event.seq - 1, [unplaced(event)])))
}

function assertEqual(catalogue: Catalogue, world: World, now: string): void {
  const expected = projectAll(world, now, 'Test')
  assert.deepEqual(byId(catalogue.listings()), byId(expected.listings.values()))
  assert.deepEqual(byId(catalogue.members()), byId(expected.members.values()))
  assert.deepEqual(catalogue.site(), world.site)
  for (const [id, state] of world.members) assert.deepEqual(catalogue.memberState(id), state)
  for (const [id, state] of world.listings) assert.deepEqual(catalogue.listingState(id), state)

  const listings = [...expected.listings.values()]
  assert.deepEqual(
    new Set(catalogue.forModerators().map(({ id }) => id)),
    new Set(
      listings
        .filter(
          ({ appeal, status, community }) =>
            appeal?.state === 'open' ||
            (community.reports_open > 0 && status !== 'removed' && status !== 'withdrawn'),
        )
        .map(({ id }) => id),
    ),
  )
  const reports = [...world.listings.values()].flatMap((listing) =>
    reportsOf(listing, world.site).map(({ reporter, state, decided_at }) => ({
      name: `${listing.id} ${reporter}`,
      dismissed_at: state === 'dismissed' ? decided_at : null,
    })),
  )
  const half = reports.flatMap(({ dismissed_at }) => dismissed_at ?? []).toSorted()[2] ?? now
  for (const [since, wanted] of [
    [undefined, reports],
    [half, reports.filter(({ dismissed_at }) => dismissed_at !== null && dismissed_at >= half)],
  ] as const)
    assert.deepEqual(
      catalogue
        .reporters(since)
        .map(({ listing, reporter }) => `${listing} ${reporter}`)
        .toSorted(),
      wanted.map(({ name }) => name).toSorted(),
    )
  const published = new Set(listings.filter(({ status }) => status === 'published').map(({ id }) => id))
  const statuses = Map.groupBy(listings, ({ status }) => status)
  for (const status of ['pending', 'published', 'rejected', 'suspended', 'removed', 'withdrawn'] as const)
    assert.equal(
      catalogue.search({ status }).total,
      (statuses.get(status) ?? []).filter(
        ({ superseded_by }) => status !== 'published' || !published.has(superseded_by ?? ''),
      ).length,
    )
  const { facets } = catalogue.search({ status: 'all' })
  for (const { value, count } of facets.tier)
    assert.equal(count, listings.filter(({ tier }) => tier === value).length)
  for (const uploader of new Set(listings.map((listing) => listing.uploader))) {
    const own = listings.filter((listing) => listing.uploader.id === uploader.id)
    assert.equal(catalogue.search({ status: 'all', uploader: uploader.id }).total, own.length)
    const named = listings.filter((listing) => listing.uploader.handle === uploader.handle)
    // A handle that nobody gave is an id, which other words may begin with.
    if (/^h\d/.test(uploader.handle))
      assert.equal(catalogue.search({ status: 'all', q: uploader.handle }).total, named.length)
  }
  const llama = listings.filter(({ model, architecture }) => /llama/i.test(`${model} ${architecture}`))
  assert.equal(catalogue.search({ status: 'all', q: 'llama' }).total, llama.length)
  const proven = listings.filter(({ quantisation: { claimed, proven: types, match } }) =>
    match === 'mislabelled' ? (types[0] ?? claimed) === 'Q8_0' : (claimed ?? types[0]) === 'Q8_0',
  )
  assert.equal(catalogue.search({ status: 'all', quant: 'Q8_0' }).total, proven.length)
  assert.deepEqual(
    catalogue.pendingVerification().map(({ id }) => id).toSorted(),
    listings
      .filter(({ status }) => status === 'pending' || status === 'published' || status === 'suspended')
      .filter((view) => view.verification_wanted)
      .map(({ id }) => id)
      .toSorted(),
  ) // prettier-ignore
  for (const { handle } of expected.members.values()) {
    if (handle === '') continue
    const [first] = [...expected.members.values()]
      .filter((member) => member.handle === handle)
      .toSorted((a, b) => a.joined_at.localeCompare(b.joined_at) || a.id.localeCompare(b.id))
    assert.deepEqual(catalogue.memberByHandle(handle), first)
  }
}

function byId(views: Iterable<{ id: string }>): Record<string, unknown> {
  return Object.fromEntries([...views].map((view) => [view.id, view]))
}
