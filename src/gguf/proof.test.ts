import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesIn, type GgufTensor, type MetaValue } from './header.ts'
import { labelOfFileName, readLabel } from './labels.ts'
import { proveQuantisation, type Claim } from './proof.ts'
import { planRecipes, recipe, recipeModelOf } from './recipe.ts'
import type { FileType, TensorTypeName } from './types.ts'

const LAYERS = 16
const WIDTH = 1024

const HEADER = {
  metadata: new Map<string, MetaValue>([
    ['general.architecture', { type: 'string', value: 'llama', offset: 0 }],
    ['llama.block_count', { type: 'u32', value: LAYERS, offset: 0 }],
    ['llama.attention.head_count', { type: 'u32', value: 8, offset: 0 }],
    ['llama.attention.head_count_kv', { type: 'u32', value: 2, offset: 0 }],
  ]),
}

type Override = (name: string) => TensorTypeName | undefined

/** A model of real proportions, quantised as a file type wants, but for what `override` says. */
function model(fileType: FileType, override: Override = () => undefined): GgufTensor[] {
  const shapes: [string, number[]][] = [
    ['token_embd.weight', [WIDTH, 8000]],
    ['output.weight', [WIDTH, 8000]],
    ['output_norm.weight', [WIDTH]],
  ]
  for (let layer = 0; layer < LAYERS; layer += 1)
    for (const [name, dims] of [
      ['attn_norm', [WIDTH]],
      ['attn_q', [WIDTH, WIDTH]],
      ['attn_k', [WIDTH, 256]],
      ['attn_v', [WIDTH, 256]],
      ['attn_output', [WIDTH, WIDTH]],
      ['ffn_gate', [WIDTH, 4096]],
      ['ffn_up', [WIDTH, 4096]],
      ['ffn_down', [4096, WIDTH]],
    ] as const)
      shapes.push([`blk.${layer}.${name}.weight`, [...dims]])
  const plain = shapes.map(([name, dims]) => ({ name, dims, elements: dims.reduce((a, b) => a * b, 1) }))
  const found = recipeModelOf(HEADER, plain)
  assert.ok(found !== null)
  const types = recipe(planRecipes(plain, 'current'), fileType, found, { imatrix: false, is70b: false })
  assert.ok(types !== null)
  return plain.map((tensor, i) => {
    const type = override(tensor.name) ?? types[i] ?? 'F32'
    return { ...tensor, type, offset: 0, bytes: bytesIn(type, tensor.elements) }
  })
}

function claims(label: string | null, header: FileType | null = null): Claim[] {
  const list: Claim[] = []
  if (label !== null) list.push({ source: 'listing', label: readLabel(label) })
  if (header !== null) list.push({ source: 'file_type', label: readLabel(header) })
  return list
}

const all: (type: TensorTypeName) => Override = (type) => (name) => (name.includes('norm') ? undefined : type)
const ends: (type: TensorTypeName) => Override = (type) => (name) =>
  /^(?:token_embd|output)\./.test(name) ? type : undefined
const layersBelow: (limit: number, type: TensorTypeName) => Override = (limit, type) => (name) => {
  const layer = /^blk\.(\d+)\.(?:ffn|attn_[qkvo])/.exec(name)?.[1]
  return layer !== undefined && Number(layer) < limit && !name.includes('norm') ? type : undefined
}

test('a claim is exact, a variant, mislabelled or unknown', () => {
  const cases: [string, GgufTensor[], Claim[], string][] = [
    ['as labelled', model('Q4_K_M'), claims('Q4_K_M', 'Q4_K_M'), 'exact'],
    ['another name for it', model('Q4_K_M'), claims('q4_k', 'Q4_K_M'), 'exact'],
    ['the next one down', model('Q4_K_S'), claims('Q4_K_M', 'Q4_K_M'), 'mislabelled'],
    ['the next one up, near enough', model('Q4_K_M'), claims('Q4_K_S', 'Q4_K_S'), 'mislabelled'],
    ['the next one up', model('Q5_K_M'), claims('Q4_K_M', 'Q4_K_M'), 'mislabelled'],
    ['only the header lies', model('Q4_K_M'), claims('Q4_K_M', 'Q8_0'), 'mislabelled'],
    ['only the label lies', model('Q4_K_M'), claims('Q8_0', 'Q4_K_M'), 'mislabelled'],
    ['no claim', model('Q4_K_M'), claims(null), 'unknown'],
    ['a name of no type', model('Q4_K_M'), claims('GPTQ'), 'unknown'],
    ['larger ends', model('Q4_K_M', ends('Q8_0')), claims('Q4_K_L', 'Q4_K_M'), 'variant'],
    ['larger ends, not said', model('Q4_K_M', ends('Q8_0')), claims('Q4_K_M', 'Q4_K_M'), 'variant'],
    ['dynamic', model('Q4_K_M', layersBelow(8, 'Q5_K')), claims('UD-Q4_K_XL', 'Q4_K_M'), 'variant'],
    ['dynamic in name only', model('Q2_K'), claims('UD-Q4_K_XL', 'Q4_K_M'), 'mislabelled'],
    // llama.cpp's own --pure, under the same file type: told with its bits, not called a lie.
    ['all of one type', model('Q4_K_M', all('Q4_K')), claims('Q4_K_M', 'Q4_K_M'), 'variant'],
    ['all of one lower type', model('Q4_K_M', all('Q3_K')), claims('Q4_K_M', 'Q4_K_M'), 'mislabelled'],
    ['smaller ends', model('Q4_K_M', ends('Q3_K')), claims('Q4_K_M', 'Q4_K_M'), 'variant'],
    ['larger ends promised, not there', model('Q4_K_M'), claims('Q4_K_L', 'Q4_K_M'), 'variant'],
    ['thinned', model('Q4_K_M', layersBelow(4, 'Q2_K')), claims('Q4_K_M', 'Q4_K_M'), 'mislabelled'],
    [
      'one tensor larger',
      model('Q4_K_M', (n) => (n === 'blk.0.attn_q.weight' ? 'F16' : undefined)),
      claims('Q4_K_M'),
      'variant',
    ],
    ['mostly another', model('Q8_0', layersBelow(1, 'Q4_K')), claims('Q4_K_M', 'Q4_K_M'), 'mislabelled'],
    [
      'a quantised norm',
      model('Q8_0', (n) => (n === 'output_norm.weight' ? 'Q8_0' : undefined)),
      claims('Q8_0'),
      'variant',
    ],
  ]
  for (const [name, tensors, list, match] of cases) {
    const proof = proveQuantisation(HEADER, tensors, list)
    assert.equal(proof.match, match, `${name}: ${proof.reason}`)
    assert.equal(proof.total, tensors.length)
  }
})

test('every file type proves itself and no other of the same bits', () => {
  for (const fileType of [
    'F16',
    'BF16',
    'Q8_0',
    'Q6_K',
    'Q5_K_M',
    'Q4_K_S',
    'Q3_K_L',
    'Q2_K',
    'IQ4_XS',
    'IQ3_M',
    'IQ2_XS',
    'TQ1_0',
  ] as const) {
    const { proven, matched, total, differs } = proveQuantisation(HEADER, model(fileType), claims(fileType))
    assert.deepEqual(proven, fileType === 'Q8_0' ? ['Q8_0', 'MXFP4_MOE'] : [fileType])
    assert.equal(matched, total)
    assert.deepEqual(differs, [])
  }
})

test('what differs is named, bounded, and counted where it is below the label', () => {
  const larger = proveQuantisation(HEADER, model('Q4_K_M', ends('Q8_0')), claims('Q4_K_M'))
  assert.deepEqual(larger.differs, [
    { tensor: 'token_embd.weight', expected: 'Q4_K', found: 'Q8_0' },
    { tensor: 'output.weight', expected: 'Q6_K', found: 'Q8_0' },
  ])
  assert.equal(larger.below, 0)
  assert.equal(larger.matched, larger.total - 2)
  assert.match(
    larger.reason,
    /^Custom mix, \d\.\d\d bits per weight .*token_embd\.weight is Q8_0 instead of Q4_K/,
  )
  assert.deepEqual(larger.compared_with, { file_type: 'Q4_K_M', rules: 'current', imatrix: false })
  const pure = proveQuantisation(HEADER, model('Q4_K_M', all('Q4_K')), claims('Q4_K_M'))
  assert.match(pure.reason, /4\.50 bits per weight.*--pure/)
  assert.ok(pure.below > 0)
  const lower = proveQuantisation(HEADER, model('Q2_K'), claims('Q4_K_M'))
  assert.equal(lower.differs.length, 50)
  assert.ok(lower.below > 50)
  assert.match(lower.reason, /Q2_K/)
})

test('of an architecture that is not known nothing is proven, but a lie stays one', () => {
  const unknown = { knownArchitecture: false }
  assert.equal(proveQuantisation(HEADER, model('Q4_K_M'), claims('Q4_K_M'), unknown).match, 'unknown')
  assert.equal(proveQuantisation(HEADER, model('Q8_0'), claims('Q4_K_M'), unknown).match, 'mislabelled')
})

test('labels are read from file names as people write them', () => {
  for (const [name, text] of [
    ['Llama-3.1-8B-Instruct-Q4_K_M.gguf', 'Q4_K_M'],
    ['llama-3.1-8b.q4_k_m.gguf', 'Q4_K_M'],
    ['model-bf16-Q5_K_S.gguf', 'Q5_K_S'],
    ['model-IQ2_XXS-00001-of-00003.gguf', 'IQ2_XXS'],
    ['Qwen3-30B-A3B-UD-Q4_K_XL.gguf', 'UD-Q4_K_XL'],
    ['gemma-Q6_K_L.gguf', 'Q6_K_L'],
    ['gpt-oss-20b-mxfp4.gguf', 'MXFP4'],
    ['model.fp16.gguf', 'FP16'],
    ['dir-Q8_0/model-F16.gguf', 'F16'],
    ['model.gguf', null],
    ['SuperQ8_0x.gguf', null],
  ] as const)
    assert.equal(labelOfFileName(name)?.text ?? null, text, name)
  assert.deepEqual(readLabel('constructor'), { text: 'CONSTRUCTOR', fileType: null, custom: false })
  assert.equal(readLabel('UD-IQ1_S').custom, true)
  assert.equal(readLabel('q4_k').fileType, 'Q4_K_M')
})
