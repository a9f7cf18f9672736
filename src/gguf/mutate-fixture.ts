/** Makes damaged models for fuzzing: by their structure, so that most still parse, and by their bytes. */
import { type Fixture, fixtureFile } from './model-fixture.ts'
import { TENSOR_TYPES, type TensorTypeName } from './types.ts'
import { writeGguf, type WriteTensor, type WriteValue } from './write.ts'

export type Random = (below: number) => number

/** A fixed seed, so that a failure can be run again. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b_79f5) >>> 0
    let word = Math.imul(state ^ (state >>> 15), state | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return Math.floor((((word ^ (word >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

function pick<T>(random: Random, list: readonly T[]): T {
  const item = list[random(list.length)]
  if (item === undefined) throw new RangeError('Cannot pick from an empty list')
  return item
}

const NUMBERS = [
  0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 96, 127, 128, 255, 256, 269, 511, 512, 513,
  1023, 65_535, 65_536, 16_777_216, 2_147_483_647, 2_147_483_648, 4_294_967_294, 4_294_967_295,
]
const FLOATS = [
  0,
  -0,
  1,
  -1,
  1e-45,
  1e-38,
  1e-10,
  1e-5,
  0.5,
  2,
  10,
  1e4,
  1e6,
  1e10,
  1e38,
  -1e38,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
]
const TEXTS = [
  '',
  'none',
  'linear',
  'yarn',
  'longrope',
  'x',
  '\u0000',
  '▁',
  '<0x41>',
  '<0x-1>',
  'gpt2',
  'bert',
  't5',
  'rwkv',
  'plamo2',
  'llama',
  'qwen2',
  'llama-bpe',
  'default',
  'phi-3',
  'jina-v2-code',
  'ａ',
  'a'.repeat(300),
]

/** Keys that llama.cpp reads and a small model does without. */
const MORE_KEYS: [string, WriteValue['type'] | 'integers' | 'floats' | 'flags'][] = [
  ['llama.expert_count', 'u32'],
  ['llama.expert_used_count', 'u32'],
  ['llama.expert_group_count', 'u32'],
  ['llama.expert_group_used_count', 'u32'],
  ['llama.expert_gating_func', 'u32'],
  ['llama.expert_weights_scale', 'f32'],
  ['llama.expert_shared_count', 'u32'],
  ['llama.attention.key_length', 'u32'],
  ['llama.attention.value_length', 'u32'],
  ['llama.attention.sliding_window', 'u32'],
  ['llama.attention.sliding_window_pattern', 'u32'],
  ['llama.attention.layer_norm_epsilon', 'f32'],
  ['llama.attention.clamp_kqv', 'f32'],
  ['llama.attention.max_alibi_bias', 'f32'],
  ['llama.attention.causal', 'bool'],
  ['llama.attention.scale', 'f32'],
  ['llama.logit_scale', 'f32'],
  ['llama.residual_scale', 'f32'],
  ['llama.embedding_scale', 'f32'],
  ['llama.attn_logit_softcapping', 'f32'],
  ['llama.final_logit_softcapping', 'f32'],
  ['llama.pooling_type', 'u32'],
  ['llama.leading_dense_block_count', 'u32'],
  ['llama.interleave_moe_layer_step', 'u32'],
  ['llama.nextn_predict_layers', 'u32'],
  ['llama.rope.scaling.type', 'string'],
  ['llama.rope.scaling.factor', 'f32'],
  ['llama.rope.scaling.attn_factor', 'f32'],
  ['llama.rope.scaling.original_context_length', 'u32'],
  ['llama.rope.scaling.finetuned', 'bool'],
  ['llama.rope.scaling.yarn_log_multiplier', 'f32'],
  ['llama.rope.scale_linear', 'f32'],
  ['llama.rope.dimension_sections', 'integers'],
  ['llama.rope.freq_base_swa', 'f32'],
  ['llama.embedding_length_out', 'u32'],
  ['llama.classifier.output_labels', 'array'],
  ['llama.decoder_start_token_id', 'u32'],
  ['llama.swiglu_clamp_exp', 'floats'],
  ['tokenizer.ggml.eot_token_id', 'u32'],
  ['tokenizer.ggml.eom_token_id', 'u32'],
  ['tokenizer.ggml.padding_token_id', 'u32'],
  ['tokenizer.ggml.seperator_token_id', 'u32'],
  ['tokenizer.ggml.mask_token_id', 'u32'],
  ['tokenizer.ggml.cls_token_id', 'u32'],
  ['tokenizer.ggml.fim_pre_token_id', 'u32'],
  ['tokenizer.ggml.fim_rep_token_id', 'u32'],
  ['tokenizer.ggml.prefix_token_id', 'u32'],
  ['tokenizer.ggml.add_sep_token', 'bool'],
  ['tokenizer.ggml.add_eos_token', 'bool'],
  ['tokenizer.ggml.add_bos_token', 'bool'],
  ['tokenizer.ggml.add_space_prefix', 'bool'],
  ['tokenizer.ggml.remove_extra_whitespaces', 'bool'],
  ['tokenizer.ggml.token_type_count', 'u32'],
  ['tokenizer.ggml.suppress_tokens', 'integers'],
  ['tokenizer.ggml.pre', 'string'],
  ['tokenizer.chat_template', 'string'],
  ['general.alignment', 'u32'],
  ['split.count', 'u16'],
  ['split.no', 'u16'],
  ['split.tensors.count', 'i32'],
  ['unknown.key', 'u64'],
]

function scalar(random: Random, type: WriteValue['type']): WriteValue {
  if (type === 'string') return { type, value: pick(random, TEXTS) }
  if (type === 'bool') return { type, value: random(2) === 1 }
  if (type === 'f32' || type === 'f64') return { type, value: pick(random, FLOATS) }
  if (type === 'u64' || type === 'i64') return { type, value: BigInt(pick(random, NUMBERS)) }
  if (type === 'array') return { type, of: 'string', values: [pick(random, TEXTS), 'b'] }
  return { type, value: pick(random, NUMBERS) }
}

function freshValue(random: Random, kind: (typeof MORE_KEYS)[number][1]): WriteValue {
  const length = pick(random, [0, 1, 2, 3, 4, 5, 16, 600])
  if (kind === 'integers')
    return { type: 'array', of: 'i32', values: Array.from({ length }, () => pick(random, NUMBERS) | 0) }
  if (kind === 'floats')
    return { type: 'array', of: 'f32', values: Array.from({ length }, () => pick(random, FLOATS)) }
  if (kind === 'flags')
    return { type: 'array', of: 'bool', values: Array.from({ length }, () => random(2) === 1) }
  return scalar(random, kind)
}

const VALUE_KINDS = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'u64',
  'i64',
  'f64',
] as const

function changedValue(random: Random, value: WriteValue): WriteValue {
  if (value.type === 'array') {
    const values = [...value.values]
    const kind = random(6)
    if (kind === 0) values.splice(random(values.length + 1), 1 + random(4))
    else if (kind === 1) values.splice(random(values.length + 1), 0, ...values.slice(0, 1 + random(4)))
    else if (kind === 2 && value.of !== 'string')
      return { type: 'array', of: 'u32', values: values.map(() => 1) }
    else if (values.length > 0) {
      const at = random(values.length)
      if (value.of === 'string') values[at] = pick(random, [...TEXTS, String(values[random(values.length)])])
      else if (value.of === 'f32') values[at] = pick(random, FLOATS)
      else values[at] = pick(random, [...NUMBERS, -1, -2]) | 0
    }
    return { type: 'array', of: value.of, values }
  }
  if (random(6) === 0) return scalar(random, pick(random, VALUE_KINDS))
  if (random(8) === 0) return freshValue(random, pick(random, ['integers', 'floats', 'flags'] as const))
  // One up or down is nearer to the edges that matter than any list.
  if (typeof value.value === 'number' && value.type !== 'f32' && random(3) === 0)
    return { type: 'u32', value: Math.max(0, value.value + (random(2) === 0 ? 1 : -1)) }
  return scalar(random, value.type)
}

function resized(tensor: WriteTensor, dims: number[], type: TensorTypeName = tensor.type): WriteTensor {
  const elements = dims.reduce((product, n) => product * n, 1)
  const { block, bytes } = TENSOR_TYPES[type]
  const wanted = Math.floor(elements / block) * bytes
  const data = new Uint8Array(wanted)
  // A pattern of its own values, so that its weights stay finite.
  for (let i = 0; i < wanted; i += 1) data[i] = tensor.data[i % tensor.data.length] ?? 0
  return { name: tensor.name, dims, type, data }
}

function changeTensors(random: Random, tensors: WriteTensor[]): void {
  const at = random(tensors.length)
  const tensor = tensors[at]
  if (tensor === undefined) return
  const kind = random(8)
  if (kind === 0) tensors.splice(at, 1)
  else if (kind === 1) tensors.splice(random(tensors.length), 0, ...tensors.splice(at, 1))
  else if (kind === 2)
    tensors[at] = {
      ...tensor,
      name: pick(random, [
        `${tensor.name}x`,
        'x.weight',
        tensor.name.replace('0', '1'),
        tensor.name.replace('weight', 'bias'),
      ]),
    }
  else if (kind === 3)
    tensors.push({
      ...tensor,
      name: pick(random, [
        'rope_freqs.weight',
        'blk.0.attn_q.bias',
        'blk.0.attn_q.scale',
        'blk.0.ffn_gate.bias',
        'blk.0.attn_output.bias',
        'extra.weight',
        'output.bias',
        'cls.weight',
      ]),
    })
  else if (kind === 4) {
    const dims = [...tensor.dims]
    const i = random(dims.length)
    dims[i] = Math.max(1, pick(random, [1, 32, 64, 96, 128, (dims[i] ?? 1) + 1, (dims[i] ?? 1) * 2]))
    if (
      dims.reduce((product, n) => product * n, 1) < 200_000 &&
      (dims[0] ?? 0) % TENSOR_TYPES[tensor.type].block === 0
    )
      tensors[at] = resized(tensor, dims)
  } else if (kind === 5) tensors[at] = { ...tensor, dims: [...tensor.dims, 1].slice(0, 4) }
  else if (kind === 6 && tensor.dims.length === 2) tensors[at] = resized(tensor, tensor.dims.toReversed())
  else tensors[at] = retyped(random, tensor)
}

const OTHER_TYPES: readonly TensorTypeName[] = [
  'F32',
  'F16',
  'BF16',
  'Q8_0',
  'Q4_0',
  'Q5_1',
  'IQ4_NL',
  'MXFP4',
  'I8',
  'I32',
  'F64',
  'Q8_1',
]

function retyped(random: Random, tensor: WriteTensor): WriteTensor {
  const type = pick(random, OTHER_TYPES)
  if ((tensor.dims[0] ?? 0) % TENSOR_TYPES[type].block !== 0) return tensor
  const changed = resized(tensor, [...tensor.dims], type)
  // Small numbers in any type: no exponent bits set.
  changed.data.fill(type === 'MXFP4' ? 100 : 1)
  return changed
}

/** One to three changes to keys, values and tensors, written out as a well-formed file. */
export function mutateStructure(random: Random, base: Fixture): Uint8Array {
  const metadata = { ...base.metadata }
  const tensors = [...base.tensors]
  let version = 3
  for (let change = random(3); change >= 0; change -= 1) {
    const keys = Object.keys(metadata)
    const key = pick(random, keys)
    const value = metadata[key]
    const kind = random(10)
    if (kind < 4 && value !== undefined) metadata[key] = changedValue(random, value)
    else if (kind < 7) {
      const [name, type] = pick(random, MORE_KEYS)
      metadata[name] = freshValue(random, type)
    } else if (kind === 7) Reflect.deleteProperty(metadata, key)
    else if (kind === 8) changeTensors(random, tensors)
    else version = pick(random, [2, 3, 3])
  }
  const alignment = metadata['general.alignment']
  const laidOut =
    alignment?.type === 'u32' && [8, 16, 64, 128, 256].includes(alignment.value) ? alignment.value : 32
  return writeGguf({ metadata: Object.entries(metadata), tensors, version, alignment: laidOut })
}

const INTERESTING = [0, 1, 2, 7, 8, 9, 13, 31, 32, 63, 64, 127, 128, 254, 255]

/** One to four changes: bytes, whole fields, pieces cut out, doubled or swapped, all within the first `reach` bytes. */
export function mutateBytes(random: Random, original: Uint8Array, reach: number): Uint8Array {
  let bytes = original.slice()
  for (let change = random(4); change >= 0; change -= 1) {
    if (bytes.length === 0) return bytes
    const at = random(Math.min(bytes.length, reach))
    const kind = random(7)
    if (kind === 0) bytes[at] = random(256)
    else if (kind === 1) bytes[at] = pick(random, INTERESTING)
    else if (kind === 2) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
    else if (kind === 3)
      bytes.set([255, 255, 255, 255, 255, 255, 255, random(256)].slice(0, Math.max(0, bytes.length - at)), at)
    else if (kind === 4) bytes = bytes.slice(0, at)
    else {
      const piece = bytes.slice(at, at + 1 + random(40))
      const rest = bytes.slice(kind === 5 ? at + piece.length : at)
      bytes = joined(bytes.subarray(0, at), kind === 5 ? new Uint8Array(0) : piece, rest)
    }
  }
  return bytes
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** A damaged model: nine in ten by structure. */
export function mutate(random: Random, bases: readonly Fixture[]): Uint8Array {
  const base = pick(random, bases)
  return random(10) === 0 ? mutateBytes(random, fixtureFile(base), 1_500) : mutateStructure(random, base)
}
