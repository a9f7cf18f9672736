import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isQalError } from '../core/error.ts'
import { decode, encode, Raw, type BValue } from './bencode.ts'

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('when bencoding is read', () => {
  const good: [text: string, value: unknown][] = [
    ['i0e', 0n],
    ['i-1e', -1n],
    ['i9223372036854775807e', 9223372036854775807n],
    ['i-9223372036854775808e', -9223372036854775808n],
    ['0:', ''],
    ['3:a:b', 'a:b'],
    ['le', []],
    ['l1:ai2eled0:leee', ['a', 2n, [], { '': [] }]],
    ['de', {}],
    ['d0:i1e1:ai2e2:aai3e1:bi4ee', { '': 1n, a: 2n, aa: 3n, b: 4n }],
    ['d1:\x7fi1ee', { '\x7f': 1n }],
  ]
  for (const [text, value] of good) {
    it(`takes ${text}`, () => assert.deepEqual(simple(decode(ascii(text))), value))
  }

  const bad: [text: string, code: string][] = [
    ['', 'torrent_bencode_truncated'],
    ['i', 'torrent_bencode_truncated'],
    ['i1', 'torrent_bencode_truncated'],
    ['ie', 'torrent_bencode_integer'],
    ['i-e', 'torrent_bencode_integer'],
    ['i-0e', 'torrent_bencode_integer'],
    ['i07e', 'torrent_bencode_integer'],
    ['i-07e', 'torrent_bencode_integer'],
    ['i+7e', 'torrent_bencode_integer'],
    ['i 7e', 'torrent_bencode_integer'],
    ['i7.0e', 'torrent_bencode_integer'],
    ['i1_0e', 'torrent_bencode_integer'],
    ['i9223372036854775808e', 'torrent_bencode_integer'],
    ['i-9223372036854775809e', 'torrent_bencode_integer'],
    [`i${'9'.repeat(1_000)}e`, 'torrent_bencode_integer'],
    ['x', 'torrent_bencode_syntax'],
    [':', 'torrent_bencode_syntax'],
    ['-1:a', 'torrent_bencode_syntax'],
    ['e', 'torrent_bencode_syntax'],
    ['2:a', 'torrent_bencode_truncated'],
    ['2', 'torrent_bencode_truncated'],
    ['01:a', 'torrent_bencode_length'],
    ['00:', 'torrent_bencode_length'],
    [`${'9'.repeat(400)}:a`, 'torrent_bencode_truncated'],
    ['l', 'torrent_bencode_truncated'],
    ['li1e', 'torrent_bencode_truncated'],
    ['d', 'torrent_bencode_truncated'],
    ['d1:a', 'torrent_bencode_truncated'],
    ['d1:ae', 'torrent_bencode_syntax'],
    ['di1ei2ee', 'torrent_bencode_syntax'],
    ['d1:ai1e1:ai2ee', 'torrent_bencode_key_duplicate'],
    ['d1:bi1e1:ai2ee', 'torrent_bencode_key_order'],
    ['d2:aai1e1:ai2ee', 'torrent_bencode_key_order'],
    ['i1ei2e', 'torrent_bencode_trailing'],
    ['de\n', 'torrent_bencode_trailing'],
    [`${'l'.repeat(101)}${'e'.repeat(101)}`, 'torrent_bencode_depth'],
    ['l'.repeat(1_000_000), 'torrent_bencode_depth'],
    [`l${'le'.repeat(400_000)}e`, 'torrent_bencode_values'],
  ]
  for (const [text, code] of bad) {
    it(`refuses ${text.slice(0, 40)} with ${code}`, () =>
      assert.throws(
        () => decode(ascii(text)),
        (error) => isQalError(error) && error.code === code && error.facts.exit === 4,
      ))
  }

  it('refuses more bytes than its limit, before reading them', () => {
    assert.throws(
      () => decode(new Uint8Array(11), { bytes: 10 }),
      (error) => isQalError(error) && error.code === 'torrent_bencode_size',
    )
  })

  it('allows as many levels as it says', () => {
    assert.equal(decode(ascii(`${'l'.repeat(100)}${'e'.repeat(100)}`)).type, 'list')
  })

  it('compares keys as bytes, and keeps bytes that are no text', () => {
    const value = decode(new Uint8Array([0x64, ...entry(0x7f), ...entry(0x80), ...entry(0xff), 0x65]))
    assert.deepEqual(value.type === 'dictionary' && [...value.entries.keys()], ['\x7f', '\x80', '\xff'])
  })

  it('tells the range of bytes of every value', () => {
    const bytes = ascii('d1:ai12e1:bl3:xyzee')
    const value = decode(bytes)
    assert.ok(value.type === 'dictionary')
    const text = (part: BValue | undefined): string =>
      part === undefined ? '' : new TextDecoder().decode(bytes.subarray(part.start, part.end))
    assert.equal(text(value.entries.get('a')), 'i12e')
    assert.equal(text(value.entries.get('b')), 'l3:xyze')
    assert.equal(text(value), 'd1:ai12e1:bl3:xyzee')
  })
})

describe('when a value is bencoded', () => {
  it('sorts keys as bytes and writes every kind', () => {
    const value = new Map<string, Parameters<typeof encode>[0]>([
      ['b', [1, -2n, 'é']],
      ['\xff', new Uint8Array([0, 255])],
      ['a', new Raw(ascii('le'))],
      ['', new Map()],
    ])
    assert.equal(
      Buffer.from(encode(value)).toString('latin1'),
      'd0:de1:ale1:bli1ei-2e2:\xc3\xa9e1:\xff2:\x00\xffe',
    )
  })
  for (const number of [0.5, Number.NaN, 2 ** 53]) {
    it(`refuses ${number}`, () =>
      assert.throws(
        () => encode(number),
        (error) => isQalError(error) && error.code === 'torrent_encode_integer',
      ))
  }
})

/** A one-byte key with the value 1. */
function entry(byte: number): number[] {
  return [0x31, 0x3a, byte, 0x69, 0x31, 0x65]
}

function simple(value: BValue): unknown {
  if (value.type === 'integer') return value.value
  if (value.type === 'string') return Buffer.from(value.value).toString('latin1')
  if (value.type === 'list') return value.items.map(simple)
  return Object.fromEntries([...value.entries].map(([key, item]) => [key, simple(item)]))
}
