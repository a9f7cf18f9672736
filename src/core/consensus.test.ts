import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { digest, newRecord, PASS, verification } from '../../test/record.ts'
import type { Verification } from './consensus.ts'
import { consensusOf, judgesOf } from './consensus.ts'
import type { Judges, JudgeVerdict } from './events.ts'
import { MemberId } from './ids.ts'
import type { Consensus } from './views.ts'

/** Three words in the order integrity, form, behaviour: p pass, f fail, s skipped, w waiting. */
function judges(words: string): Judges {
  const word = (n: number): JudgeVerdict =>
    ({ p: 'pass', f: 'fail', s: 'skipped', w: 'pending' } as const)[words.charAt(n) as 'p']
  return { integrity: word(0), form: word(1), behaviour: word(2) }
}

function said(words: string): Verification[] {
  return words
    .split(' ')
    .filter(Boolean)
    .map((each, n) => ({
      by: MemberId.parse(`m_${n.toString().padStart(26, '0')}`),
      at: '2025-01-01T00:00:00.000Z',
      seq: n + 1,
      authority: { as: 'role', role: 'verifier', site_seq: 1 },
      data: verification(judges(each), digest(1)),
    }))
}

describe('consensusOf (T9)', () => {
  const cases: [words: string, consensus: Consensus][] = [
    ['', 'PENDING'],
    ['ppp', 'VERIFIED'],
    ['pps', 'VERIFIED'],
    ['psp', 'PENDING'],
    ['spp', 'PENDING'],
    ['pwp', 'PENDING'],
    ['wpp', 'PENDING'],
    ['sss', 'PENDING'],
    ['www', 'PENDING'],
    ['fpp', 'REFUSED'],
    ['pfp', 'REFUSED'],
    ['ppf', 'REFUSED'],
    ['fff', 'REFUSED'],
    ['fss', 'REFUSED'],
    ['ppp ppp', 'VERIFIED'],
    ['ppp pps', 'VERIFIED'],
    ['ppp pss', 'PENDING'],
    ['pfp fpp', 'REFUSED'],
    ['ppp pfp', 'SPLIT'],
    ['pfp ppp ppp', 'SPLIT'],
    ['sss fpp', 'SPLIT'],
  ]
  for (const [words, consensus] of cases)
    it(`${words || 'nobody'} is ${consensus}`, () => assert.equal(consensusOf(said(words)), consensus))
})

describe('judgesOf (T8)', () => {
  const cases: [words: string, together: string][] = [
    ['', 'www'],
    ['ppp', 'ppp'],
    ['pps', 'pps'],
    ['ppp sss', 'sss'],
    ['ppp www', 'www'],
    ['sss www', 'www'],
    ['ppp ffp', 'ffp'],
    ['fff www sss', 'fff'],
  ]
  for (const [words, together] of cases)
    it(`${words || 'nobody'} together say ${together}`, () =>
      assert.deepEqual(judgesOf(said(words)), judges(together)))
})

function listingOf(who: 'verifier' | 'moderator' | 'own' | 'nobody') {
  const record = newRecord()
  const [uploader, vera] = [record.join('alice'), record.join('vera')]
  record.grant(uploader, 'verifier')
  record.grant(vera, who === 'moderator' ? 'moderator' : 'verifier')
  if (who === 'nobody') record.revoke(vera, 'verifier')
  const listing = record.submit(uploader)
  record.verify(listing, who === 'own' ? uploader : vera, PASS)
  return record.listing(listing)
}

describe('whose verification counts (T10)', () => {
  const cases: [who: Parameters<typeof listingOf>[0], counts: boolean][] = [
    ['verifier', true],
    ['moderator', false],
    ['own', false],
    ['nobody', false],
  ]
  for (const [who, counts] of cases)
    it(`${who}: ${counts ? 'counts' : 'is shown and moves nothing'}`, () => {
      const view = listingOf(who)
      assert.equal(view.consensus, counts ? 'VERIFIED' : 'PENDING')
      assert.deepEqual(view.verification, counts ? PASS : judges('www'))
      assert.equal(view.verified_by.length, counts ? 1 : 0)
      assert.deepEqual(
        view.verifications.map(({ granted }) => granted),
        [counts],
      )
    })

  it('the latest word of a verifier replaces their earlier one, in both directions', () => {
    const record = newRecord()
    const [uploader, vera] = [record.join('alice'), record.join('vera')]
    record.grant(vera, 'verifier')
    const listing = record.submit(uploader)
    record.verify(listing, vera, judges('pfp'))
    assert.equal(record.listing(listing).consensus, 'REFUSED')
    record.verify(listing, vera, PASS)
    assert.equal(record.listing(listing).consensus, 'VERIFIED')
    assert.deepEqual(record.listing(listing).verified_by, ['vera'])
    record.verify(listing, vera, judges('fpp'))
    assert.equal(record.listing(listing).consensus, 'REFUSED')
    assert.deepEqual(record.listing(listing).verified_by, [])
    assert.equal(record.listing(listing).verifications.length, 3)
  })

  it('a pass over other bytes than those listed proves nothing of these', () => {
    const record = newRecord()
    const [uploader, vera] = [record.join('alice'), record.join('vera')]
    record.grant(vera, 'verifier')
    const same = record.submit(uploader)
    record.verify(same, vera, PASS)
    assert.equal(record.listing(same).consensus, 'VERIFIED')
    for (const sha256 of [digest(999), null]) {
      const other = record.submit(uploader)
      record.verify(other, vera, PASS, { sha256 })
      assert.equal(record.listing(other).consensus, 'PENDING')
      assert.notEqual(record.listing(other).verification.integrity, 'pass')
    }
  })
})
