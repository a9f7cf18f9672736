import type { Finding } from './finding.ts'
import { numbersOf, type GgufHeader, type GgufTensor, type MetaArray, type MetaValue } from './header.ts'
import type { FileKind } from './metadata.ts'
import type { GgufCode } from './rules.ts'

type Header = Pick<GgufHeader, 'metadata' | 'tensors'>

/**
 * Checks a GGUF file that is no model for what its own loader asks without
 * looking: a key of another type, a size of zero or half of a pair ends llama.cpp
 * or is divided by. What it finds is refused.
 */
export function checkOtherKind(header: Header, kind: FileKind): Finding[] {
  if (kind === 'projector') return projectorFindings(header)
  if (kind === 'adapter') return adapterFindings(header)
  if (kind === 'imatrix') return imatrixFindings(header)
  return []
}

interface Values {
  bool: { value: boolean }
  string: { value: string }
  u32: { value: number }
  i32: { value: number }
  f32: { value: number }
  array: MetaArray
}

class Findings {
  readonly list: Finding[] = []
  readonly #metadata: ReadonlyMap<string, MetaValue>
  readonly #code: GgufCode

  constructor({ metadata }: Header, code: GgufCode) {
    this.#metadata = metadata
    this.#code = code
  }

  add(message: string, offset?: number): void {
    if (this.list.length < 20)
      this.list.push({
        code: this.#code,
        severity: 'reject',
        message,
        ...(offset !== undefined && { offset }),
      })
  }

  /** The value of a key where it is there and of its type; another type is a finding. */
  get<Type extends keyof Values>(key: string, type: Type): (Values[Type] & { offset: number }) | null {
    const value = this.#metadata.get(key)
    if (value === undefined) return null
    if (value.type === type) return value as unknown as Values[Type] & { offset: number }
    this.add(`"${key}" is of type ${value.type}, not ${type}`, value.offset)
    return null
  }

  /** A whole number in its range; absent is a finding only where it is needed. */
  number(
    key: string,
    { min, max, needed = false }: { min: number; max: number; needed?: boolean },
  ): number | null {
    const value = this.get(key, 'u32')
    if (value === null) {
      if (needed && !this.#metadata.has(key)) this.add(`The key "${key}" is missing`)
      return null
    }
    if (value.value < min || value.value > max)
      this.add(`"${key}" is ${value.value}, expected ${min} to ${max}`, value.offset)
    return value.value
  }
}

const ENCODERS = [
  { has: 'clip.has_vision_encoder', part: 'vision', tensors: 'v' },
  { has: 'clip.has_audio_encoder', part: 'audio', tensors: 'a' },
] as const

/** What the projectors divide by or allocate with, below `clip.vision` or `clip.audio`. */
const FACTORS = [
  'spatial_merge_size',
  'projector.scale_factor',
  'projector.stack_factor',
  'projector.downsample_rate',
  'projector.query_side',
  'projector.window_side',
  'num_mel_bins',
  'chunk_size',
  'conv_kernel_size',
] as const

function projectorFindings(header: Header): Finding[] {
  const found = new Findings(header, 'gguf_projector')
  const present = ENCODERS.filter(({ has }) => found.get(has, 'bool')?.value === true)
  if (present.length === 0 && found.get('clip.has_gen_audio_encoder', 'bool')?.value !== true)
    found.add('The projector has neither a vision nor an audio encoder')
  if (
    found.get('clip.use_gelu', 'bool')?.value === true &&
    found.get('clip.use_silu', 'bool')?.value === true
  )
    found.add('Both "clip.use_gelu" and "clip.use_silu" are set')
  found.get('clip.minicpmv_version', 'i32')
  for (const { part, tensors } of present) {
    if (
      found.get('clip.projector_type', 'string') === null &&
      found.get(`clip.${part}.projector_type`, 'string') === null
    )
      found.add(`Neither "clip.projector_type" nor "clip.${part}.projector_type" is given`)
    const key = (name: string) => `clip.${part}.${name}`
    const needed = (name: string, max: number, min = 1) => found.number(key(name), { min, max, needed: true })
    needed('embedding_length', 1_048_576)
    needed('feed_forward_length', 16_777_216)
    needed('attention.head_count', 4096)
    needed('projection_dim', 1_048_576, 0)
    const layers = needed('block_count', 512, 0)
    if (part === 'vision') {
      needed('image_size', 65_536)
      needed('patch_size', 4096)
    } else needed('num_mel_bins', 4096)
    found.number(key('attention.head_count_kv'), { min: 1, max: 4096 })
    found.number(key('attention.head_dim'), { min: 1, max: 65_536 })
    for (const name of FACTORS) found.number(key(name), { min: 1, max: 65_536 })
    const epsilon = found.get(key('attention.layer_norm_epsilon'), 'f32')
    if (epsilon !== null && !(epsilon.value >= 0 && epsilon.value <= 1))
      found.add(
        `"${key('attention.layer_norm_epsilon')}" is ${epsilon.value}, expected 0 to 1`,
        epsilon.offset,
      )
    if (layers !== null) checkLayers(found, header, { layers, part, tensors })
  }
  if (header.tensors.length === 0) found.add('The projector holds no tensors')
  return found.list
}

function checkLayers(
  found: Findings,
  { metadata, tensors }: Header,
  { layers, part, tensors: letter }: { layers: number; part: string; tensors: string },
): void {
  const outside = tensors.find(({ name }) => Number(layerOf(name, letter) ?? -1) >= layers)
  if (outside !== undefined) found.add(`"${outside.name}" lies outside the ${layers} layers of the encoder`)
  const features = metadata.get(`clip.${part}.feature_layer`)
  const listed = features?.type === 'array' ? numbersOf(features) : null
  if (features !== undefined && listed === null)
    found.add(`"clip.${part}.feature_layer" is no list of layers`, features.offset)
  if (listed?.some((layer) => layer > layers || layer < -layers - 1) === true)
    found.add(
      `"clip.${part}.feature_layer" names a layer outside the ${layers} of the encoder`,
      features?.offset,
    )
}

function layerOf(name: string, letter: string): string | undefined {
  const parts = name.split('.')
  return parts[0] === letter && parts[1] === 'blk' && /^\d+$/.test(parts[2] ?? '') ? parts[2] : undefined
}

function adapterFindings(header: Header): Finding[] {
  const found = new Findings(header, 'gguf_adapter')
  const type = found.get('adapter.type', 'string')
  if (type?.value !== 'lora')
    found.add(`"adapter.type" is ${type === null ? 'missing' : 'not lora'}`, type?.offset)
  const alpha = found.get('adapter.lora.alpha', 'f32')
  // llama.cpp takes a missing one for 0, which it takes for none.
  if (alpha !== null && !(alpha.value >= 0 && alpha.value < 1e6))
    found.add(`"adapter.lora.alpha" is ${alpha.value}`, alpha.offset)
  const tokens = found.get('adapter.alora.invocation_tokens', 'array')
  if (tokens !== null && tokens.of !== 'u32')
    found.add('"adapter.alora.invocation_tokens" is no list of u32', tokens.offset)
  if (header.tensors.length === 0) found.add('The adapter holds no tensors')
  for (const [name, [a, b]] of pairs(header.tensors, ['.lora_a', '.lora_b'], found))
    if (a === undefined || b === undefined) found.add(`Of the pair "${name}" one half is missing`)
    else if (!name.endsWith('token_embd.weight') && a.dims[1] !== b.dims[0])
      found.add(`The halves of "${name}" have ranks ${a.dims[1] ?? 1} and ${b.dims[0] ?? 1}`)
  return found.list
}

type Pair = [GgufTensor | undefined, GgufTensor | undefined]

function pairs(
  tensors: readonly GgufTensor[],
  endings: readonly [string, string],
  found: Findings,
): Map<string, Pair> {
  const result = new Map<string, Pair>()
  for (const tensor of tensors) {
    const half = endings.findIndex((ending) => tensor.name.endsWith(ending))
    if (half < 0) {
      if (!tensor.name.endsWith('_norm.weight'))
        found.add(`"${tensor.name}" is neither ${endings.join(' nor ')}`)
      continue
    }
    const name = tensor.name.slice(0, -(endings[half]?.length ?? 0))
    const pair = result.get(name) ?? [undefined, undefined]
    pair[half === 0 ? 0 : 1] = tensor
    result.set(name, pair)
  }
  return result
}

function imatrixFindings(header: Header): Finding[] {
  const found = new Findings(header, 'gguf_imatrix')
  const sets = found.get('imatrix.datasets', 'array')
  if (sets !== null && sets.of !== 'string') found.add('"imatrix.datasets" is no list of texts', sets.offset)
  found.get('imatrix.chunk_count', 'u32')
  found.get('imatrix.chunk_size', 'u32')
  if (header.tensors.length === 0) found.add('The importance matrix holds no tensors')
  for (const [name, [sums, counts]] of pairs(header.tensors, ['.in_sum2', '.counts'], found)) {
    if (sums === undefined || counts === undefined) found.add(`Of "${name}" sums or counts are missing`)
    else if (sums.type !== 'F32' || counts.type !== 'F32')
      found.add(`Sums and counts of "${name}" are not F32`)
    else if (sums.elements % counts.elements !== 0)
      found.add(`"${name}" has ${sums.elements} sums for ${counts.elements} counts`)
  }
  return found.list
}
