import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { retryAfterMs } from './retry-after.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')

describe('when a server asks to be left alone', () => {
  const cases: [string, Record<string, string>, number | null][] = [
    ['seconds', { 'retry-after': '21' }, 21_000],
    ['no seconds', { 'retry-after': '0' }, 0],
    ['a date', { 'retry-after': 'Thu, 01 Jan 2026 00:01:00 GMT' }, 60_000],
    ['a date that is past', { 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }, 0],
    ['the rest of the Hub’s window', { ratelimit: '"resolvers";r=0;t=33' }, 33_000],
    ['both, of which the plain one counts', { 'retry-after': '5', ratelimit: '"api";r=0;t=33' }, 5_000],
    ['nothing', {}, null],
    ['nonsense', { 'retry-after': 'soon', ratelimit: 'reset=5' }, null],
    ['a number beyond reason', { 'retry-after': '9'.repeat(20) }, null],
  ]
  for (const [name, headers, expected] of cases)
    it(`reads ${name}`, () => assert.equal(retryAfterMs(headers, NOW), expected))
})
