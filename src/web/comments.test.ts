import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { describe, it } from 'node:test'
import { unplaced } from '../../test/random-events.ts'
import { newRecord } from '../../test/record.ts'
import { tempDir } from '../../test/tools.ts'
import { openFolderBlobs } from '../store/blobs-folder.ts'
import { openCatalogue } from '../store/catalogue.ts'
import { openSqliteLedger } from '../store/ledger-sqlite.ts'
import { commentPage, REPLIES_A_THREAD, THREADS_A_PAGE, type CommentPage } from './comments.ts'

type Asked = Parameters<typeof commentPage>[1]

/** A listing with so many first comments, and so many answers to the oldest of them. */
async function pages(
  t: TestContext,
  firsts: number,
  replies: number,
): Promise<(asked: Asked) => Promise<CommentPage>> {
  const record = newRecord()
  const alice = record.join('alice')
  const id = record.submit(alice)
  for (let n = 0; n < firsts + replies; n += 1) {
    const data = { text: n.toString(16).padStart(64, '0'), reply_to: n < firsts ? null : 2 }
    record.append(`listing/${id}`, 'commented', data, { by: alice })
  }
  const ledger = await openSqliteLedger(':memory:')
  const catalogue = openCatalogue(':memory:', { siteName: 'Test' })
  t.after(() => ledger.close())
  t.after(() => catalogue.close())
  for (const event of record.events) await ledger.append(event.stream, event.seq - 1, [unplaced(event)])
  await catalogue.catchUp(ledger)
  const blobs = await openFolderBlobs(await tempDir(t))
  return (asked) => commentPage({ id }, asked, { catalogue, blobs })
}

describe('when a listing has many comments', () => {
  it('gives a page of threads, the newest first', async (t) => {
    const page = await pages(t, THREADS_A_PAGE + 1, 0)
    const first = await page({ page: 1 })
    assert.deepEqual(
      [first.threads.length, first.pages, first.total],
      [THREADS_A_PAGE, 2, THREADS_A_PAGE + 1],
    )
    const last = await page({ page: 2 })
    assert.deepEqual(
      last.threads.map(({ first: { seq } }) => seq),
      [2],
    )
    assert.deepEqual((await page({ page: 3 })).threads, [])
  })

  it('never lets one thread make a page long', async (t) => {
    const page = await pages(t, 1, 300)
    const { threads, pages: count } = await page({ page: 1 })
    assert.equal(count, 1)
    assert.equal(threads[0]?.replies.length, REPLIES_A_THREAD)
    assert.equal(threads[0]?.more, 300 - REPLIES_A_THREAD)
  })

  it('gives one thread whole, page by page, each reply once and in order', async (t) => {
    const page = await pages(t, 3, 120)
    const seen: number[] = []
    const { pages: count } = await page({ page: 1, thread: 2 })
    assert.equal(count, 3)
    for (let n = 1; n <= count; n += 1) {
      const { threads, thread } = await page({ page: n, thread: 2 })
      assert.equal(thread, 2)
      assert.equal(threads[0]?.first.seq, 2)
      assert.equal(threads[0]?.more, 0)
      seen.push(...(threads[0]?.replies ?? []).map(({ seq }) => seq))
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 120 }, (_, n) => n + 5),
    )
  })

  it('gives nothing of a thread that is none', async (t) => {
    const page = await pages(t, 2, 1)
    for (const thread of [4, 99])
      assert.deepEqual((await page({ page: 1, thread })).threads, [], String(thread))
  })
})
