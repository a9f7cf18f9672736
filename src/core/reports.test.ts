import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Step } from '../../test/scene.ts'
import {
  decided,
  moderator,
  publishedByRule,
  reports,
  scene,
  T10,
  trusted,
  uncounted,
  verified,
} from '../../test/scene.ts'
import type { Status } from './views.ts'

describe('a reported listing (T12)', () => {
  const cases: [what: string, steps: Step[], status: Status, rule: string][] = [
    ['three reports hide it', [publishedByRule, reports(1, 2, 3)], 'suspended', 'T12'],
    [
      'three reports hide it though verified',
      [moderator('approve'), verified, reports(1, 2, 3)],
      'suspended',
      'T12',
    ],
    ['two reports do not', [publishedByRule, reports(1, 2)], 'published', 'T7'],
    ['the same reporter three times does not', [publishedByRule, reports(1, 1, 1)], 'published', 'T7'],
    [
      'the same two reporters six times do not',
      [publishedByRule, reports(1, 2, 1, 2, 1, 2)],
      'published',
      'T7',
    ],
    ['reports that do not count do not', [publishedByRule, uncounted(1, 2, 3)], 'published', 'T7'],
    [
      'two that count and five that do not do not',
      [publishedByRule, reports(1, 2), uncounted(3, 4, 5, 6, 7)],
      'published',
      'T7',
    ],
    ['reports before approval count', [reports(1, 2, 3), moderator('approve')], 'suspended', 'T12'],
    [
      'an approval leaves reports open',
      [publishedByRule, reports(1, 2, 3), moderator('approve')],
      'suspended',
      'T12',
    ],
    [
      'a restore brings it back',
      [publishedByRule, reports(1, 2, 3), moderator('restore')],
      'published',
      'T7',
    ],
    [
      'after a restore the same reporters do not count',
      [publishedByRule, reports(1, 2, 3), moderator('restore'), reports(1, 2, 3)],
      'published',
      'T7',
    ],
    [
      'after a restore two new reporters do not hide it',
      [publishedByRule, reports(1, 2, 3), moderator('restore'), reports(4, 5, 1)],
      'published',
      'T7',
    ],
    [
      'after a restore three new reporters do',
      [publishedByRule, reports(1, 2, 3), moderator('restore'), reports(4, 5, 6)],
      'suspended',
      'T12',
    ],
    [
      'dismissed reports no longer hide it',
      [publishedByRule, reports(1, 2, 3), decided(false)],
      'published',
      'T7',
    ],
    [
      'a restore by a Trusted member answers no report',
      [publishedByRule, reports(1, 2, 3), trusted('restore')],
      'suspended',
      'T12',
    ],
  ]
  for (const [what, steps, status, rule] of cases)
    it(what, () => {
      const all = scene()
      for (const step of steps) step(all)
      const view = all.record.listing(all.listing)
      assert.equal(view.status, status)
      assert.ok(view.status_reasons[0]?.includes(rule), String(view.status_reasons[0]))
    })
})

describe('what answers no report (T2, T10)', () => {
  const onReports: [what: string, step: Step][] = [
    [
      'the uploader',
      ({ record, listing, alice }) => {
        record.grant(alice, 'moderator')
        record.decideReports(listing, alice, false)
      },
    ],
    [
      'the uploader by restoring',
      ({ record, listing, alice }) => {
        record.grant(alice, 'moderator')
        record.review(listing, alice, 'restore')
      },
    ],
    [
      'a member as themselves',
      ({ record, listing, tess }) =>
        record.decideReports(listing, tess, false, { authority: { as: 'self' } }),
    ],
    [
      'a member by restoring',
      ({ record, listing, tess }) => record.review(listing, tess, 'restore', { authority: { as: 'self' } }),
    ],
    [
      'a verifier',
      ({ record, listing, vera }) =>
        record.decideReports(listing, vera, false, { authority: record.as('verifier') }),
    ],
    [
      'nobody',
      ({ record, listing }) => record.decideReports(listing, '', false, { by: null, authority: T10 }),
    ],
  ]
  for (const [who, step] of onReports)
    it(`reports are not answered by ${who}`, () => {
      const all = scene()
      publishedByRule(all)
      reports(1, 2, 3)(all)
      step(all)
      const view = all.record.listing(all.listing)
      assert.equal(view.status, 'suspended')
      assert.equal(view.community.reports_open, 3)
    })

  it('an upheld report by nobody does not take the uploader’s tier', () => {
    const all = scene()
    reports(1)(all)
    all.record.decideReports(all.listing, all.tess, true, { authority: { as: 'self' } })
    const clean = all.record.member(all.alice).conditions.find(({ rule }) => rule === 'T3d')
    assert.ok(clean?.met)
    all.record.decideReports(all.listing, all.mona, true)
    const upheld = all.record.member(all.alice).conditions.find(({ rule }) => rule === 'T3d')
    assert.ok(upheld && !upheld.met)
  })
})

describe('reports as shown (T12)', () => {
  it('are counted by category, open ones that count only', () => {
    const { record, listing, mona } = scene()
    record.report(listing, 1, { category: 'malware' })
    record.report(listing, 2, { category: 'malware' })
    record.report(listing, 3, { category: 'copyright' })
    record.report(listing, 4, { category: 'copyright', counts: false })
    assert.deepEqual(record.listing(listing).community.report_categories, { malware: 2, copyright: 1 })
    assert.equal(record.listing(listing).community.reports_open, 3)
    record.decideReports(listing, mona, true)
    assert.deepEqual(record.listing(listing).community.report_categories, {})
    assert.equal(record.listing(listing).community.reports_open, 0)
  })

  it('a decision answers what was open then, and nothing later', () => {
    const { record, listing, mona } = scene()
    record.publish(listing)
    record.report(listing, 1)
    record.decideReports(listing, mona, true)
    for (const reporter of [2, 3]) record.report(listing, reporter)
    assert.equal(record.listing(listing).status, 'published')
    record.report(listing, 4)
    assert.equal(record.listing(listing).status, 'suspended')
  })

  it('the first decision after a report answers it, whichever kind it is', () => {
    const upheldAfter = scene()
    upheldAfter.record.report(upheldAfter.listing, 1)
    upheldAfter.record.review(upheldAfter.listing, upheldAfter.mona, 'restore')
    upheldAfter.record.decideReports(upheldAfter.listing, upheldAfter.mona, true)
    const clean = (all: typeof upheldAfter) =>
      all.record.member(all.alice).conditions.find(({ rule }) => rule === 'T3d')?.met
    assert.equal(clean(upheldAfter), true)
    const restoredAfter = scene()
    restoredAfter.record.report(restoredAfter.listing, 1)
    restoredAfter.record.decideReports(restoredAfter.listing, restoredAfter.mona, true)
    restoredAfter.record.review(restoredAfter.listing, restoredAfter.mona, 'restore')
    assert.equal(clean(restoredAfter), false)
  })

  it('the threshold is the policy’s', () => {
    const { record, listing } = scene()
    record.publish(listing)
    const { policy } = record.world().site
    record.policy({ ...policy, reports: { ...policy.reports, suspend_at: 2 } })
    record.report(listing, 1)
    assert.equal(record.listing(listing).status, 'published')
    record.report(listing, 2)
    assert.equal(record.listing(listing).status, 'suspended')
  })
})
