import {
  ENCODERS,
  HYBRID,
  LATENT,
  RECURRENT,
  WHOLE,
  WINDOWED,
  type Encoder,
  type Hybrid,
  type WindowRule,
} from './cache-architectures.ts'
import { layerNumbersOf, numberOf, numbersOf, stringOf, type GgufHeader } from './header.ts'

/** What one layer keeps of every position it remembers, in values of the cache's type. */
export interface LayerCache {
  /** Whether it remembers only the sliding window. */
  windowed: boolean
  keys: number
  values: number
  /** Width of one head's keys and values: a quantised cache needs multiples of its block. */
  keyHead: number
  valueHead: number
}

/** What a model keeps between tokens, as llama.cpp lays it out for one sequence. */
export interface CacheShape {
  layers: LayerCache[]
  /** The sliding window in positions; 0 without one. */
  window: number
  /** State of recurrent layers, in bytes; the same at every context length. */
  recurrentBytes: number
  /** Set for a model that reads a whole text in one batch and gives no logits. */
  encoder: Encoder | null
  /** llama.cpp turns flash attention off for it, so that its cache cannot be quantised. */
  plainAttention: boolean
}

/** Why a model's cache cannot be computed. */
export interface UnknownCache {
  unknown: string
}

/** The most tokens llama.cpp evaluates at once, by default. */
export const BATCH_TOKENS = 512
const CONTEXT_STEP = 256

/** Recurrent states are kept in F32 whatever the cache's type. */
const STATE_VALUE_BYTES = 4
const DEFAULT_TOKEN_SHIFTS = 2

/**
 * What a model of this header keeps between tokens: `create_memory` and the
 * per-architecture hyper-parameters of llama.cpp v0.5.0, read from its source and
 * held against it in memory.test.ts. An architecture or key that is not known
 * gives the reason instead, never a guess.
 */
export function cacheShapeOf(header: Pick<GgufHeader, 'metadata'>): CacheShape | UnknownCache {
  const architecture = stringOf(header, 'general.architecture')
  if (architecture === null) return { unknown: 'The file names no architecture' }
  const model = new Hyper(header, architecture)
  const encoder = Object.hasOwn(ENCODERS, architecture) ? ENCODERS[architecture] : undefined
  if (encoder !== undefined) return shape([], { encoder })
  const layers = model.number('block_count')
  if (layers === null) return { unknown: `"${architecture}.block_count" is missing` }
  // Layers that predict further tokens at once (MTP) are not run, unless asked for.
  const trunk = layers - (model.number('nextn_predict_layers') ?? 0)
  if (trunk < 1) return { unknown: 'The model has no layer of its own' }
  if (RECURRENT.has(architecture)) return recurrent(model, trunk)
  const attention = attentionOf(model, layers)
  if ('unknown' in attention) return attention
  const hybrid = Object.hasOwn(HYBRID, architecture) ? HYBRID[architecture] : undefined
  if (hybrid !== undefined) return hybridShape(model, attention, trunk, hybrid)
  const windowRule = Object.hasOwn(WINDOWED, architecture) ? WINDOWED[architecture] : undefined
  if (windowRule !== undefined) return windowedShape(model, attention, { layers, trunk, rule: windowRule })
  if (architecture === 'deepseek32') return sparseShape(model, attention, trunk)
  if (!WHOLE.has(architecture))
    return { unknown: `How llama.cpp keeps the context of ${architecture} is not known here` }
  return {
    ...shape(attention.slice(0, trunk).map((layer) => layer.whole)),
    plainAttention: architecture === 'grok',
  }
}

function shape(layers: LayerCache[], more: Partial<CacheShape> = {}): CacheShape {
  return { layers, window: 0, recurrentBytes: 0, encoder: null, plainAttention: false, ...more }
}

/** Reads an architecture's hyper-parameters. */
class Hyper {
  readonly architecture: string
  readonly #header: Pick<GgufHeader, 'metadata'>

  constructor(header: Pick<GgufHeader, 'metadata'>, architecture: string) {
    this.#header = header
    this.architecture = architecture
  }

  number(name: string): number | null {
    return numberOf(this.#header, `${this.architecture}.${name}`)
  }

  /** One number a layer, from a list or a single one; null where absent or too short. */
  perLayer(name: string, layers: number): number[] | null {
    const found = layerNumbersOf(this.#header, `${this.architecture}.${name}`)
    if (found === null) return null
    if (this.isList(name)) return found.length < layers ? null : found.slice(0, layers)
    return Array.from({ length: layers }, () => found[0] ?? 0)
  }

  isList(name: string): boolean {
    return this.#header.metadata.get(`${this.architecture}.${name}`)?.type === 'array'
  }

  has(name: string): boolean {
    return this.#header.metadata.has(`${this.architecture}.${name}`)
  }

  /** A list of flags, whichever type they are stored in; null where the key is no such list. */
  flags(name: string): boolean[] | null {
    const value = this.#header.metadata.get(`${this.architecture}.${name}`)
    if (value?.type !== 'array') return null
    if (value.of === 'bool') return Array.from(value.bytes, (byte) => byte !== 0)
    return numbersOf(value)?.map((n) => n !== 0) ?? null
  }
}

/** A layer as it would be kept whole, and as it would be with a window; they may differ in head size. */
interface Layer {
  whole: LayerCache
  windowed: LayerCache
  /** Key and value heads; a hybrid's recurrent layers have none. */
  heads: number
}

function attentionOf(model: Hyper, layers: number): Layer[] | UnknownCache {
  const queryHeads = model.perLayer('attention.head_count', layers)
  if (queryHeads === null)
    return { unknown: `"${model.architecture}.attention.head_count" is missing or short` }
  const heads = model.has('attention.head_count_kv')
    ? model.perLayer('attention.head_count_kv', layers)
    : queryHeads
  if (heads === null) return { unknown: `"${model.architecture}.attention.head_count_kv" is short` }
  // llama.cpp takes the first layer's heads for the width of a head.
  const width = Math.floor((model.number('embedding_length') ?? 0) / (queryHeads[0] ?? 0))
  const key = model.number('attention.key_length') ?? width
  const value = model.number('attention.value_length') ?? width
  if (!Number.isSafeInteger(key) || !Number.isSafeInteger(value) || key < 1)
    return { unknown: 'The width of an attention head is not given' }
  // Multi-head latent attention keeps one compressed vector, from which keys and values are both made.
  const latent =
    LATENT.has(model.architecture) &&
    model.has('attention.key_length_mla') &&
    model.has('attention.value_length_mla')
  const keyWindowed = model.number('attention.key_length_swa') ?? key
  const valueWindowed = model.number('attention.value_length_swa') ?? value
  const layer = (count: number, k: number, v: number, windowed: boolean): LayerCache => ({
    windowed,
    keys: count * k,
    values: latent ? 0 : count * v,
    keyHead: k,
    valueHead: latent ? k : v,
  })
  return heads.map((count) => ({
    heads: count,
    whole: layer(count, key, value, false),
    windowed: layer(count, keyWindowed, valueWindowed, true),
  }))
}

function windowedShape(
  model: Hyper,
  attention: readonly Layer[],
  { layers, trunk, rule }: { layers: number; trunk: number; rule: WindowRule },
): CacheShape | UnknownCache {
  const named = model.number('attention.sliding_window')
  const window = windowOf(named, rule)
  // Of exaone4 only the large model has a window; llama.cpp knows it by its layers.
  const whole = window === 'whole' || (model.architecture === 'exaone4' && trunk !== 64)
  if (!whole && (window === null || window === 0))
    return { unknown: 'The size of its sliding window is not given' }
  const which = windowPattern(model, trunk, rule)
  if (which === null) return { unknown: 'Which layers have a sliding window is not given' }
  const kept = keptLayers(model, layers, trunk)
  return shape(
    attention.slice(0, kept).map((layer, i) => (!whole && which[i] === true ? layer.windowed : layer.whole)),
    { window: whole ? 0 : (window ?? 0) },
  )
}

function windowOf(named: number | null, { window, always, wholeWhere }: WindowRule): number | 'whole' | null {
  if (named === 0 && wholeWhere !== undefined) return 'whole'
  if (named === null && wholeWhere === 'absent_or_zero') return 'whole'
  return always ?? named ?? window ?? null
}

function windowPattern(model: Hyper, trunk: number, { every, wholeFirst }: WindowRule): boolean[] | null {
  const listed = model.flags('attention.sliding_window_pattern')
  if (listed !== null) return listed
  if (every === null) return null
  const period = model.number('attention.sliding_window_pattern') ?? every
  return Array.from(
    { length: trunk },
    (_, i) => period === 0 || (wholeFirst === true ? i % period !== 0 : i % period < period - 1),
  )
}

/** The last layers of Gemma 3n and 4 use the keys and values of earlier ones. */
function keptLayers(model: Hyper, layers: number, trunk: number): number {
  if (model.architecture === 'gemma3n') return Math.min(trunk, 20)
  if (model.architecture === 'gemma4')
    return Math.max(0, Math.min(trunk, layers - (model.number('attention.shared_kv_layers') ?? 0)))
  return trunk
}

/** DeepSeek 3.2 keeps beside the latent vectors the keys of the indexer that picks among them. */
function sparseShape(model: Hyper, attention: readonly Layer[], trunk: number): CacheShape | UnknownCache {
  const key = model.number('attention.indexer.key_length')
  if (key === null) return { unknown: "The width of the indexer's keys is not given" }
  const indexer = { windowed: false, keys: key, values: 0, keyHead: key, valueHead: key }
  return shape(attention.slice(0, trunk).flatMap(({ whole }) => [whole, indexer]))
}

function recurrent(model: Hyper, trunk: number): CacheShape | UnknownCache {
  const state = stateBytes(model)
  return state === null ? NO_STATE : shape([], { recurrentBytes: trunk * state })
}

const NO_STATE: UnknownCache = { unknown: 'The size of its recurrent state is not given' }

function hybridShape(
  model: Hyper,
  attention: readonly Layer[],
  trunk: number,
  { which, interval }: { which: Hybrid; interval?: number },
): CacheShape | UnknownCache {
  const feedForward = model.perLayer('feed_forward_length', attention.length)
  const listed = model.flags('attention.recurrent_layers')
  const period = model.number('full_attention_interval') ?? interval ?? 0
  if (which === 'no_heads_no_feed_forward' && feedForward === null)
    return { unknown: 'Which layers are recurrent is not given' }
  const keepsState = (layer: Layer, i: number): boolean => {
    if (which === 'both') return true
    if (which === 'interval') return listed === null ? (i + 1) % period !== 0 : listed[i] === true
    return layer.heads === 0 && (which === 'no_heads' || feedForward?.[i] === 0)
  }
  const keepsKeys = (layer: Layer, i: number): boolean => {
    if (which === 'both') return true
    return !keepsState(layer, i) && (which !== 'no_heads_no_feed_forward' || feedForward?.[i] === 0)
  }
  const layers = attention.slice(0, trunk)
  const state = stateBytes(model)
  if (state === null) return NO_STATE
  const window = model.architecture === 'lfm2' ? (model.number('attention.sliding_window') ?? 0) : 0
  return shape(
    layers.filter(keepsKeys).map((layer) => (window > 0 ? layer.windowed : layer.whole)),
    { window, recurrentBytes: layers.filter(keepsState).length * state },
  )
}

/** The state of one recurrent layer in bytes (`n_embd_r` and `n_embd_s`): what its convolution saw last, and its memory. */
function stateBytes(model: Hyper): number | null {
  const embedding = model.number('embedding_length') ?? 0
  const inner = model.number('ssm.inner_size') ?? 0
  const state = model.number('ssm.state_size') ?? 0
  const kernel = model.number('ssm.conv_kernel') ?? 0
  const wkv = model.architecture.startsWith('rwkv') ? (model.number('wkv.head_size') ?? 0) : 0
  const short = model.architecture.startsWith('lfm2') ? (model.number('shortconv.l_cache') ?? 0) : 0
  const delta = model.architecture === 'kimi-linear' ? (model.number('kda.head_dim') ?? 0) : 0
  if (wkv > 0) {
    const shifts = model.number('token_shift_count') ?? DEFAULT_TOKEN_SHIFTS
    return (shifts * embedding + embedding * wkv) * STATE_VALUE_BYTES
  }
  if (short > 0) return embedding * (short - 1) * STATE_VALUE_BYTES
  if (delta > 0) {
    const heads = model.perLayer('attention.head_count', 1)?.[0] ?? 0
    const history = 3 * (kernel > 0 ? kernel - 1 : 3) * heads * delta
    return (history + delta * delta * heads) * STATE_VALUE_BYTES
  }
  if (inner === 0 || state === 0 || kernel === 0) return null
  // The first Mamba and Jamba have no groups: llama.cpp does not read the key for them.
  const groups = /^(?:mamba|jamba)$/.test(model.architecture) ? 0 : (model.number('ssm.group_count') ?? 0)
  return ((kernel - 1) * (inner + 2 * groups * state) + state * inner) * STATE_VALUE_BYTES
}

/** Positions that a layer keeps which attends to the whole context: llama.cpp rounds up. */
export function positionsKept(context: number): number {
  return Math.ceil(context / CONTEXT_STEP) * CONTEXT_STEP
}

/** Positions that a windowed layer keeps: the window and one batch, rounded up (`llama_kv_cache_iswa`). */
export function windowPositionsKept(window: number, context: number): number {
  return positionsKept(Math.min(positionsKept(context), window + Math.min(context, BATCH_TOKENS)))
}
