import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newRecord, type TestRecord } from '../../test/record.ts'
import type { Authority, StreamName } from './events.ts'
import { parseEvent } from './lift.ts'
import { MAX_WEB_SEEDS } from './web-seeds.ts'

const FIRST = 'https://first.example/model.gguf'
const A = 'https://a.example/model.gguf'
const B = 'https://b.example/model.gguf'
const SELF: Authority = { as: 'self' }

/** Who does what: `+` adds, `-` removes. */
type Step = [who: 'alice' | 'bob' | 'mona', '+' | '-', url: string, as?: Authority]

function seedsAfter(steps: Step[], alsoMona = true): string[] {
  const record = newRecord()
  const people = { alice: record.join('alice'), bob: record.join('bob'), mona: record.join('mona') }
  if (alsoMona) record.grant(people.mona, 'moderator')
  const listing = record.submit(people.alice, { web_seeds: [FIRST] })
  for (const step of steps) act(record, listing, people, step)
  return record.listing(listing).web_seeds
}

function act(
  record: TestRecord,
  listing: string,
  people: Record<Step[0], string>,
  [who, what, url, as]: Step,
): void {
  record.append(
    `listing/${listing}` as StreamName,
    what === '+' ? 'web_seed_added' : 'web_seed_removed',
    { url },
    { by: people[who], authority: as ?? (who === 'mona' ? record.as('moderator') : SELF) },
  )
}

describe('web seeds of a listing (T16)', () => {
  const cases: [string, Step[], string[]][] = [
    ['as submitted', [], [FIRST]],
    ['one that the uploader added', [['alice', '+', A]], [FIRST, A]],
    ['one that a moderator added', [['mona', '+', A]], [FIRST, A]],
    ['one that somebody else added: none', [['bob', '+', A]], [FIRST]],
    [
      'one that somebody else claims a role for: none',
      [['bob', '+', A, { as: 'role', role: 'moderator', site_seq: 1 }]],
      [FIRST],
    ],
    [
      'one that the uploader added by a rule that is none',
      [['alice', '+', A, { as: 'rule', rule: 'T7' }]],
      [FIRST],
    ],
    [
      'the same twice: once',
      [
        ['alice', '+', A],
        ['alice', '+', A],
      ],
      [FIRST, A],
    ],
    ['one of the submission, removed', [['alice', '-', FIRST]], []],
    ['removed by somebody else: stays', [['bob', '-', FIRST]], [FIRST]],
    [
      'removed and added again',
      [
        ['alice', '-', FIRST],
        ['alice', '+', A],
        ['alice', '+', FIRST],
      ],
      [A, FIRST],
    ],
    [
      'removed by a moderator, added again by the uploader: stays away',
      [
        ['alice', '+', A],
        ['mona', '-', A],
        ['alice', '+', A],
      ],
      [FIRST],
    ],
    [
      'removed by a moderator, added again by one',
      [
        ['alice', '+', A],
        ['mona', '-', A],
        ['mona', '+', A],
      ],
      [FIRST, A],
    ],
    [
      'removed by a moderator, added by one, and then by the uploader',
      [
        ['mona', '-', A],
        ['mona', '+', A],
        ['alice', '-', A],
        ['alice', '+', A],
      ],
      [FIRST, A],
    ],
    ['one removed that was not there', [['alice', '-', B]], [FIRST]],
  ]
  for (const [what, steps, expected] of cases) it(what, () => assert.deepEqual(seedsAfter(steps), expected))

  it('are bounded, and have room again for what was removed', () => {
    const many = Array.from({ length: MAX_WEB_SEEDS }, (_, n): Step => ['alice', '+', `${A}?${n}`])
    const full = seedsAfter(many)
    assert.equal(full.length, MAX_WEB_SEEDS)
    assert.ok(!full.includes(`${A}?${MAX_WEB_SEEDS - 1}`))
    assert.ok(seedsAfter([...many, ['alice', '-', FIRST], ['alice', '+', B]]).includes(B))
  })

  const urls: [string, string, boolean][] = [
    ['an https URL', A, true],
    ['an http URL with a port', 'http://a.example:8080/m.gguf?x=1', true],
    ['a user name', 'https://me@a.example/m.gguf', false],
    ['a user name and password', 'https://me:secret@a.example/m.gguf', false],
    ['an @ in the path', 'https://a.example/@org/m.gguf', true],
    ['another scheme', 'ftp://a.example/m.gguf', false],
    ['a script', 'javascript:alert(1)', false],
    ['a quote', 'https://a.example/"m.gguf', false],
    ['too long', `https://a.example/${'x'.repeat(2_000)}`, false],
  ]
  for (const [what, url, taken] of urls)
    it(`${taken ? 'takes' : 'refuses'} ${what}`, () => {
      const record = newRecord()
      const alice = record.join('alice')
      const listing = record.submit(alice)
      const append = (): unknown =>
        record.append(
          `listing/${listing}` as StreamName,
          'web_seed_added',
          { url },
          { by: alice, authority: SELF },
        )
      if (taken) assert.ok(parseEvent(append()))
      else assert.throws(append, { code: 'ledger_event_invalid' })
    })
})
