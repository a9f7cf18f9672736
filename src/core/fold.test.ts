import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { digest, fingerprint, newRecord, testUlid } from '../../test/record.ts'
import { isQalError } from './error.ts'
import { CURRENT_VERSION, type StreamName } from './events.ts'
import { emptyState, emptyWorld, fold, foldInto, reduce, stateIn } from './fold.ts'
import { DEFAULT_POLICY } from './policy.ts'

function threeEvents() {
  const record = newRecord()
  const alice = record.join('alice')
  record.prove(alice, 'email')
  record.key(alice, fingerprint(1))
  return { record, alice }
}

describe('a stream', () => {
  it('is folded in its order, and says how far', () => {
    const { record, alice } = threeEvents()
    const state = record.world().members.get(alice)
    assert.equal(state?.seq, 3)
    assert.equal(state.handle, 'alice')
    assert.deepEqual(
      state.identity.map(({ kind }) => kind),
      ['email'],
    )
    assert.ok(!state.unknown)
  })

  it('takes an event twice without effect', () => {
    const { record } = threeEvents()
    const twice = record.events.flatMap((event) => [event, event])
    assert.deepEqual(fold(twice), fold(record.events))
    assert.deepEqual(fold([...record.events, ...record.events]), fold(record.events))
  })

  it('refuses a gap and stays where it was', () => {
    const { record, alice } = threeEvents()
    const [first, , third] = record.events
    assert.ok(first && third)
    const world = fold([first])
    const before = structuredClone(world)
    assert.throws(
      () => foldInto(world, third),
      (error) =>
        isQalError(error) && error.code === 'ledger_gap' && error.facts.subject === `member/${alice}`,
    )
    assert.deepEqual(world, before)
  })

  it('does not begin in the middle', () => {
    const { record } = threeEvents()
    assert.throws(
      () => fold(record.events.slice(1)),
      (error) => isQalError(error) && error.code === 'ledger_gap',
    )
  })

  it('goes on after an event it does not know, as unknown, for good', () => {
    const { record, alice } = threeEvents()
    record.append(`member/${alice}`, 'became_a_robot', {})
    record.prove(alice, 'github')
    const state = record.world().members.get(alice)
    assert.equal(state?.seq, 5)
    assert.ok(state.unknown)
    assert.equal(state.identity.length, 2)
  })

  it('is unknown alone: others are not', () => {
    const { record, alice } = threeEvents()
    const bob = record.join('bob')
    record.append(`member/${alice}`, 'became_a_robot', {})
    assert.ok(record.world().members.get(alice)?.unknown)
    assert.ok(!record.world().members.get(bob)?.unknown)
    assert.ok(!record.world().site.unknown)
  })

  it('starts empty, by its kind', () => {
    const streams: StreamName[] = ['site', `member/m_${testUlid(1)}`, `listing/${testUlid(1)}`]
    for (const stream of streams) {
      const state = emptyState(stream)
      assert.equal(state.seq, 0)
      assert.ok(!state.unknown)
      assert.deepEqual(stateIn(emptyWorld(), stream), state)
    }
    assert.equal(emptyWorld().site.policy, DEFAULT_POLICY)
  })

  it('is plain JSON, so that a catalogue can keep it and go on', () => {
    const { record, alice } = threeEvents()
    const [first, second, third] = record.events
    assert.ok(first && second && third)
    const state = emptyState(`member/${alice}`)
    for (const event of [first, second]) reduce(state, event)
    const restored = JSON.parse(JSON.stringify(state))
    reduce(restored, third)
    assert.deepEqual(restored, record.world().members.get(alice))
  })

  it('does not change the events it reads', () => {
    const { record } = threeEvents()
    const listing = record.submit(record.join('bob'))
    record.report(listing, 1)
    const before = structuredClone(record.events)
    record.views()
    assert.deepEqual(record.events, before)
  })
})

describe('a member’s stream', () => {
  it('takes a member’s own word, the operator’s and a rule’s, and nobody else’s (T2)', () => {
    const record = newRecord()
    const [alice, mallory] = [record.join('alice'), record.join('mallory')]
    const admin = record.join('ada')
    record.grant(admin, 'admin')
    record.key(alice, fingerprint(1))
    record.key(alice, fingerprint(2), { by: null, authority: { as: 'operator' } })
    record.key(alice, fingerprint(3), { by: mallory })
    record.key(alice, fingerprint(4), { by: null })
    record.key(alice, fingerprint(5), { by: admin, authority: record.as('admin') })
    record.prove(alice, 'email', { by: mallory, authority: { as: 'self' } })
    record.prove(alice, 'github', { by: alice, authority: { as: 'self' } })
    record.append(
      `member/${alice}`,
      'member_joined',
      { handle: 'stolen' },
      { by: mallory, authority: { as: 'self' } },
    )
    record.append(
      `member/${alice}`,
      'key_revoked',
      { fingerprint: fingerprint(1), compromised: true },
      { by: mallory, authority: { as: 'self' } },
    )
    const view = record.member(alice)
    assert.deepEqual(
      view.keys.map((key) => key.fingerprint),
      [fingerprint(1), fingerprint(2)],
    )
    assert.equal(view.keys[0]?.revoked_at, null)
    assert.deepEqual(view.identity, [])
    assert.equal(view.handle, 'alice')
  })

  it('takes a new handle without making the account younger', () => {
    const record = newRecord()
    const alice = record.join('alice')
    const { joined_at } = record.member(alice)
    record.append(
      `member/${alice}`,
      'member_joined',
      { handle: 'alicia' },
      { by: alice, authority: { as: 'self' } },
    )
    assert.equal(record.member(alice).handle, 'alicia')
    assert.equal(record.member(alice).joined_at, joined_at)
  })

  it('keeps a key once, and its revocation for good', () => {
    const record = newRecord()
    const alice = record.join('alice')
    const revoke = (compromised: boolean) =>
      record.append(
        `member/${alice}`,
        'key_revoked',
        { fingerprint: fingerprint(1), compromised },
        { by: alice, authority: { as: 'self' } },
      )
    record.key(alice, fingerprint(1))
    record.key(alice, fingerprint(1))
    assert.equal(record.member(alice).keys.length, 1)
    const { at } = revoke(true)
    revoke(false)
    record.key(alice, fingerprint(1))
    const key = record.world().members.get(alice)?.keys[0]
    assert.equal(key?.revoked_at, at)
    assert.equal(key.compromised, true)
    assert.equal(record.member(alice).keys.length, 1)
  })

  it('counts an identity and an endorser once, and never the member’s own endorsement', () => {
    const record = newRecord()
    const [alice, bob] = [record.join('alice'), record.join('bob')]
    record.prove(alice, 'email')
    record.prove(alice, 'email')
    record.endorse(alice, bob)
    record.endorse(alice, bob)
    record.endorse(alice, alice)
    record.endorse(alice, '', { by: null })
    const state = record.world().members.get(alice)
    assert.equal(state?.identity.length, 1)
    assert.deepEqual(state.endorsers, [bob])
  })
})

describe('a listing’s stream', () => {
  it('has one submission: a second changes neither content nor uploader', () => {
    const record = newRecord()
    const [alice, mallory] = [record.join('alice'), record.join('mallory')]
    const listing = record.submit(alice)
    const first = record.listing(listing)
    record.append(
      `listing/${listing}`,
      'listing_submitted',
      {
        ...record.events.find(({ type }) => type === 'listing_submitted')?.data,
        name: 'Other',
        sha256: digest(77),
      },
      { by: mallory, authority: { as: 'self' } },
    )
    const second = record.listing(listing)
    assert.equal(second.model, first.model)
    assert.equal(second.sha256, first.sha256)
    assert.equal(second.uploader.id, alice)
  })

  it('without a submission is not shown', () => {
    const record = newRecord()
    const bob = record.join('bob')
    const id = testUlid(5)
    record.rate(id, bob, 5)
    assert.ok(!record.views().listings.has(id))
    record.append(
      `listing/${testUlid(6)}`,
      'listing_submitted',
      { unread: true },
      { v: CURRENT_VERSION + 1, by: bob },
    )
    assert.ok(!record.views().listings.has(testUlid(6)))
  })

  it('counts a member’s latest rating, and none of the uploader’s own (T10, T11)', () => {
    const record = newRecord()
    const [alice, bob, carol] = [record.join('alice'), record.join('bob'), record.join('carol')]
    const listing = record.submit(alice)
    assert.equal(record.listing(listing).community.rating_centi, null)
    record.rate(listing, alice, 5, true)
    assert.equal(record.listing(listing).community.ratings, 0)
    record.rate(listing, bob, 1, false)
    record.rate(listing, bob, 4, true)
    record.rate(listing, carol, 5)
    record.rate(listing, '', 1, null, { by: null })
    const { community } = record.listing(listing)
    assert.equal(community.ratings, 2)
    assert.equal(community.rating_centi, 450)
    assert.equal(community.works, 1)
  })

  it('rounds a mean rating down, in whole hundredths', () => {
    const record = newRecord()
    const listing = record.submit(record.join('alice'))
    for (const [name, stars] of [
      ['bob', 5],
      ['carol', 5],
      ['dave', 4],
    ] as const)
      record.rate(listing, record.join(name), stars)
    assert.equal(record.listing(listing).community.rating_centi, 466)
  })
})
