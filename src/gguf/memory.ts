import {
  BATCH_TOKENS,
  cacheShapeOf,
  positionsKept,
  type CacheShape,
  type LayerCache,
  windowPositionsKept,
} from './cache.ts'
import { computeBytes } from './compute-buffer.ts'
import { numberOf, stringOf, weigh, type GgufHeader, type GgufTensor } from './header.ts'
import { TENSOR_TYPES } from './types.ts'

/**
 * What running a model takes, in bytes, with all of it in one memory: llama.cpp
 * with its defaults (one sequence, batches of 512 tokens, flash attention, only
 * the window kept of windowed layers). Weights and cache are exact; the compute
 * buffer is an estimate (docs/guide.md states how close).
 */
export interface MemoryNeeds {
  weights_bytes: number
  /** Of them what is only looked up (token embeddings), which llama.cpp leaves in main memory beside a GPU. */
  lookup_bytes: number
  /** By context length, rising; up to what the model was trained for. Empty where it is not known. */
  contexts: MemoryAt[]
  /** Why there are no contexts; null where there are. */
  unknown: string | null
}

/** Memory at one context length. */
export interface MemoryAt {
  /** In tokens. */
  context: number
  /** Keys and values in F16, llama.cpp's default, and recurrent states. */
  cache_bytes: number
  /** The same with a Q8_0 cache; null where llama.cpp refuses one. */
  cache_q8_0_bytes: number | null
  /** Activations of a batch and the logits; estimated. */
  compute_bytes: number
  /** Weights, F16 cache and compute buffer. */
  total_bytes: number
}

/** Whether a model fits in the memory of one device. */
export interface DeviceFit {
  /** In GiB, as devices are sold. */
  device_gb: number
  /** The longest of the model's context lengths that fits; null where none does. */
  context: number | null
  /** What then remains free, in bytes; null where nothing fits. */
  headroom_bytes: number | null
}

const CONTEXTS = [4_096, 8_192, 16_384, 32_768, 131_072]
const F16_BYTES = 2
const GIB = 1024 ** 3

/** Sizes that a model's page tells of. */
export const DEVICE_SIZES_GB = [8, 12, 16, 24, 48, 80] as const
/** What must stay free for the rest of a machine: llama.cpp's own margin when it fits a model to a device. */
export const HEADROOM_BYTES = GIB
/** Sizes that a sentence may name: memory as it is sold. */
const MEMORY_SIZES_GB = [
  1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048,
]
/** The context a sentence speaks of: enough for a conversation. */
const USUAL_CONTEXT = 8_192

/** What a whole model (all shards) takes; where a part is not known, the reason instead. */
export function memoryNeeds(
  header: Pick<GgufHeader, 'metadata'>,
  tensors: readonly GgufTensor[],
): MemoryNeeds {
  const needs: MemoryNeeds = {
    weights_bytes: weigh(tensors).bytes,
    lookup_bytes: lookupBytes(tensors),
    contexts: [],
    unknown: null,
  }
  const cache = cacheShapeOf(header)
  if ('unknown' in cache) return { ...needs, unknown: cache.unknown }
  const trained = numberOf(header, `${stringOf(header, 'general.architecture')}.context_length`)
  if (trained === null || trained < 1)
    return { ...needs, unknown: 'The context length it was trained for is not given' }
  // An encoder's texts are as long as they are; only the longest says what it may take.
  for (const context of cache.encoder !== null ? [trained] : contextsUpTo(trained)) {
    const compute = computeBytes(header, tensors, {
      cache,
      tokens: cache.encoder !== null ? context : Math.min(context, BATCH_TOKENS),
      context: positionsKept(context),
    })
    if (compute === null)
      return { ...needs, contexts: [], unknown: 'The size of its vocabulary is not given' }
    const cacheBytes = cacheBytesAt(cache, context, 'F16')
    const total = needs.weights_bytes + cacheBytes + compute
    // A context length may claim more than numbers hold; what is not exact is not told.
    if (!Number.isSafeInteger(total)) break
    needs.contexts.push({
      context,
      cache_bytes: cacheBytes,
      cache_q8_0_bytes: quantisable(cache) ? cacheBytesAt(cache, context, 'Q8_0') : null,
      compute_bytes: compute,
      total_bytes: total,
    })
  }
  return needs
}

function contextsUpTo(trained: number): number[] {
  return [...CONTEXTS.filter((context) => context < trained), trained]
}

function cacheBytesAt(
  { layers, window, recurrentBytes }: CacheShape,
  context: number,
  type: 'F16' | 'Q8_0',
): number {
  const all = positionsKept(context)
  const some = windowPositionsKept(window, context)
  return layers.reduce(
    (sum, layer) => sum + bytesPerPosition(layer, type) * (layer.windowed ? some : all),
    recurrentBytes,
  )
}

function bytesPerPosition({ keys, values }: LayerCache, type: 'F16' | 'Q8_0'): number {
  if (type === 'F16') return (keys + values) * F16_BYTES
  const { block, bytes } = TENSOR_TYPES.Q8_0
  return ((keys + values) / block) * bytes
}

function quantisable({ layers, plainAttention }: CacheShape): boolean {
  const { block } = TENSOR_TYPES.Q8_0
  return (
    !plainAttention &&
    layers.every(({ keyHead, valueHead }) => keyHead % block === 0 && valueHead % block === 0)
  )
}

/** Embeddings are looked up a row at a time, so that llama.cpp keeps them in main memory; tied ones are the output too. */
function lookupBytes(tensors: readonly GgufTensor[]): number {
  const untied = tensors.some(({ name }) => name === 'output.weight')
  return weigh(
    tensors.filter(
      ({ name }) => name === 'per_layer_token_embd.weight' || (untied && name === 'token_embd.weight'),
    ),
  ).bytes
}

/** The longest context that each size of device holds, everything in its memory and `HEADROOM_BYTES` left free. */
export function deviceFits(
  { contexts }: Pick<MemoryNeeds, 'contexts'>,
  sizes: readonly number[] = DEVICE_SIZES_GB,
): DeviceFit[] {
  return sizes.map((device_gb) => {
    const room = device_gb * GIB
    const best = contexts.findLast(({ total_bytes }) => total_bytes + HEADROOM_BYTES <= room)
    return {
      device_gb,
      context: best?.context ?? null,
      headroom_bytes: best === undefined ? null : room - best.total_bytes,
    }
  })
}

/**
 * A sentence for the field _What it needs_ of a listing, such as "8 GB of memory
 * at 8k context"; at most 200 characters. Null where not even the weights are known.
 */
export function hardwareSentence({ weights_bytes, contexts }: MemoryNeeds): string | null {
  if (weights_bytes === 0) return null
  const at = contexts.findLast(({ context }) => context <= USUAL_CONTEXT) ?? contexts[0]
  if (at === undefined) return `More than ${memorySize(weights_bytes)} of memory: the weights alone take that`
  const fit = MEMORY_SIZES_GB.find((gb) => at.total_bytes + HEADROOM_BYTES <= gb * GIB)
  const memory = fit === undefined ? `More than ${MEMORY_SIZES_GB.at(-1)} GB` : `${fit} GB`
  return `${memory} of memory at ${contextName(at.context)} context (${memorySize(weights_bytes)} of weights, ${memorySize(at.cache_bytes)} of context, ${memorySize(at.compute_bytes)} to compute)`
}

/** A context length as people say it: 8k, 128k. */
export function contextName(context: number): string {
  return context >= 1024 && context % 1024 === 0 ? `${context / 1024}k` : String(context)
}

/** Memory in binary units, as devices count it: 4.6 GiB. */
export function memorySize(bytes: number): string {
  return bytes >= GIB / 10
    ? `${(bytes / GIB).toFixed(1)} GiB`
    : `${Math.max(1, Math.round(bytes / 1024 ** 2))} MiB`
}
