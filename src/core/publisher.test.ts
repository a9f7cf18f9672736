import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { digest, newRecord, PASS } from '../../test/record.ts'
import type { ListingSubmitted, PublisherRecorded, VerificationRecorded } from './events.ts'
import type { ListingView, PublisherView } from './views.ts'

const COMMIT = 'c'.repeat(40)
/** The digest and size of the first listing that a record submits. */
const LISTED = { sha256: digest(1), size_bytes: 1_001 }
const SOURCE: ListingSubmitted['source'] = {
  type: 'official_huggingface',
  url: null,
  repository: 'org/repo',
  commit: COMMIT,
  path: 'model-1.gguf',
  quantised_by: null,
}
const EQUAL: PublisherRecorded = {
  state: 'equal',
  hub: 'https://huggingface.co',
  repository: 'org/repo',
  commit: COMMIT,
  path: 'model-1.gguf',
  renamed_to: null,
  ...LISTED,
  reason: null,
}
const DIFFERS: PublisherRecorded = {
  ...EQUAL,
  state: 'differs',
  sha256: digest(99),
  reason: 'its SHA-256 differs',
}
const UNKNOWN: PublisherRecorded = {
  ...EQUAL,
  state: 'unknown',
  sha256: null,
  size_bytes: null,
  reason: 'the repository is gated',
}
const INTEGRITY_FAILED = { ...PASS, integrity: 'fail', behaviour: 'skipped' } as const

/** One verification: by a verifier of that name, granted or not. */
interface Said {
  by?: string
  granted?: boolean
  over?: Partial<VerificationRecorded>
}

function listingOf(source: Partial<typeof SOURCE>, said: (PublisherRecorded | null | Said)[]): ListingView {
  const record = newRecord()
  const listing = record.submit(record.join('alice'), { source: { ...SOURCE, ...source } })
  const verifiers = new Map<string, string>()
  for (const [n, one] of said.entries()) {
    const {
      by = `vera-${n}`,
      granted = true,
      over = {},
    } = one === null || 'hub' in one ? { over: { publisher: one } } : one
    const verifier = verifiers.get(by) ?? record.join(by)
    verifiers.set(by, verifier)
    if (granted) record.grant(verifier, 'verifier')
    const judges = over.publisher?.state === 'differs' ? INTEGRITY_FAILED : PASS
    record.verify(listing, verifier, over.judges ?? judges, over)
  }
  return record.listing(listing)
}

function evidence(said: PublisherRecorded): string {
  return listingOf({}, [said]).provenance.find(({ step }) => step === 'publisher')?.evidence ?? ''
}

describe('the publisher’s own digest (T13)', () => {
  type State = PublisherView['state']
  const cases: [string, Partial<typeof SOURCE>, (PublisherRecorded | null | Said)[], State][] = [
    ['no repository named', { repository: null }, [EQUAL], 'none'],
    ['no commit', { commit: null }, [EQUAL], 'unpinned'],
    ['no file named', { path: null }, [EQUAL], 'no_path'],
    ['nobody asked', {}, [], 'unasked'],
    ['a verifier who asks nobody', {}, [null], 'unasked'],
    ['the same digest and size', {}, [EQUAL], 'equal'],
    ['another digest', {}, [DIFFERS], 'differs'],
    ['a hub that does not tell', {}, [UNKNOWN], 'unknown'],
    ['equal, and a hub that does not tell another', {}, [EQUAL, UNKNOWN], 'equal'],
    ['equal, and different for another', {}, [EQUAL, DIFFERS], 'differs'],
    ['different, and equal for another after it', {}, [DIFFERS, EQUAL], 'differs'],
    [
      'different at first, equal when the same verifier looks again',
      {},
      [
        { by: 'vera', over: { publisher: DIFFERS } },
        { by: 'vera', over: { publisher: EQUAL } },
      ],
      'equal',
    ],
    ['equal, by somebody without the role', {}, [{ granted: false, over: { publisher: EQUAL } }], 'unasked'],
    [
      'different, by somebody without the role',
      {},
      [{ granted: false, over: { publisher: DIFFERS } }],
      'unasked',
    ],
    ['equal at another commit', {}, [{ ...EQUAL, commit: 'd'.repeat(40) }], 'unasked'],
    ['equal in another repository', {}, [{ ...EQUAL, repository: 'else/repo' }], 'unasked'],
    ['equal under another path', {}, [{ ...EQUAL, path: 'else.gguf' }], 'unasked'],
    ['said to be equal, with another digest', {}, [{ ...EQUAL, sha256: digest(2) }], 'unknown'],
    ['said to be equal, with another size', {}, [{ ...EQUAL, size_bytes: 5 }], 'unknown'],
    ['said to be equal, without a digest', {}, [{ ...EQUAL, sha256: null }], 'unknown'],
    [
      'equal to the listed digest, while other bytes were found',
      {},
      [{ over: { publisher: EQUAL, sha256: digest(2) } }],
      'unknown',
    ],
  ]
  for (const [what, source, said, state] of cases)
    it(`${what}: ${state}`, () => {
      const { publisher, provenance, verified_by } = listingOf(source, said)
      assert.equal(publisher.state, state)
      const step = provenance.find(({ step: name }) => name === 'publisher')
      const expected = { none: undefined, equal: 'proved', differs: 'contradicted' } as const
      const shown = state in expected ? expected[state as keyof typeof expected] : 'claimed'
      assert.equal(step?.state, shown)
      assert.equal(verified_by.includes('huggingface'), state === 'equal')
    })

  it('names the commit, the path and the hub in its evidence, and why where it is not known', () => {
    for (const part of ['SHA-256', 'cccccccccccc', 'model-1.gguf', 'huggingface.co'])
      assert.ok(evidence(EQUAL).includes(part), part)
    assert.ok(evidence({ ...EQUAL, hub: 'http://127.0.0.1:9' }).includes('127.0.0.1:9'))
    assert.ok(evidence({ ...EQUAL, renamed_to: 'org/new' }).includes('now named org/new'))
    assert.ok(evidence(UNKNOWN).includes('the repository is gated'))
    for (const digits of [digest(99), digest(1)])
      assert.ok(evidence(DIFFERS).includes(digits.slice(0, 12)), digits)
    assert.ok(evidence({ ...DIFFERS, ...LISTED, reason: 'part 2 is not it' }).includes('part 2 is not it'))
  })

  it('names the hub among who verified only where the listing is VERIFIED', () => {
    assert.deepEqual(listingOf({}, [EQUAL]).verified_by, ['vera-0', 'huggingface'])
    const doubted = listingOf({}, [{ over: { publisher: EQUAL, judges: { ...PASS, form: 'skipped' } } }])
    assert.deepEqual([doubted.consensus, doubted.verified_by], ['PENDING', []])
  })

  it('does not take a member’s name for the hub', () => {
    const said: Said[] = [{ by: 'huggingface', over: { publisher: UNKNOWN } }]
    assert.deepEqual(listingOf({}, said).verified_by, ['@huggingface'])
  })

  it('gives no gold star: a hub’s digest says nothing of who uploaded (T6)', () => {
    const record = newRecord()
    const alice = record.join('alice')
    record.grant(alice, 'official')
    record.key(alice, 'A'.repeat(40) as never)
    const vera = record.join('vera')
    record.grant(vera, 'verifier')
    const listing = record.submit(alice, { source: SOURCE })
    record.publish(listing)
    record.verify(listing, vera, PASS, { publisher: EQUAL })
    const { tier, publisher, badge_reasons } = record.listing(listing)
    assert.deepEqual([publisher.state, tier], ['equal', 'unverified'])
    assert.deepEqual(
      badge_reasons.map(({ rule, met }) => [rule, met]),
      [
        ['T6a', true],
        ['T6b', false],
        ['T6c', true],
      ],
    )
  })
})
