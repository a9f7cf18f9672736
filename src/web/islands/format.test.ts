import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatBytes, formatCount, formatDuration, formatParameters } from './format.ts'

describe('when figures are formatted', () => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [42_520_395_584, '42.5 GB'],
    [9_999_999_999_999, '10.0 TB'],
  ] as const)
    it(`gives ${bytes} bytes as ${text}`, () => assert.equal(formatBytes(bytes), text))

  for (const [seconds, text] of [
    [0.4, '0 s'],
    [59.6, '1 min 00 s'],
    [3_845, '1 h 04 min'],
    [Number.POSITIVE_INFINITY, '—'],
    [Number.NaN, '—'],
  ] as const)
    it(`gives ${seconds} seconds as ${text}`, () => assert.equal(formatDuration(seconds), text))

  it('puts commas between thousands', () => {
    assert.deepEqual([0, 999, 1000, 12_438, 1_000_000].map(formatCount), [
      '0',
      '999',
      '1,000',
      '12,438',
      '1,000,000',
    ])
  })

  it('gives parameters as names carry them', () => {
    assert.deepEqual([12, 1_180_000, 70_553_706_496, 671e9].map(formatParameters), [
      '12',
      '1.18M',
      '70.6B',
      '671B',
    ])
  })
})
