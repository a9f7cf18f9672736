import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { requireGgml } from '../../test/llama-memory.ts'
import { askQuantiser, QUANTISER_TYPES } from '../../test/llama-quantiser.ts'
import { requireTool, tempDir } from '../../test/tools.ts'
import { memorySource } from './memory-source.ts'
import { parseGguf } from './parse.ts'
import { planRecipes, recipe, recipeModelOf } from './recipe.ts'
import { TENSOR_TYPES } from './types.ts'
import { writeGguf, type WriteTensor, type WriteValue } from './write.ts'

interface Shape {
  architecture: string
  layers: number
  heads: number
  shared: number
  width?: number
  feedForward?: number
  experts?: number
  tied?: boolean
  fused?: boolean
}

const SHAPES: Record<string, Shape> = {
  'grouped heads': { architecture: 'llama', layers: 24, heads: 8, shared: 2 },
  'plain heads': { architecture: 'llama', layers: 33, heads: 4, shared: 4 },
  'tied embeddings': { architecture: 'qwen2', layers: 28, heads: 8, shared: 1, tied: true },
  'eight experts': { architecture: 'llama', layers: 17, heads: 8, shared: 2, experts: 8 },
  'four experts': { architecture: 'qwen3moe', layers: 9, heads: 8, shared: 4, experts: 4 },
  '80 layers': { architecture: 'llama', layers: 80, heads: 8, shared: 1 },
  falcon: { architecture: 'falcon', layers: 32, heads: 8, shared: 1, fused: true },
  'fused values': { architecture: 'phi3', layers: 16, heads: 4, shared: 4, fused: true },
  'widths of 32': { architecture: 'llama', layers: 9, heads: 8, shared: 2, width: 288, feedForward: 544 },
  'widths of 16': { architecture: 'llama', layers: 9, heads: 8, shared: 2, width: 288, feedForward: 528 },
}

function modelFile(shape: Shape): Uint8Array {
  const { architecture, layers, heads, shared, experts, tied, fused } = shape
  const width = shape.width ?? 256
  const ff = shape.feedForward ?? 256
  const keys = (width / heads) * shared
  const tensors: WriteTensor[] = []
  const add = (name: string, ...dims: number[]) => {
    const data = new Uint8Array(dims.reduce((product, n) => product * n, TENSOR_TYPES.F16.bytes))
    tensors.push({ name: `${name}.weight`, dims, type: 'F16', data })
  }
  add('token_embd', width, 32)
  add('output_norm', width)
  if (tied !== true) add('output', width, 32)
  for (let layer = 0; layer < layers; layer += 1) {
    const at = (name: string, ...dims: number[]) => add(`blk.${layer}.${name}`, ...dims)
    at('attn_norm', width)
    if (fused === true) at('attn_qkv', width, width + 2 * keys)
    else {
      at('attn_q', width, width)
      at('attn_k', width, keys)
      at('attn_v', width, keys)
    }
    at('attn_output', width, width)
    if (experts !== undefined) at('ffn_gate_inp', width, experts)
    const suffix = experts === undefined ? '' : '_exps'
    const more = experts === undefined ? [] : [experts]
    at(`ffn_down${suffix}`, ff, width, ...more)
    at(`ffn_gate${suffix}`, width, ff, ...more)
    at(`ffn_up${suffix}`, width, ff, ...more)
  }
  const numbers: Record<string, number> = {
    block_count: layers,
    context_length: 128,
    embedding_length: width,
    feed_forward_length: ff,
    vocab_size: 32,
    'attention.head_count': heads,
    'attention.head_count_kv': shared,
    'attention.sliding_window': 0,
    'rope.dimension_count': width / heads,
    ...(experts === undefined
      ? {}
      : { expert_count: experts, expert_used_count: 2, expert_feed_forward_length: ff }),
  }
  const metadata: [string, WriteValue][] = [
    ['general.architecture', { type: 'string', value: architecture }],
    [`${architecture}.attention.layer_norm_rms_epsilon`, { type: 'f32', value: 1e-5 }],
    [`${architecture}.attention.layer_norm_epsilon`, { type: 'f32', value: 1e-5 }],
  ]
  for (const [key, value] of Object.entries(numbers))
    metadata.push([`${architecture}.${key}`, { type: 'u32', value }])
  return writeGguf({ metadata, tensors })
}

test("every recipe is what llama.cpp's own quantiser chooses", async (t) => {
  if (!requireGgml(t) || !requireTool(t, 'python3')) return
  const dir = await tempDir(t)
  for (const [name, shape] of Object.entries(SHAPES))
    await t.test(name, async () => {
      const bytes = modelFile(shape)
      const path = join(dir, 'model.gguf')
      await writeFile(path, bytes)
      const { tensors, ...header } = await parseGguf(memorySource(bytes))
      const answers = await askQuantiser(path)
      assert.equal(answers.length, QUANTISER_TYPES.length * 2)
      const model = recipeModelOf(header, tensors)
      assert.ok(model !== null)
      const plan = planRecipes(tensors, 'current')
      for (const { fileType, imatrix, types: theirs } of answers) {
        const types = recipe(plan, fileType, model, { imatrix, is70b: model.is70b[0] === true })
        const what = `${fileType}${imatrix ? ' with an importance matrix' : ''}`
        if (types === null || theirs === null) assert.equal(types, theirs, what)
        else
          assert.deepEqual(
            // Where the type stays F16 the quantiser says nothing.
            Object.fromEntries(tensors.map(({ name: tensor }, i) => [tensor, types[i] ?? 'F16'])),
            Object.fromEntries(tensors.map(({ name: tensor }) => [tensor, theirs[tensor] ?? 'F16'])),
            what,
          )
      }
    })
})
