import { layerNumbersOf, numbersOf, type GgufNote, type MetaValue } from './header.ts'
import { refusal } from './rules.ts'

type Metadata = ReadonlyMap<string, MetaValue>

interface Range {
  type: 'u32' | 'f32'
  /** Whether one value a layer may stand instead. */
  perLayer?: boolean
  min: number
  max: number
  /** One value outside the range that llama.cpp itself writes. */
  also?: number
}

/** llama.cpp's LLAMA_MAX_LAYERS and LLAMA_MAX_EXPERTS: beyond them it writes outside its arrays or aborts. */
const MAX_LAYERS = 512
const MAX_EXPERTS = 512

const STATE_SPACE = /^(?:mamba2?|jamba|falcon-h1|plamo2|nemotron_h\w*|granitehybrid|qwen3next|qwen35\w*)$/

/** More than any model has, little enough that no product of two of them leaves 53 bits. */
const MAX_WIDTH = 16_777_216
const WIDTH: Range = { type: 'u32', min: 0, max: MAX_WIDTH }
/** Divides something in the loader or the graph of some architectures, where 0 would stop the process; others leave it 0. */
const DIVISORS: Record<string, RegExp> = {
  token_shift_count: /rwkv/,
  'wkv.head_size': /rwkv/,
  'attention.group_norm_groups': /^wavtokenizer-dec$/,
  'ssm.conv_kernel': STATE_SPACE,
  'ssm.inner_size': STATE_SPACE,
  'ssm.state_size': STATE_SPACE,
  'ssm.time_step_rank': STATE_SPACE,
}
const HEADS: Range = { type: 'u32', perLayer: true, min: 0, max: 4096 }
const HEAD_WIDTH: Range = { type: 'u32', perLayer: true, min: 1, max: 65_536 }
const EPSILON: Range = { type: 'f32', min: 0, max: 1 }
const FREQUENCY: Range = { type: 'f32', min: 1, max: 1e15 }

/** Hyper-parameters by the part of the key after the architecture's name. */
const HYPER_PARAMETERS: Record<string, Range> = {
  block_count: { type: 'u32', min: 1, max: MAX_LAYERS },
  context_length: { type: 'u32', min: 1, max: 0xffff_ffff },
  embedding_length: { type: 'u32', min: 1, max: 1_048_576 },
  feed_forward_length: { ...WIDTH, perLayer: true },
  vocab_size: { type: 'u32', min: 1, max: 4_194_304 },
  leading_dense_block_count: { type: 'u32', min: 0, max: MAX_LAYERS },
  nextn_predict_layers: { type: 'u32', min: 0, max: MAX_LAYERS },
  decoder_block_count: { type: 'u32', min: 0, max: MAX_LAYERS },
  // Minus one is "unspecified", which llama.cpp stores as what it is in 32 bits without a sign.
  pooling_type: { type: 'u32', min: 0, max: 4, also: 0xffff_ffff },
  expert_count: { type: 'u32', min: 0, max: MAX_EXPERTS },
  expert_used_count: { type: 'u32', perLayer: true, min: 0, max: MAX_EXPERTS },
  expert_shared_count: { type: 'u32', min: 0, max: MAX_EXPERTS },
  expert_group_count: { type: 'u32', min: 0, max: MAX_EXPERTS },
  expert_group_used_count: { type: 'u32', min: 0, max: MAX_EXPERTS },
  expert_gating_func: { type: 'u32', min: 0, max: 4 },
  expert_feed_forward_length: { ...WIDTH, perLayer: true },
  expert_shared_feed_forward_length: { ...WIDTH, perLayer: true },
  token_shift_count: WIDTH,
  'attention.head_count': HEADS,
  'attention.head_count_kv': HEADS,
  'attention.key_length': HEAD_WIDTH,
  'attention.value_length': HEAD_WIDTH,
  'attention.key_length_mla': { ...HEAD_WIDTH, min: 0 },
  'attention.value_length_mla': { ...HEAD_WIDTH, min: 0 },
  'attention.key_length_swa': { ...HEAD_WIDTH, min: 0 },
  'attention.value_length_swa': { ...HEAD_WIDTH, min: 0 },
  'attention.kv_lora_rank': WIDTH,
  'attention.q_lora_rank': WIDTH,
  'attention.layer_norm_epsilon': EPSILON,
  'attention.layer_norm_rms_epsilon': EPSILON,
  'attention.group_norm_epsilon': EPSILON,
  'attention.group_norm_groups': WIDTH,
  'rope.dimension_count': { type: 'u32', perLayer: true, min: 0, max: 65_536 },
  'rope.freq_base': FREQUENCY,
  'rope.freq_base_swa': FREQUENCY,
  'rope.scaling.factor': { type: 'f32', min: 0, max: 1e6 },
  'rope.scale_linear': { type: 'f32', min: 0, max: 1e6 },
  'rope.scaling.original_context_length': { type: 'u32', min: 0, max: 0xffff_ffff },
  'ssm.conv_kernel': WIDTH,
  'ssm.inner_size': WIDTH,
  'ssm.state_size': WIDTH,
  'ssm.time_step_rank': WIDTH,
  'ssm.group_count': WIDTH,
  'wkv.head_size': WIDTH,
}

/** An image or audio encoder's, by the part of the key after `clip.vision.` or `clip.audio.`. */
const ENCODER_PARAMETERS: Record<string, Range> = {
  block_count: { type: 'u32', min: 0, max: MAX_LAYERS },
  embedding_length: { type: 'u32', min: 1, max: 1_048_576 },
  feed_forward_length: WIDTH,
  projection_dim: WIDTH,
  image_size: { type: 'u32', min: 1, max: 65_536 },
  patch_size: { type: 'u32', min: 1, max: 65_536 },
  spatial_merge_size: { type: 'u32', min: 1, max: 65_536 },
  'attention.head_count': { type: 'u32', min: 1, max: 4096 },
  'attention.layer_norm_epsilon': EPSILON,
}

/** Architectures without attention: their head counts are rightly 0. */
const RECURRENT = /^(?:mamba\d?|a?rwkv\d\w*)$/

/** Architectures whose rotation covers a whole head, as llama.cpp demands of them. */
const WHOLE_ROTATION: ReadonlySet<string> = new Set(['llama', 'deci', 'falcon', 'llama-embed'])

/** Any other word, and llama.cpp aborts. */
const ROPE_SCALINGS: ReadonlySet<string> = new Set(['none', 'linear', 'yarn', 'longrope'])

/** Beyond this a context length is a promise that no memory keeps. */
const SANE_CONTEXT = 67_108_864

/** Checks types and ranges of an architecture's hyper-parameters, and what llama.cpp divides by or indexes with. */
export function checkHyperParameters(metadata: Metadata, architecture: string, notes: GgufNote[]): void {
  const recurrent = RECURRENT.test(architecture)
  for (const [key, value] of metadata) {
    if (!key.startsWith(`${architecture}.`)) continue
    const name = key.slice(architecture.length + 1)
    const range = ownOf(HYPER_PARAMETERS, name) ?? encoderRange(architecture, name)
    // llama.cpp itself writes heads of width 0 for a model without heads, and no lower bound as minus infinity.
    if (recurrent && /^attention\.(?:key|value)_length$/.test(name))
      checkRange(key, value, { ...HEAD_WIDTH, min: 0 })
    else if (name === 'kda.gate_lower_bound' && value.type === 'f32' && value.value === -Infinity) continue
    else if (range !== undefined)
      checkRange(key, value, ownOf(DIVISORS, name)?.test(architecture) ? { ...range, min: 1 } : range)
    else checkFinite(key, value)
  }
  const named = (name: string) => valuesOf(metadata, `${architecture}.${name}`)
  checkLayers(architecture, named)
  checkHeads(architecture, named)
  checkExperts(architecture, named)
  checkRotation(metadata, architecture)
  const context = metadata.get(`${architecture}.context_length`)
  if (context?.type === 'u32' && context.value > SANE_CONTEXT)
    notes.push({
      code: 'gguf_context_length',
      message: `The context length ${context.value} is more than any memory holds`,
      offset: context.offset,
    })
}

function ownOf<T>(table: Record<string, T>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

function encoderRange(architecture: string, name: string): Range | undefined {
  const match = architecture === 'clip' ? /^(?:vision|audio)\.(.+)$/.exec(name) : null
  return match === null ? undefined : ownOf(ENCODER_PARAMETERS, match[1] ?? '')
}

function checkFinite(key: string, value: MetaValue): void {
  if ((value.type === 'f32' || value.type === 'f64') && !Number.isFinite(value.value))
    throw outOfRange(key, value, 'a finite number', String(value.value))
  if (value.type !== 'array' || (value.of !== 'f32' && value.of !== 'f64')) return
  const bad = numbersOf(value)?.find((n) => !Number.isFinite(n))
  if (bad !== undefined) throw outOfRange(key, value, 'finite numbers', String(bad))
}

function checkRange(key: string, value: MetaValue, { type, perLayer, min, max, also }: Range): void {
  let values: number[] | null = null
  if (value.type === type) values = [value.value]
  else if (perLayer && value.type === 'array' && (value.of === 'u32' || value.of === 'i32'))
    values = numbersOf(value)
  if (values === null)
    throw refusal('gguf_key_type', `"${key}" is of type ${typeOf(value)}, not ${type}`, {
      field: key,
      offset: value.offset,
      expected: perLayer ? `${type} or an array of integers` : type,
      found: typeOf(value),
    })
  if (value.type === 'array' && (values.length === 0 || values.length > MAX_LAYERS))
    throw outOfRange(key, value, `1 to ${MAX_LAYERS} layers`, String(value.length))
  // Written so that NaN fails.
  const bad = values.find((n) => !(n >= min && n <= max) && n !== also)
  if (bad !== undefined) throw outOfRange(key, value, `${min} to ${max}`, String(bad))
}

function typeOf(value: MetaValue): string {
  return value.type === 'array' ? `array of ${value.of}` : value.type
}

interface Values {
  key: string
  value: MetaValue
  values: number[]
}
type Named = (name: string) => Values | null

function valuesOf(metadata: Metadata, key: string): Values | null {
  const value = metadata.get(key)
  const values = layerNumbersOf({ metadata }, key)
  return value === undefined || values === null ? null : { key, value, values }
}

function most({ values }: Values): number {
  return Math.max(...values)
}

/** What is given a layer is given for every layer; llama.cpp indexes by the layer. */
function checkLayers(architecture: string, named: Named): void {
  const layers = named('block_count')?.values[0]
  if (layers === undefined) return
  for (const name of ['attention.head_count', 'attention.head_count_kv', 'feed_forward_length']) {
    const found = named(name)
    if (found?.value.type === 'array' && found.values.length !== layers)
      throw outOfRange(
        `${architecture}.${name}`,
        found.value,
        `one value for each of ${layers} layers`,
        String(found.values.length),
      )
  }
  const dense = named('leading_dense_block_count')
  const nextn = named('nextn_predict_layers')
  for (const part of [dense, nextn])
    if (part !== null && most(part) > layers)
      throw outOfRange(part.key, part.value, `at most the ${layers} layers`, String(part.values))
}

function checkHeads(architecture: string, named: Named): void {
  const heads = named('attention.head_count')
  const shared = named('attention.head_count_kv')
  if (RECURRENT.test(architecture)) return
  // A division by zero in the loader; single layers may have none.
  for (const found of [heads, shared])
    if (found !== null && most(found) === 0) throw outOfRange(found.key, found.value, 'at least 1', '0')
  if (heads === null || shared === null) return
  for (let layer = 0; layer < Math.max(heads.values.length, shared.values.length); layer += 1) {
    const all = heads.values[heads.values.length === 1 ? 0 : layer] ?? 0
    const kv = shared.values[shared.values.length === 1 ? 0 : layer] ?? 0
    // Each shared head serves as many query heads as the others; the graph is built on it.
    if (kv !== 0 && all !== 0 && all % kv !== 0)
      throw outOfRange(shared.key, shared.value, `a divisor of the ${all} heads`, String(kv))
  }
}

/** The assertions of llama.cpp's load_hparams, each of which ends the process. */
function checkExperts(architecture: string, named: Named): void {
  const all = named('expert_count')?.values[0] ?? 0
  const used = named('expert_used_count')
  const groups = named('expert_group_count')
  const groupsUsed = named('expert_group_used_count')
  if (used !== null && most(used) > all)
    throw outOfRange(used.key, used.value, `at most the ${all} experts`, String(used.values))
  const experts = named('expert_count')
  if (all > 0 && experts !== null && (used === null || most(used) === 0))
    throw outOfRange(
      `${architecture}.expert_used_count`,
      (used ?? experts).value,
      'at least 1',
      used === null ? 'none' : '0',
    )
  const count = groups?.values[0] ?? 0
  if (groups !== null && count > 0 && (count >= all || (count > 1 && all % count !== 0)))
    throw outOfRange(groups.key, groups.value, `a proper divisor of the ${all} experts`, String(count))
  if (groupsUsed !== null && count > 1 && (most(groupsUsed) === 0 || most(groupsUsed) >= count))
    throw outOfRange(groupsUsed.key, groupsUsed.value, `1 to ${count - 1}`, String(groupsUsed.values))
}

function checkRotation(metadata: Metadata, architecture: string): void {
  const scaling = metadata.get(`${architecture}.rope.scaling.type`)
  if (scaling !== undefined && (scaling.type !== 'string' || !ROPE_SCALINGS.has(scaling.value)))
    throw outOfRange(
      `${architecture}.rope.scaling.type`,
      scaling,
      'none, linear, yarn or longrope',
      scaling.type === 'string' ? 'another word' : scaling.type,
    )
  const number = (name: string) => layerNumbersOf({ metadata }, `${architecture}.${name}`)?.[0] ?? null
  const rotated = metadata.get(`${architecture}.rope.dimension_count`)
  const embedding = number('embedding_length')
  const heads = number('attention.head_count')
  if (rotated?.type !== 'u32' || !WHOLE_ROTATION.has(architecture)) return
  if (embedding === null || heads === null || heads === 0) return
  const width = number('attention.key_length') ?? Math.floor(embedding / heads)
  if (rotated.value !== width)
    throw outOfRange(
      `${architecture}.rope.dimension_count`,
      rotated,
      `the ${width} of a head`,
      String(rotated.value),
    )
}

function outOfRange(key: string, { offset }: MetaValue, expected: string, found: string): Error {
  return refusal('gguf_hyperparameter', `"${key}" is ${found}, expected ${expected}`, {
    field: key,
    offset,
    expected,
    found,
  })
}
