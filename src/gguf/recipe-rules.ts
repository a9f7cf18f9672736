import type { Category, RecipeModel, RecipeTensor, RuleVersion } from './recipe.ts'
import { TENSOR_TYPES, type FileType, type TensorTypeName } from './types.ts'

interface Situation {
  tensor: RecipeTensor
  category: Category
  fileType: FileType
  base: TensorTypeName
  model: RecipeModel
  /** Tensors that count as attention values in the whole model. */
  valueCount: number
  /** How many of each role have been visited; advanced here, as upstream does. */
  counters: { value: number; down: number; gate: number; up: number }
  imatrix: boolean
  version: RuleVersion
  is70b: boolean
}

type Table = Partial<Record<FileType, TensorTypeName>>

/** The first and last eighth of the layers, and every third between, get more bits. */
function more(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8)
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2
}

const VERY_LOW: ReadonlySet<FileType> = new Set(['IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ2_M', 'IQ1_S', 'IQ1_M'])
const IQ2_UPPER: ReadonlySet<FileType> = new Set(['IQ2_S', 'IQ2_M'])

const EMBEDDING: Table = {
  IQ2_XXS: 'Q2_K',
  IQ2_XS: 'Q2_K',
  IQ1_S: 'Q2_K',
  IQ1_M: 'Q2_K',
  IQ2_S: 'IQ3_S',
  IQ2_M: 'IQ3_S',
  IQ3_XXS: 'IQ3_S',
  TQ1_0: 'Q4_K',
  TQ2_0: 'Q4_K',
  Q2_0: 'Q4_K',
}

/** The type that the mix of a file type gives a tensor, before widths are looked at (llama-quant.cpp, `llama_tensor_get_type_impl`). */
export function adjustedType(s: Situation): TensorTypeName {
  const { category, fileType, base, version } = s
  const isValue =
    category === 'attn_v' || (version === 'current' && (category === 'attn_qkv' || category === 'attn_kv_b'))
  if (category === 'output' || isTiedOutput(s)) return outputType(s)
  if (fileType === 'MXFP4_MOE') return isExperts(s) ? 'MXFP4' : 'Q8_0'
  if (category === 'token_embd') return EMBEDDING[fileType] ?? base
  if (VERY_LOW.has(fileType)) return veryLowType(s, isValue)
  if (isValue) return valueType(s)
  return OF_CATEGORY[category]?.(s) ?? base
}

/** Whether the token embedding doubles as the output matrix and gets its type. */
function isTiedOutput({ category, model, tensor, version }: Situation): boolean {
  if (!model.tied || category !== 'token_embd') return false
  if (version === '2023' || version === '2023-q2') return false
  return version === 'current' || tensor.name === 'token_embd.weight'
}

// Bailing's attention projections have three dimensions too, so there the role decides.
function isExperts({ category, model, tensor }: Situation): boolean {
  if ((tensor.dims[2] ?? 1) <= 1) return false
  return model.architecture !== 'bailingmoe3' || category.startsWith('ffn_')
}

const OF_CATEGORY: Partial<Record<Category, (s: Situation) => TensorTypeName>> = {
  attn_k: (s) => (s.model.experts === 8 ? 'Q8_0' : queryKeyType(s)),
  attn_q: queryKeyType,
  attn_qkv: ({ fileType, base }) => FUSED[fileType] ?? base,
  attn_output: attentionOutputType,
  ffn_down: downType,
  ffn_gate: (s) => middleType(s, advance(s, 'gate')),
  ffn_up: (s) => middleType(s, advance(s, 'up')),
}

function outputType({ tensor, fileType, base, model, version }: Situation): TensorTypeName {
  if (fileType === 'MXFP4_MOE') return 'Q8_0'
  const block = version === '2023' || version === '2023-q2' ? 256 : TENSOR_TYPES[base].block
  if (model.architecture === 'falcon' || (tensor.dims[0] ?? 0) % block !== 0) return 'Q8_0'
  if (VERY_LOW.has(fileType) || fileType === 'IQ3_XXS') return 'Q5_K'
  return base === 'Q8_0' ? 'Q8_0' : 'Q6_K'
}

function veryLowType(s: Situation, isValue: boolean): TensorTypeName {
  const { category, fileType, base, model } = s
  const lifted: TensorTypeName = IQ2_UPPER.has(fileType) ? 'IQ3_S' : 'Q2_K'
  if (isValue) {
    s.counters.value += 1
    return model.groupedHeads >= 4 || model.experts >= 4 ? 'Q4_K' : lifted
  }
  if (category === 'attn_k') return model.experts === 8 ? 'Q4_K' : base
  if (category === 'ffn_down') {
    const layer = s.counters.down
    s.counters.down += 1
    return layer < Math.floor(model.layers / 8) ? lifted : base
  }
  if (category === 'attn_output') {
    if (model.experts === 8) return 'Q5_K'
    if (fileType === 'IQ1_S' || fileType === 'IQ1_M') return 'IQ2_XXS'
    return IQ2_UPPER.has(fileType) ? 'IQ3_S' : base
  }
  return base
}

function valueType(s: Situation): TensorTypeName {
  const layer = s.counters.value
  s.counters.value += 1
  // With eight experts the values are a small part of the file, so they stay at 8 bits.
  if (s.model.experts === 8) return 'Q8_0'
  const type = valueMix(s, layer)
  return s.is70b && (type === 'Q3_K' || type === 'Q4_K') ? 'Q5_K' : type
}

function valueMix({ fileType, base, model, imatrix, valueCount }: Situation, layer: number): TensorTypeName {
  const grouped = model.groupedHeads >= 4
  const mix: Table = {
    Q2_K: grouped ? 'Q4_K' : 'Q3_K',
    Q2_K_S: grouped ? 'Q4_K' : base,
    Q3_K_M: layer < 2 ? 'Q5_K' : 'Q4_K',
    Q3_K_L: 'Q5_K',
    Q4_K_S: layer < 4 ? 'Q5_K' : base,
    Q4_K_M: more(layer, valueCount) ? 'Q6_K' : base,
    Q5_K_M: more(layer, valueCount) ? 'Q6_K' : base,
    IQ3_XXS: grouped ? 'Q4_K' : imatrix ? 'IQ3_XXS' : 'IQ3_S',
    IQ3_XS: grouped ? 'Q4_K' : base,
    IQ3_S: grouped ? 'Q4_K' : base,
    IQ3_M: 'Q4_K',
    IQ4_NL: grouped ? 'Q5_K' : base,
    IQ4_XS: grouped ? 'Q5_K' : base,
  }
  return mix[fileType] ?? base
}

function queryKeyType({ fileType, base }: Situation): TensorTypeName {
  if (fileType === 'IQ3_XS') return 'IQ3_XXS'
  return fileType === 'IQ3_XXS' ? 'IQ2_S' : base
}

function downType(s: Situation): TensorTypeName {
  const { fileType, base, model, imatrix } = s
  const layer = advance(s, 'down')
  const early = layer < Math.floor(model.layers / 8)
  const bits = more(layer, model.layers)
  if (model.architecture === 'falcon') return falconDownType(s, layer, bits) ?? base
  const mix: Table = {
    Q2_K: 'Q3_K',
    Q2_K_S: early ? 'Q4_K' : base,
    Q3_K_M: layer < Math.floor(model.layers / 16) ? 'Q5_K' : 'Q4_K',
    Q3_K_L: 'Q5_K',
    Q4_K_S: early ? 'Q5_K' : base,
    Q4_K_M: bits ? 'Q6_K' : base,
    Q5_K_M: bits ? 'Q6_K' : base,
    IQ3_XXS: imatrix ? base : early ? 'Q4_K' : 'Q3_K',
    IQ3_M: early || (model.experts === 8 && bits) ? 'Q4_K' : base,
    IQ4_NL: early && !imatrix ? 'Q5_K' : base,
    IQ4_XS: early && !imatrix ? 'Q5_K' : base,
    // Without an importance matrix the first layers keep the type that older files have.
    Q4_0: early && imatrix ? 'Q4_1' : base,
    Q5_0: early && imatrix ? 'Q5_1' : base,
  }
  return mix[fileType] ?? base
}

function falconDownType(s: Situation, layer: number, bits: boolean): TensorTypeName | undefined {
  const { base, model, imatrix } = s
  const early = layer < Math.floor(model.layers / 8)
  const veryEarly = layer < Math.floor(model.layers / 16)
  const mix: Table = {
    Q2_K: 'Q3_K',
    Q2_K_S: early ? 'Q4_K' : base,
    Q3_K_M: veryEarly ? 'Q5_K' : bits ? 'Q4_K' : 'Q3_K',
    Q3_K_L: 'Q4_K',
    Q4_K_M: veryEarly ? 'Q6_K' : bits ? 'Q5_K' : 'Q4_K',
    Q5_K_M: bits ? 'Q6_K' : base,
    IQ3_XXS: imatrix ? base : early ? 'Q4_K' : 'Q3_K',
    IQ3_M: early ? 'Q4_K' : base,
    IQ4_NL: early && !imatrix ? 'Q5_K' : base,
    IQ4_XS: early && !imatrix ? 'Q5_K' : base,
    Q4_0: early && imatrix ? 'Q4_1' : base,
    Q5_0: early && imatrix ? 'Q5_1' : base,
  }
  return mix[s.fileType]
}

const EIGHT_EXPERTS_OUTPUT: ReadonlySet<FileType> = new Set([
  'Q2_K',
  'IQ3_XS',
  'IQ3_XXS',
  'Q3_K_S',
  'Q3_K_M',
  'IQ4_NL',
  'Q4_K_S',
  'Q4_K_M',
  'IQ3_S',
  'IQ3_M',
  'IQ4_XS',
])
const ATTENTION_OUTPUT: Table = {
  Q2_K: 'Q3_K',
  IQ3_XXS: 'IQ3_S',
  Q3_K_M: 'Q4_K',
  Q3_K_L: 'Q5_K',
  IQ3_M: 'Q4_K',
}

function attentionOutputType({ fileType, base, model }: Situation): TensorTypeName {
  if (model.architecture === 'falcon') return fileType === 'Q3_K_L' ? 'Q4_K' : base
  if (model.experts === 8) return EIGHT_EXPERTS_OUTPUT.has(fileType) ? 'Q5_K' : base
  return ATTENTION_OUTPUT[fileType] ?? base
}

const FUSED: Table = { Q3_K_M: 'Q4_K', Q3_K_L: 'Q4_K', IQ3_M: 'Q4_K', Q4_K_M: 'Q5_K', Q5_K_M: 'Q6_K' }

// IQ3_XS thins the gate and up matrices of the middle six eighths.
function middleType({ fileType, base, model, version }: Situation, layer: number): TensorTypeName {
  if (version === '2023-q2') return 'Q3_K'
  const middle = layer >= Math.floor(model.layers / 8) && layer < Math.floor((7 * model.layers) / 8)
  return fileType === 'IQ3_XS' && middle ? 'IQ3_XXS' : base
}

// With experts several tensors of a role share a layer, so the layer is read from the name.
function advance({ counters, model, tensor }: Situation, role: 'down' | 'gate' | 'up'): number {
  const counted = counters[role]
  counters[role] += 1
  if (model.experts <= 1) return counted
  return Number(/^blk\.(\d+)\./.exec(tensor.name)?.[1] ?? counted)
}
