/**
 * Headers of published shapes for benchmarks: real dimensions and counts, an
 * invented vocabulary of the same size. Never to be shown as anything else.
 */
import { planRecipes, recipe, recipeModelOf } from '../src/gguf/recipe.ts'
import type { MetaValue } from '../src/gguf/header.ts'
import type { FileType } from '../src/gguf/types.ts'
import { FILE_TYPES } from '../src/gguf/types.ts'
import { writeGgufHeader, type WriteTensorInfo, type WriteValue } from '../src/gguf/write.ts'

export interface HeaderShape {
  layers: number
  embedding: number
  feedForward: number
  heads: number
  sharedHeads: number
  vocabulary: number
  merges: number
}

/** Llama 3.1 70B: 80 layers of 9 tensors and 5 more. */
export const SEVENTY_B: HeaderShape = {
  layers: 80,
  embedding: 8192,
  feedForward: 28_672,
  heads: 64,
  sharedHeads: 8,
  vocabulary: 128_256,
  merges: 280_147,
}

const text = (value: string): WriteValue => ({ type: 'string', value })
const u32 = (value: number): WriteValue => ({ type: 'u32', value })

/** Words of two to twelve letters, no two alike, some outside ASCII as in real vocabularies. */
function words(count: number): string[] {
  const letters = 'etaoinshrdlucmfwypvbgkjqxzéüñжд中'
  let state = 1
  const next = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  return Array.from({ length: count }, (_, i) => {
    let word = next(2) === 0 ? 'Ġ' : ''
    for (let length = 1 + next(6); length > 0; length -= 1) word += letters[next(letters.length)]
    return `${word}${i.toString(36)}`
  })
}

/** A header of the llama family, quantised as a file type wants, and the size its file would have. */
export function headerOf(shape: HeaderShape, fileType: FileType): { header: Uint8Array; size: number } {
  const { layers, embedding, feedForward, heads, sharedHeads, vocabulary, merges } = shape
  const keys = (embedding / heads) * sharedHeads
  const tokens = words(vocabulary)
  const metadata: [string, WriteValue][] = [
    ['general.architecture', text('llama')],
    ['general.type', text('model')],
    ['general.name', text('Bench')],
    ['llama.block_count', u32(layers)],
    ['llama.context_length', u32(131_072)],
    ['llama.embedding_length', u32(embedding)],
    ['llama.feed_forward_length', u32(feedForward)],
    ['llama.attention.head_count', u32(heads)],
    ['llama.attention.head_count_kv', u32(sharedHeads)],
    ['llama.rope.freq_base', { type: 'f32', value: 500_000 }],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-5 }],
    ['llama.vocab_size', u32(vocabulary)],
    ['llama.rope.dimension_count', u32(embedding / heads)],
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text('llama-bpe')],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', values: tokens }],
    ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', values: tokens.map(() => 1) }],
    [
      'tokenizer.ggml.merges',
      {
        type: 'array',
        of: 'string',
        values: Array.from(
          { length: merges },
          (_, i) => `${tokens[i % vocabulary]} ${tokens[(i * 7) % vocabulary]}`,
        ),
      },
    ],
    ['tokenizer.ggml.bos_token_id', u32(0)],
    ['tokenizer.ggml.eos_token_id', u32(1)],
    ['general.quantization_version', u32(2)],
    ['general.file_type', u32(FILE_TYPES[fileType].id)],
  ]
  const shapes: [string, number[]][] = [
    ['rope_freqs', [embedding / heads / 2]],
    ['token_embd', [embedding, vocabulary]],
    ['output_norm', [embedding]],
    ['output', [embedding, vocabulary]],
  ]
  for (let layer = 0; layer < layers; layer += 1)
    for (const [name, dims] of [
      ['attn_norm', [embedding]],
      ['ffn_down', [feedForward, embedding]],
      ['ffn_gate', [embedding, feedForward]],
      ['ffn_up', [embedding, feedForward]],
      ['ffn_norm', [embedding]],
      ['attn_k', [embedding, keys]],
      ['attn_output', [embedding, embedding]],
      ['attn_q', [embedding, embedding]],
      ['attn_v', [embedding, keys]],
    ] as const)
      shapes.push([`blk.${layer}.${name}`, [...dims]])
  return writeGgufHeader({ metadata, tensors: quantised(metadata, shapes, fileType) })
}

function quantised(
  metadata: readonly [string, WriteValue][],
  shapes: readonly [string, number[]][],
  fileType: FileType,
): WriteTensorInfo[] {
  const plain = shapes.map(([name, dims]) => ({
    name: `${name}.weight`,
    dims,
    elements: dims.reduce((product, n) => product * n, 1),
  }))
  const values = new Map<string, MetaValue>()
  for (const [key, value] of metadata) if (value.type !== 'array') values.set(key, { ...value, offset: 0 })
  const model = recipeModelOf({ metadata: values }, plain)
  const types =
    model &&
    recipe(planRecipes(plain, 'current'), fileType, model, { imatrix: false, is70b: model.is70b[0] ?? false })
  if (types === null) throw new RangeError(`Cannot make a header of ${fileType}: no recipe`)
  return plain.map(({ name, dims }, i) => ({ name, dims, type: types[i] ?? 'F32' }))
}
