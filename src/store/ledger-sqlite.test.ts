import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { isQalError } from '../core/error.ts'
import { aStream, joined, ledgerSuite } from '../../test/ledger.suite.ts'
import { tempDir } from '../../test/tools.ts'
import { openSqliteLedger } from './ledger-sqlite.ts'

ledgerSuite('sqlite', async (t) => {
  const path = join(await tempDir(t), 'ledger.sqlite')
  const open = async () => {
    const ledger = await openSqliteLedger(path)
    t.after(() => ledger.close())
    return ledger
  }
  return { ledger: await open(), again: open }
})

describe('a ledger in a SQLite file', () => {
  it('is made with its folders, readable by its owner only', async (t) => {
    const path = join(await tempDir(t), 'a', 'b', 'ledger.sqlite')
    const ledger = await openSqliteLedger(path)
    await ledger.append(aStream(), 0, [joined()])
    for (const file of [path, `${path}-wal`]) assert.equal((await stat(file)).mode & 0o777, 0o600)
    await ledger.close()
  })

  it('is opened by many at once when it is new', async (t) => {
    const path = join(await tempDir(t), 'ledger.sqlite')
    const all = await Promise.all(Array.from({ length: 8 }, () => openSqliteLedger(path)))
    await Promise.all(all.map((ledger) => ledger.append(aStream(), 0, [joined()])))
    for (const ledger of all) assert.equal(await ledger.head(), 8)
    await Promise.all(all.map((ledger) => ledger.close()))
  })

  it('refuses a file of a newer version with a code and leaves it as it was', async (t) => {
    const path = join(await tempDir(t), 'ledger.sqlite')
    await (await openSqliteLedger(path)).close()
    const db = new DatabaseSync(path)
    db.exec('PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    await refusesToOpen(path, 'store_schema_newer')
  })

  it('refuses a database of another program', async (t) => {
    const path = join(await tempDir(t), 'ledger.sqlite')
    const db = new DatabaseSync(path)
    db.exec('CREATE TABLE theirs (x)')
    db.close()
    await refusesToOpen(path, 'store_schema_unknown')
  })

  it('refuses what is no database', async (t) => {
    const path = join(await tempDir(t), 'ledger.sqlite')
    await writeFile(
      path,
      'a text, and long enough to be read as a header of SQLite, one would think'.repeat(100),
    )
    await refusesToOpen(path, 'store_corrupt')
  })

  it('refuses a path it cannot make', async (t) => {
    const dir = await tempDir(t)
    await writeFile(join(dir, 'file'), '')
    await assert.rejects(openSqliteLedger(join(dir, 'file', 'ledger.sqlite')), codeIs('store_failed'))
  })

  it('takes thousands of waiting appends in few transactions and in order', async (t) => {
    const ledger = await openSqliteLedger(join(await tempDir(t), 'ledger.sqlite'))
    const stream = aStream()
    const stored = await Promise.all(
      Array.from({ length: 2_500 }, (_, seq) => ledger.append(stream, seq, [joined()])),
    )
    assert.deepEqual(
      stored.map(([event]) => event?.seq),
      Array.from({ length: 2_500 }, (_, n) => n + 1),
    )
    await ledger.close()
  })
})

async function refusesToOpen(path: string, code: string): Promise<void> {
  const before = await readFile(path)
  await assert.rejects(openSqliteLedger(path), codeIs(code))
  assert.deepEqual(await readFile(path), before)
}

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isQalError(error), String(error))
    assert.equal(error.code, code)
    return true
  }
}
