import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { bytesIn } from './header.ts'
import {
  categoryOf,
  isQuantisable,
  planRecipes,
  recipe,
  type RecipeModel,
  type RecipeTensor,
  type RuleVersion,
} from './recipe.ts'
import type { FileType, TensorTypeName } from './types.ts'

interface ModelShape {
  embedding: number
  layers: number
  keys: number
  feedForward: number
  vocabulary: number
  output?: boolean
  fused?: boolean
  experts?: number
}

function tensor(name: string, ...dims: number[]): RecipeTensor {
  return { name, dims, elements: dims.reduce((product, n) => product * n, 1) }
}

function tensorsOf(shape: ModelShape): RecipeTensor[] {
  const { embedding, layers, keys, feedForward, vocabulary } = shape
  const tensors = [
    tensor('token_embd.weight', embedding, vocabulary),
    tensor('output_norm.weight', embedding),
  ]
  if (shape.output !== false) tensors.push(tensor('output.weight', embedding, vocabulary))
  for (let layer = 0; layer < layers; layer += 1) {
    const at = (name: string, ...dims: number[]) => tensor(`blk.${layer}.${name}.weight`, ...dims)
    tensors.push(
      at('attn_norm', embedding),
      at('ffn_norm', embedding),
      at('attn_output', embedding, embedding),
    )
    if (shape.fused === true) tensors.push(at('attn_qkv', embedding, embedding + 2 * keys))
    else
      tensors.push(
        at('attn_q', embedding, embedding),
        at('attn_k', embedding, keys),
        at('attn_v', embedding, keys),
      )
    const { experts } = shape
    if (experts === undefined)
      tensors.push(
        at('ffn_down', feedForward, embedding),
        at('ffn_gate', embedding, feedForward),
        at('ffn_up', embedding, feedForward),
      )
    else
      tensors.push(
        at('ffn_gate_inp', embedding, experts),
        at('ffn_down_exps', feedForward, embedding, experts),
        at('ffn_gate_exps', embedding, feedForward, experts),
        at('ffn_up_exps', embedding, feedForward, experts),
      )
  }
  return tensors
}

const LLAMA_8B: ModelShape = {
  embedding: 4096,
  layers: 32,
  keys: 1024,
  feedForward: 14_336,
  vocabulary: 128_256,
}

function modelOf(more: Partial<RecipeModel> = {}): RecipeModel {
  return {
    architecture: 'llama',
    layers: 32,
    groupedHeads: 4,
    experts: 0,
    tied: false,
    is70b: [false],
    ...more,
  }
}

interface Mix {
  imatrix?: boolean
  version?: RuleVersion
  is70b?: boolean
  norm?: TensorTypeName
}

function typesOf(tensors: RecipeTensor[], fileType: FileType, model: RecipeModel, mix: Mix = {}) {
  const types = recipe(planRecipes(tensors, mix.version ?? 'current'), fileType, model, {
    imatrix: mix.imatrix ?? false,
    is70b: mix.is70b ?? false,
  })
  return types === null ? null : new Map(tensors.map(({ name }, i) => [name, types[i] ?? null]))
}

function bitsPerWeight(
  tensors: RecipeTensor[],
  fileType: FileType,
  model: RecipeModel,
  mix: Mix = {},
): number {
  const types = typesOf(tensors, fileType, model, mix)
  assert.ok(types !== null)
  let bytes = 0
  let elements = 0
  for (const { name, elements: count } of tensors) {
    bytes += bytesIn(types.get(name) ?? 'F32', count)
    elements += count
  }
  return (bytes * 8) / elements
}

/** Bits per weight of Llama-3.1-8B, as llama.cpp's own documentation of its quantiser lists them. */
const PUBLISHED: [FileType, number, imatrix?: true][] = [
  ['IQ1_S', 2.0042, true],
  ['IQ1_M', 2.146, true],
  ['IQ2_XXS', 2.3824, true],
  ['IQ2_XS', 2.5882, true],
  ['IQ2_S', 2.7403, true],
  ['IQ2_M', 2.9294, true],
  ['IQ3_XXS', 3.2548, true],
  ['IQ3_XS', 3.4977, true],
  ['IQ3_S', 3.6606, true],
  ['IQ3_M', 3.7628, true],
  ['IQ4_XS', 4.4597],
  ['IQ4_NL', 4.6818],
  ['Q2_K_S', 2.9697, true],
  ['Q2_K', 3.1593],
  ['Q3_K_S', 3.6429],
  ['Q3_K_L', 4.2979],
  ['Q4_K_S', 4.6672],
  ['Q4_K_M', 4.8944],
  ['Q5_K_S', 5.5704],
  ['Q5_K_M', 5.7036],
  ['Q6_K', 6.5633],
  ['Q8_0', 8.5008],
  ['F16', 16.0005],
]

describe('the recipes reproduce the published sizes of Llama-3.1-8B', () => {
  const tensors = [...tensorsOf(LLAMA_8B), tensor('rope_freqs.weight', 64)]
  for (const [fileType, bits, imatrix] of PUBLISHED)
    it(`${fileType} takes ${bits} bits per weight`, () => {
      const found = bitsPerWeight(tensors, fileType, modelOf(), { imatrix: imatrix === true })
      assert.equal(found.toFixed(4), bits.toFixed(4))
    })
})

test('the mixes of the other file types, computed from the same shapes', () => {
  const tensors = tensorsOf(LLAMA_8B)
  for (const [fileType, bits] of [
    ['Q3_K_M', 3.996],
    ['Q4_0', 4.65],
    ['Q4_1', 5.103],
    ['Q5_0', 5.585],
    ['Q5_1', 6.038],
    ['TQ1_0', 2.191],
    ['TQ2_0', 2.517],
    ['Q1_0', 1.482],
    ['Q2_0', 2.68],
  ] as const)
    assert.equal(
      bitsPerWeight(tensors, fileType, modelOf(), { imatrix: true }).toFixed(3),
      bits.toFixed(3),
      fileType,
    )
})

const OSS: Partial<RecipeModel> = { architecture: 'gpt-oss', experts: 32 }
const CONVERTED: Mix = { version: 'converter' }

test('single tensors follow the rule for their situation', () => {
  const dense = tensorsOf(LLAMA_8B)
  const tied = tensorsOf({ ...LLAMA_8B, output: false })
  const fused = tensorsOf({ ...LLAMA_8B, fused: true })
  const mixture = tensorsOf({ ...LLAMA_8B, experts: 8 })
  const odd = tensorsOf({ ...LLAMA_8B, embedding: 4096 + 64, feedForward: 14_336 + 16 })
  const value = 'blk.0.attn_v.weight'
  const cases: [
    string,
    RecipeTensor[],
    FileType,
    string,
    TensorTypeName | null,
    Partial<RecipeModel>?,
    Mix?,
  ][] = [
    ['norms are left alone', dense, 'Q4_K_M', 'blk.0.attn_norm.weight', null],
    ['routers are left alone', mixture, 'Q4_K_M', 'blk.0.ffn_gate_inp.weight', null, { experts: 8 }],
    ['output', dense, 'Q4_K_M', 'output.weight', 'Q6_K'],
    ['output of low types', dense, 'IQ2_XXS', 'output.weight', 'Q5_K'],
    ['embedding', dense, 'Q4_K_M', 'token_embd.weight', 'Q4_K'],
    ['tied embedding is the output', tied, 'Q4_K_M', 'token_embd.weight', 'Q6_K', { tied: true }],
    ['first eighth', dense, 'Q4_K_M', 'blk.3.ffn_down.weight', 'Q6_K'],
    ['between', dense, 'Q4_K_M', 'blk.4.ffn_down.weight', 'Q4_K'],
    ['every third', dense, 'Q4_K_M', 'blk.6.ffn_down.weight', 'Q6_K'],
    ['last eighth', dense, 'Q4_K_M', 'blk.28.ffn_down.weight', 'Q6_K'],
    // The tenth layer sorts after the ninth, not after the first.
    ['layers are counted as numbers', dense, 'Q4_K_S', 'blk.10.attn_v.weight', 'Q4_K'],
    ['imatrix guards Q4_0', dense, 'Q4_0', 'blk.0.ffn_down.weight', 'Q4_1', {}, { imatrix: true }],
    ['none without', dense, 'Q4_0', 'blk.0.ffn_down.weight', 'Q4_0'],
    ['grouped heads', dense, 'Q2_K', value, 'Q4_K'],
    ['plain heads', dense, 'Q2_K', value, 'Q3_K', { groupedHeads: 1 }],
    ['70B', dense, 'Q4_K_M', 'blk.4.attn_v.weight', 'Q5_K', {}, { is70b: true }],
    ['eight experts', mixture, 'Q4_K_M', value, 'Q8_0', { experts: 8 }],
    ['eight experts, keys', mixture, 'Q4_K_M', 'blk.0.attn_k.weight', 'Q8_0', { experts: 8 }],
    ['eight experts, output', mixture, 'Q4_K_M', 'blk.5.attn_output.weight', 'Q5_K', { experts: 8 }],
    ['experts of a mixture', mixture, 'MXFP4_MOE', 'blk.5.ffn_up_exps.weight', 'MXFP4', { experts: 8 }],
    ['others of a mixture', mixture, 'MXFP4_MOE', 'blk.5.attn_q.weight', 'Q8_0', { experts: 8 }],
    ['fused, now', fused, 'Q4_K_M', 'blk.4.attn_qkv.weight', 'Q4_K'],
    ['fused, before', fused, 'Q4_K_M', 'blk.4.attn_qkv.weight', 'Q5_K', {}, { version: '2025' }],
    ['width of 32s', odd, 'Q4_K_M', 'blk.4.attn_q.weight', 'Q5_0'],
    ['width of 32s, old rules', odd, 'Q3_K_S', 'blk.4.attn_q.weight', 'IQ4_NL', {}, { version: '2025' }],
    ['width of 32s, new rules', odd, 'Q3_K_S', 'blk.4.attn_q.weight', 'Q4_0'],
    ['width of 32s, 2023', odd, 'Q3_K_S', 'blk.4.attn_q.weight', 'Q4_1', {}, { version: '2023' }],
    ['tied, 2023', tied, 'Q4_K_M', 'token_embd.weight', 'Q4_K', { tied: true }, { version: '2023' }],
    ['Q2_K, 2023', dense, 'Q2_K', 'blk.4.ffn_up.weight', 'Q3_K', {}, { version: '2023-q2' }],
    ['experts as published', mixture, 'BF16', 'blk.4.ffn_up_exps.weight', 'MXFP4', OSS, CONVERTED],
    ['the rest as asked', mixture, 'BF16', 'blk.4.attn_q.weight', 'BF16', OSS, CONVERTED],
    ['ternary ends', dense, 'TQ1_0', 'token_embd.weight', 'F16', {}, CONVERTED],
    ['width of 16s', odd, 'Q4_K_M', 'blk.4.ffn_down.weight', 'F16'],
    ['output of an odd width', odd, 'Q4_K_M', 'output.weight', 'Q8_0'],
    ['falcon', dense, 'Q4_K_M', 'blk.6.ffn_down.weight', 'Q5_K', { architecture: 'falcon' }],
    ['falcon output', dense, 'Q4_K_M', 'output.weight', 'Q8_0', { architecture: 'falcon' }],
  ]
  for (const [name, tensors, fileType, which, expected, model = {}, mix = {}] of cases) {
    const types = typesOf(tensors, fileType, modelOf(model), mix)
    assert.ok(types !== null, name)
    assert.equal(types.get(which), expected, `${name}: ${fileType} ${which}`)
  }
})

test('layers were counted in the order of the file', () => {
  const tensors = tensorsOf(LLAMA_8B)
  // As alphabetical shards give them: layer 10 comes right after layer 1.
  const shuffled = tensors.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const type = (version: RuleVersion, name: string) =>
    typesOf(shuffled, 'Q4_K_S', modelOf(), { version })?.get(name)
  assert.equal(type('2025', 'blk.2.attn_v.weight'), 'Q5_K')
  assert.equal(type('2024', 'blk.2.attn_v.weight'), 'Q4_K')
  assert.equal(type('2024', 'blk.10.attn_v.weight'), 'Q5_K')
})

test('a file type has no recipe of a time that did not know it', () => {
  const tensors = tensorsOf(LLAMA_8B)
  for (const [fileType, version, exists] of [
    ['Q4_K_M', '2023', true],
    ['IQ4_XS', '2023', false],
    ['Q4_K_M', '2023-q2', false],
    ['Q4_K_M', 'converter', false],
    ['Q8_0', 'converter', true],
  ] as const)
    assert.equal(
      typesOf(tensors, fileType, modelOf(), { version }) !== null,
      exists,
      `${fileType} ${version}`,
    )
})

test('a width that no fallback fits has no recipe, as llama.cpp refuses it', () => {
  const tensors = tensorsOf({ ...LLAMA_8B, feedForward: 14_336 + 16 })
  assert.equal(typesOf(tensors, 'Q1_0', modelOf()), null)
  assert.equal(typesOf(tensors, 'Q8_0', modelOf())?.get('blk.0.ffn_down.weight'), 'F16')
})

test('names give the role', () => {
  for (const [name, category] of [
    ['output.weight', 'output'],
    ['output_norm.weight', 'other'],
    ['blk.0.attn_kv_b.weight', 'attn_kv_b'],
    ['blk.0.ffn_down_exps.weight', 'ffn_down'],
    ['blk.0.ffn_up_shexp.weight', 'ffn_up'],
    ['blk.0.attn_output.weight', 'attn_output'],
  ] as const)
    assert.equal(categoryOf(name, 'current'), category, name)
  assert.ok(!isQuantisable(tensor('blk.0.attn_q.bias', 4096)))
  assert.ok(!isQuantisable(tensor('blk.0.ssm_conv1d.weight', 4, 4096)))
  assert.ok(!isQuantisable(tensor('x.weight', 4096, 1)))
  assert.ok(isQuantisable(tensor('x.weight', 4096, 2)))
})
