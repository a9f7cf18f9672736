/** What a stranger may send: every class of attack with its siblings, each with the verdict of a careful checker. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from './inspect.ts'
import { memorySource } from './memory-source.ts'
import { fixture, fixtureFile, integers, f32, text, u32 } from './model-fixture.ts'
import { parseGguf } from './parse.ts'
import { bytesOf, joinBytes, placeOf, rawPair, rawString, withPair } from './raw-fixture.ts'
import { REMOVED_TENSOR_TYPES, TENSOR_TYPES } from './types.ts'
import {
  setAfter,
  setBytes,
  table,
  verdictOf,
  withKey,
  withTensors,
  type Case,
} from '../../test/verdict-table.ts'
import type { WriteValue } from './write.ts'

const GOOD = fixtureFile()
const { u32: u32Bytes, u64: u64Bytes } = bytesOf

const u16 = (value: number): WriteValue => ({ type: 'u16', value })
const i32 = (value: number): WriteValue => ({ type: 'i32', value })
const u64 = (value: bigint): WriteValue => ({ type: 'u64', value })

/** A row of the tensor table, found by the tensor's name. */
const ROW = 'blk.0.attn_q.weight'
const DIMS = 4
const TYPE = 4 + 2 * 8
const OFFSET = TYPE + 4

table('when the file does not begin as GGUF does', [
  ['as it should', GOOD, 'accept'],
  ['lower case', setBytes(GOOD, 0, bytesOf.text('gguf')), 'gguf_not_gguf'],
  ['reversed', setBytes(GOOD, 0, bytesOf.text('FUGG')), 'gguf_not_gguf'],
  ['after a byte order mark', joinBytes(Uint8Array.of(0xef, 0xbb, 0xbf), GOOD), 'gguf_not_gguf'],
  ['empty', new Uint8Array(0), 'gguf_empty'],
  ['one byte', GOOD.subarray(0, 1), 'gguf_not_gguf'],
  ['the magic number alone', GOOD.subarray(0, 4), 'gguf_truncated'],
  ['half a version', GOOD.subarray(0, 6), 'gguf_truncated'],
  ['half a count', GOOD.subarray(0, 20), 'gguf_count'],
  ['counts alone', GOOD.subarray(0, 24), 'gguf_count'],
  ...[0, 1, 4, 99, 0xffff, 0x7fff_ffff, 0xffff_ffff].map((version): Case => [
    `version ${version}`,
    setBytes(GOOD, 4, u32Bytes(version)),
    'gguf_version',
  ]),
  ['version 2', setBytes(GOOD, 4, u32Bytes(2)), 'accept'],
  ...[1, 2, 3].map((version): Case => [
    `version ${version}, big endian`,
    setBytes(GOOD, 4, [0, 0, 0, version]),
    'gguf_big_endian',
  ]),
])

const COUNTS = [2n ** 20n, 2n ** 31n, 2n ** 32n, 2n ** 40n, 2n ** 60n, 2n ** 63n, 2n ** 64n - 1n]
table('when counts promise what is not there', [
  ...COUNTS.map((n): Case => [`${n} tensors`, setBytes(GOOD, 8, u64Bytes(n)), 'gguf_count']),
  ...COUNTS.map((n): Case => [`${n} keys`, setBytes(GOOD, 16, u64Bytes(n)), 'gguf_count']),
  // A key read as a tensor, or a tensor as a key: what comes first is what is told.
  ['one key fewer', setBytes(GOOD, 16, u64Bytes(28n)), 'gguf_length'],
  ['one key more', setBytes(GOOD, 16, u64Bytes(30n)), 'gguf_length'],
  ['one tensor fewer', setBytes(GOOD, 8, u64Bytes(11n)), 'gguf_trailing_data'],
  ['no tensors, and their data', setBytes(GOOD, 8, u64Bytes(0n)), 'gguf_trailing_data'],
])

const LONG = [2n ** 31n, 2n ** 32n, 2n ** 62n, 2n ** 63n, 2n ** 64n - 8n, 2n ** 64n - 1n]
table('when lengths lie', [
  ...LONG.map((n): Case => [`a key of ${n} bytes`, setBytes(GOOD, 24, u64Bytes(n)), 'gguf_length']),
  ...LONG.map((n): Case => [
    `a text of ${n} bytes`,
    setAfter(GOOD, 'general.name', 4, u64Bytes(n)),
    'gguf_length',
  ]),
  ...LONG.map((n): Case => [
    `a list of ${n} texts`,
    setAfter(GOOD, 'tokenizer.ggml.tokens', 8, u64Bytes(n)),
    'gguf_length',
  ]),
  ...LONG.map((n): Case => [
    `a token of ${n} bytes`,
    setAfter(GOOD, 'tokenizer.ggml.tokens', 16, u64Bytes(n)),
    'gguf_length',
  ]),
  ...LONG.map((n): Case => [
    `a list of ${n} numbers`,
    setAfter(GOOD, 'tokenizer.ggml.scores', 8, u64Bytes(n)),
    'gguf_length',
  ]),
  ...LONG.map((n): Case => [
    `a tensor's name of ${n} bytes`,
    setBytes(GOOD, placeOf(GOOD, ROW) - 8, u64Bytes(n)),
    'gguf_length',
  ]),
  // 2^61 times 8 is 2^64: no bytes at all in 64 bits.
  [
    '2^61 numbers of 8 bytes',
    withPair(GOOD, rawPair('x.a', 9, joinBytes(u32Bytes(10), u64Bytes(2n ** 61n)))),
    'gguf_length',
  ],
  [
    '2^62 numbers of 4 bytes',
    withPair(GOOD, rawPair('x.a', 9, joinBytes(u32Bytes(4), u64Bytes(2n ** 62n)))),
    'gguf_length',
  ],
  [
    '2^63 flags',
    withPair(GOOD, rawPair('x.a', 9, joinBytes(u32Bytes(7), u64Bytes(2n ** 63n)))),
    'gguf_length',
  ],
  ['a text cut by the end', GOOD.subarray(0, placeOf(GOOD, 'Fixture') + 3), 'gguf_count'],
])

const nested = (levels: number) =>
  rawPair(
    'x.a',
    9,
    joinBytes(
      ...Array.from({ length: levels }, () => joinBytes(u32Bytes(9), u64Bytes(1n))),
      u32Bytes(4),
      u64Bytes(0n),
    ),
  )
table('when keys and values are not what the format has', [
  ...[13, 14, 77, 255, 65_536, 0x7fff_ffff, 0xffff_ffff].flatMap((type): Case[] => [
    [`a value of type ${type}`, withPair(GOOD, rawPair('x.a', type, new Uint8Array(8))), 'gguf_value_type'],
    [
      `a list of type ${type}`,
      withPair(GOOD, rawPair('x.a', 9, joinBytes(u32Bytes(type), u64Bytes(1n), new Uint8Array(8)))),
      'gguf_value_type',
    ],
  ]),
  ['a list of lists', withPair(GOOD, nested(1)), 'gguf_array_nested'],
  ['lists 20,000 deep', withPair(GOOD, nested(20_000)), 'gguf_array_nested'],
  ['an empty list', withPair(GOOD, rawPair('x.a', 9, joinBytes(u32Bytes(8), u64Bytes(0n)))), 'accept'],
  ['a flag of 2', withPair(GOOD, rawPair('x.a', 7, Uint8Array.of(2))), 'warn gguf_bool'],
  ['a flag of 255', withPair(GOOD, rawPair('x.a', 7, Uint8Array.of(255))), 'warn gguf_bool'],
  [
    'flags of 0, 1, 7',
    withPair(GOOD, rawPair('x.a', 9, joinBytes(u32Bytes(7), u64Bytes(3n), Uint8Array.of(0, 1, 7)))),
    'warn gguf_bool',
  ],
  [
    'flags of 0, 1',
    withPair(GOOD, rawPair('x.a', 9, joinBytes(u32Bytes(7), u64Bytes(2n), Uint8Array.of(0, 1)))),
    'accept',
  ],
  ['a key twice', withPair(GOOD, rawPair('general.name', 8, rawString('Fixture'))), 'gguf_key_duplicate'],
  ['a key in two cases', withPair(GOOD, rawPair('General.Name', 8, rawString('x'))), 'warn gguf_key_name'],
  ['a key of no length', withPair(GOOD, rawPair('', 4, u32Bytes(1))), 'gguf_key_name'],
  ['a key with a NUL', withPair(GOOD, rawPair('a\0b', 4, u32Bytes(1))), 'gguf_key_name'],
  ['a key with an escape', withPair(GOOD, rawPair('a\x1b[2Jb', 4, u32Bytes(1))), 'gguf_key_name'],
  ['a key with a space', withPair(GOOD, rawPair('a b', 4, u32Bytes(1))), 'gguf_key_name'],
  ['a key outside ASCII', withPair(GOOD, rawPair('gеneral.name', 4, u32Bytes(1))), 'gguf_key_name'],
  ['a key with bidi', withPair(GOOD, rawPair('a\u202eb', 4, u32Bytes(1))), 'gguf_key_name'],
  [
    'a key that is not UTF-8',
    withPair(GOOD, rawPair(Uint8Array.of(0x61, 0xff), 4, u32Bytes(1))),
    'gguf_utf8',
  ],
  ['a key in upper case', withPair(GOOD, rawPair('X.Y', 4, u32Bytes(1))), 'warn gguf_key_name'],
  ['a key with an empty part', withPair(GOOD, rawPair('x..y', 4, u32Bytes(1))), 'warn gguf_key_name'],
  ['a key with a slash', withPair(GOOD, rawPair('x/y', 4, u32Bytes(1))), 'warn gguf_key_name'],
  ['a key of 65,535 bytes', withPair(GOOD, rawPair('k'.repeat(65_535), 4, u32Bytes(1))), 'accept'],
  ['a key of 65,536 bytes', withPair(GOOD, rawPair('k'.repeat(65_536), 4, u32Bytes(1))), 'gguf_length'],
  ['keys named like methods', withPair(GOOD, rawPair('llama.constructor', 4, u32Bytes(1))), 'accept'],
  ['__proto__', withPair(GOOD, rawPair('__proto__', 4, u32Bytes(1))), 'accept'],
])

const UTF8: [string, number[]][] = [
  ['overlong, two bytes', [0xc0, 0x80]],
  ['overlong, three bytes', [0xe0, 0x80, 0xaf]],
  ['overlong, four bytes', [0xf0, 0x80, 0x80, 0xaf]],
  ['a surrogate', [0xed, 0xa0, 0x80]],
  ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ['a tail alone', [0x80]],
  ['a head alone', [0xe2, 0x82]],
  ['0xff', [0xff]],
]
table('when texts are not UTF-8', [
  ...UTF8.map(([name, bytes]): Case => [
    `${name} in a value`,
    withPair(GOOD, rawPair('x.a', 8, rawString(Uint8Array.from(bytes)))),
    'gguf_utf8',
  ]),
  ...UTF8.map(([name, bytes]): Case => [
    `${name} in a list`,
    withPair(
      GOOD,
      rawPair('x.a', 9, joinBytes(u32Bytes(8), u64Bytes(1n), rawString(Uint8Array.from(bytes)))),
    ),
    'warn gguf_utf8',
  ]),
])

table('when the alignment is not usable', [
  ...[0, 1, 2, 3, 4, 7, 12, 24, 31, 33, 48, 100, 524_288, 2 ** 20, 2 ** 30, 2 ** 31, 0xffff_ffff].map(
    (n): Case => [`alignment ${n}`, withKey('general.alignment', u32(n)), 'gguf_alignment'],
  ),
  ...[u64(32n), i32(32), u16(32), text('32'), f32(32), integers([32])].map((value): Case => [
    `alignment as ${value.type}`,
    withKey('general.alignment', value),
    'gguf_alignment',
  ]),
  ['64, laid out at 32', withKey('general.alignment', u32(64)), 'gguf_tensor_bounds'],
  ['32, said', withKey('general.alignment', u32(32)), 'accept'],
  ...[64, 128, 4096, 65_536].map((n): Case => [`${n}, laid out so`, fixtureFile(fixture(), {}, n), 'accept']),
])

const renamed = (name: string) =>
  withTensors((list) => list.map((t) => (t.name === ROW ? { ...t, name } : t)))
const retyped = (id: number) => setAfter(GOOD, ROW, TYPE, u32Bytes(id))
const sized = (...dims: bigint[]) => setAfter(GOOD, ROW, DIMS, joinBytes(...dims.map(u64Bytes)))
table("when a tensor's row is not what llama.cpp reads", [
  ['no name', renamed(''), 'gguf_tensor_name'],
  ['64 bytes of name', renamed('n'.repeat(64)), 'gguf_length'],
  ['a name with a NUL', renamed('a\0b'), 'gguf_tensor_name'],
  ['a name with an escape', renamed('a\x1b[2J'), 'gguf_tensor_name'],
  ['a name with a space', renamed('a b'), 'gguf_tensor_name'],
  ['a name outside ASCII', renamed('blk.0.аttn_q.weight'), 'gguf_tensor_name'],
  ['a path for a name', renamed('../../etc/passwd'), 'gguf_model_tensor_missing'],
  ['a name twice', renamed('blk.0.attn_k.weight'), 'gguf_tensor_duplicate'],
  ...[0, 5, 100, 0xffff_ffff].map((n): Case => [
    `${n} dimensions`,
    setAfter(GOOD, ROW, 0, u32Bytes(n)),
    'gguf_tensor_dims',
  ]),
  ['a dimension of 0', sized(64n, 0n), 'gguf_tensor_dims'],
  ['a width of 0', sized(0n), 'gguf_tensor_dims'],
  ['a dimension of 2^63', sized(64n, 2n ** 63n), 'gguf_tensor_dims'],
  ['a dimension of 2^64 - 1', sized(64n, 2n ** 64n - 1n), 'gguf_tensor_dims'],
  // Products that wrap to 0, to 64, and to just what is there.
  ['2^32 by 2^32', sized(2n ** 32n, 2n ** 32n), 'gguf_tensor_size'],
  ['64 by 2^58 + 1', sized(64n, 2n ** 58n + 1n), 'gguf_tensor_size'],
  ['64 by 2^58 + 64', sized(64n, 2n ** 58n + 64n), 'gguf_tensor_size'],
  ['64 by 2^40', sized(64n, 2n ** 40n), 'gguf_tensor_size'],
  ['64 by 65', sized(64n, 65n), 'gguf_tensor_offset'],
  ['half a block', sized(48n, 64n), 'gguf_tensor_block'],
  ...[...REMOVED_TENSOR_TYPES, 43, 44, 100, 255, 2 ** 31, 0xffff_ffff].map((id): Case => [
    `tensor type ${id}`,
    retyped(id),
    'gguf_tensor_type',
  ]),
  ...(['Q4_K', 'Q6_K', 'IQ2_XXS', 'TQ1_0', 'Q1_0'] as const).map((type): Case => [
    `rows of 64 in ${type}`,
    retyped(TENSOR_TYPES[type].id),
    'gguf_tensor_block',
  ]),
  ...(['F32', 'F16', 'Q4_0', 'I8'] as const).map((type): Case => [
    `${type} in the place of Q8_0`,
    retyped(TENSOR_TYPES[type].id),
    'gguf_tensor_offset',
  ]),
])

const place = Number(new DataView(GOOD.buffer).getBigUint64(placeOf(GOOD, ROW) + ROW.length + OFFSET, true))
table('when tensors do not lie one after another', [
  ...[
    0n,
    BigInt(place - 32),
    BigInt(place + 1),
    BigInt(place + 32),
    2n ** 40n,
    2n ** 63n,
    2n ** 64n - 32n,
  ].map((n): Case => [`an offset of ${n}`, setAfter(GOOD, ROW, OFFSET, u64Bytes(n)), 'gguf_tensor_offset']),
  ['the last byte missing', GOOD.subarray(0, GOOD.length - 1), 'gguf_tensor_bounds'],
  ['half the data missing', GOOD.subarray(0, GOOD.length / 2), 'gguf_tensor_bounds'],
  [
    'all of the data missing',
    GOOD.subarray(0, placeOf(GOOD, 'blk.0.ffn_down.weight') + 80),
    'gguf_tensor_size',
  ],
])

const PAYLOADS: [string, Uint8Array][] = [
  ['an ELF program', bytesOf.text('\x7fELF\x02\x01\x01')],
  ['a Windows program', bytesOf.text('MZ\x90\0')],
  ['a ZIP archive', bytesOf.text('PK\x03\x04\0\0')],
  ['a script', bytesOf.text('#!/bin/sh\nexit 0\n')],
  ['a page', bytesOf.text('<!doctype html><script>alert(1)</script>')],
  ['a pickle', Uint8Array.of(0x80, 4, 0x95, 1, 0)],
  ['another model', GOOD],
  ['one byte', Uint8Array.of(1)],
]
table('when something follows the last tensor', [
  ...PAYLOADS.map(([name, bytes]): Case => [name, joinBytes(GOOD, bytes), 'gguf_trailing_data']),
  ...PAYLOADS.map(([name, bytes]): Case => [
    `${name} after zeroes`,
    joinBytes(GOOD, new Uint8Array(4096), bytes),
    'gguf_trailing_data',
  ]),
  ...PAYLOADS.map(([name, bytes]): Case => [
    `${name} in a megabyte`,
    joinBytes(GOOD, bytes, new Uint8Array(1024 * 1024)),
    'gguf_trailing_data',
  ]),
  ['31 zeroes', joinBytes(GOOD, new Uint8Array(31)), 'accept'],
  ['100 kB of zeroes', joinBytes(GOOD, new Uint8Array(100_000)), 'accept'],
  ['a megabyte of zeroes', joinBytes(GOOD, new Uint8Array(1024 * 1024)), 'gguf_trailing_data'],
])

describe('when data hides in padding', () => {
  it('after the header', async () => {
    const data = placeOf(GOOD, 'blk.0.ffn_down.weight') + 'blk.0.ffn_down.weight'.length + 4 + 16 + 12
    assert.ok(data % 32 !== 0)
    assert.equal(await verdictOf(setBytes(GOOD, data, [1])), 'gguf_trailing_data')
  })
  it('between tensors', async () => {
    // 269 rows of 68 bytes do not fill the alignment.
    const { tensors } = await parseGguf(memorySource(GOOD))
    const ends = tensors.map(({ offset, bytes }) => offset + bytes)
    const gap = ends.find((end, i) => tensors[i + 1] !== undefined && tensors[i + 1]?.offset !== end)
    assert.ok(gap !== undefined)
    const found = await inspect(memorySource(setBytes(GOOD, gap + 3, bytesOf.text('MZ'))))
    assert.equal(found.findings[0]?.code, 'gguf_trailing_data')
    assert.equal(found.findings[0]?.offset, gap + 3)
    assert.match(found.findings[0]?.message ?? '', /Windows/)
  })
})
