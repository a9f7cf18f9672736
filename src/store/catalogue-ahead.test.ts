import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { digest, newRecord } from '../../test/record.ts'
import { unplaced } from '../../test/random-events.ts'
import { openCatalogue } from './catalogue.ts'
import { openSqliteLedger } from './ledger-sqlite.ts'

/**
 * An act may be read before the event of the site's stream that gave its right:
 * the catalogue must look again when that comes, whatever kind of act it is.
 */
describe('an act that names a position the site has not reached', () => {
  const acts: [type: string, data: (earlier: { review: number; report: number; other: string }) => object][] =
    [
      ['review_decided', () => ({ decision: 'remove', reason: null })],
      ['decision_undone', ({ review }) => ({ review })],
      ['reports_decided', ({ report }) => ({ upheld: false, reports: [report], reason: null })],
      ['appeal_dismissed', () => ({ reason: null })],
      ['superseded', ({ other }) => ({ by: other })],
      ['verification_requested', () => ({ reason: 'on_demand' })],
      ['web_seed_added', () => ({ url: 'https://example.org/m.gguf' })],
    ]
  for (const [type, data] of acts)
    it(`counts once it is reached: ${type}`, async (t) => {
      const record = newRecord()
      const [alice, mona, rei, vera] = ['alice', 'mona', 'rei', 'vera'].map((handle) => record.join(handle))
      record.grant(rei ?? '', 'moderator')
      record.grant(vera ?? '', 'verifier')
      const [listing, other] = [record.submit(alice ?? ''), record.submit(alice ?? '')]
      const review = record.review(listing, rei ?? '', 'approve').seq
      record.verify(listing, vera ?? '', { integrity: 'pass', form: 'pass', behaviour: 'pass' })
      const report = record.report(listing, 1).seq
      record.append(
        `listing/${listing}`,
        'appealed',
        { text: digest(3) },
        { by: alice ?? '', authority: { as: 'self' } },
      )

      const ledger = await openSqliteLedger(':memory:')
      const catalogue = openCatalogue(':memory:', { siteName: 'Qal.to', now: () => record.now() })
      t.after(async () => {
        catalogue.close()
        await ledger.close()
      })
      let taken = 0
      const follow = async (): Promise<void> => {
        for (const event of record.events.slice(taken))
          await ledger.append(event.stream, event.seq - 1, [unplaced(event)])
        taken = record.events.length
        await catalogue.catchUp(ledger)
      }
      const ahead = { as: 'role', role: 'moderator', site_seq: record.siteSeq() + 1 } as const
      record.append(`listing/${listing}`, type, data({ review, report, other }), {
        by: mona ?? '',
        authority: ahead,
      })
      await follow()
      const before = record.listing(listing)
      assert.deepEqual(catalogue.listing(listing), before)
      record.grant(mona ?? '', 'moderator')
      await follow()
      assert.notDeepEqual(record.listing(listing), before)
      assert.deepEqual(catalogue.listing(listing), record.listing(listing))
    })
})
