import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { newRecord } from '../../test/record.ts'
import { unplaced } from '../../test/random-events.ts'
import type { Catalogue } from './catalogue.ts'
import { openCatalogue } from './catalogue.ts'
import { openSqliteLedger } from './ledger-sqlite.ts'
import type { Ledger } from './ledger.ts'

describe('a listing that another takes the place of (T13)', () => {
  const record = newRecord()
  const alice = record.join('alice')
  const mona = record.join('mona')
  record.grant(mona, 'moderator')
  const [old, newer, plain] = [record.submit(alice), record.submit(alice), record.submit(alice)]
  let ledger: Ledger
  let catalogue: Catalogue
  let taken = 0

  before(async () => {
    ledger = await openSqliteLedger(':memory:')
    catalogue = openCatalogue(':memory:', { siteName: 'Test', now: () => record.now() })
    for (const listing of [old, newer, plain]) record.review(listing, mona, 'approve')
    await follow()
  })
  after(async () => {
    catalogue.close()
    await ledger.close()
  })

  async function follow(): Promise<void> {
    for (const event of record.events.slice(taken))
      await ledger.append(event.stream, event.seq - 1, [unplaced(event)])
    taken = record.events.length
    await catalogue.catchUp(ledger)
  }
  const supersede = (by: string | null) =>
    record.append(`listing/${old}`, 'superseded', { by }, { by: alice, authority: { as: 'self' } })
  const shown = (query = {}) => {
    const { items, total, facets } = catalogue.search(query)
    assert.equal(facets.tag.find(({ value }) => value === 'chat')?.count ?? 0, total)
    return items.map(({ id }) => id).toSorted()
  }

  it('is left out of lists, counts and searches while that one is published', async () => {
    assert.deepEqual(shown(), [old, newer, plain].toSorted())
    supersede(newer)
    await follow()
    assert.deepEqual(shown(), [newer, plain].toSorted())
    assert.deepEqual(shown({ q: 'model' }), [newer, plain].toSorted())
    assert.deepEqual(shown({ uploader: alice }), [old, newer, plain].toSorted())
    assert.deepEqual(catalogue.predecessors(newer), [{ id: old, model: 'Model 1', status: 'published' }])
    assert.equal(catalogue.listing(old)?.superseded_by, newer)
  })

  it('comes back where that one is taken down, or the word is taken back', async () => {
    record.review(newer, mona, 'remove')
    await follow()
    assert.deepEqual(shown(), [old, plain].toSorted())
    record.review(newer, mona, 'restore')
    await follow()
    assert.deepEqual(shown(), [newer, plain].toSorted())
    supersede(null)
    await follow()
    assert.deepEqual(shown(), [old, newer, plain].toSorted())
    assert.deepEqual(catalogue.predecessors(newer), [])
  })
})
