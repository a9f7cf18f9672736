/** The promise under the whole site: between streams, order does not matter. Seeds are printed with a failure and can be run again. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestRecord } from '../../test/record.ts'
import { fingerprint, newRecord } from '../../test/record.ts'
import type { Decision } from './community-events.ts'
import type { Judges, JudgeVerdict, Role, StoredEvent } from './events.ts'
import { fold } from './fold.ts'
import type { CatalogueViews } from './project.ts'
import { projectAll } from './project.ts'

const LEDGERS = 60
const SHUFFLES = 6
const EVENTS = 120

/** mulberry32: small, seeded, good enough to shuffle by. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

type Random = ReturnType<typeof randomOf>

function pick<Item>(items: readonly Item[], random: Random): Item {
  const item = items[random(items.length)]
  if (item === undefined) throw new Error('Cannot pick: the list is empty')
  return item
}

const ROLES: Role[] = ['admin', 'moderator', 'verifier', 'official']
const DECISIONS: Decision[] = ['approve', 'approve', 'reject', 'restore', 'remove']
const VERDICTS: JudgeVerdict[] = ['pass', 'pass', 'pass', 'fail', 'skipped', 'pending']

/** A ledger of everything that can happen, rightful or not, in an order that could have been. */
function randomLedger(seed: number): StoredEvent[] {
  const random = randomOf(seed)
  const record = newRecord()
  // Low thresholds, so that tiers come and go within a short ledger.
  const { policy } = record.world().site
  record.policy({
    ...policy,
    community: { ...policy.community, published: 1 },
    trusted: { ...policy.trusted, published: 1, endorsements: 1, acceptance_percent: 30 },
    reports: { ...policy.reports, suspend_at: 2 },
  })
  const members = Array.from({ length: 8 }, (_, n) => record.join(`member-${n}`))
  const [root] = members
  if (root !== undefined) record.grant(root, 'admin')
  for (const member of members.slice(1, 4)) record.grant(member, 'verifier')
  for (const member of members)
    if (random(4) > 0) record.prove(member, pick(['email', 'github', 'openpgp'], random))
  const listings = members.map((member, n) =>
    record.submit(
      member,
      random(2)
        ? {}
        : { signature: { blob: record.events.length ? hash(n) : hash(0), fingerprint: fingerprint(n) } },
    ),
  )
  while (record.events.length < EVENTS) something(record, members, listings, random)
  return record.events
}

function hash(n: number): never {
  return n.toString(16).padStart(64, '0') as never
}

function something(record: TestRecord, members: string[], listings: string[], random: Random): void {
  const [one, other] = [pick(members, random), pick(members, random)]
  const listing = pick(listings, random)
  const judges: Judges = {
    integrity: pick(VERDICTS, random),
    form: pick(VERDICTS, random),
    behaviour: pick(VERDICTS, random),
  }
  const own = { by: one, authority: record.as('moderator') }
  const acts: (() => unknown)[] = [
    () => record.grant(one, pick(ROLES, random)),
    () => random(3) === 0 && record.revoke(one, pick(ROLES, random)),
    () => record.endorse(one, other),
    () => record.endorse(one, other),
    () => record.key(one, fingerprint(members.indexOf(one))),
    () => listings.push(record.submit(one)),
    () => record.publish(listing),
    () => record.publish(listing),
    () => record.withdraw(listing, one),
    () =>
      record.verify(listing, pick(members.slice(1, 4), random), judges, {
        signature: random(2) ? { state: 'good', fingerprint: fingerprint(listings.indexOf(listing)) } : null,
      }),
    () => record.review(listing, one, pick(DECISIONS, random)),
    () => record.review(listing, one, 'approve', { authority: { as: 'rule', rule: 'T10' } }),
    () => record.rate(listing, one, 1 + random(5)),
    () => record.comment(listing, one),
    () => record.report(listing, random(5), { counts: random(3) > 0 }),
    () => record.decideReports(listing, one, random(2) === 0),
    () => random(4) === 0 && record.append('site', 'member_banned', { member: other, reason: null }),
    () => record.append('site', 'member_unbanned', { member: other }),
    () =>
      random(2) === 0 &&
      record.append(`listing/${listing}`, 'decision_undone', { review: 1 + random(20) }, own),
    () =>
      record.append(
        `listing/${listing}`,
        'attested',
        { kind: 'works', sha256: hash(1 + random(20)), hardware: null },
        { by: one, authority: { as: 'self' } },
      ),
    () => random(12) === 0 && record.append(`member/${one}`, 'a_newer_thing', {}),
    () => random(12) === 0 && record.append(`listing/${listing}`, 'a_newer_thing', {}),
  ]
  pick(acts, random)()
}

/** Deals the streams together anew; within each the order stays. */
function interleave(events: readonly StoredEvent[], random: Random): StoredEvent[] {
  const queues = [...Map.groupBy(events, ({ stream }) => stream).values()].map((each) => [...each])
  const dealt: StoredEvent[] = []
  while (queues.length > 0) {
    const n = random(queues.length)
    const queue = queues[n]
    const event = queue?.shift()
    if (event !== undefined) dealt.push(event)
    if (queue?.length === 0) queues.splice(n, 1)
  }
  return dealt
}

const byId = (a: [string, unknown], b: [string, unknown]): number => (a[0] < b[0] ? -1 : 1)

/** Views without the order in which maps were filled: content is what is promised. */
function sorted(views: CatalogueViews): unknown {
  return { members: [...views.members].toSorted(byId), listings: [...views.listings].toSorted(byId) }
}

describe('between streams any order gives the same site', () => {
  const now = '2026-01-01T00:00:00.000Z'
  const seen = {
    tiers: new Set<string>(),
    statuses: new Set<string>(),
    consensus: new Set<string>(),
    badges: new Set<string>(),
  }

  for (let seed = 1; seed <= LEDGERS; seed++)
    it(`ledger ${seed}`, () => {
      const events = randomLedger(seed)
      const views = projectAll(fold(events), now, 'Qal.to')
      const wanted = sorted(views)
      const random = randomOf(seed * 7_919)
      for (let n = 0; n < SHUFFLES; n++) {
        const dealt = interleave(events, random)
        assert.notDeepEqual(dealt, events)
        assert.deepEqual(sorted(projectAll(fold(dealt), now, 'Qal.to')), wanted, `shuffle ${n}`)
      }
      for (const { tier } of views.members.values()) seen.tiers.add(tier)
      for (const { status, consensus, tier } of views.listings.values()) {
        seen.statuses.add(status)
        seen.consensus.add(consensus)
        seen.badges.add(tier)
      }
    })

  // A property of states that never occur would prove nothing.
  it('and the ledgers reached every tier, status and consensus', () => {
    assert.deepEqual([...seen.tiers].toSorted(), ['community', 'official', 'trusted', 'unverified'])
    assert.deepEqual([...seen.statuses].toSorted(), [
      'pending',
      'published',
      'rejected',
      'removed',
      'suspended',
      'withdrawn',
    ])
    assert.deepEqual([...seen.consensus].toSorted(), ['PENDING', 'REFUSED', 'SPLIT', 'VERIFIED'])
    assert.ok(seen.badges.has('trusted'))
  })
})
