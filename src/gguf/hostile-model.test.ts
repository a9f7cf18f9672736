/** What a stranger may send: every class of attack with its siblings, each with the verdict of a careful checker. */
import { bool, f32, fixture, fixtureFile, floats, integers, strings, text, u32 } from './model-fixture.ts'
import { TENSOR_TYPES } from './types.ts'
import { table, withKey, withTensors, type Case } from '../../test/verdict-table.ts'
import type { WriteTensor, WriteValue } from './write.ts'

const u16 = (value: number): WriteValue => ({ type: 'u16', value })
const i32 = (value: number): WriteValue => ({ type: 'i32', value })
const u64 = (value: bigint): WriteValue => ({ type: 'u64', value })

function mixture(changes: Record<string, WriteValue | null>): Uint8Array {
  return fixtureFile(fixture({ experts: 4 }), changes)
}

const wrongType = (name: string): Case[] =>
  [u32(1), u64(1n), f32(1), bool(true), strings(['x'])].map((value) => [
    `${name} as ${value.type}`,
    withKey(name, value),
    'gguf_key_type',
  ])
table('when general keys are of another type', [
  ...['name', 'author', 'version', 'organization', 'description', 'license', 'url', 'type'].flatMap((name) =>
    wrongType(`general.${name}`),
  ),
  ...[text('7'), u64(7n), i32(7), u16(7), f32(7), bool(true), integers([7])].flatMap((value): Case[] => [
    [`file type as ${value.type}`, withKey('general.file_type', value), 'gguf_key_type'],
    [
      `quantisation version as ${value.type}`,
      withKey('general.quantization_version', value),
      'gguf_key_type',
    ],
  ]),
  ['tags as one text', withKey('general.tags', text('a, b')), 'warn gguf_key_type'],
  ['languages as numbers', withKey('general.languages', integers([1])), 'warn gguf_key_type'],
  ['tags as a list', withKey('general.tags', strings(['a', 'b'])), 'accept'],
  ['a kind that does not exist', withKey('general.type', text('modell')), 'warn gguf_file_kind'],
  ['no architecture', withKey('general.architecture', null), 'gguf_key_missing'],
  ...['', 'LLaMA', '../llama', 'llama\0', 'll ama', 'llаma', '.llama', 'l'.repeat(65)].map((name): Case => [
    `the architecture ${JSON.stringify(name)}`,
    withKey('general.architecture', text(name)),
    'gguf_architecture',
  ]),
  [
    'no quantisation version',
    withKey('general.quantization_version', null),
    'warn gguf_quantisation_version',
  ],
  [
    'quantisation version 0',
    withKey('general.quantization_version', u32(0)),
    'warn gguf_quantisation_version',
  ],
  [
    'quantisation version 99',
    withKey('general.quantization_version', u32(99)),
    'warn gguf_quantisation_version',
  ],
  ['no file type', withKey('general.file_type', null), 'warn gguf_file_type_missing'],
  ['file type 99', withKey('general.file_type', u32(99)), 'warn gguf_file_type_unknown'],
  ['file type 2^32 - 1', withKey('general.file_type', u32(0xffff_ffff)), 'warn gguf_file_type_guessed'],
  ['file type 1024', withKey('general.file_type', u32(1024 | 7)), 'warn gguf_file_type_guessed'],
  ['file type 4, dead', withKey('general.file_type', u32(4)), 'warn gguf_file_type_dead'],
  ['file type 33, dead', withKey('general.file_type', u32(33)), 'warn gguf_file_type_dead'],
])

const hyper = (name: string, value: WriteValue | null, verdict = 'gguf_hyperparameter'): Case => [
  `${name} ${value === null ? 'absent' : value.type === 'array' ? `[${value.values.slice(0, 3).join(', ')}]` : String(value.value)}`,
  withKey(`llama.${name}`, value),
  verdict,
]
const BAD_FLOATS = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, -1e-30]
table('when hyper-parameters are not ones a loader can hold', [
  ...[0, 513, 2 ** 16, 2 ** 31, 0xffff_ffff].map((n) => hyper('block_count', u32(n))),
  hyper('block_count', u32(2), 'gguf_model_layers'),
  hyper('block_count', null, 'gguf_key_missing'),
  ...[u64(1n), i32(1), u16(1), f32(1), text('1'), bool(true), integers([1])].flatMap((value) => [
    hyper('block_count', value, 'gguf_key_type'),
    hyper('context_length', value, 'gguf_key_type'),
    hyper('embedding_length', value, 'gguf_key_type'),
  ]),
  hyper('context_length', u32(0)),
  hyper('context_length', u32(2 ** 31), 'warn gguf_context_length'),
  hyper('context_length', u32(0xffff_ffff), 'warn gguf_context_length'),
  hyper('context_length', null, 'gguf_key_missing'),
  ...[0, 2 ** 21, 2 ** 31, 0xffff_ffff].map((n) => hyper('embedding_length', u32(n))),
  hyper('embedding_length', u32(128), 'gguf_hyperparameter'),
  hyper('embedding_length', null, 'gguf_key_missing'),
  ...[2 ** 25, 2 ** 31, 0xffff_ffff].map((n) => hyper('feed_forward_length', u32(n))),
  hyper('feed_forward_length', u32(97), 'gguf_model_shape'),
  hyper('feed_forward_length', null, 'gguf_key_missing'),
  hyper('feed_forward_length', integers([96, 96])),
  hyper('feed_forward_length', integers([96]), 'accept'),
  hyper('feed_forward_length', integers([-96])),
  hyper('feed_forward_length', integers([])),
  hyper('feed_forward_length', floats([96]), 'gguf_key_type'),
  hyper('feed_forward_length', strings(['96']), 'gguf_key_type'),
  ...[0, 3, 4097, 2 ** 31, 0xffff_ffff].map((n) => hyper('attention.head_count', u32(n))),
  hyper('attention.head_count', null, 'gguf_key_missing'),
  ...[0, 3, 8, 4097, 0xffff_ffff].map((n) => hyper('attention.head_count_kv', u32(n))),
  hyper('attention.head_count_kv', u32(1), 'gguf_model_shape'),
  hyper('attention.head_count_kv', integers([2]), 'accept'),
  hyper('attention.head_count_kv', integers([0])),
  hyper('attention.head_count_kv', integers([-2])),
  hyper('attention.head_count_kv', integers([2, 2])),
  hyper('attention.head_count_kv', integers(Array.from({ length: 513 }, () => 2))),
  ...[0, 65_537, 0xffff_ffff].map((n) => hyper('attention.key_length', u32(n))),
  hyper('attention.key_length', u32(32), 'gguf_hyperparameter'),
  hyper('attention.value_length', u32(32), 'gguf_hyperparameter'),
  ...BAD_FLOATS.map((n) => hyper('attention.layer_norm_rms_epsilon', f32(n))),
  hyper('attention.layer_norm_rms_epsilon', f32(1.5)),
  hyper('attention.layer_norm_rms_epsilon', null, 'gguf_key_missing'),
  hyper('attention.layer_norm_rms_epsilon', u32(0), 'gguf_key_type'),
  hyper('attention.layer_norm_rms_epsilon', { type: 'f64', value: 1e-5 }, 'gguf_key_type'),
  ...[...BAD_FLOATS, 0, 1e-20, 1e30].map((n) => hyper('rope.freq_base', f32(n))),
  hyper('rope.freq_base', f32(1e6), 'accept'),
  ...BAD_FLOATS.map((n) => hyper('rope.scaling.factor', f32(n))),
  hyper('rope.scaling.factor', f32(8), 'accept'),
  hyper('rope.dimension_count', u32(8)),
  hyper('rope.dimension_count', u32(0)),
  ...['', 'yarnn', 'dynamic', 'YARN'].map((word) => hyper('rope.scaling.type', text(word))),
  ...['none', 'linear', 'yarn', 'longrope'].map((word) => hyper('rope.scaling.type', text(word), 'accept')),
  ...[Number.NaN, Number.POSITIVE_INFINITY].flatMap((n) => [
    hyper('logit_scale', f32(n)),
    hyper('attention.scale', f32(n)),
    hyper('attention.clamp_kqv', f32(n)),
    hyper('rope.scaling.attn_factor', f32(n)),
    hyper('swiglu_clamp_exp', floats([1, n])),
  ]),
  hyper('vocab_size', u32(0)),
  hyper('vocab_size', u32(2 ** 30)),
  hyper('leading_dense_block_count', u32(2)),
  hyper('nextn_predict_layers', u32(600)),
  hyper('pooling_type', u32(9)),
  hyper('expert_gating_func', u32(200)),
])

const experts = (name: string, value: WriteValue | null, verdict: string): Case => [
  `${name} ${value === null || value.type === 'array' ? 'absent' : String(value.value)}`,
  mixture({ [`llama.${name}`]: value }),
  verdict,
]
table('when experts do not add up', [
  ['as they should', mixture({}), 'accept'],
  ...[513, 2 ** 31, 0xffff_ffff].map((n) => experts('expert_count', u32(n), 'gguf_hyperparameter')),
  experts('expert_count', u32(1), 'gguf_hyperparameter'),
  experts('expert_count', u32(8), 'gguf_model_shape'),
  experts('expert_count', null, 'gguf_hyperparameter'),
  experts('expert_used_count', u32(0), 'gguf_hyperparameter'),
  experts('expert_used_count', u32(5), 'gguf_hyperparameter'),
  experts('expert_used_count', u32(4), 'accept'),
  experts('expert_used_count', null, 'gguf_hyperparameter'),
  experts('expert_group_count', u32(3), 'gguf_hyperparameter'),
  experts('expert_group_count', u32(4), 'gguf_hyperparameter'),
  [
    'groups without a choice of them',
    mixture({ 'llama.expert_group_count': u32(2), 'llama.expert_group_used_count': u32(0) }),
    'gguf_hyperparameter',
  ],
  [
    'more groups used than there are',
    mixture({ 'llama.expert_group_count': u32(2), 'llama.expert_group_used_count': u32(2) }),
    'gguf_hyperparameter',
  ],
  ['experts used in a dense model', withKey('llama.expert_used_count', u32(2)), 'gguf_hyperparameter'],
])

const renamed = (name: string) =>
  withTensors((list) => list.map((t) => (t.name === 'blk.0.attn_q.weight' ? { ...t, name } : t)))

const without = (name: string) => withTensors((list) => list.filter((t) => t.name !== name))
const changed = (name: string, change: (t: WriteTensor) => WriteTensor) =>
  withTensors((list) => list.map((t) => (t.name === name ? change(t) : t)))
const extra = (name: string, type: 'F32' | 'I8' = 'F32', dims = [64]) =>
  withTensors((list) => [
    ...list,
    {
      name,
      dims,
      type,
      data: new Uint8Array(dims.reduce((a, b) => a * b, 1) * TENSOR_TYPES[type].bytes).fill(1),
    },
  ])
table('when the tensors are not those of the model', [
  ...[
    'token_embd',
    'output_norm',
    'blk.0.attn_norm',
    'blk.0.attn_q',
    'blk.0.attn_output',
    'blk.0.ffn_down',
  ].map((name): Case => [`without ${name}`, without(`${name}.weight`), 'gguf_model_tensor_missing']),
  ['without an output, tied', without('output.weight'), 'accept'],
  [
    'turned round',
    changed('blk.0.ffn_up.weight', (t) => ({ ...t, dims: t.dims.toReversed() })),
    'gguf_model_shape',
  ],
  ['a layer beyond the last', renamed('blk.1.attn_q.weight'), 'gguf_model_layers'],
  ['a layer of twenty digits', renamed('blk.99999999999999999999.attn_q.weight'), 'gguf_model_layers'],
  ['a tensor of another kind', extra('blk.0.payload.weight'), 'gguf_model_tensor_foreign'],
  ['a tensor of no kind', extra('payload'), 'gguf_model_tensor_foreign'],
  ['a bias', extra('blk.0.attn_q.bias'), 'accept'],
  ['a bias of another width', extra('blk.0.attn_q.bias', 'F32', [32]), 'gguf_model_shape'],
  ['rotations of another width', extra('rope_freqs.weight'), 'gguf_model_shape'],
  ['rotations', extra('rope_freqs.weight', 'F32', [8]), 'accept'],
  [
    'weights of integers',
    changed('blk.0.attn_q.weight', (t) => ({ ...t, type: 'I8', data: new Uint8Array(64 * 64).fill(1) })),
    'gguf_tensor_type',
  ],
  [
    'a norm of halves',
    changed('output_norm.weight', (t) => ({ ...t, type: 'F16', data: new Uint8Array(128).fill(1) })),
    'gguf_tensor_type',
  ],
  [
    'intermediate results',
    changed('blk.0.attn_q.weight', (t) => ({
      ...t,
      type: 'Q8_1',
      data: new Uint8Array(64 * 2 * 36).fill(1),
    })),
    'gguf_tensor_type',
  ],
])
