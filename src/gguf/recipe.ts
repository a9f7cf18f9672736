import { layerNumbersOf, numberOf, stringOf, type GgufHeader, type GgufTensor } from './header.ts'
import { adjustedType } from './recipe-rules.ts'
import { perRole, takeApart } from './tensor-names.ts'
import { FILE_TYPES, isQuantised, TENSOR_TYPES, type FileType, type TensorTypeName } from './types.ts'

/**
 * llama.cpp's quantiser has changed its mind over time, newest first (history
 * of llama-quant.cpp and, before, llama.cpp). Files of every age are about:
 * - `current` (2026): fused attn_qkv and attn_kv_b count as attention values;
 * - `2025`: only attn_v does, fused tensors have rules of their own;
 * - `2024`: the same, but layers are counted in the file's order (llama.cpp#9005);
 * - `2023`: tied embeddings are not yet treated as the output, other fallbacks,
 *   only types that existed then;
 * - `2023-q2`: Q2_K as it was before January 2024, with feed-forward in Q3_K;
 * - `converter`: not the quantiser but convert_hf_to_gguf.py, which keeps experts
 *   published in MXFP4 as they are, and ends of ternary models in F16.
 */
export const RULE_VERSIONS = ['current', '2025', '2024', '2023', '2023-q2', 'converter'] as const
export type RuleVersion = (typeof RULE_VERSIONS)[number]

/** How a sentence names a rule version that is not the current one. */
export const RULE_VERSION_NAMES: Record<RuleVersion, string> = {
  current: 'by the current rules',
  '2025': 'by the rules of 2025',
  '2024': 'by the rules of 2024',
  '2023': 'by the rules of 2023',
  '2023-q2': 'by the rules of 2023',
  converter: 'as the converter makes it',
}

/** What of a model the rules look at, beside its tensors. */
export interface RecipeModel {
  architecture: string
  layers: number
  /** Query heads per shared key/value head of the first layer. */
  groupedHeads: number
  experts: number
  tied: boolean
  /** Whether llama.cpp calls it a 70B model; both where that depends on more than is known here. */
  is70b: readonly boolean[]
}

export interface RecipeOptions {
  imatrix: boolean
  is70b: boolean
}

export type Category =
  | 'output'
  | 'token_embd'
  | 'attn_qkv'
  | 'attn_kv_b'
  | 'attn_v'
  | 'attn_k'
  | 'attn_q'
  | 'attn_output'
  | 'ffn_up'
  | 'ffn_gate'
  | 'ffn_down'
  | 'other'

/** A tensor as the recipe sees it. */
export type RecipeTensor = Pick<GgufTensor, 'name' | 'dims' | 'elements'>

/** The role a tensor's name gives it; first match wins, in upstream's order. */
export function categoryOf(name: string, version: RuleVersion): Category {
  if (name === 'output.weight') return 'output'
  if (name === 'token_embd.weight') return 'token_embd'
  if (name === 'per_layer_token_embd.weight' && (version === 'current' || version === '2025'))
    return 'token_embd'
  for (const part of ['attn_qkv', 'attn_kv_b', 'attn_v', 'attn_k', 'attn_q', 'attn_output'] as const)
    if (name.includes(`${part}.weight`)) return part
  for (const part of ['ffn_up', 'ffn_gate', 'ffn_down'] as const) if (name.includes(part)) return part
  return 'other'
}

/** Small or sensitive tensors that the quantiser leaves as they are. */
const LEFT_ALONE =
  /_norm\.weight|ffn_gate_inp\.weight|ffn_gate_tid2eid\.weight|altup|laurel|per_layer_model_proj|ssm_conv1d|shortconv\.conv\.weight|indexer\.[kq]_proj\.weight|time_mix_(?:first|w[012]|v[012]|a[012]|g[12]|decay_w[12]|lerp_fused)\.weight|attn_rel_b\.weight|\.position_embd|sam\.pos_embd|sam\.neck\.|sam\.net_|\.rel_pos|\.patch_embd|\.patch_merger|a\.rvq\.codebook|mm\.a\.code_embd/
const LEFT_ALONE_NAMES = new Set(['position_embd.weight', 'token_types.weight'])

/** Whether the quantiser touches a tensor at all: two dimensions or more, a weight, none of the small ones. */
export function isQuantisable({ name, dims }: Pick<RecipeTensor, 'name' | 'dims'>): boolean {
  return isMatrix(dims) && isTouchedName(name)
}

function isTouchedName(name: string): boolean {
  return name.endsWith('weight') && !LEFT_ALONE.test(name) && !LEFT_ALONE_NAMES.has(name)
}

// As ggml counts: trailing dimensions of 1 are none.
function isMatrix(dims: readonly number[]): boolean {
  for (let i = 1; i < dims.length; i += 1) if ((dims[i] ?? 1) > 1) return true
  return false
}

/** Reads from a header what the recipes need; null where a key they need is missing. */
export function recipeModelOf(
  header: Pick<GgufHeader, 'metadata'>,
  tensors: readonly RecipeTensor[],
): RecipeModel | null {
  const architecture = stringOf(header, 'general.architecture')
  if (architecture === null) return null
  const layers = numberOf(header, `${architecture}.block_count`)
  if (layers === null) return null
  const heads = layerNumbersOf(header, `${architecture}.attention.head_count`) ?? [0]
  const shared = layerNumbersOf(header, `${architecture}.attention.head_count_kv`) ?? heads
  const headCount = heads[0] ?? 0
  const sharedCount = shared[0] ?? headCount
  return {
    architecture,
    layers,
    groupedHeads: sharedCount === 0 ? 0 : Math.floor(headCount / sharedCount),
    experts: numberOf(header, `${architecture}.expert_count`) ?? 0,
    tied: !tensors.some(({ name }) => name === 'output.weight'),
    is70b: is70b(architecture, layers, headCount !== sharedCount),
  }
}

// 80 layers make a 70B model of the llama and Qwen families; a llama without shared heads is the old 65B.
function is70b(architecture: string, layers: number, grouped: boolean): readonly boolean[] {
  if (layers !== 80) return [false]
  if (architecture === 'llama') return [grouped]
  if (/^(?:qwen2|qwen2vl|deci)$/.test(architecture)) return [true]
  return [true, false]
}

/** Tensors prepared for recipes of one rule version: names are matched once, not once a recipe. */
export interface RecipePlan {
  version: RuleVersion
  tensors: readonly RecipeTensor[]
  categories: Category[]
  /** Indices of the tensors that the quantiser touches, in the order in which it visits them. */
  order: number[]
  /** Tensors that upstream counts as attention values. */
  valueCount: number
}

const FILE_ORDER: ReadonlySet<RuleVersion> = new Set(['2024', '2023', '2023-q2'])

/** Prepares a model's tensors, those of all shards. */
export function planRecipes(tensors: readonly RecipeTensor[], version: RuleVersion): RecipePlan {
  const categoryOfRole = perRole((role) => categoryOf(role, version))
  const isTouched = perRole(isTouchedName)
  const old = version === '2023' || version === '2023-q2'
  const categories: Category[] = []
  const touched: { name: string; index: number; layer: number }[] = []
  let valueCount = 0
  tensors.forEach(({ name, dims }, index) => {
    const { layer, role } = takeApart(name)
    const category = categoryOfRole(role)
    categories.push(category)
    if (category === 'attn_v' || category === 'attn_qkv' || (category === 'attn_kv_b' && !old))
      valueCount += 1
    if (isMatrix(dims) && isTouched(role)) touched.push({ name, index, layer: layer ?? -1 })
  })
  // The quantiser walks a map sorted by layer and then by name, once the file's order; its counters depend on it.
  if (!FILE_ORDER.has(version)) touched.sort((a, b) => a.layer - b.layer || (a.name < b.name ? -1 : 1))
  return { version, tensors, categories, order: touched.map(({ index }) => index), valueCount }
}

/**
 * The tensor types that llama.cpp's quantiser would choose for a file type, in
 * the order of the plan's tensors; null for a tensor that it leaves as it is.
 * Null as a whole where llama.cpp itself refuses (a width that no fallback fits).
 */
export function recipe(
  plan: RecipePlan,
  fileType: FileType,
  model: RecipeModel,
  options: RecipeOptions,
): (TensorTypeName | null)[] | null {
  const result = Array.from<TensorTypeName | null>({ length: plan.tensors.length }).fill(null)
  const whole = walkRecipe(plan, fileType, model, options, (index, type) => {
    result[index] = type
    return true
  })
  return whole ? result : null
}

/**
 * Visits the tensors that the quantiser touches with the type it would give
 * them, in its order, until `visit` says false. Says whether it came to the end;
 * it does not either where llama.cpp itself refuses.
 */
export function walkRecipe(
  { version, tensors, categories, order, valueCount }: RecipePlan,
  fileType: FileType,
  model: RecipeModel,
  { imatrix, is70b: seventy }: RecipeOptions,
  visit: (index: number, type: TensorTypeName) => boolean,
): boolean {
  const base: TensorTypeName = FILE_TYPES[fileType].base
  if (!existed(fileType, version)) return false
  const plain = !isQuantised(base)
  const counters = { value: 0, down: 0, gate: 0, up: 0 }
  for (const index of order) {
    const tensor = tensors[index]
    const category = categories[index]
    if (tensor === undefined || category === undefined) continue
    let type: TensorTypeName | null = base
    if (version === 'converter') type = convertedType(tensor, category, base, model)
    else if (!plain)
      type = fittedType(
        adjustedType({
          tensor,
          category,
          fileType,
          base,
          model,
          valueCount,
          counters,
          imatrix,
          version,
          is70b: seventy,
        }),
        tensor.dims[0] ?? 0,
        version,
      )
    if (type === null || !visit(index, type)) return false
  }
  return true
}

/** What a version could make: in 2023 the plain and K types, by the converter what it writes itself. */
function existed(fileType: FileType, version: RuleVersion): boolean {
  if (version === 'converter') return CONVERTED.has(fileType)
  if (version === '2023-q2') return fileType === 'Q2_K'
  return version !== '2023' || FILE_TYPES[fileType].id <= FILE_TYPES.Q6_K.id || fileType === 'Q2_K_S'
}

const CONVERTED: ReadonlySet<FileType> = new Set(['F32', 'F16', 'BF16', 'Q8_0', 'TQ1_0', 'TQ2_0'])

function convertedType(
  { name, dims }: RecipeTensor,
  category: Category,
  base: TensorTypeName,
  { architecture }: RecipeModel,
): TensorTypeName {
  // gpt-oss is published with its experts in MXFP4, and every conversion keeps their very bits.
  if (architecture === 'gpt-oss' && /ffn_(?:up|gate|down)_exps\.weight$/.test(name)) return 'MXFP4'
  if (base.startsWith('TQ') && (category === 'token_embd' || category === 'output')) return 'F16'
  return (dims[0] ?? 0) % TENSOR_TYPES[base].block === 0 ? base : 'F16'
}

/** The type that stands in where a row is no multiple of the wanted type's block; null where upstream gives up. */
export function fittedType(type: TensorTypeName, width: number, version: RuleVersion): TensorTypeName | null {
  const { block } = TENSOR_TYPES[type]
  if (width % block === 0) return type
  // Rows that are no multiple even of the smallest block stay at half precision.
  if (block === 32) return 'F16'
  const fallback = fallbackOf(type, version)
  if (fallback === null) return null
  return width % TENSOR_TYPES[fallback].block === 0 ? fallback : 'F16'
}

const FALLBACKS: Partial<Record<TensorTypeName, TensorTypeName>> = {
  IQ1_S: 'IQ4_NL',
  IQ1_M: 'IQ4_NL',
  IQ2_XXS: 'IQ4_NL',
  IQ2_XS: 'IQ4_NL',
  IQ2_S: 'IQ4_NL',
  IQ3_XXS: 'IQ4_NL',
  IQ3_S: 'IQ4_NL',
  IQ4_XS: 'IQ4_NL',
  Q2_K: 'Q4_0',
  Q3_K: 'Q4_0',
  Q2_0: 'Q4_0',
  TQ1_0: 'Q4_0',
  TQ2_0: 'Q4_0',
  Q4_K: 'Q5_0',
  Q5_K: 'Q5_1',
  Q6_K: 'Q8_0',
}

function fallbackOf(type: TensorTypeName, version: RuleVersion): TensorTypeName | null {
  if (type === 'Q2_K' || type === 'Q3_K') {
    if (version === '2025' || version === '2024') return 'IQ4_NL'
    if (version !== 'current' && type === 'Q3_K') return 'Q4_1'
  }
  return FALLBACKS[type] ?? null
}
