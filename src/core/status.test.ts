import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DAY_MS, FAIL, PASS } from '../../test/record.ts'
import type { Scene, Step } from '../../test/scene.ts'
import {
  byVerifier,
  disagreed,
  held,
  moderator,
  publishedByRule,
  refused,
  reports,
  scene,
  T10,
  trusted,
  verified,
  withdrawn,
} from '../../test/scene.ts'
import { CURRENT_VERSION, type StreamName } from './events.ts'
import type { Status } from './views.ts'

describe('a listing’s status', () => {
  const cases: [what: string, steps: Step[], status: Status, rule: string][] = [
    ['waits when new', [], 'pending', 'T7'],
    ['waits when verified and not reviewed', [verified], 'pending', 'T7'],
    ['waits when refused and not reviewed', [refused], 'pending', 'T9'],
    ['waits, whoever reports it', [reports(1, 2, 3)], 'pending', 'T7'],

    ['is published by approval', [moderator('approve')], 'published', 'T7'],
    ['is published by a Trusted member’s approval', [trusted('approve')], 'published', 'T7'],
    ['is published by rule', [publishedByRule], 'published', 'T7'],
    ['stays published when verified', [publishedByRule, verified], 'published', 'T7'],
    ['is published by a verifier’s approval', [byVerifier('approve')], 'published', 'T7'],
    ['is rejected by a verifier', [byVerifier('reject')], 'rejected', 'T7'],
    ['is not removed by a verifier', [byVerifier('remove')], 'pending', 'T7'],
    ['no verifier overrules a moderator', [moderator('reject'), byVerifier('approve')], 'rejected', 'T7'],
    ['is rejected by a moderator', [moderator('reject')], 'rejected', 'T7'],
    ['is rejected by a Trusted member', [trusted('reject')], 'rejected', 'T7'],
    ['is rejected though published by rule', [publishedByRule, moderator('reject')], 'rejected', 'T7'],
    ['is removed by a moderator', [moderator('approve'), moderator('remove')], 'removed', 'moderator'],
    ['is not removed by a Trusted member', [moderator('approve'), trusted('remove')], 'published', 'T7'],
    ['is not restored by a Trusted member', [trusted('restore')], 'pending', 'T7'],
    ['the later review counts', [moderator('reject'), moderator('approve')], 'published', 'T7'],
    ['the later Trusted review counts', [trusted('approve'), trusted('reject')], 'rejected', 'T7'],
    ['a moderator overrules a Trusted member', [trusted('reject'), moderator('approve')], 'published', 'T7'],
    [
      'no Trusted member overrules a moderator’s no',
      [moderator('reject'), trusted('approve')],
      'rejected',
      'T7',
    ],
    [
      'no Trusted member overrules a moderator’s yes',
      [moderator('approve'), trusted('reject')],
      'published',
      'T7',
    ],
    [
      'no Trusted member brings back what was removed',
      [moderator('remove'), trusted('approve')],
      'removed',
      'moderator',
    ],

    ['is hidden when refused after publishing', [publishedByRule, refused], 'suspended', 'T9'],
    ['is hidden when refused after approval', [moderator('approve'), refused], 'suspended', 'T9'],
    ['is hidden when verifiers disagree', [publishedByRule, verified, disagreed], 'suspended', 'T9'],
    ['comes back when the verifier corrects it', [publishedByRule, refused, verified], 'published', 'T7'],
    ['a moderator who saw the refusal overrules it', [refused, moderator('approve')], 'published', 'T7'],
    [
      'a moderator who saw the split overrules it',
      [verified, disagreed, moderator('approve')],
      'published',
      'T7',
    ],
    [
      'a refusal after the moderator hides again',
      [refused, moderator('approve'), disagreed],
      'suspended',
      'T9',
    ],
    ['no Trusted member overrules a refusal', [refused, trusted('approve')], 'suspended', 'T9'],
    [
      'no Trusted member overrules a split',
      [publishedByRule, verified, disagreed, trusted('approve')],
      'suspended',
      'T9',
    ],
    [
      'a Trusted approval after a moderator’s does not renew it',
      [moderator('approve'), refused, trusted('approve')],
      'suspended',
      'T9',
    ],

    ['is withdrawn by its uploader', [publishedByRule, withdrawn], 'withdrawn', 'uploader'],
    ['a withdrawal does not hide a rejection', [moderator('reject'), withdrawn], 'rejected', 'T7'],
    ['a withdrawal does not hide a removal', [moderator('remove'), withdrawn], 'removed', 'moderator'],
  ]
  for (const [what, steps, status, rule] of cases)
    it(what, () => {
      const all = scene()
      for (const step of steps) step(all)
      const view = all.record.listing(all.listing)
      assert.equal(view.status, status)
      assert.ok(view.status_reasons[0]?.includes(rule), String(view.status_reasons[0]))
      assert.equal(view.published_at !== null, status === 'published')
    })
})

describe('what decides nothing', () => {
  const cases: [what: string, step: Step][] = [
    [
      'a review of one’s own by role',
      ({ record, listing, alice }) => {
        record.grant(alice, 'moderator')
        record.review(listing, alice, 'approve')
      },
    ],
    [
      'a review of one’s own by rule',
      ({ record, listing, alice }) => record.review(listing, alice, 'approve', { authority: T10 }),
    ],
    [
      'a review as oneself',
      ({ record, listing, tess }) => record.review(listing, tess, 'approve', { authority: { as: 'self' } }),
    ],
    [
      'a review by another rule',
      ({ record, listing, tess }) =>
        record.review(listing, tess, 'approve', { authority: { as: 'rule', rule: 'T7' } }),
    ],
    ['a review by a role never held', ({ record, listing, tess }) => record.review(listing, tess, 'approve')],
    [
      'a review by a role held later',
      ({ record, listing, tess }) => {
        const authority = held(record.siteSeq())
        record.grant(tess, 'moderator')
        record.review(listing, tess, 'approve', { authority })
      },
    ],
    [
      'a review by a role taken away',
      ({ record, listing, mona }) => {
        record.revoke(mona, 'moderator')
        record.review(listing, mona, 'approve')
      },
    ],
    [
      'a review at a place beyond the site’s stream',
      ({ record, listing, mona }) => record.review(listing, mona, 'approve', { authority: held(99) }),
    ],
    ['a review by nobody', ({ record, listing }) => record.review(listing, '', 'approve', { by: null })],
    [
      'a publication that no rule made',
      ({ record, listing, alice }) => record.publish(listing, { by: alice, authority: { as: 'self' } }),
    ],
    [
      'a publication by another rule',
      ({ record, listing }) => record.publish(listing, { authority: { as: 'rule', rule: 'T17' } }),
    ],
    ['a withdrawal by another', ({ record, listing, tess }) => record.withdraw(listing, tess)],
    ['a withdrawal by nobody', ({ record, listing }) => record.withdraw(listing, '', { by: null })],
    ['a rating', ({ record, listing, tess }) => record.rate(listing, tess, 5)],
    ['a comment', ({ record, listing, tess }) => record.comment(listing, tess)],
  ]
  for (const [what, step] of cases)
    it(what, () => {
      const all = scene()
      step(all)
      assert.equal(all.record.listing(all.listing).status, 'pending')
    })
})

describe('an event of a newer version (T1)', () => {
  const streams: [what: string, stream: (scene: Scene) => StreamName][] = [
    ['in the listing’s stream', ({ listing }) => `listing/${listing}`],
    ['in the site’s stream', () => 'site'],
  ]
  const states: [what: string, steps: Step[]][] = [
    ['published and verified', [publishedByRule, verified]],
    ['published by rule, then rejected', [publishedByRule, moderator('reject')]],
  ]
  for (const [where, stream] of streams)
    for (const [what, steps] of states)
      it(`${where}: what was ${what} is neither published nor VERIFIED`, () => {
        const all = scene()
        for (const step of steps) step(all)
        const known = all.record.listing(all.listing).consensus
        all.record.append(stream(all), 'something_new', {})
        const view = all.record.listing(all.listing)
        assert.equal(view.status, 'pending')
        assert.equal(view.consensus, 'PENDING')
        assert.deepEqual(view.verification, { integrity: 'pending', form: 'pending', behaviour: 'pending' })
        assert.deepEqual(view.verified_by, [])
        assert.ok(view.status_reasons[0]?.includes('T1'))
        assert.ok(view.provenance.every(({ state }) => state !== 'proved'))
        assert.ok(known === 'VERIFIED' || known === 'PENDING')
      })

  it('a known type of a newer version counts as little', () => {
    const all = scene()
    all.record.publish(all.listing)
    all.record.verify(all.listing, all.vera, PASS)
    assert.equal(all.record.listing(all.listing).status, 'published')
    all.record.rate(all.listing, all.tess, 5, null, { v: CURRENT_VERSION + 1 })
    assert.equal(all.record.listing(all.listing).status, 'pending')
  })
})

describe('reasons', () => {
  it('carry what the verifiers who refused said, once each', () => {
    const { record, listing, vera, victor, mona } = scene()
    record.verify(listing, vera, FAIL)
    record.verify(listing, victor, FAIL)
    record.review(listing, mona, 'reject')
    assert.deepEqual(record.listing(listing).status_reasons, [
      'Rejected by a reviewer (T7)',
      'labelled Q4_K_M, tensors are Q8_0',
    ])
  })

  it('do not carry the words of those who may not verify', () => {
    const { record, listing, tess, mona } = scene()
    record.verify(listing, tess, FAIL)
    record.review(listing, mona, 'reject')
    assert.deepEqual(record.listing(listing).status_reasons, ['Rejected by a reviewer (T7)'])
  })

  it('time passing alone changes no status', () => {
    const { record, listing } = scene()
    record.publish(listing)
    const later = new Date(Date.parse(record.now()) + 3_650 * DAY_MS).toISOString()
    assert.equal(record.listing(listing, later).status, 'published')
  })
})
