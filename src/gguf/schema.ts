import { numbersOf, type GgufNote, type MetaValue, type ValueType } from './header.ts'
import { refusal } from './rules.ts'
import { checkTokenizer } from './tokenizer.ts'

type Metadata = ReadonlyMap<string, MetaValue>

/** Types that llama.cpp demands of a key; a key of another type makes it throw or, worse, read garbage. */
const GENERAL_TYPES: Record<string, ValueType> = {
  'general.architecture': 'string',
  'general.type': 'string',
  'general.name': 'string',
  'general.author': 'string',
  'general.version': 'string',
  'general.description': 'string',
  'general.license': 'string',
  'general.url': 'string',
  'general.file_type': 'u32',
  'general.quantization_version': 'u32',
  'split.no': 'u16',
  'split.count': 'u16',
  'split.tensors.count': 'i32',
}

interface Range {
  type: 'u32' | 'f32'
  /** Whether one value a layer may stand instead. */
  perLayer?: boolean
  min: number
  max: number
}

/** llama.cpp's LLAMA_MAX_LAYERS and LLAMA_MAX_EXPERTS: beyond them it writes outside its arrays or aborts. */
const MAX_LAYERS = 512
const MAX_EXPERTS = 512

/** Hyper-parameters by the part of the key after the architecture's name. */
const HYPER_PARAMETERS: Record<string, Range> = {
  block_count: { type: 'u32', min: 1, max: MAX_LAYERS },
  context_length: { type: 'u32', min: 1, max: 0xffff_ffff },
  embedding_length: { type: 'u32', min: 1, max: 1_048_576 },
  feed_forward_length: { type: 'u32', perLayer: true, min: 0, max: 16_777_216 },
  vocab_size: { type: 'u32', min: 1, max: 16_777_216 },
  expert_count: { type: 'u32', min: 0, max: MAX_EXPERTS },
  expert_used_count: { type: 'u32', perLayer: true, min: 0, max: MAX_EXPERTS },
  'attention.head_count': { type: 'u32', perLayer: true, min: 0, max: 4096 },
  'attention.head_count_kv': { type: 'u32', perLayer: true, min: 0, max: 4096 },
  'attention.key_length': { type: 'u32', perLayer: true, min: 1, max: 65_536 },
  'attention.value_length': { type: 'u32', perLayer: true, min: 1, max: 65_536 },
  'attention.layer_norm_epsilon': { type: 'f32', min: 0, max: 1 },
  'attention.layer_norm_rms_epsilon': { type: 'f32', min: 0, max: 1 },
  'rope.dimension_count': { type: 'u32', perLayer: true, min: 0, max: 65_536 },
  'rope.freq_base': { type: 'f32', min: Number.MIN_VALUE, max: 1e15 },
  'rope.scaling.factor': { type: 'f32', min: 0, max: 1e6 },
  'rope.scale_linear': { type: 'f32', min: 0, max: 1e6 },
}

/** Architectures without attention: their head counts are rightly 0. */
const RECURRENT = /^(?:mamba\d?|a?rwkv\d\w*)$/

/** Beyond this a context length is a promise that no memory keeps. */
const SANE_CONTEXT = 67_108_864

/** Checks key types, hyper-parameters, the tokenizer's arrays and a projector's arrays; refuses or adds notes. */
export function checkMetadata(metadata: Metadata, notes: GgufNote[]): void {
  for (const [key, type] of Object.entries(GENERAL_TYPES)) demandType(metadata, key, type)
  const architecture = architectureOf(metadata)
  if (architecture !== null) checkHyperParameters(metadata, architecture, notes)
  checkTokenizer(metadata, notes)
  checkProjector(metadata)
}

function demandType(metadata: Metadata, key: string, type: ValueType): void {
  const value = metadata.get(key)
  if (value === undefined || value.type === type) return
  throw refusal('gguf_key_type', `"${key}" is of type ${value.type}, not ${type}`, {
    field: key,
    offset: value.offset,
    expected: type,
    found: value.type,
  })
}

function architectureOf(metadata: Metadata): string | null {
  const value = metadata.get('general.architecture')
  if (value?.type !== 'string') {
    const type = metadata.get('general.type')
    const laterShard = metadata.get('split.no')
    if (type?.type === 'string' && type.value === 'imatrix') return null
    if (laterShard?.type === 'u16' && laterShard.value > 0) return null
    throw refusal('gguf_key_missing', 'the key "general.architecture" is missing', {
      field: 'general.architecture',
    })
  }
  if (!/^[a-z0-9][a-z0-9_.-]{0,63}$/.test(value.value))
    throw refusal('gguf_architecture', 'the architecture is not a plain lower-case name', {
      field: 'general.architecture',
      offset: value.offset,
      expected: '1 to 64 of a-z, 0-9, _ . -',
    })
  return value.value
}

function checkHyperParameters(metadata: Metadata, architecture: string, notes: GgufNote[]): void {
  const recurrent = RECURRENT.test(architecture)
  for (const [key, value] of metadata) {
    if (!key.startsWith(`${architecture}.`)) continue
    const name = key.slice(architecture.length + 1)
    const range = HYPER_PARAMETERS[name]
    // llama.cpp itself writes heads of width 0 for a model without heads, and no lower bound as minus infinity.
    if (recurrent && /^attention\.(?:key|value)_length$/.test(name))
      checkRange(key, value, { type: 'u32', perLayer: true, min: 0, max: 65_536 })
    else if (name === 'kda.gate_lower_bound' && value.type === 'f32' && value.value === -Infinity) continue
    else if (range !== undefined && Object.hasOwn(HYPER_PARAMETERS, name)) checkRange(key, value, range)
    else if ((value.type === 'f32' || value.type === 'f64') && !Number.isFinite(value.value))
      throw outOfRange(key, value, 'a finite number', String(value.value))
  }
  const heads = valuesOf(metadata, `${architecture}.attention.head_count`)
  const sharedHeads = valuesOf(metadata, `${architecture}.attention.head_count_kv`)
  // A division by zero in the loader; layers of their own may have none.
  if (!recurrent && heads?.values.every((n) => n === 0))
    throw outOfRange(`${architecture}.attention.head_count`, heads.value, 'at least 1', '0')
  if (heads !== null && sharedHeads !== null && Math.max(...sharedHeads.values) > Math.max(...heads.values))
    throw outOfRange(
      `${architecture}.attention.head_count_kv`,
      sharedHeads.value,
      `at most the ${Math.max(...heads.values)} heads`,
      String(Math.max(...sharedHeads.values)),
    )
  checkExperts(metadata, architecture)
  const context = metadata.get(`${architecture}.context_length`)
  if (context?.type === 'u32' && context.value > SANE_CONTEXT)
    notes.push({
      code: 'gguf_context_length',
      message: `The context length ${context.value} is more than any memory holds`,
      offset: context.offset,
    })
}

function checkRange(key: string, value: MetaValue, { type, perLayer, min, max }: Range): void {
  let values: number[] | null = null
  if (value.type === type) values = [value.value]
  else if (perLayer && value.type === 'array' && (value.of === 'u32' || value.of === 'i32'))
    values = numbersOf(value)
  if (values === null)
    throw refusal('gguf_key_type', `"${key}" is of type ${value.type}, not ${type}`, {
      field: key,
      offset: value.offset,
      expected: perLayer ? `${type} or an array of integers` : type,
      found: value.type,
    })
  if (value.type === 'array' && (values.length === 0 || values.length > MAX_LAYERS))
    throw outOfRange(key, value, `1 to ${MAX_LAYERS} layers`, String(value.length))
  // Written so that NaN fails.
  const bad = values.find((n) => !(n >= min && n <= max))
  if (bad !== undefined)
    throw outOfRange(key, value, `${min === Number.MIN_VALUE ? 'more than 0' : min} to ${max}`, String(bad))
}

function valuesOf(metadata: Metadata, key: string): { value: MetaValue; values: number[] } | null {
  const value = metadata.get(key)
  if (value === undefined) return null
  const values = value.type === 'array' ? numbersOf(value) : value.type === 'u32' ? [value.value] : null
  return values === null ? null : { value, values }
}

function checkExperts(metadata: Metadata, architecture: string): void {
  const used = valuesOf(metadata, `${architecture}.expert_used_count`)
  const all = valuesOf(metadata, `${architecture}.expert_count`)?.values[0] ?? 0
  if (used !== null && Math.max(...used.values) > all)
    throw outOfRange(`${architecture}.expert_used_count`, used.value, `at most ${all}`, String(used.values))
  if (all > 0 && used !== null && Math.max(...used.values) === 0)
    throw outOfRange(`${architecture}.expert_used_count`, used.value, 'at least 1', '0')
}

function outOfRange(key: string, { offset }: MetaValue, expected: string, found: string): Error {
  return refusal('gguf_hyperparameter', `"${key}" is ${found}, expected ${expected}`, {
    field: key,
    offset,
    expected,
    found,
  })
}

/** A vision projector's arrays are copied by length without looking (llama.cpp#24976, #24142). */
function checkProjector(metadata: Metadata): void {
  for (const [key, value] of metadata) {
    if (!key.startsWith('clip.')) continue
    const colours = key.endsWith('.image_mean') || key.endsWith('.image_std')
    const pins = key.endsWith('.image_grid_pinpoints')
    if (!colours && !pins) continue
    const right =
      value.type === 'array' &&
      (colours ? value.of === 'f32' && value.length === 3 : value.of === 'i32' && value.length % 2 === 0)
    if (!right)
      throw refusal('gguf_projector', `"${key}" is not the array that an image encoder needs`, {
        field: key,
        offset: value.offset,
        expected: colours ? 'three f32' : 'pairs of i32',
        found: value.type === 'array' ? `${value.length} of ${value.of}` : value.type,
      })
  }
}
