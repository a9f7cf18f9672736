/** Vocabularies as strangers make them, and as honest people do, each with the verdict of a careful checker. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { loadInLlama, withoutLlama } from '../../test/llama-loader.ts'
import { bool, f32, fixture, fixtureFile, floats, integers, strings, text, u32 } from './model-fixture.ts'
import { table, type Case, verdictOf } from '../../test/verdict-table.ts'
import type { WriteValue } from './write.ts'

const BASE = fixture()

function listOf(name: string, base = BASE): readonly (string | number | bigint | boolean)[] {
  const value = base.metadata[`tokenizer.ggml.${name}`]
  return value?.type === 'array' ? value.values : []
}

const TOKENS = listOf('tokens').map(String)
const SCORES = listOf('scores').map(Number)
const TYPES = listOf('token_type').map(Number)

function changed(changes: Record<string, WriteValue | null>, base = BASE): Uint8Array {
  return fixtureFile(
    base,
    Object.fromEntries(Object.entries(changes).map(([name, value]) => [`tokenizer.${name}`, value])),
  )
}

function replaced<T>(list: readonly T[], at: number, item: T): T[] {
  return list.map((value, i) => (i === at ? item : value))
}

const u64 = (value: bigint): WriteValue => ({ type: 'u64', value })
const i32 = (value: number): WriteValue => ({ type: 'i32', value })
/** The first byte token, `<0x00>`. */
const BYTE = 3

const arrayOf = (of: 'u8' | 'i8' | 'u16' | 'u32' | 'i64' | 'f64' | 'bool', length: number): WriteValue => ({
  type: 'array',
  of,
  values: Array.from({ length }, () => (of === 'bool' ? true : of === 'i64' ? 1n : 1)),
})

table("when a vocabulary's lists do not fit", [
  ['as they should', changed({}), 'accept'],
  ['no tokens, and scores', changed({ 'ggml.tokens': null }), 'gguf_tokenizer'],
  ['tokens of nothing', changed({ 'ggml.tokens': strings([]) }), 'gguf_tokenizer'],
  ['tokens as numbers', changed({ 'ggml.tokens': integers(TOKENS.map((_, i) => i)) }), 'gguf_tokenizer'],
  ['tokens as bytes', changed({ 'ggml.tokens': arrayOf('u8', TOKENS.length) }), 'gguf_tokenizer'],
  ['tokens as one text', changed({ 'ggml.tokens': text('a b c') }), 'gguf_tokenizer'],
  ['one token fewer', changed({ 'ggml.tokens': strings(TOKENS.slice(1)) }), 'gguf_tokenizer'],
  ['one score fewer', changed({ 'ggml.scores': floats(SCORES.slice(1)) }), 'gguf_tokenizer'],
  ['one score more', changed({ 'ggml.scores': floats([...SCORES, 0]) }), 'gguf_tokenizer'],
  ['no scores in the list', changed({ 'ggml.scores': floats([]) }), 'gguf_tokenizer'],
  // Narrower items of the right number: the loader strides four bytes through them (llama.cpp#26690).
  ...(['u8', 'i8', 'u16', 'bool', 'u32', 'i64', 'f64'] as const).flatMap((of): Case[] => [
    [`scores as ${of}`, changed({ 'ggml.scores': arrayOf(of, TOKENS.length) }), 'gguf_tokenizer'],
    [`types as ${of}`, changed({ 'ggml.token_type': arrayOf(of, TOKENS.length) }), 'gguf_tokenizer'],
  ]),
  ['types as texts', changed({ 'ggml.token_type': strings(TOKENS) }), 'gguf_tokenizer'],
  ['one type fewer', changed({ 'ggml.token_type': integers(TYPES.slice(1)) }), 'gguf_tokenizer'],
  ['a type of -1', changed({ 'ggml.token_type': integers(replaced(TYPES, 0, -1)) }), 'gguf_tokenizer'],
  ['a type of 7', changed({ 'ggml.token_type': integers(replaced(TYPES, 0, 7)) }), 'gguf_tokenizer'],
  ['a score of NaN', changed({ 'ggml.scores': floats(replaced(SCORES, 9, Number.NaN)) }), 'gguf_tokenizer'],
  ['no types', changed({ 'ggml.token_type': null }), 'accept'],
  ['no scores', changed({ 'ggml.scores': null }), 'accept'],
  ['two of one text', changed({ 'ggml.tokens': strings(replaced(TOKENS, 265, 'e')) }), 'gguf_tokenizer'],
  [
    'a token of 16 kB',
    changed({ 'ggml.tokens': strings(replaced(TOKENS, 265, 'x'.repeat(16_384))) }),
    'accept',
  ],
  [
    'a longer one',
    changed({ 'ggml.tokens': strings(replaced(TOKENS, 265, 'x'.repeat(16_385))) }),
    'gguf_tokenizer',
  ],
  ...['<0x-1>', '<0xGG>', '<0x100>', '<0x0>', '0x00', '<0X00>', '<0x 1>', ''].map((token): Case => [
    `the byte token ${JSON.stringify(token)}`,
    changed({ 'ggml.tokens': strings(replaced(TOKENS, BYTE, token)) }),
    'gguf_tokenizer',
  ]),
  [
    'bytes that have no token',
    changed({
      'ggml.token_type': integers(replaced(TYPES, BYTE, 1)),
      'ggml.tokens': strings(replaced(TOKENS, BYTE, 'null')),
    }),
    'warn gguf_tokenizer_bytes',
  ],
])

const MODEL = (name: string, more: Record<string, WriteValue | null> = {}) =>
  changed({ 'ggml.model': text(name), ...more })
table('when a tokenizer is not what it says', [
  ['no model', changed({ 'ggml.model': null }), 'gguf_key_missing'],
  ['a model as a number', changed({ 'ggml.model': u32(1) }), 'gguf_key_type'],
  ['a model nobody has', MODEL('sentencepeace'), 'warn gguf_tokenizer_unknown'],
  ['a pre-tokenizer as a list', changed({ 'ggml.pre': strings(['default']) }), 'gguf_key_type'],
  [
    'merges needed and missing',
    fixtureFile(fixture({ tokenizer: 'gpt2' }), { 'tokenizer.ggml.merges': null }),
    'warn gguf_tokenizer_merges',
  ],
  ['merges as numbers', changed({ 'ggml.merges': integers([1, 2]) }), 'gguf_tokenizer'],
  ...['ab', '', ' ', 'a ', ' b'].map((merge): Case => [
    `the merge ${JSON.stringify(merge)}`,
    fixtureFile(fixture({ tokenizer: 'gpt2' }), { 'tokenizer.ggml.merges': strings(['t h', merge]) }),
    'warn gguf_tokenizer_merges',
  ]),
  ['byte tokens where there are none', MODEL('bert', { 'ggml.unknown_token_id': u32(0) }), 'gguf_tokenizer'],
  [
    'no token for the unknown',
    fixtureFile(fixture({ tokenizer: 'bert' }), { 'tokenizer.ggml.unknown_token_id': null }),
    'gguf_tokenizer',
  ],
  [
    'bytes RWKV cannot write',
    fixtureFile(fixture({ tokenizer: 'rwkv' }), {
      'tokenizer.ggml.tokens': strings(['<s>', 'a', 'b']),
      'tokenizer.ggml.token_type': integers([3, 1, 1]),
      'llama.vocab_size': u32(3),
    }),
    'gguf_tokenizer',
  ],
  [
    'plamo2 with a byte of -1, typed normal',
    MODEL('plamo2', { 'ggml.tokens': strings(replaced(TOKENS, BYTE, '<0x-1>')), 'ggml.token_type': null }),
    'gguf_tokenizer',
  ],
  ['tokens beside no vocabulary', MODEL('none'), 'warn gguf_tokenizer_unused'],
  ['a compiled map as texts', changed({ 'ggml.precompiled_charsmap': strings(['x']) }), 'gguf_tokenizer'],
  [
    'a compiled map of two bytes',
    changed({ 'ggml.precompiled_charsmap': { type: 'array', of: 'u8', values: [1, 2] } }),
    'gguf_tokenizer',
  ],
  [
    'a compiled map that points outside',
    changed({
      'ggml.precompiled_charsmap': { type: 'array', of: 'i8', values: [-1, -1, -1, 127, 0, 0, 0, 0] },
    }),
    'gguf_tokenizer',
  ],
  [
    'a compiled map',
    changed({
      'ggml.precompiled_charsmap': { type: 'array', of: 'u8', values: [4, 0, 0, 0, 1, 2, 3, 4, 65] },
    }),
    'accept',
  ],
  ['suppressed tokens as texts', changed({ 'ggml.suppress_tokens': strings(['x']) }), 'gguf_tokenizer'],
  ['a template as a list', changed({ chat_template: strings(['{{ x }}']) }), 'gguf_key_type'],
  ['a named template as a number', changed({ 'chat_template.tool_use': u32(1) }), 'gguf_key_type'],
])

const IDS = ['bos', 'eos', 'unknown', 'padding', 'eot', 'seperator', 'cls', 'mask', 'fim_pre']
table("when special tokens are not the vocabulary's", [
  ...IDS.flatMap((id): Case[] => {
    const name = `ggml.${id}_token_id`
    return [
      [`${id} at the end`, changed({ [name]: u32(TOKENS.length) }), 'warn gguf_token_id'],
      [`${id} 2^32 - 1`, changed({ [name]: u32(0xffff_ffff) }), 'warn gguf_token_id'],
      [`${id} as i32`, changed({ [name]: i32(1) }), 'gguf_key_type'],
      [`${id} as u64`, changed({ [name]: u64(1n) }), 'gguf_key_type'],
      [`${id} as text`, changed({ [name]: text('1') }), 'gguf_key_type'],
      [`${id} as a list`, changed({ [name]: integers([1]) }), 'gguf_key_type'],
      [`${id} as f32`, changed({ [name]: f32(1) }), 'gguf_key_type'],
      [`${id} the last`, changed({ [name]: u32(TOKENS.length - 1) }), 'accept'],
    ]
  }),
  ...[
    'add_bos_token',
    'add_eos_token',
    'add_sep_token',
    'add_space_prefix',
    'remove_extra_whitespaces',
  ].flatMap((name): Case[] => [
    [`${name} as a number`, changed({ [`ggml.${name}`]: u32(1) }), 'gguf_key_type'],
    [`${name} as text`, changed({ [`ggml.${name}`]: text('true') }), 'gguf_key_type'],
  ]),
  [
    'a beginning that T5 has no token for',
    fixtureFile(fixture({ tokenizer: 't5' }), { 'tokenizer.ggml.add_bos_token': bool(true) }),
    'warn gguf_token_id',
  ],
])

it('every kind of tokenizer is accepted as honest people make it, and llama.cpp loads what it can', async (t) => {
  const kinds = ['llama', 'gpt2', 'bert', 't5', 'rwkv', 'none'] as const
  const files = kinds.map((tokenizer) => ({
    name: `${tokenizer}.gguf`,
    bytes: fixtureFile(fixture({ tokenizer })),
  }))
  for (const { name, bytes } of files) assert.equal(await verdictOf(bytes), 'accept', name)
  const reason = await withoutLlama()
  if (reason !== undefined) {
    t.skip(reason)
    return
  }
  const outcomes = await loadInLlama(files.filter(({ name }) => name !== 'none.gguf'))
  for (const [name, outcome] of outcomes) assert.deepEqual(outcome, { outcome: 'ok' }, name)
})
