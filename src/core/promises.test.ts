/** What no sequence of members' own acts may do, whatever they try. Seeds are printed with a failure. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { digest, fingerprint, newRecord, PASS, FAIL, type TestRecord } from '../../test/record.ts'
import { randomSource, type RandomSource } from '../../test/random-events.ts'
import type { Authority } from './events.ts'

const SEEDS = 40
const ACTS = 150
const LOW = { published: 1, rating_centi: 100, clean_days: 0 }

/** A site with low thresholds, one root and a ring of members whom nobody granted anything. */
function start(): { record: TestRecord; root: string; ring: string[] } {
  const record = newRecord()
  const { policy } = record.world().site
  record.policy({
    ...policy,
    community: LOW,
    trusted: { ...policy.trusted, published: 1, endorsements: 1, acceptance_percent: 0, rating_centi: 100 },
  })
  const root = record.join('root')
  record.grant(root, 'admin')
  return { record, root, ring: Array.from({ length: 6 }, (_, n) => record.join(`ring-${n}`)) }
}

/** Something that a member may append or try to: as themselves, by a rule they invent, or by a role they do not hold. */
function tries(
  record: TestRecord,
  random: RandomSource,
  by: string,
  ring: string[],
  listings: string[],
): void {
  const other = random.pick(ring)
  const authority: Authority = random.pick([
    { as: 'self' },
    { as: 'rule', rule: 'T3' },
    { as: 'role', role: 'admin', site_seq: 1 + random.below(30) },
    { as: 'role', role: 'moderator', site_seq: 2 },
    { as: 'role', role: 'verifier', site_seq: 2 },
  ] as Authority[])
  const act = { by, authority }
  const mine = { by, authority: { as: 'self' } as const }
  const listing = random.pick(listings)
  const acts: (() => unknown)[] = [
    () => listings.push(record.submit(by)),
    () => record.endorse(other, by),
    () => record.grant(by, random.pick(['admin', 'moderator', 'verifier', 'official']), act),
    () => record.key(by, fingerprint(ring.indexOf(by) + 1)),
    () => record.prove(by, 'email', mine),
    () => record.rate(listing, by, 5, true),
    () => record.review(listing, by, random.pick(['approve', 'restore']), act),
    () => record.verify(listing, by, PASS, {}, act),
    () => record.decideReports(listing, by, false, act),
    () => record.withdraw(listing, by),
    () => record.append(`listing/${listing}`, 'decision_undone', { review: 1 + random.below(9) }, act),
    () =>
      record.append(
        `listing/${listing}`,
        'report_counted',
        { report: 1 + random.below(9), counts: false },
        mine,
      ),
    () => record.append(`listing/${listing}`, 'superseded', { by: null }, act),
    () =>
      record.append(
        `listing/${listing}`,
        'attested',
        { kind: 'works', sha256: digest(1), hardware: null },
        mine,
      ),
    () => record.append('site', 'member_unbanned', { member: by }, act),
    () => record.append('site', 'member_banned', { member: other, reason: null }, act),
    () => record.append(`member/${by}`, 'identity_withdrawn', { kind: 'github' }, mine),
  ]
  random.pick(acts)()
}

describe('members alone', () => {
  for (let seed = 1; seed <= SEEDS; seed++)
    it(`raise no tier and grant nothing (seed ${seed})`, () => {
      const random = randomSource(seed)
      const { record, ring } = start()
      const listings = ring.map((member) => record.submit(member))
      for (let n = 0; n < ACTS; n++) tries(record, random, random.pick(ring), ring, listings)
      for (const member of ring) {
        const view = record.member(member)
        assert.deepEqual([view.tier, view.roles, view.identity, view.banned], ['unverified', [], [], null])
      }
      for (const { status, tier, verified_by, consensus } of record.views().listings.values()) {
        assert.ok(status === 'pending' || status === 'withdrawn', status)
        assert.deepEqual([tier, verified_by, consensus], ['unverified', [], 'PENDING'])
      }
    })

  it('do rise where others do their part, so that the promise above says something', () => {
    const { record, root, ring } = start()
    const [alice = ''] = ring
    const listing = record.submit(alice)
    record.prove(alice, 'email')
    record.review(listing, root, 'approve', { authority: record.as('admin') })
    assert.equal(record.member(alice).tier, 'community')
    record.endorse(alice, root)
    assert.equal(record.member(alice).tier, 'trusted')
  })

  it('earn nothing in a ring whose members all meet the rest of Trusted, without a root', () => {
    const { record, root, ring } = start()
    for (const member of ring) {
      record.prove(member, 'email')
      record.review(record.submit(member), root, 'approve', { authority: record.as('admin') })
      for (const other of ring) if (other !== member) record.endorse(member, other)
    }
    for (const member of ring) assert.equal(record.member(member).tier, 'community')
    record.endorse(ring[0] ?? '', root)
    // The root's word reaches them all, one through the other.
    for (const member of ring) assert.equal(record.member(member).tier, 'trusted')
  })
})

describe('what is hidden', () => {
  const hidings: [what: string, hide: (record: TestRecord, listing: string, root: string) => void][] = [
    ['by reports', (record, listing) => [91, 92, 93].forEach((reporter) => record.report(listing, reporter))],
    [
      'by a failed verification',
      (record, listing, root) => {
        record.grant(root, 'verifier')
        record.verify(listing, root, FAIL)
      },
    ],
    [
      'by a moderator',
      (record, listing, root) => record.review(listing, root, 'remove', { authority: record.as('admin') }),
    ],
  ]
  for (const [what, hide] of hidings)
    for (let seed = 1; seed <= SEEDS / 4; seed++)
      it(`${what} stays hidden until a moderator acts (seed ${seed})`, () => {
        const random = randomSource(seed * 31)
        const { record, root, ring } = start()
        const listing = record.submit(ring[0] ?? '')
        record.review(listing, root, 'approve', { authority: record.as('admin') })
        assert.equal(record.listing(listing).status, 'published')
        hide(record, listing, root)
        for (let n = 0; n < ACTS; n++) {
          tries(record, random, random.pick(ring), ring, [listing])
          assert.notEqual(record.listing(listing).status, 'published')
        }
        record.review(listing, root, 'restore', { authority: record.as('admin') })
        const withdrawn = record.world().listings.get(listing)?.withdrawn_at !== null
        assert.equal(record.listing(listing).status, withdrawn ? 'withdrawn' : 'published')
      })
})
