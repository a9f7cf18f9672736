import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestRecord } from '../../test/record.ts'
import { DAY_MS, digest, FAIL, fingerprint, newRecord, PASS } from '../../test/record.ts'
import type { VerificationRecorded } from './events.ts'
import type { SignatureView } from './views.ts'

const KEY = fingerprint(1)
const GOOD: VerificationRecorded['signature'] = { state: 'good', fingerprint: KEY }

interface Scene {
  record: TestRecord
  listing: string
  alice: string
  vera: string
  victor: string
}

function scene(given = true): Scene {
  const record = newRecord()
  const [alice, vera, victor] = [record.join('alice'), record.join('vera'), record.join('victor')]
  record.grant(vera, 'verifier')
  record.grant(victor, 'verifier')
  const listing = record.submit(alice, { signature: given ? { blob: digest(3), fingerprint: KEY } : null })
  return { record, listing, alice, vera, victor }
}

const registered = ({ record, alice }: Scene) => record.key(alice, KEY)
const checked =
  (signature: VerificationRecorded['signature'], over: Partial<VerificationRecorded> = {}) =>
  ({ record, listing, vera }: Scene) =>
    record.verify(listing, vera, PASS, { signature, ...over })
const checkedBySecond =
  (signature: VerificationRecorded['signature']) =>
  ({ record, listing, victor }: Scene) =>
    record.verify(listing, victor, FAIL, { signature })
const revoked =
  (compromised: boolean, act: { at?: string } = {}) =>
  ({ record, alice }: Scene) =>
    record.append(
      `member/${alice}`,
      'key_revoked',
      { fingerprint: KEY, compromised },
      { by: alice, authority: { as: 'self' }, ...act },
    )

describe('a signature (T14)', () => {
  const before = '2024-12-01T00:00:00.000Z'
  const cases: [what: string, state: SignatureView['state'], steps: ((scene: Scene) => unknown)[]][] = [
    ['nobody checked', 'unchecked', [registered]],
    ['verified without looking at it', 'unchecked', [registered, checked(null)]],
    ['checked over this file by a registered key', 'good', [registered, checked(GOOD)]],
    ['registered after the check', 'good', [checked(GOOD), registered]],
    ['checked by two', 'good', [registered, checked(GOOD), checkedBySecond(GOOD)]],
    ['a key that is not the uploader’s', 'unknown_key', [checked(GOOD)]],
    ['bad', 'bad', [registered, checked({ state: 'bad', fingerprint: KEY })]],
    ['expired', 'expired', [registered, checked({ state: 'expired', fingerprint: KEY })]],
    ['weak', 'weak', [registered, checked({ state: 'weak', fingerprint: KEY })]],
    [
      'unknown to the verifier',
      'unknown_key',
      [registered, checked({ state: 'unknown_key', fingerprint: null })],
    ],
    [
      'one says good, another bad',
      'bad',
      [registered, checked(GOOD), checkedBySecond({ state: 'bad', fingerprint: KEY })],
    ],
    [
      'one says bad, another good',
      'bad',
      [registered, checked({ state: 'bad', fingerprint: KEY }), checkedBySecond(GOOD)],
    ],
    [
      'corrected by the same verifier',
      'good',
      [registered, checked({ state: 'bad', fingerprint: KEY }), checked(GOOD)],
    ],
    [
      'by another key than named',
      'bad',
      [registered, checked({ state: 'good', fingerprint: fingerprint(2) })],
    ],
    ['by no key', 'bad', [registered, checked({ state: 'good', fingerprint: null })]],
    ['over other bytes', 'bad', [registered, checked(GOOD, { sha256: digest(99) })]],
    ['over bytes nobody hashed', 'bad', [registered, checked(GOOD, { sha256: null })]],
    ['by a key compromised later', 'revoked', [registered, checked(GOOD), revoked(true)]],
    ['by a key retired later', 'good', [registered, checked(GOOD), revoked(false)]],
    ['by a key retired before', 'revoked', [registered, checked(GOOD), revoked(false, { at: before })]],
  ]
  for (const [what, state, steps] of cases)
    it(`${what}: ${state}`, () => {
      const all = scene()
      for (const step of steps) step(all)
      const { signature } = all.record.listing(all.listing)
      assert.deepEqual(signature, { state, fingerprint: KEY, blob: digest(3) })
    })

  it('that was not given is none, whatever a verifier says', () => {
    const all = scene(false)
    registered(all)
    checked(GOOD)(all)
    assert.deepEqual(all.record.listing(all.listing).signature, {
      state: 'none',
      fingerprint: null,
      blob: null,
    })
  })

  it('is not good by the word of the uploader or of somebody without the role', () => {
    for (const who of ['alice', 'nobody'] as const) {
      const all = scene()
      registered(all)
      all.record.grant(all.alice, 'verifier')
      const by = who === 'alice' ? all.alice : all.record.join('mallory')
      all.record.verify(all.listing, by, PASS, { signature: GOOD })
      assert.equal(all.record.listing(all.listing).signature.state, 'unchecked')
    }
  })

  it('is unchecked where the record is of a newer version (T1)', () => {
    const streams = [
      ({ listing }: Scene) => `listing/${listing}`,
      ({ alice }: Scene) => `member/${alice}`,
      () => 'site',
    ]
    for (const stream of streams) {
      const all = scene()
      registered(all)
      checked(GOOD)(all)
      assert.equal(all.record.listing(all.listing).signature.state, 'good')
      all.record.append(stream(all) as 'site', 'something_new', {})
      assert.equal(all.record.listing(all.listing).signature.state, 'unchecked')
    }
  })

  it('does not get better with time', () => {
    const all = scene()
    registered(all)
    const { record, listing } = all
    record.wait(4_000 * DAY_MS)
    assert.equal(record.listing(listing).signature.state, 'unchecked')
  })
})
