import { windowPositionsKept, type CacheShape } from './cache.ts'
import { layerNumbersOf, numberOf, stringOf, type GgufHeader, type GgufTensor } from './header.ts'

const F32_BYTES = 4
const F16_BYTES = 2

/**
 * Estimates llama.cpp's compute buffer in bytes: what one batch holds at its
 * widest, either the logits of every token or the widest layer beside the mask
 * of which position sees which. Null where the vocabulary's size is not known.
 */
export function computeBytes(
  header: Pick<GgufHeader, 'metadata'>,
  tensors: readonly Pick<GgufTensor, 'name' | 'dims'>[],
  { cache, tokens, context }: { cache: CacheShape; tokens: number; context: number },
): number | null {
  const architecture = stringOf(header, 'general.architecture') ?? ''
  const one = (name: string) => numberOf(header, `${architecture}.${name}`) ?? 0
  const widest = (name: string) => Math.max(0, ...(layerNumbersOf(header, `${architecture}.${name}`) ?? []))
  const embedding = one('embedding_length')
  const feedForward = widest('feed_forward_length')
  if (cache.encoder !== null) {
    const { gated, masks } = cache.encoder
    const layer = (gated ? 3 : 1) * feedForward + 3 * embedding
    return tokens * (layer * F32_BYTES + masks * tokens * F16_BYTES)
  }
  const vocabulary = vocabularyOf(header, tensors, one('vocab_size'))
  if (vocabulary === null) return null
  const output = vocabulary + 2 * embedding
  const experts = widest('expert_used_count')
  const expertWidth = widest('expert_feed_forward_length') || feedForward
  const mixed = experts * expertWidth + 6 * embedding
  const dense = 3 * feedForward + 4 * embedding
  const key = cache.layers[0]?.keyHead ?? 0
  const value = one('attention.value_length') || key
  const attention = widest('attention.head_count') * (key + 2 * value) + 2 * embedding
  const layer = Math.max(experts > 0 ? mixed : dense, attention)
  const whole = cache.layers.some(({ windowed }) => !windowed)
  const some = cache.layers.some(({ windowed }) => windowed)
  const mask = (whole ? context : 0) + (some ? windowPositionsKept(cache.window, context) : 0)
  return tokens * Math.max(output * F32_BYTES, layer * F32_BYTES + mask * F16_BYTES)
}

function vocabularyOf(
  { metadata }: Pick<GgufHeader, 'metadata'>,
  tensors: readonly Pick<GgufTensor, 'name' | 'dims'>[],
  named: number,
): number | null {
  const tokens = metadata.get('tokenizer.ggml.tokens')
  if (tokens?.type === 'array') return tokens.length
  const embeddings = tensors.find(({ name }) => name === 'token_embd.weight')
  return embeddings?.dims[1] ?? (named > 0 ? named : null)
}
