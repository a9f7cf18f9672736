import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { describe, it } from 'node:test'
import { canonicalBytes } from '../core/canonical.ts'
import { isQalError } from '../core/error.ts'
import { aStream, joined, readAll } from '../../test/ledger.suite.ts'
import { requireTool, runTool, tempDir } from '../../test/tools.ts'
import { openSqliteLedger } from './ledger-sqlite.ts'
import type { Ledger } from './ledger.ts'
import { ledgerIndex, ledgerSegment, readPublishedLedger } from './published-ledger.ts'

async function ledgerOf(t: TestContext, events: number): Promise<Ledger> {
  const ledger = await openSqliteLedger(join(await tempDir(t), 'ledger.sqlite'))
  t.after(() => ledger.close())
  await grow(ledger, events)
  return ledger
}

async function grow(ledger: Ledger, events: number): Promise<void> {
  await Promise.all(Array.from({ length: events }, () => ledger.append(aStream(), 0, [joined()])))
}

/** The published files, as a site or a folder gives them. */
async function published(ledger: Ledger): Promise<Map<string, string>> {
  const index = await ledgerIndex(ledger)
  const files = new Map([['', JSON.stringify(index)]])
  for (const [n, { path }] of index.segments.entries())
    files.set(path, (await ledgerSegment(ledger, n + 1)) ?? assert.fail(path))
  return files
}

const reader = (files: Map<string, string>) => async (path: string) =>
  files.get(path) ?? assert.fail(`asked for ${path}`)

describe('a published ledger', () => {
  for (const [events, segments] of [
    [0, 0],
    [1, 1],
    [999, 1],
    [1_000, 1],
    [1_001, 2],
    [2_500, 3],
  ] as const)
    // prettier-ignore
    it(`of ${events} events has ${segments} segments and reads back whole`, async (t) => {
      const ledger = await ledgerOf(t, events)
      const index = await ledgerIndex(ledger)
      assert.deepEqual([index.events, index.segments.length, index.head], [events, segments, await ledger.head()])
      assert.deepEqual(await readPublishedLedger(reader(await published(ledger))), await readAll(ledger))
      assert.equal(await ledgerSegment(ledger, segments + 1), null)
      for (const n of [0, -1, 0.5, Number.NaN]) assert.equal(await ledgerSegment(ledger, n), null)
    })

  it('has canonical bytes on each line, and digests that sha256sum agrees with', async (t) => {
    if (!requireTool(t, 'sha256sum')) return
    const ledger = await ledgerOf(t, 1_010)
    const { segments } = await ledgerIndex(ledger)
    const lines: string[] = []
    for (const [n, { sha256 }] of segments.entries()) {
      const input = (await ledgerSegment(ledger, n + 1)) ?? ''
      assert.equal((await runTool('sha256sum', ['-'], { input })).stdout.slice(0, 64), sha256)
      lines.push(...input.split('\n').slice(0, -1))
    }
    const expected = (await readAll(ledger)).map((event) => new TextDecoder().decode(canonicalBytes(event)))
    assert.deepEqual(lines, expected)
  })

  it('keeps whole segments as they were while it grows, also for those who ask at once', async (t) => {
    const ledger = await ledgerOf(t, 1_500)
    const before = await ledgerIndex(ledger)
    await grow(ledger, 1_000)
    const [one, two] = await Promise.all([ledgerIndex(ledger), ledgerIndex(ledger)])
    assert.deepEqual(one, two)
    assert.deepEqual(one.segments[0], before.segments[0])
    assert.deepEqual(
      one.segments.map(({ events }) => events),
      [1_000, 1_000, 500],
    )
  })

  it('reads as far as its index says when the last segment has grown since', async (t) => {
    const ledger = await ledgerOf(t, 1_200)
    const files = await published(ledger)
    await grow(ledger, 100)
    files.set('000002.jsonl', (await ledgerSegment(ledger, 2)) ?? '')
    assert.equal((await readPublishedLedger(reader(files))).length, 1_200)
  })

  const changes: [string, (files: Map<string, string>) => void][] = [
    ['an index that is no JSON', (files) => files.set('', '<html>')],
    ['an index of another version', (files) => edit(files, '', '"version":1', '"version":2')],
    ['a path that leads elsewhere', (files) => edit(files, '', '000001.jsonl', '../000001.jsonl')],
    ['segments in another order', (files) => edit(files, '', '000002.jsonl', '000001.jsonl')],
    ['a count that does not hold', (files) => edit(files, '', '"events":1200', '"events":1201')],
    ['one event altered', (files) => edit(files, '000001.jsonl', '"handle":"h', '"handle":"x')],
    ['one event missing', (files) => files.set('000002.jsonl', (files.get('000002.jsonl') ?? '').replace(/^.*\n/, ''))],
    ['a segment cut short', (files) => files.set('000002.jsonl', (files.get('000002.jsonl') ?? '').slice(0, -50))],
    ['two segments exchanged', exchange],
    ['an empty segment', (files) => files.set('000001.jsonl', '')],
  ] // prettier-ignore
  for (const [what, change] of changes)
    it(`is refused with ${what}`, async (t) => {
      const files = await published(await ledgerOf(t, 1_200))
      change(files)
      await assert.rejects(readPublishedLedger(reader(files)), (error) => {
        assert.ok(isQalError(error), String(error))
        return error.code === 'ledger_published'
      })
    })
})

function edit(files: Map<string, string>, path: string, from: string, to: string): void {
  const text = files.get(path) ?? ''
  assert.ok(text.includes(from))
  files.set(path, text.replace(from, to))
}

function exchange(files: Map<string, string>): void {
  const [one, two] = [files.get('000001.jsonl') ?? '', files.get('000002.jsonl') ?? '']
  files.set('000001.jsonl', two).set('000002.jsonl', one)
}
