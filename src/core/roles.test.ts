import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestRecord } from '../../test/record.ts'
import { newRecord } from '../../test/record.ts'
import type { Authority, Role } from './events.ts'
import { authorityHeld, rolesOf } from './roles.ts'

/** Site: 1 policy-like grant to another, 2 granted, 3 filler, 4 revoked, 5 filler, 6 granted again. */
function site(): { record: TestRecord; vera: string; mallory: string } {
  const record = newRecord()
  const vera = record.join('vera')
  const mallory = record.join('mallory')
  const filler = record.join('filler')
  record.grant(filler, 'moderator')
  record.grant(vera, 'verifier')
  record.grant(filler, 'verifier')
  record.revoke(vera, 'verifier')
  record.grant(filler, 'admin')
  record.grant(vera, 'verifier')
  return { record, vera, mallory }
}

const role = (name: Role, site_seq: number): Authority => ({ as: 'role', role: name, site_seq })
const act = (by: string | null, authority: Authority) => ({ by, authority })

describe('authorityHeld (T2)', () => {
  const { record, vera, mallory } = site()
  const cases: [what: string, held: boolean, member: string, authority: Authority, allowed: Role[]][] = [
    ['from the grant on', true, vera, role('verifier', 2), ['verifier']],
    ['while it lasts', true, vera, role('verifier', 3), ['verifier']],
    ['not before the grant', false, vera, role('verifier', 1), ['verifier']],
    ['not at its revocation', false, vera, role('verifier', 4), ['verifier']],
    ['not after its revocation', false, vera, role('verifier', 5), ['verifier']],
    ['again once granted again', true, vera, role('verifier', 6), ['verifier']],
    ['not at a place beyond the stream', false, vera, role('verifier', 7), ['verifier']],
    ['not for a role that was not granted', false, vera, role('admin', 6), ['admin']],
    ['not for a role that this does not take', false, vera, role('verifier', 6), ['moderator', 'admin']],
    ['not for another member', false, mallory, role('verifier', 6), ['verifier']],
    ['not where it is no role', false, vera, { as: 'self' }, ['verifier']],
    ['not where it is a rule', false, vera, { as: 'rule', rule: 'T10' }, ['verifier']],
    ['not by the word operator alone', false, vera, { as: 'operator' }, ['verifier']],
  ]
  for (const [what, held, member, authority, allowed] of cases)
    it(`holds ${what}`, () => {
      assert.equal(authorityHeld(record.world().site, member, authority, allowed), held)
    })

  it('stays with what was done before a role was taken away', () => {
    const before = newRecord()
    const verifier = before.join('vera')
    const { seq } = before.grant(verifier, 'verifier')
    const authority = role('verifier', seq)
    assert.ok(authorityHeld(before.world().site, verifier, authority, ['verifier']))
    before.revoke(verifier, 'verifier')
    assert.ok(authorityHeld(before.world().site, verifier, authority, ['verifier']))
    assert.deepEqual(rolesOf(before.world().site, verifier), [])
  })

  it('holds for nobody where the site’s stream has an event of a newer version (T1)', () => {
    const newer = newRecord()
    const verifier = newer.join('vera')
    newer.grant(verifier, 'verifier')
    assert.ok(authorityHeld(newer.world().site, verifier, role('verifier', 1), ['verifier']))
    newer.append('site', 'role_suspended', { member: verifier })
    assert.ok(!authorityHeld(newer.world().site, verifier, role('verifier', 1), ['verifier']))
    assert.deepEqual(rolesOf(newer.world().site, verifier), [])
  })
})

describe('the site’s stream (T2)', () => {
  it('takes a grant from the operator or from an admin', () => {
    const record = newRecord()
    const [ada, vera] = [record.join('ada'), record.join('vera')]
    record.grant(ada, 'admin')
    record.grant(vera, 'verifier', act(ada, { as: 'role', role: 'admin', site_seq: 1 }))
    assert.deepEqual(rolesOf(record.world().site, vera), ['verifier'])
    record.revoke(vera, 'verifier', act(ada, { as: 'role', role: 'admin', site_seq: 2 }))
    assert.deepEqual(rolesOf(record.world().site, vera), [])
  })

  const forged: [what: string, authority: Authority][] = [
    ['by oneself', { as: 'self' }],
    ['by a rule', { as: 'rule', rule: 'T5' }],
    ['by a role that is not admin', { as: 'role', role: 'moderator', site_seq: 1 }],
    ['by the grant itself', { as: 'role', role: 'admin', site_seq: 2 }],
    ['by a place beyond the stream', { as: 'role', role: 'admin', site_seq: 9 }],
  ]
  for (const [what, authority] of forged)
    it(`takes no grant, revocation or policy ${what}`, () => {
      const record = newRecord()
      const mallory = record.join('mallory')
      record.grant(mallory, 'moderator')
      record.grant(mallory, 'admin', act(mallory, authority))
      record.revoke(mallory, 'moderator', act(mallory, authority))
      const { policy } = record.world().site
      record.policy(
        { ...policy, version: 2, reports: { ...policy.reports, suspend_at: 100 } },
        act(mallory, authority),
      )
      const { site: state } = record.world()
      assert.deepEqual(rolesOf(state, mallory), ['moderator'])
      assert.equal(state.policy.version, 1)
      assert.equal(state.seq, 4)
      assert.ok(!state.unknown)
    })

  it('grants once, however often it is said, and revokes what is held', () => {
    const record = newRecord()
    const vera = record.join('vera')
    record.grant(vera, 'verifier')
    record.grant(vera, 'verifier')
    assert.deepEqual(rolesOf(record.world().site, vera), ['verifier'])
    record.revoke(vera, 'moderator')
    assert.deepEqual(rolesOf(record.world().site, vera), ['verifier'])
    record.revoke(vera, 'verifier')
    assert.deepEqual(rolesOf(record.world().site, vera), [])
  })
})
