import { layerNumbersOf, numberOf, stringOf, weigh, type GgufHeader, type GgufTensor } from './header.ts'

/** What running a model takes, in bytes; a lower bound, without compute buffers. */
export interface MemoryNeeds {
  weights_bytes: number
  /** Keys and values in F16 at a context length; null where the formula does not hold for the architecture. */
  kv_cache: { context: number; bytes: number }[] | null
}

const CONTEXTS = [4096, 8192]
/** F16, llama.cpp's default for the cache. */
const CACHE_VALUE_BYTES = 2

/** Memory needs by formula: weights, and 2 bytes for every key and value of every layer and position. */
export function memoryNeeds(header: GgufHeader, tensors: readonly GgufTensor[]): MemoryNeeds {
  return { weights_bytes: weigh(tensors).bytes, kv_cache: kvCache(header) }
}

function kvCache(header: GgufHeader): MemoryNeeds['kv_cache'] {
  const architecture = stringOf(header, 'general.architecture')
  if (architecture === null) return null
  const key = (name: string) => `${architecture}.${name}`
  const layers = numberOf(header, key('block_count'))
  const embedding = numberOf(header, key('embedding_length'))
  const heads = layerNumbersOf(header, key('attention.head_count'))
  const shared = layerNumbersOf(header, key('attention.head_count_kv')) ?? heads
  const trained = numberOf(header, key('context_length'))
  // Compressed (MLA) and recurrent caches follow other formulas.
  if (header.metadata.has(key('attention.kv_lora_rank')) || header.metadata.has(key('ssm.state_size')))
    return null
  if (layers === null || embedding === null || heads === null || shared === null || trained === null)
    return null
  const firstHeads = heads.find((n) => n > 0)
  if (firstHeads === undefined) return null
  const width = Math.floor(embedding / firstHeads)
  const perHead =
    (numberOf(header, key('attention.key_length')) ?? width) +
    (numberOf(header, key('attention.value_length')) ?? width)
  let perPosition = 0
  for (let layer = 0; layer < layers; layer += 1)
    perPosition +=
      (shared.length === 1 ? (shared[0] ?? 0) : (shared[layer] ?? 0)) * perHead * CACHE_VALUE_BYTES
  const contexts = [...new Set(CONTEXTS.map((context) => Math.min(context, trained)))]
  return contexts.map((context) => ({ context, bytes: context * perPosition }))
}
