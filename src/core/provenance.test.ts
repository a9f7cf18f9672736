import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { digest, FAIL, fingerprint, newRecord, PASS } from '../../test/record.ts'
import type { ListingSubmitted, VerificationRecorded } from './events.ts'
import type { ProvenanceStep } from './views.ts'

const KEY = fingerprint(1)
const SOURCE: ListingSubmitted['source'] = {
  type: 'community_quant',
  url: 'https://huggingface.co/meta-llama/Llama-3.3-70B-Instruct',
  repository: 'meta-llama/Llama-3.3-70B-Instruct',
  commit: 'a'.repeat(40),
  path: null,
  quantised_by: 'TheBloke',
}
const QUANTISATION: NonNullable<VerificationRecorded['quantisation']> = {
  claimed: 'Q4_K_M',
  proven: ['Q4_K_M'],
  match: 'exact',
  matched: 291,
  total: 291,
  bits_per_weight_milli: 4_850,
}

const INTEGRITY = { ...PASS, integrity: 'fail' } as const
const DIFFERS: NonNullable<VerificationRecorded['publisher']> = {
  state: 'differs',
  hub: 'https://huggingface.co',
  repository: SOURCE.repository ?? '',
  commit: SOURCE.commit ?? '',
  path: 'model.gguf',
  renamed_to: null,
  sha256: digest(98),
  size_bytes: 5,
  reason: null,
}

interface Case {
  source?: Partial<ListingSubmitted['source']>
  signed?: boolean
  key?: boolean
  found?: Partial<VerificationRecorded>[]
  /** Whether who verified was granted the role. */
  granted?: boolean
}

function chain({
  source = {},
  signed = false,
  key = true,
  found = [],
  granted = true,
}: Case): ProvenanceStep[] {
  const record = newRecord()
  const alice = record.join('alice')
  if (key) record.key(alice, KEY)
  const listing = record.submit(alice, {
    source: { ...SOURCE, ...source },
    signature: signed ? { blob: digest(3), fingerprint: KEY } : null,
  })
  for (const [n, over] of found.entries()) {
    const verifier = record.join(`vera-${n}`)
    if (granted) record.grant(verifier, 'verifier')
    record.verify(listing, verifier, over.judges ?? PASS, over)
  }
  return record.listing(listing).provenance
}

describe('a step of the source chain (T13)', () => {
  type Step = ProvenanceStep['step']
  const cases: [what: string, listing: Case, step: Step, state: ProvenanceStep['state']][] = [
    ['a publisher who is named', {}, 'publisher', 'claimed'],
    ['a publisher who is named, verified', { found: [{}] }, 'publisher', 'claimed'],
    ['a publisher without a commit', { source: { commit: null } }, 'publisher', 'claimed'],
    ['a quantiser who is named', {}, 'quantiser', 'claimed'],
    [
      'a quantiser whose recipe matches: what was done, not who did it',
      { found: [{ quantisation: QUANTISATION }] },
      'quantiser',
      'claimed',
    ],
    [
      'a quantiser whose label is wrong',
      {
        found: [{ judges: FAIL, quantisation: { ...QUANTISATION, proven: ['Q8_0'], match: 'mislabelled' } }],
      },
      'quantiser',
      'contradicted',
    ],
    ['a mirror that nobody downloaded', {}, 'mirror', 'claimed'],
    ['a mirror whose bytes are as submitted', { found: [{}] }, 'mirror', 'proved'],
    [
      'a mirror whose bytes differ',
      { found: [{ judges: { ...PASS, integrity: 'fail' } }] },
      'mirror',
      'contradicted',
    ],
    [
      'a mirror one verifier contradicts',
      { found: [{}, { judges: { ...PASS, integrity: 'fail' } }] },
      'mirror',
      'contradicted',
    ],
    [
      'a mirror one verifier left out',
      { found: [{}, { judges: { ...PASS, integrity: 'skipped' } }] },
      'mirror',
      'claimed',
    ],
    [
      'a mirror of the listed bytes, which the publisher’s hub contradicts',
      { found: [{ judges: INTEGRITY, publisher: DIFFERS }] },
      'mirror',
      'claimed',
    ],
    [
      'a mirror of other bytes, which the publisher’s hub contradicts too',
      { found: [{ judges: INTEGRITY, publisher: DIFFERS, sha256: digest(99) }] },
      'mirror',
      'contradicted',
    ],
    [
      'a mirror of the listed bytes, whose signature is bad',
      { signed: true, found: [{ judges: INTEGRITY, signature: { state: 'bad', fingerprint: KEY } }] },
      'mirror',
      'claimed',
    ],
    [
      'a mirror of the listed bytes, which one verifier found broken for no such reason',
      { found: [{ judges: INTEGRITY, publisher: DIFFERS }, { judges: INTEGRITY }] },
      'mirror',
      'contradicted',
    ],
    ['a mirror of other bytes', { found: [{ sha256: digest(99) }] }, 'mirror', 'claimed'],
    ['an uploader without a signature', { found: [{}] }, 'uploader', 'claimed'],
    ['an uploader whose signature nobody checked', { signed: true }, 'uploader', 'claimed'],
    [
      'an uploader who signed',
      { signed: true, found: [{ signature: { state: 'good', fingerprint: KEY } }] },
      'uploader',
      'proved',
    ],
    [
      'an uploader whose signature is bad',
      { signed: true, found: [{ signature: { state: 'bad', fingerprint: KEY } }] },
      'uploader',
      'contradicted',
    ],
    [
      'an uploader who signed with a key not theirs',
      { signed: true, key: false, found: [{ signature: { state: 'good', fingerprint: KEY } }] },
      'uploader',
      'contradicted',
    ],
    ['a verification that passed', { found: [{}] }, 'verification', 'proved'],
    ['a verification that failed', { found: [{ judges: FAIL }] }, 'verification', 'contradicted'],
    [
      'a verification in part',
      { found: [{ judges: { ...PASS, form: 'skipped' } }] },
      'verification',
      'claimed',
    ],
  ]
  for (const [what, listing, step, state] of cases)
    it(`${what}: ${state}`, () => {
      const found = chain(listing).find((each) => each.step === step)
      assert.equal(found?.state, state)
    })

  it('stands in the mission’s order, each with evidence', () => {
    const steps = chain({ found: [{}, {}] })
    assert.deepEqual(
      steps.map(({ step }) => step),
      ['publisher', 'quantiser', 'mirror', 'uploader', 'verification', 'verification'],
    )
    assert.ok(steps.every(({ evidence, who }) => evidence !== '' && who !== ''))
  })

  it('is absent where nothing is claimed', () => {
    const steps = chain({
      source: { type: 'user_upload', url: null, repository: null, commit: null, quantised_by: null },
    })
    assert.deepEqual(
      steps.map(({ step }) => step),
      ['mirror', 'uploader'],
    )
  })

  it('is never proved by somebody without the role', () => {
    const steps = chain({
      signed: true,
      granted: false,
      found: [{ quantisation: QUANTISATION, signature: { state: 'good', fingerprint: KEY } }],
    })
    assert.deepEqual([...new Set(steps.map(({ state }) => state))], ['claimed'])
    assert.ok(!steps.some(({ step }) => step === 'verification'))
  })
})
