import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { digest, FAIL, newRecord, PASS, type TestRecord } from '../../test/record.ts'
import { unplaced } from '../../test/random-events.ts'
import { openCatalogue, type Catalogue } from './catalogue.ts'
import { openSqliteLedger } from './ledger-sqlite.ts'

const TEMPLATE = digest(71)
const seen = (sha256 = TEMPLATE) => ({ templates: [{ name: 'default', sha256, state: 'clean' as const }] })

async function catalogueOf(t: TestContext, record: TestRecord): Promise<Catalogue> {
  const ledger = await openSqliteLedger(':memory:')
  const catalogue = openCatalogue(':memory:', { siteName: 'Test', now: () => record.now() })
  t.after(() => {
    catalogue.close()
    return ledger.close()
  })
  for (const event of record.events) await ledger.append(event.stream, event.seq - 1, [unplaced(event)])
  await catalogue.catchUp(ledger)
  return catalogue
}

/** Two members' listings that a verifier has seen the template in, and one of another template. */
function threeListings() {
  const record = newRecord()
  const [alice, bob, vera] = [record.join('alice'), record.join('bob'), record.join('vera')]
  record.grant(vera, 'verifier')
  const [first, second, other] = [record.submit(alice), record.submit(bob), record.submit(bob)]
  for (const listing of [first, second, other]) record.publish(listing)
  record.verify(first, vera, PASS, seen())
  record.verify(second, vera, PASS, seen())
  record.verify(other, vera, PASS, seen(digest(72)))
  return { record, alice, bob, vera, first, second, other }
}

describe('where a chat template stands', () => {
  it('is counted by listings and by members, and its first sight is named', async (t) => {
    const { record, alice, vera, first, second, other } = threeListings()
    const third = record.submit(alice)
    record.publish(third)
    record.verify(third, vera, PASS, seen())
    const catalogue = await catalogueOf(t, record)
    const at = catalogue.listing(first)?.verifications[0]?.at
    const { first: sight, ...use } = catalogue.templateUse(TEMPLATE, second)
    assert.deepEqual(use, { listings: 2, uploaders: 1, refused: 0 })
    assert.deepEqual(sight, { id: first, at })
    assert.equal(catalogue.templateUse(digest(72), other).first?.id, other)
    assert.deepEqual(catalogue.templateUse(digest(73), other), {
      listings: 0,
      uploaders: 0,
      refused: 0,
      first: null,
    })
  })

  it('counts apart what was refused, and not at all what nobody granted has seen', async (t) => {
    const { record, bob, vera, first, second } = threeListings()
    const mona = record.join('mona')
    record.grant(mona, 'moderator')
    const [refused, unseen] = [record.submit(bob), record.submit(bob)]
    record.verify(refused, vera, FAIL, seen())
    record.review(refused, mona, 'reject')
    record.publish(unseen)
    record.verify(unseen, record.join('eve'), PASS, seen(), { authority: { as: 'self' } })
    const { listings, refused: bad } = (await catalogueOf(t, record)).templateUse(TEMPLATE, first)
    assert.deepEqual([listings, bad], [1, 1])
    void second
  })

  it('follows the latest verification', async (t) => {
    const { record, vera, first, second } = threeListings()
    record.verify(second, vera, PASS, seen(digest(74)))
    const catalogue = await catalogueOf(t, record)
    assert.equal(catalogue.templateUse(TEMPLATE, first).listings, 0)
    assert.equal(catalogue.templateUse(digest(74), first).listings, 1)
  })
})
