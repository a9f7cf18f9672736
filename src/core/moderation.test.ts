import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DAY_MS, digest, newRecord, PASS } from '../../test/record.ts'
import {
  held,
  moderator,
  publishedByRule,
  reports,
  scene,
  T10,
  verified,
  type Scene,
} from '../../test/scene.ts'
import { commentsOf } from './community.ts'
import type { Authority } from './events.ts'

const self = (by: string) => ({ by, authority: { as: 'self' } as const })

function happens({ record, listing }: Scene, type: string, data: object, by: string, authority?: Authority) {
  return record.append(`listing/${listing}`, type, data, {
    by,
    authority: authority ?? record.as('moderator'),
  })
}

const ban = (all: Scene, member: string, act: { by: string | null; authority: Authority }) =>
  all.record.append('site', 'member_banned', { member, reason: null }, act)

const appealed = (all: Scene, by = all.alice) =>
  happens(all, 'appealed', { text: digest(4) }, by, { as: 'self' })

const state = ({ record, listing }: Scene) => record.listing(listing).appeal?.state ?? null

const isWanted = ({ record, listing }: Scene) => record.listing(listing).verification_wanted

const ask = (all: Scene, by: string | null, authority: Authority) =>
  all.record.append(
    `listing/${all.listing}`,
    'verification_requested',
    { reason: 'on_demand' },
    { by, authority },
  )

const comments = ({ record, listing }: Scene) => {
  const world = record.world()
  const found = world.listings.get(listing)
  return found === undefined ? [] : commentsOf(found, world.site)
}

describe('a decision that is taken back (T10)', () => {
  const cases: [what: string, by: (all: Scene) => [string, Authority?], status: 'pending' | 'published'][] = [
    ['by the moderator who made it', ({ mona }) => [mona, { as: 'self' }], 'pending'],
    ['by another moderator', ({ mike }) => [mike], 'pending'],
    ['by the uploader', ({ alice }) => [alice, { as: 'self' }], 'published'],
    ['by a member who claims to moderate', ({ tess }) => [tess], 'published'],
    ['by a verifier', ({ vera }) => [vera, { as: 'role', role: 'verifier', site_seq: 1 }], 'published'],
  ]
  for (const [what, who, status] of cases)
    it(`${what}: ${status}`, () => {
      const all = scene()
      const { seq } = moderator('approve')(all)
      const [by, authority] = who(all)
      happens(all, 'decision_undone', { review: seq }, by, authority)
      assert.equal(all.record.listing(all.listing).status, status)
    })

  it('opens again the reports that a restore had dismissed', () => {
    const all = scene()
    publishedByRule(all)
    reports(1, 2, 3)(all)
    const { seq } = moderator('restore')(all)
    assert.equal(all.record.listing(all.listing).status, 'published')
    happens(all, 'decision_undone', { review: seq }, all.mike)
    assert.equal(all.record.listing(all.listing).status, 'suspended')
  })

  it('leaves the decision before it standing', () => {
    const all = scene()
    moderator('approve')(all)
    const { seq } = moderator('remove')(all)
    happens(all, 'decision_undone', { review: seq }, all.mona)
    assert.equal(all.record.listing(all.listing).status, 'published')
  })
})

describe('a ban (T18)', () => {
  const operator = { by: null, authority: { as: 'operator' } as const }

  it('takes tier, ratings, attestations, comments and endorsements, and lifting it gives them back', () => {
    const all = scene()
    const { record, listing, tess, alice } = all
    record.rate(listing, tess, 1, false)
    record.comment(listing, tess)
    record.append(
      `listing/${listing}`,
      'attested',
      { kind: 'works', sha256: record.listing(listing).sha256, hardware: 'a laptop' },
      self(tess),
    )
    const before = record.listing(listing)
    assert.equal(before.community.ratings, 1)
    assert.equal(before.community.attestations.members, 1)
    record.endorse(alice, tess)
    ban(all, tess, operator)
    const { community } = record.listing(listing)
    assert.deepEqual(
      [community.ratings, community.works_not, community.attestations.members, comments(all)[0]?.state],
      [0, 0, 0, 'hidden'],
    )
    assert.equal(comments(all)[0]?.text, null)
    assert.notEqual(record.member(tess).banned, null)
    assert.equal(record.member(tess).tier, 'unverified')
    assert.deepEqual(record.member(alice).endorsements, [{ by: tess, counts: false }])
    record.append('site', 'member_unbanned', { member: tess }, operator)
    const { seq: _, updated_at: __, ...restored } = record.listing(listing)
    const { seq: ___, updated_at: ____, ...wanted } = before
    assert.deepEqual(restored, wanted)
  })

  it('takes an Official member’s tier and endorsements', () => {
    const all = scene()
    all.record.grant(all.tess, 'official')
    all.record.key(all.tess, 'A'.repeat(40) as never)
    all.record.endorse(all.alice, all.tess)
    assert.equal(all.record.member(all.tess).tier, 'official')
    assert.equal(all.record.member(all.alice).endorsements[0]?.counts, true)
    ban(all, all.tess, operator)
    assert.equal(all.record.member(all.tess).tier, 'unverified')
    assert.deepEqual(all.record.member(all.tess).roles, [])
    assert.equal(all.record.member(all.alice).endorsements[0]?.counts, false)
  })

  it('ends what a role allows from there on, and leaves what was decided before', () => {
    const all = scene()
    verified(all)
    assert.equal(all.record.listing(all.listing).consensus, 'VERIFIED')
    ban(all, all.mona, operator)
    moderator('remove')(all)
    assert.equal(all.record.listing(all.listing).status, 'pending')
    ban(all, all.vera, operator)
    assert.equal(all.record.listing(all.listing).consensus, 'VERIFIED')
    all.record.verify(all.listing, all.vera, { ...PASS, form: 'fail' })
    assert.equal(all.record.listing(all.listing).consensus, 'VERIFIED')
  })

  const byWhom: [
    what: string,
    whom: 'tess' | 'mike' | 'mona',
    by: (all: Scene) => string,
    banned: boolean,
  ][] = [
    ['a moderator bans a member', 'tess', ({ mona }) => mona, true],
    ['a moderator does not ban a moderator', 'mike', ({ mona }) => mona, false],
    ['a moderator does not ban themselves', 'mona', ({ mona }) => mona, false],
    ['a member bans nobody', 'tess', ({ alice }) => alice, false],
  ]
  for (const [what, whom, by, banned] of byWhom)
    it(what, () => {
      const all = scene()
      ban(all, all[whom], { by: by(all), authority: all.record.as('moderator') })
      assert.equal(all.record.member(all[whom]).banned !== null, banned)
    })

  it('is not lifted by who is banned', () => {
    const all = scene()
    ban(all, all.mona, operator)
    all.record.append('site', 'member_unbanned', { member: all.mona }, { by: all.mona, authority: held(4) })
    assert.notEqual(all.record.member(all.mona).banned, null)
  })

  it('keeps reports from counting by rule alone', () => {
    const all = scene()
    publishedByRule(all)
    reports(1, 2, 3)(all)
    const { seq } = all.record.events.at(-1) ?? { seq: 0 }
    const uncount = (authority: Authority) =>
      all.record.append(
        `listing/${all.listing}`,
        'report_counted',
        { report: seq, counts: false },
        { authority },
      )
    for (const authority of [{ as: 'self' }, { as: 'operator' }, T10] as const) uncount(authority)
    assert.equal(all.record.listing(all.listing).status, 'suspended')
    uncount({ as: 'rule', rule: 'T18' })
    assert.equal(all.record.listing(all.listing).status, 'published')
  })
})

describe('an appeal (T18)', () => {
  const cases: [what: string, steps: ((all: Scene) => unknown)[], state: string | null][] = [
    ['is none before one is made', [moderator('reject')], null],
    ['is open', [moderator('reject'), appealed], 'open'],
    ['of somebody else is none', [moderator('reject'), (all) => appealed(all, all.tess)], null],
    [
      'is decided by a moderator’s next decision',
      [moderator('reject'), appealed, moderator('approve')],
      'decided',
    ],
    [
      'is not decided by the uploader',
      [
        moderator('reject'),
        appealed,
        ({ record, listing, alice }) => record.review(listing, alice, 'approve'),
      ],
      'open',
    ],
    [
      'is not decided by a Trusted member',
      [
        moderator('reject'),
        appealed,
        ({ record, listing, tess }) => record.review(listing, tess, 'reject', { authority: T10 }),
      ],
      'open',
    ],
    [
      'is dismissed by a moderator',
      [moderator('reject'), appealed, (all) => happens(all, 'appeal_dismissed', { reason: null }, all.mike)],
      'dismissed',
    ],
    [
      'is not dismissed by a verifier',
      [moderator('reject'), appealed, (all) => happens(all, 'appeal_dismissed', { reason: null }, all.vera)],
      'open',
    ],
    [
      'is open again when it is made again',
      [
        moderator('reject'),
        appealed,
        (all) => happens(all, 'appeal_dismissed', { reason: null }, all.mike),
        appealed,
      ],
      'open',
    ],
  ]
  for (const [what, steps, wanted] of cases)
    it(what, () => {
      const all = scene()
      for (const step of steps) step(all)
      assert.equal(state(all), wanted)
    })
})

describe('a new verification (T9)', () => {
  const evidence = { sha256: digest(99), size_bytes: 3 }
  const cases: [what: string, step: (all: Scene) => unknown, wanted: boolean][] = [
    ['the uploader asks for', (all) => ask(all, all.alice, { as: 'self' }), true],
    ['a moderator asks for', (all) => ask(all, all.mona, all.record.as('moderator')), true],
    ['a rule asks for', (all) => ask(all, null, { as: 'rule', rule: 'T9' }), true],
    ['another rule does not ask for', (all) => ask(all, null, { as: 'rule', rule: 'T7' }), false],
    ['another member does not ask for', (all) => ask(all, all.tess, { as: 'self' }), false],
    [
      'a report with evidence asks for',
      ({ record, listing }) => record.report(listing, 1, { evidence }),
      true,
    ],
    [
      'a report with evidence that does not count does not ask for',
      ({ record, listing }) => record.report(listing, 1, { evidence, counts: false }),
      false,
    ],
    ['a report without evidence does not ask for', ({ record, listing }) => record.report(listing, 1), false],
  ]
  for (const [what, step, after] of cases)
    it(what, () => {
      const all = scene()
      assert.ok(isWanted(all))
      verified(all)
      assert.ok(!isWanted(all))
      step(all)
      assert.equal(isWanted(all), after)
      assert.equal(all.record.listing(all.listing).consensus, 'VERIFIED')
      verified(all)
      assert.ok(!isWanted(all))
    })
})

describe('a listing that a newer one takes the place of (T13)', () => {
  it('says so where its uploader or a moderator does, until it is taken back', () => {
    const all = scene()
    const newer = all.record.submit(all.alice)
    const by = () => all.record.listing(all.listing).superseded_by
    happens(all, 'superseded', { by: newer }, all.tess, { as: 'self' })
    happens(all, 'superseded', { by: newer }, all.vera)
    assert.equal(by(), null)
    happens(all, 'superseded', { by: newer }, all.alice, { as: 'self' })
    assert.equal(by(), newer)
    happens(all, 'superseded', { by: null }, all.mona)
    assert.equal(by(), null)
  })
})

describe('one report among several', () => {
  it('is decided alone where a decision names it (T12)', () => {
    const all = scene()
    publishedByRule(all)
    reports(1, 2, 3)(all)
    const last = all.record.events.at(-1)?.seq ?? 0
    all.record.decideReports(all.listing, all.mona, false, {}, [last])
    const { status, community } = all.record.listing(all.listing)
    assert.deepEqual([status, community.reports_open], ['published', 2])
    all.record.wait(DAY_MS)
    reports(4)(all)
    assert.equal(all.record.listing(all.listing).status, 'suspended')
  })
})

describe('ranking by ratings (T11)', () => {
  it('puts many good ratings before one of five stars', () => {
    const record = newRecord()
    const alice = record.join('alice')
    const [single, many] = [record.submit(alice), record.submit(alice)]
    record.rate(single, record.join('r0'), 5)
    for (let n = 1; n <= 30; n++) record.rate(many, record.join(`r${n}`), n % 5 === 0 ? 4 : 5)
    const [one, thirty] = [record.listing(single).community, record.listing(many).community]
    assert.ok((one.rating_centi ?? 0) > (thirty.rating_centi ?? 0))
    assert.ok((one.rank_centi ?? 0) < (thirty.rank_centi ?? 0))
    assert.equal(one.rank_centi, Math.floor((500 + 1_500) / 6))
  })
})
