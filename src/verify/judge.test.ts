import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judgeOf, recommend, skippedJudge } from './judge.ts'
import type { Check, Judge } from '../core/report.ts'

function checks(...made: [id: string, verdict: Check['verdict']][]): Check[] {
  return made.map(([id, verdict]) => ({ id, verdict, message: `${id} ${verdict}` }))
}

describe('when checks are judged', () => {
  const cases: [string, Check[], Judge['verdict']][] = [
    ['all required pass', checks(['a', 'pass'], ['b', 'pass']), 'pass'],
    ['an optional one is skipped', checks(['a', 'pass'], ['b', 'pass'], ['c', 'skipped']), 'pass'],
    ['an optional one fails', checks(['a', 'pass'], ['b', 'pass'], ['c', 'fail']), 'fail'],
    ['a required one is skipped', checks(['a', 'pass'], ['b', 'skipped']), 'skipped'],
    [
      'a required one passes here and is skipped there',
      checks(['a', 'pass'], ['b', 'pass'], ['b', 'skipped']),
      'skipped',
    ],
    ['a required one was never made', checks(['a', 'pass']), 'skipped'],
    ['nothing was checked', [], 'skipped'],
    ['only optional ones pass', checks(['c', 'pass']), 'skipped'],
    ['one fails and one is skipped', checks(['a', 'skipped'], ['b', 'fail']), 'fail'],
    ['a required one fails', checks(['a', 'fail'], ['b', 'pass']), 'fail'],
  ]
  for (const [name, made, verdict] of cases)
    it(`says ${verdict} where ${name}`, () => {
      const judge = judgeOf(made, ['a', 'b'], 'fine')
      assert.equal(judge.verdict, verdict)
      assert.equal(judge.summary === 'fine', verdict === 'pass')
      assert.notEqual(judge.summary, '')
    })
})

describe('when a decision is recommended', () => {
  const good = judgeOf(checks(['a', 'pass']), ['a'], 'fine')
  const unread = judgeOf(checks(['a', 'pass'], ['template', 'skipped']), ['a'], 'fine')
  const read = judgeOf(checks(['a', 'pass'], ['template', 'pass']), ['a'], 'fine')
  const bad = judgeOf(checks(['a', 'fail']), ['a'], 'fine')
  const open = skippedJudge('not looked at')
  const pending: Judge = { ...open, verdict: 'pending' }
  const cases: [string, Judge[], string][] = [
    ['all pass', [good, good, good], 'approve'],
    ['all pass and the template too', [good, read, good], 'approve'],
    ['the template must be read by a person', [good, unread, good], 'review'],
    ['the template must be read and one failed', [bad, unread, good], 'reject'],
    ['one was skipped', [good, good, open], 'review'],
    ['one is pending', [good, pending, good], 'review'],
    ['all were skipped', [open, open, open], 'review'],
    ['one failed', [good, bad, good], 'reject'],
    ['one failed and others were skipped', [bad, open, open], 'reject'],
  ]
  for (const [name, [integrity, form, behaviour], decision] of cases)
    it(`says ${decision} where ${name}`, () => {
      assert.ok(integrity && form && behaviour)
      const recommendation = recommend({ judges: { integrity, form, behaviour } })
      assert.equal(recommendation.decision, decision)
      assert.ok(recommendation.reasons.length > 0)
    })
})
