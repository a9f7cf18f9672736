import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { fold } from '../core/fold.ts'
import { projectAll } from '../core/project.ts'
import { aStream, readAll } from '../../test/ledger.suite.ts'
import { tempDir } from '../../test/tools.ts'
import { openCatalogue } from './catalogue.ts'
import { openSqliteLedger } from './ledger-sqlite.ts'

const CHILD = fileURLToPath(new URL('../../test/crash-child.ts', import.meta.url))
const ROUNDS = 6
const NOW = '2026-01-01T00:00:00.000Z'

describe('a process that is killed while it writes (SIGKILL)', () => {
  it('has lost no acknowledged event, left no gap, and its catalogue catches up', async (t) => {
    const dir = await tempDir(t)
    const [ledgerPath, cataloguePath] = [join(dir, 'ledger.sqlite'), join(dir, 'catalogue.sqlite')]
    const acknowledged = new Set<string>()
    for (let round = 0; round < ROUNDS; round++) {
      const child = start(t, 'flood', ledgerPath, cataloguePath)
      await child.saidAtLeast(30)
      // At another point of its work each time.
      await new Promise((resolve) => setTimeout(resolve, round * 37))
      child.process.kill('SIGKILL')
      assert.equal(await child.ended, 'SIGKILL')
      for (const id of child.ids()) acknowledged.add(id)

      assertWhole(ledgerPath)
      const ledger = await openSqliteLedger(ledgerPath)
      const events = await readAll(ledger, 10_000)
      const found = new Set<string>(events.map(({ id }) => id))
      const lost = [...acknowledged].filter((id) => !found.has(id))
      assert.deepEqual(lost, [], `lost of ${acknowledged.size} acknowledged`)

      // fold throws ledger_gap where a sequence has one.
      const world = fold(events)
      // Each append held two events: never one of them alone.
      for (const { seq } of world.members.values()) assert.equal(seq % 2, 0)
      const catalogue = openCatalogue(cataloguePath, { siteName: 'Crash', now: () => NOW })
      await catalogue.catchUp(ledger)
      const { members } = projectAll(world, NOW, 'Crash')
      assert.equal(members.size, [...catalogue.members()].length)
      for (const view of catalogue.members()) assert.deepEqual(view, members.get(view.id))
      catalogue.close()
      await ledger.close()
    }
    assert.ok(acknowledged.size >= ROUNDS * 30)
  })
})

describe('two processes that append to one stream', () => {
  it('conflict where both expect the same, and lose no update', async (t) => {
    const dir = await tempDir(t)
    const path = join(dir, 'ledger.sqlite')
    await (await openSqliteLedger(path)).close()
    const stream = aStream()
    const children = [0, 1].map(() => start(t, 'share', path, join(dir, 'unused'), stream))
    for (const child of children) assert.equal(await child.ended, 0)

    const ledger = await openSqliteLedger(path)
    const events = await ledger.readStream(stream)
    await ledger.close()
    const said = children.map((child) => child.ids())
    assert.deepEqual(
      said.map(({ length }) => length),
      [150, 150],
    )
    assert.deepEqual(
      events.map(({ seq }) => seq),
      Array.from({ length: 300 }, (_, n) => n + 1),
    )
    assert.deepEqual(events.map(({ id }) => id).toSorted(), said.flat().toSorted())
    // Each kept its own order, and they met: else nothing was shown.
    for (const ids of said)
      assert.deepEqual(
        events.map(({ id }) => id).filter((id) => ids.includes(id)),
        ids,
      )
    const conflicts = children.map((child) => Number(/conflicts (\d+)/.exec(child.output())?.[1]))
    assert.ok((conflicts[0] ?? 0) + (conflicts[1] ?? 0) > 0, 'they never met')
  })
})

function start(t: TestContext, ...args: string[]) {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  // A line that the kill cut off acknowledges nothing.
  const ids = (): string[] =>
    output
      .split('\n')
      .slice(0, -1)
      .filter((line) => /^[0-9A-Z]{26}$/.test(line))
  return {
    process: child,
    output: () => output,
    ids,
    async saidAtLeast(count: number): Promise<void> {
      const deadline = Date.now() + 60_000
      while (ids().length < count) {
        assert.ok(child.exitCode === null && Date.now() < deadline, `the child stopped: ${errors}`)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
    /** Its exit code or signal, once all it said was read. */
    ended: once(child, 'close').then(([code, signal]: (number | string | null)[]) => signal ?? code),
  }
}

/** SQLite's own word on the file that was left, before anything of ours opens it. */
function assertWhole(path: string): void {
  const db = new DatabaseSync(path)
  assert.equal(db.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok')
  db.close()
}
