import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Finding, Inspection } from '../../../gguf/index.ts'
import type { IdentifyMatch } from '../../page-types.ts'
import { file, TINY } from './dropped-fixture.ts'
import { readDropped } from './read-dropped.ts'
import { isRefusedMatch, wholeMatches, type KnownState } from './state.ts'
import { chambersOf, VERDICTS } from './verdict.ts'

const good = await readDropped([file(TINY, 'tiny-Q8_0.gguf')])
assert.ok(good.kind === 'model')
const GOOD: Inspection = good.inspection

const finding = (code: string, severity: Finding['severity']): Finding => ({
  code: code as Finding['code'],
  severity,
  message: 'what was found',
})

function statesOf(changes: Partial<Inspection>): string[] {
  return chambersOf({ ...GOOD, ...changes }).map(({ state }) => state)
}

const quantisation = (match: 'exact' | 'variant' | 'mislabelled' | 'unknown') => {
  assert.ok(GOOD.quantisation)
  return { ...GOOD.quantisation, match }
}

describe('when a file is judged in the browser', () => {
  const cases: [string, Partial<Inspection>, string[]][] = [
    ['nothing was found', {}, ['pass', 'pass', 'pass']],
    ['a note was made', { findings: [finding('gguf_anything', 'info')] }, ['pass', 'pass', 'pass']],
    ['the structure is odd', { findings: [finding('gguf_anything', 'warn')] }, ['pending', 'pass', 'pass']],
    ['the structure is broken', { findings: [finding('gguf_anything', 'reject')] }, ['fail', 'pass', 'pass']],
    ['the label is wrong', { quantisation: quantisation('mislabelled') }, ['pass', 'fail', 'pass']],
    ['the mix is its own', { quantisation: quantisation('variant') }, ['pass', 'pending', 'pass']],
    ['the label is not proven', { quantisation: quantisation('unknown') }, ['pass', 'pending', 'pass']],
    [
      'the label is proven with a warning',
      { findings: [finding('gguf_file_type_missing', 'warn')] },
      ['pass', 'pending', 'pass'],
    ],
    ['the file is refused for something else', { verdict: 'reject' }, ['pass', 'pending', 'pass']],
    ['nothing was read', { quantisation: null, template: null }, ['pass', 'skipped', 'skipped']],
    [
      'the template is odd',
      { findings: [finding('gguf_template_loop', 'warn')] },
      ['pass', 'pass', 'pending'],
    ],
    [
      'the template is hostile',
      { findings: [finding('gguf_template_code', 'reject')] },
      ['pass', 'pass', 'fail'],
    ],
    [
      'there is no template',
      { template: { ...GOOD.template, present: false } as Inspection['template'] },
      ['pass', 'pass', 'skipped'],
    ],
  ]
  for (const [name, changes, states] of cases)
    it(`says ${states.join(', ')} where ${name}`, () => {
      assert.deepEqual(statesOf(changes), states)
    })

  it('shows green for acceptance alone', () => {
    assert.deepEqual(
      Object.entries(VERDICTS).flatMap(([verdict, { tone }]) => (tone === 'ok' ? [verdict] : [])),
      ['accept'],
    )
  })

  it('keeps hostile words of a finding on one line and visible', () => {
    const hostile = { ...finding('gguf_anything', 'reject'), message: 'a\u202eb\u001b[31m\nc' }
    const [structure] = chambersOf({ ...GOOD, findings: [hostile] })
    assert.equal(structure.sentence, 'a\\u{202e}b\\u{1b}[31m\\u{a}c')
  })
})

const MATCH = { id: '1', status: 'published', consensus: 'VERIFIED' } as IdentifyMatch

function refused(changes: Partial<IdentifyMatch>): boolean {
  return isRefusedMatch({ ...MATCH, ...changes })
}

/** An answer with the ids of the listings that have each file. */
function known(...ids: string[][]): KnownState {
  const found = ids.map((each) =>
    each.length === 0
      ? { state: 'unknown' as const }
      : { state: 'known' as const, matches: each.map((id) => ({ ...MATCH, id })) },
  )
  return { phase: 'answered', found }
}

function whole(state: KnownState): string[] {
  return wholeMatches(state).map(({ id }) => id)
}

describe('when the site knows a file', () => {
  it('is refused where its listing is', () => {
    assert.equal(refused({}), false)
    assert.equal(refused({ consensus: 'PENDING' }), false)
    assert.equal(refused({ status: 'pending' }), false)
    assert.equal(refused({ status: 'withdrawn' }), false)
    for (const status of ['rejected', 'suspended', 'removed'] as const) assert.ok(refused({ status }), status)
    for (const consensus of ['REFUSED', 'SPLIT'] as const) assert.ok(refused({ consensus }), consensus)
  })

  it('is a listing only where every shard is of it', () => {
    assert.deepEqual(whole(known(['1'])), ['1'])
    assert.deepEqual(whole(known(['1', '2'], ['2'])), ['2'])
    assert.deepEqual(whole(known(['1'], [])), [])
    assert.deepEqual(whole(known(['1'], ['2'])), [])
    assert.deepEqual(whole({ phase: 'asking' }), [])
  })
})
