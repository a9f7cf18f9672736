import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { isQalError } from '../core/error.ts'
import { arrayItem, numberOf, stringOf } from './header.ts'
import { memorySource } from './memory-source.ts'
import { parseGguf } from './parse.ts'
import { writeGguf, type WriteTensor, type WriteValue } from './write.ts'

type Entries = Record<string, WriteValue>

const BASE: Entries = {
  'general.architecture': { type: 'string', value: 'llama' },
  'llama.block_count': { type: 'u32', value: 1 },
  'llama.attention.head_count': { type: 'u32', value: 2 },
}
const TENSOR: WriteTensor = {
  name: 'a.weight',
  dims: [32, 2],
  type: 'Q8_0',
  data: new Uint8Array(68).fill(1),
}
const SECOND: WriteTensor = { name: 'b.weight', dims: [8], type: 'F32', data: new Uint8Array(32).fill(1) }

function file(more: Entries = {}, tensors: WriteTensor[] = [TENSOR, SECOND], alignment = 32) {
  return writeGguf({ metadata: Object.entries({ ...BASE, ...more }), tensors, alignment })
}

function u32(value: number): WriteValue {
  return { type: 'u32', value }
}

function f32(value: number): WriteValue {
  return { type: 'f32', value }
}

function sizeOf(n: bigint): number[] {
  return [...new Uint8Array(new BigUint64Array([n]).buffer)]
}

function without(key: string): Uint8Array {
  return writeGguf({ metadata: Object.entries(BASE).filter(([name]) => name !== key), tensors: [] })
}

function tokens(values: string[]): Entries {
  return { 'tokenizer.ggml.tokens': { type: 'array', of: 'string', values } }
}

async function codeOf(bytes: Uint8Array): Promise<string> {
  try {
    await parseGguf(memorySource(bytes))
    return 'accepted'
  } catch (error) {
    assert.ok(isQalError(error), String(error))
    assert.equal(error.facts.exit, 4)
    return error.code
  }
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** Finds a text in a file and overwrites bytes at a distance from its end. */
function patch(bytes: Uint8Array, after: string, distance: number, replacement: number[]): Uint8Array {
  const at = Buffer.from(bytes).indexOf(after) + after.length + distance
  const copy = bytes.slice()
  copy.set(replacement, at)
  return copy
}

test('every value type survives a round trip', async () => {
  const bytes = file({
    'x.u8': { type: 'u8', value: 255 },
    'x.i8': { type: 'i8', value: -128 },
    'x.u16': { type: 'u16', value: 65_535 },
    'x.i16': { type: 'i16', value: -32_768 },
    'x.u32': u32(4_294_967_295),
    'x.i32': { type: 'i32', value: -2_147_483_648 },
    'x.f32': { type: 'f32', value: 0.5 },
    'x.bool': { type: 'bool', value: true },
    'x.string': { type: 'string', value: 'Grüße, 世界 😀' },
    'x.u64': { type: 'u64', value: 2n ** 64n - 1n },
    'x.i64': { type: 'i64', value: -(2n ** 63n) },
    'x.f64': { type: 'f64', value: Math.PI },
    'x.strings': { type: 'array', of: 'string', values: ['', 'a', 'ü'] },
    'x.numbers': { type: 'array', of: 'i16', values: [-1, 2] },
    'x.flags': { type: 'array', of: 'bool', values: [true, false] },
    'x.none': { type: 'array', of: 'u64', values: [] },
  })
  const header = await parseGguf(memorySource(bytes))
  const value = (key: string) => {
    const found = header.metadata.get(`x.${key}`)
    return found?.type === 'array'
      ? Array.from({ length: found.length }, (_, i) => arrayItem(found, i))
      : found?.value
  }
  assert.deepEqual(
    ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'bool', 'string', 'u64', 'i64', 'f64'].map(value),
    [
      255,
      -128,
      65_535,
      -32_768,
      4_294_967_295,
      -2_147_483_648,
      0.5,
      true,
      'Grüße, 世界 😀',
      2n ** 64n - 1n,
      -(2n ** 63n),
      Math.PI,
    ],
  )
  assert.deepEqual(['strings', 'numbers', 'flags', 'none'].map(value), [
    ['', 'a', 'ü'],
    [-1, 2],
    [true, false],
    [],
  ])
  assert.equal(stringOf(header, 'general.architecture'), 'llama')
  assert.equal(numberOf(header, 'general.architecture'), null)
  assert.deepEqual(header.tensors, [
    { name: 'a.weight', dims: [32, 2], elements: 64, type: 'Q8_0', offset: header.dataOffset, bytes: 68 },
    { name: 'b.weight', dims: [8], elements: 8, type: 'F32', offset: header.dataOffset + 96, bytes: 32 },
  ])
  assert.equal(header.version, 3)
  assert.deepEqual(header.notes, [])
  assert.equal(header.dataOffset % 32, 0)
})

test('only the header is read, and at most 1 MiB more', async () => {
  const weights = new Uint8Array(4 * 1024 * 1024)
  const vocabulary = Array.from({ length: 128_000 }, (_, i) => `token-${i}`)
  const bytes = file(
    {
      'tokenizer.ggml.model': { type: 'string', value: 'gpt2' },
      'tokenizer.ggml.tokens': { type: 'array', of: 'string', values: vocabulary },
    },
    [{ name: 'a.weight', dims: [1024, 1024], type: 'F32', data: weights }],
  )
  const source = memorySource(concat(bytes, new Uint8Array(4096)))
  const header = await parseGguf(source)
  assert.ok(header.headerBytes > 2_000_000)
  assert.ok(
    source.bytesRead <= header.headerBytes + 1024 * 1024,
    `${source.bytesRead} of ${header.headerBytes}`,
  )
  const array = header.metadata.get('tokenizer.ggml.tokens')
  assert.ok(array?.type === 'array')
  assert.deepEqual(
    [0, 65_535, 127_999].map((i) => arrayItem(array, i)),
    ['token-0', 'token-65535', 'token-127999'],
  )
})

describe('when the file is another format', () => {
  const cases: [string, Uint8Array, RegExp][] = [
    ['nothing', new Uint8Array(0), /empty/],
    ['three bytes', Buffer.from('GGU'), /not a GGUF/],
    ['ELF', Buffer.from('\x7fELF\x02\x01\x01'), /ELF/],
    ['PE', Buffer.from('MZ\x90\x00'), /Windows/],
    ['ZIP', Buffer.from('PK\x03\x04....'), /ZIP/],
    ['pickle', Buffer.from([0x80, 4, 0x95, 0, 0]), /pickle/],
    ['HTML', Buffer.from('\n<!DOCTYPE HTML><html>'), /HTML/],
    ['a pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), /LFS/],
    [
      'safetensors',
      Buffer.concat([Buffer.from([20, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"a":{}}'.padEnd(40))]),
      /safetensors/,
    ],
    ['old GGML', Buffer.from('tjgg\x03\x00\x00\x00'), /before GGUF/],
    ['a script', Buffer.from('#!/bin/sh\n'), /script/],
    ['zeroes', new Uint8Array(64), /zero bytes/],
  ]
  for (const [name, bytes, says] of cases)
    it(`names ${name}`, async () => {
      await assert.rejects(
        parseGguf(memorySource(bytes)),
        (error) => isQalError(error) && says.test(error.message),
      )
    })
})

test('structure that llama.cpp would choke on is refused with its code', async () => {
  const good = file()
  const listed = file({ 'x.list': { type: 'array', of: 'u64', values: [1n] } })
  const cases: [string, Uint8Array, string][] = [
    ['the file as written', good, 'accepted'],
    ['version 1', patch(good, 'GGUF', 0, [1]), 'gguf_version'],
    ['big endian', patch(good, 'GGUF', 0, [0, 0, 0, 3]), 'gguf_big_endian'],
    ['2^62 tensors', patch(good, 'GGUF', 4, sizeOf(2n ** 62n)), 'gguf_count'],
    ['2^60 keys', patch(good, 'GGUF', 12, sizeOf(2n ** 60n)), 'gguf_count'],
    ['cut in the table', good.slice(0, 180), 'gguf_truncated'],
    ['cut in the last tensor', good.slice(0, good.length - 1), 'gguf_tensor_bounds'],
    ['key with a line break', file({ 'a\nb': u32(1) }), 'gguf_key_name'],
    ['key of nothing', file({ '': u32(1) }), 'gguf_key_name'],
    ['value of type 13', patch(good, 'llama.block_count', 0, [13]), 'gguf_value_type'],
    ['text that is not UTF-8', patch(good, 'general.architecture', 12, [0xff]), 'gguf_utf8'],
    ['alignment 0', file({ 'general.alignment': u32(0) }), 'gguf_alignment'],
    ['alignment 24', file({ 'general.alignment': u32(24) }), 'gguf_alignment'],
    ['alignment 2^30', file({ 'general.alignment': u32(2 ** 30) }), 'gguf_alignment'],
    ['alignment as text', file({ 'general.alignment': { type: 'string', value: '32' } }), 'gguf_alignment'],
    ['alignment 128, laid out so', file({}, [TENSOR, SECOND], 128), 'accepted'],
    ['five dimensions', patch(good, 'a.weight', 0, [5]), 'gguf_tensor_dims'],
    ['no dimensions', patch(good, 'a.weight', 0, [0]), 'gguf_tensor_dims'],
    ['a dimension of 0', patch(good, 'a.weight', 12, sizeOf(0n)), 'gguf_tensor_dims'],
    ['a dimension of 2^63', patch(good, 'a.weight', 12, sizeOf(2n ** 63n)), 'gguf_tensor_dims'],
    // 32 x 2^59 wraps to 0 in 64 bits.
    ['a product of 2^64', patch(good, 'a.weight', 12, sizeOf(2n ** 59n)), 'gguf_tensor_size'],
    ['more than the file', patch(good, 'a.weight', 12, sizeOf(2n ** 40n)), 'gguf_tensor_size'],
    ['an array of a million', patch(listed, 'x.list', 8, sizeOf(1_000_000n)), 'gguf_length'],
    ['half a block', patch(good, 'a.weight', 4, sizeOf(33n)), 'gguf_tensor_block'],
    ['tensor type 4, removed', patch(good, 'a.weight', 20, [4]), 'gguf_tensor_type'],
    ['tensor type 43', patch(good, 'a.weight', 20, [43]), 'gguf_tensor_type'],
    ['an offset elsewhere', patch(good, 'a.weight', 24, [32]), 'gguf_tensor_offset'],
    ['overlapping tensors', patch(good, 'b.weight', 16, [0]), 'gguf_tensor_offset'],
    ['two of one name', file({}, [TENSOR, { ...SECOND, name: 'a.weight' }]), 'gguf_tensor_duplicate'],
    ['a name of 64 bytes', file({}, [{ ...TENSOR, name: 'a'.repeat(64) }]), 'gguf_length'],
    ['a name of 63 bytes', file({}, [{ ...TENSOR, name: 'a'.repeat(63) }]), 'accepted'],
    ['a name with a space', file({}, [{ ...TENSOR, name: 'a b' }]), 'gguf_tensor_name'],
    ['zeroes after the end', concat(good, new Uint8Array(4096)), 'accepted'],
    ['a byte after the end', concat(good, new Uint8Array([0, 0, 1])), 'gguf_trailing_data'],
    ['200 kB of zeroes after the end', concat(good, new Uint8Array(200_000)), 'accepted'],
    ['300 kB of zeroes after the end', concat(good, new Uint8Array(300_000)), 'gguf_trailing_data'],
    ['no tensors', file({}, []), 'accepted'],
  ]
  for (const [name, bytes, code] of cases) assert.equal(await codeOf(bytes), code, name)
})

test('duplicate keys are refused', async () => {
  const twice = file({ 'llama.xlock_count': u32(1) })
  const at = Buffer.from(twice).indexOf('llama.xlock_count')
  twice.set(Buffer.from('llama.block_count'), at)
  assert.equal(await codeOf(twice), 'gguf_key_duplicate')
})

test('data hidden in the padding before the tensors is refused', async () => {
  const bytes = file()
  const header = await parseGguf(memorySource(bytes))
  assert.ok(header.headerBytes < header.dataOffset)
  bytes[header.headerBytes] = 1
  assert.equal(await codeOf(bytes), 'gguf_trailing_data')
})

test('keys have the type and range that a loader can hold', async () => {
  const cases: [string, Uint8Array, string][] = [
    ['no architecture', without('general.architecture'), 'gguf_key_missing'],
    [
      'architecture as a path',
      file({ 'general.architecture': { type: 'string', value: '../x' } }),
      'gguf_architecture',
    ],
    ['file type as text', file({ 'general.file_type': { type: 'string', value: '7' } }), 'gguf_key_type'],
    ['block count as u64', file({ 'llama.block_count': { type: 'u64', value: 1n } }), 'gguf_key_type'],
    ['0 layers', file({ 'llama.block_count': u32(0) }), 'gguf_hyperparameter'],
    ['512 layers', file({ 'llama.block_count': u32(512) }), 'accepted'],
    ['513 layers', file({ 'llama.block_count': u32(513) }), 'gguf_hyperparameter'],
    ['0 heads', file({ 'llama.attention.head_count': u32(0) }), 'gguf_hyperparameter'],
    [
      'more shared heads than heads',
      file({ 'llama.attention.head_count_kv': u32(3) }),
      'gguf_hyperparameter',
    ],
    [
      'heads a layer',
      file({
        'llama.block_count': u32(2),
        'llama.attention.head_count_kv': { type: 'array', of: 'i32', values: [0, 2] },
      }),
      'accepted',
    ],
    [
      'negative heads',
      file({ 'llama.attention.head_count_kv': { type: 'array', of: 'i32', values: [-1] } }),
      'gguf_hyperparameter',
    ],
    [
      'epsilon NaN',
      file({ 'llama.attention.layer_norm_rms_epsilon': f32(Number.NaN) }),
      'gguf_hyperparameter',
    ],
    [
      'epsilon negative',
      file({ 'llama.attention.layer_norm_rms_epsilon': f32(-1e-5) }),
      'gguf_hyperparameter',
    ],
    [
      'an infinite scale',
      file({ 'llama.logit_scale': f32(Number.POSITIVE_INFINITY) }),
      'gguf_hyperparameter',
    ],
    ['rope base 0', file({ 'llama.rope.freq_base': f32(0) }), 'gguf_hyperparameter'],
    ['513 experts', file({ 'llama.expert_count': u32(513) }), 'gguf_hyperparameter'],
    ['more experts used than there are', file({ 'llama.expert_used_count': u32(2) }), 'gguf_hyperparameter'],
    // The key's name must not reach into the table's prototype.
    ['a key named like a method', file({ 'llama.constructor': u32(1) }), 'accepted'],
    [
      'image mean of 2',
      file({ 'clip.vision.image_mean': { type: 'array', of: 'f32', values: [0, 0] } }),
      'gguf_projector',
    ],
    [
      'odd pinpoints',
      file({ 'clip.vision.image_grid_pinpoints': { type: 'array', of: 'i32', values: [1] } }),
      'gguf_projector',
    ],
  ]
  for (const [name, bytes, code] of cases) assert.equal(await codeOf(bytes), code, name)
})

test("a tokenizer's arrays fit each other", async () => {
  const tokenizer = (more: Entries): Entries => ({
    'tokenizer.ggml.model': { type: 'string', value: 'llama' },
    'tokenizer.ggml.tokens': { type: 'array', of: 'string', values: ['<unk>', '<0x0A>', 'a'] },
    'tokenizer.ggml.scores': { type: 'array', of: 'f32', values: [0, 0, -1] },
    'tokenizer.ggml.token_type': { type: 'array', of: 'i32', values: [2, 6, 1] },
    ...more,
  })
  const cases: [string, Entries, string][] = [
    ['as it should be', {}, 'accepted'],
    [
      'tokens as numbers',
      { 'tokenizer.ggml.tokens': { type: 'array', of: 'i32', values: [1, 2, 3] } },
      'gguf_tokenizer',
    ],
    [
      'a score missing',
      { 'tokenizer.ggml.scores': { type: 'array', of: 'f32', values: [0, 0] } },
      'gguf_tokenizer',
    ],
    [
      'a score NaN',
      { 'tokenizer.ggml.scores': { type: 'array', of: 'f32', values: [0, Number.NaN, 0] } },
      'gguf_tokenizer',
    ],
    [
      'types as u32',
      { 'tokenizer.ggml.token_type': { type: 'array', of: 'u32', values: [2, 6, 1] } },
      'gguf_tokenizer',
    ],
    [
      'a type of 7',
      { 'tokenizer.ggml.token_type': { type: 'array', of: 'i32', values: [2, 6, 7] } },
      'gguf_tokenizer',
    ],
    ['byte token -1', tokens(['<unk>', '<0x-1>', 'a']), 'gguf_tokenizer'],
    ['byte token of three digits', tokens(['<unk>', '<0x100>', 'a']), 'gguf_tokenizer'],
    ['a token of 20 kB', tokens(['<unk>', '<0x0A>', 'a'.repeat(20_000)]), 'gguf_tokenizer'],
    ['no tokens', tokens([]), 'gguf_tokenizer'],
    ['id as text', { 'tokenizer.ggml.bos_token_id': { type: 'string', value: '1' } }, 'gguf_key_type'],
    ['template as a number', { 'tokenizer.chat_template': u32(1) }, 'gguf_key_type'],
  ]
  for (const [name, more, code] of cases) assert.equal(await codeOf(file(tokenizer(more))), code, name)
  const noted = await parseGguf(
    memorySource(
      file(tokenizer({ 'tokenizer.ggml.bos_token_id': u32(3), 'tokenizer.ggml.eos_token_id': u32(2) })),
    ),
  )
  assert.deepEqual(
    noted.notes.map(({ code }) => code),
    // Three tokens are no vocabulary to write in.
    ['gguf_tokenizer_bytes', 'gguf_token_id'],
  )
})

test('an error of the source is not a refusal of the file', async () => {
  const failing = { size: 100, read: () => Promise.reject(new Error('the network is gone')) }
  await assert.rejects(parseGguf(failing), /the network is gone/)
})
