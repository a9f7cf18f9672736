import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TestRecord } from '../../test/record.ts'
import { digest, FAIL, fingerprint, newRecord, PASS } from '../../test/record.ts'
import type { Judges, VerificationRecorded } from './events.ts'
import { DEFAULT_POLICY } from './policy.ts'
import type { Consensus, Tier } from './views.ts'

const KEY = fingerprint(1)

interface Case {
  official?: boolean
  key?: boolean
  /** Whether a signature was given, and what the verifier said of it. */
  signed?: boolean
  signature?: VerificationRecorded['signature']
  judges?: Judges | null
  second?: Judges
  earned?: 'community' | 'trusted'
}

const GOLD: Required<Pick<Case, 'official' | 'key' | 'signed' | 'signature' | 'judges'>> = {
  official: true,
  key: true,
  signed: true,
  signature: { state: 'good', fingerprint: KEY },
  judges: PASS,
}

function listingOf(what: Case): { record: TestRecord; listing: string; uploader: string } {
  const record = newRecord()
  const [uploader, vera, victor, ada] = [
    record.join('mistral'),
    record.join('vera'),
    record.join('victor'),
    record.join('ada'),
  ]
  record.grant(ada, 'admin')
  record.grant(vera, 'verifier')
  record.grant(victor, 'verifier')
  if (what.official) record.grant(uploader, 'official')
  if (what.key) record.key(uploader, KEY)
  if (what.earned) {
    record.policy({
      ...DEFAULT_POLICY,
      version: 2,
      community: { ...DEFAULT_POLICY.community, published: 1 },
      trusted: { ...DEFAULT_POLICY.trusted, published: 1, endorsements: 1 },
    })
    record.prove(uploader, 'email')
    record.publish(record.submit(uploader))
    if (what.earned === 'trusted') record.endorse(uploader, ada)
  }
  const listing = record.submit(uploader, {
    signature: what.signed ? { blob: digest(3), fingerprint: KEY } : null,
  })
  record.publish(listing)
  if (what.judges) record.verify(listing, vera, what.judges, { signature: what.signature ?? null })
  if (what.second) record.verify(listing, victor, what.second, { signature: what.signature ?? null })
  return { record, listing, uploader }
}

describe('a badge (T6)', () => {
  const cases: [what: string, listing: Case, badge: Tier, missing: string[]][] = [
    ['all three: gold', GOLD, 'official', []],
    ['behaviour skipped: still gold', { ...GOLD, judges: { ...PASS, behaviour: 'skipped' } }, 'official', []],
    ['not Official', { ...GOLD, official: false }, 'unverified', ['T6a']],
    ['Official without a key registered', { ...GOLD, key: false }, 'unverified', ['T6a', 'T6b']],
    ['no signature', { ...GOLD, signed: false, signature: null }, 'unverified', ['T6b']],
    ['a signature that nobody checked', { ...GOLD, signature: null }, 'unverified', ['T6b']],
    ['a bad signature', { ...GOLD, signature: { state: 'bad', fingerprint: KEY } }, 'unverified', ['T6b']],
    ['an expired one', { ...GOLD, signature: { state: 'expired', fingerprint: KEY } }, 'unverified', ['T6b']],
    [
      'one of another key',
      { ...GOLD, signature: { state: 'good', fingerprint: fingerprint(2) } },
      'unverified',
      ['T6b'],
    ],
    ['not verified', { ...GOLD, judges: null }, 'unverified', ['T6b', 'T6c']],
    ['form skipped', { ...GOLD, judges: { ...PASS, form: 'skipped' } }, 'unverified', ['T6c']],
    ['integrity skipped', { ...GOLD, judges: { ...PASS, integrity: 'skipped' } }, 'unverified', ['T6c']],
    ['behaviour failed', { ...GOLD, judges: { ...PASS, behaviour: 'fail' } }, 'unverified', ['T6c']],
    ['refused', { ...GOLD, judges: FAIL }, 'unverified', ['T6c']],
    ['split', { ...GOLD, second: FAIL }, 'unverified', ['T6c']],
    ['falls back to Community', { ...GOLD, judges: null, earned: 'community' }, 'community', ['T6b', 'T6c']],
    [
      'shows none of it where verifiers refuse',
      { ...GOLD, judges: FAIL, earned: 'trusted' },
      'unverified',
      ['T6c'],
    ],
    [
      'shows none of it where they disagree',
      { ...GOLD, second: FAIL, earned: 'trusted' },
      'unverified',
      ['T6c'],
    ],
    ['falls back to Trusted', { ...GOLD, judges: null, earned: 'trusted' }, 'trusted', ['T6b', 'T6c']],
    ['a Community uploader’s', { judges: PASS, earned: 'community' }, 'community', ['T6a', 'T6b']],
    ['a Trusted uploader’s', { judges: PASS, earned: 'trusted' }, 'trusted', ['T6a', 'T6b']],
    ['a new uploader’s, verified', { judges: PASS }, 'unverified', ['T6a', 'T6b']],
  ]
  for (const [what, each, badge, missing] of cases)
    it(`${what}: ${badge}`, () => {
      const { record, listing } = listingOf(each)
      const view = record.listing(listing)
      assert.equal(view.tier, badge)
      assert.deepEqual(
        view.badge_reasons.filter(({ met }) => !met).map(({ rule }) => rule),
        missing,
      )
    })

  it('is never gold where it is not VERIFIED, whatever else is there', () => {
    const verdicts = ['pass', 'fail', 'skipped', 'pending'] as const
    const seen = new Set<Consensus>()
    for (const integrity of verdicts)
      for (const form of verdicts)
        for (const behaviour of verdicts)
          for (const second of [undefined, PASS, FAIL]) {
            const { record, listing } = listingOf({
              ...GOLD,
              judges: { integrity, form, behaviour },
              ...(second ? { second } : {}),
            })
            const view = record.listing(listing)
            seen.add(view.consensus)
            assert.equal(view.tier === 'official', view.consensus === 'VERIFIED')
          }
    assert.deepEqual(seen, new Set(['PENDING', 'VERIFIED', 'REFUSED', 'SPLIT']))
  })

  it('of another listing by the same uploader is its own', () => {
    const { record, listing, uploader } = listingOf(GOLD)
    const other = record.submit(uploader)
    record.publish(other)
    assert.equal(record.listing(listing).tier, 'official')
    assert.equal(record.listing(other).tier, 'unverified')
    assert.equal(record.listing(other).uploader.tier, 'official')
  })

  it('goes when the record of the uploader is of a newer version (T1)', () => {
    const { record, listing, uploader } = listingOf(GOLD)
    record.append(`member/${uploader}`, 'key_questioned', {})
    const view = record.listing(listing)
    assert.equal(view.tier, 'unverified')
    assert.equal(view.signature.state, 'unchecked')
  })

  it('goes when an admin takes Official back, and when the key is compromised', () => {
    const first = listingOf(GOLD)
    first.record.revoke(first.uploader, 'official')
    assert.equal(first.record.listing(first.listing).tier, 'unverified')
    const second = listingOf(GOLD)
    // A second key keeps the uploader Official: the badge still falls with the key that signed.
    second.record.key(second.uploader, fingerprint(9))
    second.record.append(
      `member/${second.uploader}`,
      'key_revoked',
      { fingerprint: KEY, compromised: true },
      { by: second.uploader, authority: { as: 'self' } },
    )
    assert.equal(second.record.member(second.uploader).tier, 'official')
    assert.equal(second.record.listing(second.listing).tier, 'unverified')
  })
})

describe('verified_by', () => {
  it('names whose word it is, only where VERIFIED', () => {
    const both = listingOf({ judges: PASS, second: PASS })
    assert.deepEqual(both.record.listing(both.listing).verified_by, ['vera', 'victor'])
    const split = listingOf({ judges: PASS, second: FAIL })
    assert.deepEqual(split.record.listing(split.listing).verified_by, [])
    const skipped = listingOf({ judges: { ...PASS, form: 'skipped' } })
    assert.deepEqual(skipped.record.listing(skipped.listing).verified_by, [])
  })
})

describe('an uploader whose stream is not there', () => {
  it('is shown as unverified, by id', () => {
    const record = newRecord()
    const listing = record.submit(`m_${'0'.repeat(25)}9`)
    const view = record.listing(listing)
    assert.equal(view.uploader.tier, 'unverified')
    assert.equal(view.uploader.handle, `m_${'0'.repeat(25)}9`)
    assert.equal(view.tier, 'unverified')
  })
})
