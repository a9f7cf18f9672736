import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestRecord } from '../../test/record.ts'
import { DAY_MS, fingerprint, newRecord } from '../../test/record.ts'
import { DEFAULT_POLICY } from './policy.ts'
import type { MemberView, Tier } from './views.ts'

/** What a member has; each field alone can be what is missing. */
interface Career {
  published: number
  rejected?: number
  suspended?: number
  removed?: number
  pending?: number
  withdrawn?: number
  /** Ratings on the first listing. */
  stars?: number[]
  identity?: ('email' | 'github' | 'openpgp')[]
  /** Days since a report was upheld. */
  upheldDaysAgo?: number
  /** Reports dismissed. */
  dismissed?: boolean
  endorsedBy?: ('admin' | 'admin-2' | 'official' | 'member' | 'self')[]
  official?: boolean
  key?: 'registered' | 'revoked'
  unknown?: boolean
}

const COMMUNITY: Career = { published: 5, identity: ['email'] }
const TRUSTED: Career = { published: 20, identity: ['github'], endorsedBy: ['admin', 'admin-2', 'official'] }
const OFFICIAL: Career = { published: 0, official: true, key: 'registered' }

function memberOf(career: Career): MemberView {
  const record = newRecord()
  const alice = record.join('alice')
  const people = {
    admin: record.join('ada'),
    'admin-2': record.join('adam'),
    official: record.join('mistral'),
    member: record.join('bob'),
    self: alice,
  }
  const mona = record.join('mona')
  record.grant(people.admin, 'admin')
  record.grant(people['admin-2'], 'admin')
  record.grant(people.official, 'official')
  record.grant(mona, 'moderator')
  const published = Array.from({ length: career.published }, () => publish(record, alice))
  for (let n = 0; n < (career.pending ?? 0); n++) record.submit(alice)
  for (let n = 0; n < (career.rejected ?? 0); n++) record.review(record.submit(alice), mona, 'reject')
  for (let n = 0; n < (career.removed ?? 0); n++) record.review(publish(record, alice), mona, 'remove')
  for (let n = 0; n < (career.withdrawn ?? 0); n++) record.withdraw(publish(record, alice), alice)
  for (let n = 0; n < (career.suspended ?? 0); n++) {
    const listing = publish(record, alice)
    for (const reporter of [1, 2, 3]) record.report(listing, reporter)
  }
  for (const [n, stars] of (career.stars ?? []).entries())
    record.rate(published[0] ?? '', record.join(`rater-${n}`), stars)
  for (const kind of career.identity ?? []) record.prove(alice, kind)
  for (const who of career.endorsedBy ?? []) record.endorse(alice, people[who])
  if (career.official) record.grant(alice, 'official')
  if (career.key) record.key(alice, fingerprint(1))
  if (career.key === 'revoked')
    record.append(
      `member/${alice}`,
      'key_revoked',
      { fingerprint: fingerprint(1), compromised: false },
      { by: alice, authority: { as: 'self' } },
    )
  if (career.dismissed) {
    record.report(published[0] ?? '', 50)
    record.decideReports(published[0] ?? '', mona, false)
  }
  if (career.upheldDaysAgo !== undefined) {
    record.report(published[0] ?? '', 51)
    record.decideReports(published[0] ?? '', mona, true)
    record.wait(career.upheldDaysAgo * DAY_MS)
  }
  if (career.unknown) record.append(`member/${alice}`, 'something_new', {})
  return record.member(alice)
}

function publish(record: TestRecord, uploader: string): string {
  const listing = record.submit(uploader)
  record.publish(listing)
  return listing
}

function missing(member: MemberView, of: string): string[] {
  return member.conditions.filter((each) => each.of === of && !each.met).map(({ rule }) => rule)
}

describe('the default policy', () => {
  it('has the figures that docs/trust.md names', () => {
    assert.deepEqual(DEFAULT_POLICY, {
      version: 1,
      community: { published: 5, rating_centi: 300, clean_days: 180 },
      trusted: { published: 20, rating_centi: 400, acceptance_percent: 90, endorsements: 3 },
      reports: { suspend_at: 3, account_age_days: 7, dismissed_days: 90 },
      ratings: { prior_votes: 5, prior_centi: 300 },
      comments: { edit_minutes: 30 },
      reserved_handles: DEFAULT_POLICY.reserved_handles,
    })
    assert.ok(DEFAULT_POLICY.reserved_handles.some((handle) => handle === 'meta-llama'))
  })
})

describe('Community (T3)', () => {
  const cases: [what: string, career: Career, tier: Tier, missing: string[]][] = [
    ['a new member', { published: 0 }, 'unverified', ['T3a', 'T3e']],
    ['five published and an identity', COMMUNITY, 'community', []],
    ['four published', { ...COMMUNITY, published: 4 }, 'unverified', ['T3a']],
    ['five of which none is published', { ...COMMUNITY, published: 0, pending: 5 }, 'unverified', ['T3a']],
    ['four published and one withdrawn', { ...COMMUNITY, published: 4, withdrawn: 1 }, 'unverified', ['T3a']],
    ['a mean of three stars', { ...COMMUNITY, stars: [1, 5] }, 'community', []],
    ['a mean under three stars', { ...COMMUNITY, stars: [1, 5, 2] }, 'unverified', ['T3b']],
    ['a suspended listing', { ...COMMUNITY, suspended: 1 }, 'unverified', ['T3c']],
    ['a removed listing', { ...COMMUNITY, removed: 1 }, 'unverified', ['T3c']],
    ['a rejected listing', { ...COMMUNITY, rejected: 1 }, 'community', []],
    ['a report upheld 179 days ago', { ...COMMUNITY, upheldDaysAgo: 179 }, 'unverified', ['T3d']],
    ['a report upheld 180 days ago', { ...COMMUNITY, upheldDaysAgo: 180 }, 'community', []],
    ['a report dismissed', { ...COMMUNITY, dismissed: true }, 'community', []],
    ['no identity', { published: 5 }, 'unverified', ['T3e']],
    ['only an OpenPGP identity', { ...COMMUNITY, identity: ['openpgp'] }, 'community', []],
    ['a record of a newer version (T1)', { ...COMMUNITY, unknown: true }, 'unverified', []],
  ]
  for (const [what, career, tier, without] of cases)
    it(`${what}: ${tier}`, () => {
      const member = memberOf(career)
      assert.equal(member.tier, tier)
      assert.deepEqual(missing(member, 'community'), without)
    })
})

describe('Trusted (T4)', () => {
  const cases: [what: string, career: Career, tier: Tier, missing: string[]][] = [
    ['everything', TRUSTED, 'trusted', []],
    ['19 published', { ...TRUSTED, published: 19 }, 'community', ['T4a']],
    ['only an OpenPGP identity', { ...TRUSTED, identity: ['openpgp'] }, 'community', ['T4b']],
    ['e-mail and OpenPGP', { ...TRUSTED, identity: ['openpgp', 'email'] }, 'trusted', []],
    ['20 of 22 accepted', { ...TRUSTED, rejected: 2 }, 'trusted', []],
    ['20 of 23 accepted', { ...TRUSTED, rejected: 3 }, 'community', ['T4c']],
    ['pending ones are not decided', { ...TRUSTED, pending: 9 }, 'trusted', []],
    ['a mean of four stars', { ...TRUSTED, stars: [4, 4] }, 'trusted', []],
    ['a mean just under four stars', { ...TRUSTED, stars: [4, 4, 3] }, 'community', ['T4d']],
    ['two endorsements', { ...TRUSTED, endorsedBy: ['admin', 'official'] }, 'community', ['T4e']],
    [
      'one who endorses twice',
      { ...TRUSTED, endorsedBy: ['admin', 'admin', 'official'] },
      'community',
      ['T4e'],
    ],
    [
      'one’s own endorsement',
      { ...TRUSTED, endorsedBy: ['admin', 'self', 'official'] },
      'community',
      ['T4e'],
    ],
    [
      'an endorsement of no standing',
      { ...TRUSTED, endorsedBy: ['admin', 'member', 'official'] },
      'community',
      ['T4e'],
    ],
    ['all of Trusted without Community’s clean record', { ...TRUSTED, upheldDaysAgo: 1 }, 'unverified', []],
    ['a record of a newer version (T1)', { ...TRUSTED, unknown: true }, 'unverified', []],
  ]
  for (const [what, career, tier, without] of cases)
    it(`${what}: ${tier}`, () => {
      const member = memberOf(career)
      assert.equal(member.tier, tier)
      assert.deepEqual(missing(member, 'trusted'), without)
    })
})

describe('Official (T5)', () => {
  const cases: [what: string, career: Career, tier: Tier, missing: string[]][] = [
    ['granted, with a key', OFFICIAL, 'official', []],
    ['granted, without a key', { published: 0, official: true }, 'unverified', ['T5b']],
    ['granted, its only key revoked', { ...OFFICIAL, key: 'revoked' }, 'unverified', ['T5b']],
    ['a key, not granted', { published: 0, key: 'registered' }, 'unverified', ['T5a']],
    ['a Trusted member with a key', { ...TRUSTED, key: 'registered' }, 'trusted', ['T5a']],
    ['Official and Community at once', { ...COMMUNITY, official: true, key: 'registered' }, 'official', []],
    ['a record of a newer version (T1)', { ...OFFICIAL, unknown: true }, 'unverified', []],
  ]
  for (const [what, career, tier, without] of cases)
    it(`${what}: ${tier}`, () => {
      const member = memberOf(career)
      assert.equal(member.tier, tier)
      assert.deepEqual(missing(member, 'official'), without)
    })

  it('is lost when an admin takes it back', () => {
    const record = newRecord()
    const alice = record.join('alice')
    record.key(alice, fingerprint(1))
    record.grant(alice, 'official')
    assert.equal(record.member(alice).tier, 'official')
    record.revoke(alice, 'official')
    assert.equal(record.member(alice).tier, 'unverified')
  })
})

/** Members who have everything but endorsements. */
function worthy(count: number): { record: TestRecord; members: string[] } {
  const record = newRecord()
  // One endorsement is enough here, so that chains and rings are short.
  record.policy({
    ...DEFAULT_POLICY,
    version: 2,
    trusted: { ...DEFAULT_POLICY.trusted, published: 5, endorsements: 1 },
  })
  const members = Array.from({ length: count }, (_, n) => {
    const member = record.join(`worthy-${n}`)
    record.prove(member, 'github')
    for (let each = 0; each < 5; each++) publish(record, member)
    return member
  })
  return { record, members }
}
const tiers = (record: TestRecord, members: string[]): Tier[] => members.map((id) => record.member(id).tier)

describe('endorsement (T4): the least fixed point from roots', () => {
  it('a ring without a root earns nothing', () => {
    const { record, members } = worthy(4)
    for (const one of members) for (const other of members) if (one !== other) record.endorse(one, other)
    assert.deepEqual(tiers(record, members), ['community', 'community', 'community', 'community'])
    assert.equal(record.member(members[0] ?? '').conditions.find(({ rule }) => rule === 'T4e')?.have, 0)
  })

  it('a ring with a root at one place is Trusted all round', () => {
    const { record, members } = worthy(4)
    for (const [n, member] of members.entries()) record.endorse(members[(n + 1) % 4] ?? '', member)
    const root = record.join('root')
    record.endorse(members[2] ?? '', root)
    assert.deepEqual(new Set(tiers(record, members)), new Set(['community']))
    record.grant(root, 'admin')
    assert.deepEqual(new Set(tiers(record, members)), new Set(['trusted']))
    record.revoke(root, 'admin')
    assert.deepEqual(new Set(tiers(record, members)), new Set(['community']))
  })

  it('a chain goes as far as each link is worthy', () => {
    const { record, members } = worthy(3)
    const [first = '', second = '', third = ''] = members
    const root = record.join('root')
    record.grant(root, 'official')
    record.endorse(first, root)
    record.endorse(second, first)
    record.endorse(third, second)
    assert.deepEqual(tiers(record, members), ['trusted', 'trusted', 'trusted'])
    const mona = record.join('mona')
    record.grant(mona, 'moderator')
    const refused = record.submit(second)
    record.publish(refused)
    record.review(refused, mona, 'remove')
    assert.deepEqual(tiers(record, members), ['trusted', 'unverified', 'community'])
  })

  it('a member whose record is of a newer version endorses nobody (T1)', () => {
    const { record, members } = worthy(2)
    const [first = '', second = ''] = members
    const root = record.join('root')
    record.grant(root, 'admin')
    record.endorse(first, root)
    record.endorse(second, first)
    assert.deepEqual(tiers(record, members), ['trusted', 'trusted'])
    record.append(`member/${first}`, 'something_new', {})
    assert.deepEqual(tiers(record, members), ['unverified', 'community'])
  })

  it('three are asked for, of which two in a ring are too few', () => {
    const { record, members } = worthy(3)
    record.policy({ ...DEFAULT_POLICY, version: 3, trusted: { ...DEFAULT_POLICY.trusted, published: 5 } })
    for (const one of members) for (const other of members) if (one !== other) record.endorse(one, other)
    const roots = ['ada', 'adam', 'adele'].map((name) => record.join(name))
    for (const root of roots) record.grant(root, 'admin')
    const [first = ''] = members
    for (const root of roots.slice(0, 2)) record.endorse(first, root)
    assert.deepEqual(tiers(record, members), ['community', 'community', 'community'])
    record.endorse(first, roots[2] ?? '')
    assert.deepEqual(tiers(record, members), ['trusted', 'community', 'community'])
  })
})

describe('a tier is computed', () => {
  it('with the policy of the site', () => {
    const record = newRecord()
    const alice = record.join('alice')
    record.prove(alice, 'email')
    publish(record, alice)
    assert.equal(record.member(alice).tier, 'unverified')
    record.policy({ ...DEFAULT_POLICY, version: 2, community: { ...DEFAULT_POLICY.community, published: 1 } })
    assert.equal(record.member(alice).tier, 'community')
  })

  it('with the figures that gave it and that are missing', () => {
    const { conditions } = memberOf({ published: 4, identity: ['email'], stars: [4, 5] })
    const figures = (rule: string) => {
      const found = conditions.find((each) => each.rule === rule)
      return [found?.met, found?.have, found?.need]
    }
    assert.deepEqual(figures('T3a'), [false, 4, 5])
    assert.deepEqual(figures('T3b'), [true, 450, 300])
    assert.deepEqual(figures('T4a'), [false, 4, 20])
    assert.deepEqual(figures('T4c'), [true, 100, 90])
  })
})
