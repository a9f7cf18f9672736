import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { digest, submission, testUlid, verification, PASS } from '../../test/record.ts'
import { isQalError } from './error.ts'
import { CURRENT_VERSION, streamKind, subjectOf } from './events.ts'
import { Fingerprint, Handle, InfoHash, MemberId, Sha256 } from './ids.ts'
import { parseEvent } from './lift.ts'
import { DEFAULT_POLICY } from './policy.ts'

const LISTING = `listing/${testUlid(1)}`
const MEMBER = `m_${testUlid(2)}`

function envelope(over: object = {}): object {
  return {
    v: CURRENT_VERSION,
    type: 'listing_submitted',
    id: testUlid(3),
    stream: LISTING,
    seq: 1,
    at: '2025-01-01T00:00:00.000Z',
    by: MEMBER,
    authority: { as: 'self' },
    data: submission(1),
    ...over,
  }
}

function submitted(over: object): object {
  return envelope({ data: { ...submission(1), ...over } })
}

function event(stream: string, type: string, data: object): object {
  return envelope({ stream, type, data })
}

function refusesAt(value: unknown, field: string): void {
  assert.throws(
    () => parseEvent(value),
    (error) => {
      assert.ok(isQalError(error))
      assert.equal(error.code, 'ledger_event_invalid')
      assert.equal(error.facts.field, field)
      assert.equal(error.facts.exit, 4)
      return true
    },
  )
}

describe('parseEvent takes', () => {
  const cases: [what: string, value: object][] = [
    ['a submission', envelope()],
    ['a name in any script', submitted({ name: 'Qwen 通义 2.5 — Ünïcode' })],
    ['a name of 120 characters', submitted({ name: 'x'.repeat(120) })],
    ['a web seed with a query', submitted({ web_seeds: ['https://example.com/a%20b.gguf?x=1'] })],
    [
      'trackers of four schemes',
      submitted({
        trackers: [
          'udp://t.example.com:1/announce',
          'http://t.example.com/a',
          'https://t.example.com/a',
          'wss://t.example.com',
        ],
      }),
    ],
    ['a file in a folder', submitted({ files: [{ ...file(), path: 'a b/ünï/x..y.gguf' }] })],
    ['only a v2 info hash', submitted({ info_hash: null, info_hash_v2: digest(3) })],
    ['the default policy', event('site', 'policy_set', { policy: DEFAULT_POLICY })],
    [
      'a role of an admin',
      envelope({
        stream: 'site',
        type: 'role_granted',
        data: { member: MEMBER, role: 'verifier' },
        authority: { as: 'role', role: 'admin', site_seq: 1 },
      }),
    ],
    ['a verification', event(LISTING, 'verification_recorded', verification(PASS, digest(1)))],
    [
      'a rule as authority',
      envelope({
        type: 'listing_published',
        by: null,
        authority: { as: 'rule', rule: 'T7' },
        data: { reason: 'x' },
      }),
    ],
  ]
  for (const [what, value] of cases) it(what, () => assert.deepEqual(parseEvent(value), value))

  it('a type or a version it does not know, unread, for newer readers', () => {
    const future = envelope({ type: 'listing_blessed', data: { anything: 1 } })
    assert.deepEqual(parseEvent(future), future)
    const newer = envelope({ v: CURRENT_VERSION + 1, data: { anything: 1 } })
    assert.deepEqual(parseEvent(newer), newer)
  })
})

describe('parseEvent refuses and names', () => {
  const bidi = '\u202e'
  const cases: [what: string, field: string, value: unknown][] = [
    ['no object', '', 'x'],
    ['null', '', null],
    ['version 0', 'v', envelope({ v: 0 })],
    ['a version with a fraction', 'v', envelope({ v: 1.5 })],
    ['a type with capitals', 'type', envelope({ type: 'Listing' })],
    ['a type of 41 letters', 'type', envelope({ type: 'x'.repeat(41) })],
    ['an id that is no ULID', 'id', envelope({ id: 'x' })],
    ['an id with letters that Crockford leaves out', 'id', envelope({ id: `0${'I'.repeat(25)}` })],
    ['a stream of no kind', 'stream', envelope({ stream: 'other' })],
    ['a path as a stream', 'stream', envelope({ stream: 'listing/../site' })],
    ['a stream with a newline', 'stream', envelope({ stream: `${LISTING}\n` })],
    ['sequence 0', 'seq', envelope({ seq: 0 })],
    ['a time without milliseconds', 'at', envelope({ at: '2025-01-01T00:00:00Z' })],
    ['a local time', 'at', envelope({ at: '2025-01-01T00:00:00.000+01:00' })],
    ['a day that is not', 'at', envelope({ at: '2025-02-30T00:00:00.000Z' })],
    ['a handle as an author', 'by', envelope({ by: 'alice' })],
    ['an authority of no kind', 'authority.as', envelope({ authority: { as: 'god' } })],
    ['an authority with more said', 'authority', envelope({ authority: { as: 'self', role: 'admin' } })],
    [
      'a role without its position',
      'authority.site_seq',
      envelope({ authority: { as: 'role', role: 'admin' } }),
    ],
    [
      'a role that is not',
      'authority.role',
      envelope({ authority: { as: 'role', role: 'root', site_seq: 1 } }),
    ],
    ['a rule that is no number', 'authority.rule', envelope({ authority: { as: 'rule', rule: 'because' } })],
    ['a field the envelope does not have', '', envelope({ extra: 1 })],
    ['data that is a list', 'data', envelope({ data: [] })],

    ['no name', 'data.name', submitted({ name: '' })],
    ['a name of 121 characters', 'data.name', submitted({ name: 'x'.repeat(121) })],
    ['a name with a newline', 'data.name', submitted({ name: 'a\nb' })],
    ['a name with NUL', 'data.name', submitted({ name: 'a\u0000b' })],
    ['a name with an escape', 'data.name', submitted({ name: 'a\u001b[31mb' })],
    ['a name with a C1 control', 'data.name', submitted({ name: 'a\u009bb' })],
    ['a name with a bidi override', 'data.name', submitted({ name: `a${bidi}b` })],
    ['a name with a bidi isolate', 'data.name', submitted({ name: 'a\u2066b' })],
    ['a name with a zero-width space', 'data.name', submitted({ name: 'a\u200bb' })],
    ['a name with a zero-width joiner', 'data.name', submitted({ name: 'a\u200db' })],
    ['a name with a byte order mark', 'data.name', submitted({ name: '\ufeffa' })],
    ['a name with a soft hyphen', 'data.name', submitted({ name: 'a\u00adb' })],
    ['a name with a line separator', 'data.name', submitted({ name: 'a\u2028b' })],
    ['a name with a lone surrogate', 'data.name', submitted({ name: 'a\ud800' })],
    ['a name with an invisible letter', 'data.name', submitted({ name: 'a\u3164b' })],
    ['a name with a tag character', 'data.name', submitted({ name: 'a\u{e0041}b' })],
    ['a blank Braille name', 'data.name', submitted({ name: '\u2800' })],
    ['a name with a private character', 'data.name', submitted({ name: 'a\ue000' })],
    ['a name with a space at its end', 'data.name', submitted({ name: 'a ' })],
    ['a name with a no-break space before it', 'data.name', submitted({ name: '\u00a0a' })],
    ['a name that is no text', 'data.name', submitted({ name: 1 })],
    ['a field that is not', 'data', submitted({ tier: 'official' })],
    ['no files', 'data.files', submitted({ files: [] })],
    ['2001 files', 'data.files', submitted({ files: Array.from({ length: 2_001 }, file) })],
    ['a negative size', 'data.files.0.size_bytes', submitted({ files: [{ ...file(), size_bytes: -1 }] })],
    ['a path out of the folder', 'data.files.0.path', submitted({ files: [{ ...file(), path: '../x' }] })],
    [
      'a path out of a deeper folder',
      'data.files.0.path',
      submitted({ files: [{ ...file(), path: 'a/../../x' }] }),
    ],
    ['an absolute path', 'data.files.0.path', submitted({ files: [{ ...file(), path: '/etc/passwd' }] })],
    ['a Windows path', 'data.files.0.path', submitted({ files: [{ ...file(), path: 'a\\b' }] })],
    ['an empty path segment', 'data.files.0.path', submitted({ files: [{ ...file(), path: 'a//b' }] })],
    ['a path with NUL', 'data.files.0.path', submitted({ files: [{ ...file(), path: 'a\u0000' }] })],
    [
      'a path with a bidi override',
      'data.files.0.path',
      submitted({ files: [{ ...file(), path: `model${bidi}fugg.exe` }] }),
    ],
    [
      'a path of 1025 characters',
      'data.files.0.path',
      submitted({ files: [{ ...file(), path: 'x'.repeat(1_025) }] }),
    ],
    [
      'a role of a file that is not',
      'data.files.0.role',
      submitted({ files: [{ ...file(), role: 'virus' }] }),
    ],
    ['a SHA-256 in capitals', 'data.sha256', submitted({ sha256: 'A'.repeat(64) })],
    ['a SHA-256 of 63 digits', 'data.sha256', submitted({ sha256: 'a'.repeat(63) })],
    ['no SHA-256', 'data.sha256', submitted({ sha256: null })],
    ['an MD5 of 31 digits', 'data.md5', submitted({ md5: 'a'.repeat(31) })],
    ['an empty model', 'data.size_bytes', submitted({ size_bytes: 0 })],
    ['a size beyond exact integers', 'data.size_bytes', submitted({ size_bytes: 2 ** 53 })],
    ['a size that is text', 'data.size_bytes', submitted({ size_bytes: '1' })],
    ['an info hash of 39 digits', 'data.info_hash', submitted({ info_hash: 'a'.repeat(39) })],
    ['an info hash with a newline', 'data.info_hash', submitted({ info_hash: `${'a'.repeat(40)}\n` })],
    ['no info hash at all', 'data.info_hash', submitted({ info_hash: null, info_hash_v2: null })],
    ['a script as a web seed', 'data.web_seeds.0', submitted({ web_seeds: ['javascript:alert(1)'] })],
    ['a file as a web seed', 'data.web_seeds.0', submitted({ web_seeds: ['file:///etc/passwd'] })],
    ['a web seed with markup', 'data.web_seeds.0', submitted({ web_seeds: ['https://a/"><script>'] })],
    ['a web seed with a newline', 'data.web_seeds.0', submitted({ web_seeds: ['https://a/\nb'] })],
    ['a web seed that is no URL', 'data.web_seeds.0', submitted({ web_seeds: ['https://['] })],
    [
      'a web seed of 2001 characters',
      'data.web_seeds.0',
      submitted({ web_seeds: [`https://a/${'x'.repeat(1_991)}`] }),
    ],
    [
      '51 web seeds',
      'data.web_seeds',
      submitted({ web_seeds: Array.from({ length: 51 }, () => 'https://a/b') }),
    ],
    ['a script as a tracker', 'data.trackers.0', submitted({ trackers: ['javascript:alert(1)'] })],
    ['a tracker with a space', 'data.trackers.0', submitted({ trackers: ['udp://a b/announce'] })],
    [
      '51 trackers',
      'data.trackers',
      submitted({ trackers: Array.from({ length: 51 }, () => 'udp://a:1/announce') }),
    ],
    [
      'a script as a source',
      'data.source.url',
      submitted({ source: { ...submission(1).source, url: ' javascript:alert(1)' } }),
    ],
    [
      'a repository that is a path',
      'data.source.repository',
      submitted({ source: { ...submission(1).source, repository: 'a/b/c' } }),
    ],
    [
      'a short commit',
      'data.source.commit',
      submitted({ source: { ...submission(1).source, commit: 'abc1234' } }),
    ],
    [
      'a source type that is not',
      'data.source.type',
      submitted({ source: { ...submission(1).source, type: 'official' } }),
    ],
    ['a tag with capitals', 'data.tags.0', submitted({ tags: ['Chat'] })],
    ['a tag with markup', 'data.tags.0', submitted({ tags: ['<b>'] })],
    ['a tag of 33 letters', 'data.tags.0', submitted({ tags: ['x'.repeat(33)] })],
    ['an empty tag', 'data.tags.0', submitted({ tags: [''] })],
    ['17 tags', 'data.tags', submitted({ tags: Array.from({ length: 17 }, (_, n) => `t${n}`) })],
    ['a quantisation with markup', 'data.quantisation', submitted({ quantisation: 'Q4"K' })],
    ['a hardware text over 200', 'data.hardware', submitted({ hardware: 'x'.repeat(201) })],
    ['a README in place of its digest', 'data.readme', submitted({ readme: 'hello' })],
    [
      'a fingerprint in small letters',
      'data.signature.fingerprint',
      submitted({ signature: { blob: digest(1), fingerprint: 'a'.repeat(40) } }),
    ],

    ['six stars', 'data.stars', event(LISTING, 'rated', { stars: 6, works: null })],
    ['no star', 'data.stars', event(LISTING, 'rated', { stars: 0, works: null })],
    ['half a star', 'data.stars', event(LISTING, 'rated', { stars: 1.5, works: null })],
    [
      'a report of no category',
      'data.category',
      event(LISTING, 'reported', { category: 'spam', reporter: digest(1), counts: true, text: digest(2) }),
    ],
    [
      'a reporter by name',
      'data.reporter',
      event(LISTING, 'reported', { category: 'malware', reporter: MEMBER, counts: true, text: digest(2) }),
    ],
    [
      'a decision that is not',
      'data.decision',
      event(LISTING, 'review_decided', { decision: 'maybe', reason: null }),
    ],
    [
      'a verdict that is not',
      'data.judges.form',
      event(LISTING, 'verification_recorded', {
        ...verification(PASS, digest(1)),
        judges: { ...PASS, form: 'ok' },
      }),
    ],
    [
      'a judge left out',
      'data.judges.behaviour',
      event(LISTING, 'verification_recorded', {
        ...verification(PASS, digest(1)),
        judges: { integrity: 'pass', form: 'pass' },
      }),
    ],
    [
      'a policy without a threshold',
      'data.policy.reports',
      event('site', 'policy_set', { policy: { ...DEFAULT_POLICY, reports: undefined } }),
    ],
    [
      'a policy that never suspends',
      'data.policy.reports.suspend_at',
      event('site', 'policy_set', {
        policy: { ...DEFAULT_POLICY, reports: { ...DEFAULT_POLICY.reports, suspend_at: 101 } },
      }),
    ],
    [
      'a handle with capitals',
      'data.handle',
      event(`member/${MEMBER}`, 'member_joined', { handle: 'Alice' }),
    ],
  ]
  for (const [what, field, value] of cases) it(what, () => refusesAt(value, field))
})

describe('an event of one kind of stream', () => {
  it('is unknown in another, so that its data is never taken for checked', () => {
    const misplaced = event('site', 'listing_submitted', { name: '' })
    assert.deepEqual(parseEvent(misplaced), misplaced)
  })

  it('is not found among what every object has', () => {
    assert.deepEqual(parseEvent(event('site', 'constructor', {})), event('site', 'constructor', {}))
  })
})

describe('ids', () => {
  const cases: [
    schema: { safeParse(value: unknown): { success: boolean } },
    good: string[],
    bad: string[],
  ][] = [
    [
      Handle,
      ['ab', 'a-b', 'a_b', '0x', 'a'.repeat(32)],
      ['a', 'a-', '-a', 'A1', 'a b', 'a'.repeat(33), 'аb', 'ab\n', ''],
    ],
    [MemberId, [MEMBER], [testUlid(1), `m_${'8'.repeat(26)}`, `M_${testUlid(1)}`, `m_${testUlid(1)}\n`]],
    [Sha256, ['0'.repeat(64)], ['0'.repeat(63), '0'.repeat(65), 'G'.repeat(64), 'A'.repeat(64)]],
    [InfoHash, ['f'.repeat(40)], ['f'.repeat(64), 'F'.repeat(40)]],
    [Fingerprint, ['A'.repeat(40), '0'.repeat(64)], ['A'.repeat(41), 'a'.repeat(40), 'A'.repeat(32)]],
  ]
  for (const [schema, good, bad] of cases) {
    for (const value of good)
      it(`takes ${JSON.stringify(value)}`, () => assert.ok(schema.safeParse(value).success))
    for (const value of bad)
      it(`refuses ${JSON.stringify(value)}`, () => assert.ok(!schema.safeParse(value).success))
  }
})

describe('a stream name', () => {
  it('says its kind and subject', () => {
    assert.equal(streamKind('site'), 'site')
    assert.equal(streamKind(`member/${MEMBER}`), 'member')
    assert.equal(streamKind(`listing/${testUlid(1)}`), 'listing')
    assert.equal(subjectOf(`member/${MEMBER}`), MEMBER)
    assert.equal(subjectOf(`listing/${testUlid(1)}`), testUlid(1))
  })
})

function file(): object {
  return submission(1).files[0] ?? {}
}
