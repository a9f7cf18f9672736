import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { humanBytes, safeLine, table } from './output.ts'
import { progressLine, startProgress } from './progress.ts'

const GIB = 2 ** 30

const at = (columns: number): string => progressLine('Hashing', 20 * GIB, 40 * GIB, 100, columns)

describe('when progress is shown', () => {
  const cases: [done: number, total: number, seconds: number, expected: string][] = [
    [0, GIB, 0, `Hashing [${'-'.repeat(24)}]   0 %  0 bytes of 1.0 GiB  0 bytes/s  --:-- left`],
    [
      GIB / 2,
      GIB,
      2,
      `Hashing [${'#'.repeat(12)}${'-'.repeat(12)}]  50 %  512.0 MiB of 1.0 GiB  256.0 MiB/s  00:02 left`,
    ],
    [GIB, 40 * GIB, 100, `Hashing [#${'-'.repeat(23)}]   2 %  1.0 GiB of 40.0 GiB  10.2 MiB/s  1:05:00 left`],
    [GIB, GIB, 1, `Hashing [${'#'.repeat(24)}] 100 %  1.0 GiB of 1.0 GiB  1.0 GiB/s  00:00 left`],
  ]
  for (const [done, total, seconds, expected] of cases) {
    it(`at ${done} of ${total} after ${seconds} s`, () =>
      assert.equal(progressLine('Hashing', done, total, seconds), expected))
  }

  it('is never wider than the terminal, and gives up the bar before the figures', () => {
    assert.equal(at(200), at(Number.POSITIVE_INFINITY))
    assert.match(
      at(80),
      /^Hashing \[#{5,}-{5,}\] {2}50 % {2}20\.0 GiB of 40\.0 GiB {2}204\.8 MiB\/s {2}01:40 left$/,
    )
    assert.match(at(65), /^Hashing {2}50 % {2}20\.0 GiB of 40\.0 GiB {2}204\.8 MiB\/s {2}01:40 left$/)
    assert.equal(at(40), 'Hashing  50 %  01:40 left')
    assert.equal(at(10), '50 %')
    for (let columns = 6; columns < 120; columns++) assert.ok(at(columns).length < columns, `${columns}`)
  })

  it('leaves signals alone where there is no terminal, and when it is done', () => {
    const before = process.listenerCount('SIGINT')
    for (const isTTY of [false, true]) {
      const progress = startProgress('Hashing', { isTTY, write: () => true })
      assert.equal(process.listenerCount('SIGINT'), before + (isTTY ? 1 : 0))
      progress.end()
      assert.equal(process.listenerCount('SIGINT'), before)
    }
  })

  it('stays silent where there is no terminal, and wipes its line where there is', () => {
    for (const isTTY of [false, true]) {
      const written: string[] = []
      const progress = startProgress('Hashing', { isTTY, write: (text: string) => written.push(text) })
      progress.update(1, 2)
      progress.update(2, 2)
      progress.end()
      assert.equal(written.length, isTTY ? 3 : 0)
      if (isTTY) assert.equal(written.at(-1), '\r\x1b[K')
    }
  })
})

describe('when something is printed', () => {
  it('gives sizes for people', () => {
    assert.deepEqual([0, 1_023, 1_024, 42_949_672_960].map(humanBytes), [
      '0 bytes',
      '1023 bytes',
      '1.0 KiB',
      '40.0 GiB',
    ])
  })
  it('escapes what a terminal obeys', () =>
    assert.equal(safeLine('a\x1b[2J\u202eé\n'), 'a\\u{1b}[2J\\u{202e}é\\u{a}'))
  it('lines values up and leaves out what is unknown', () => {
    assert.deepEqual(
      table([
        ['a', '1'],
        ['long', '2'],
        ['none', null],
      ]),
      ['a     1', 'long  2'],
    )
  })
})
