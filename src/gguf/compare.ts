import { bytesIn, type GgufTensor } from './header.ts'
import {
  planRecipes,
  recipe,
  RULE_VERSIONS,
  walkRecipe,
  type RecipeModel,
  type RecipeOptions,
  type RecipePlan,
  type RuleVersion,
} from './recipe.ts'
import { FILE_TYPE_NAMES, isQuantised, type FileType, type TensorTypeName } from './types.ts'

/** How a model's tensors stand to the recipe of one file type, under the rules that fit best. */
export interface Comparison {
  fileType: FileType
  version: RuleVersion
  imatrix: boolean
  matched: number
  /** Share of quantisable weights, embedding and output left out, that are as the recipe wants. */
  share: number
  expectedBits: number
  /** The type each tensor should have; null for one that the quantiser leaves as it is. */
  expected: (TensorTypeName | null)[]
}

/** The mixes that ask whether there is an importance matrix; the others are the same with and without. */
const ASKS_FOR_IMATRIX: ReadonlySet<FileType> = new Set(['IQ3_XXS', 'IQ4_NL', 'IQ4_XS', 'Q4_0', 'Q5_0'])

/**
 * Compares the tensors with every file type's recipe by the current rules, and
 * where these do not explain every claim, by the older ones too. Per file type
 * the comparison that matches most, the newer rules first. Where the claims hold,
 * only what fits as well is beside them: nearest misses are of no interest then.
 */
export function compareAll(
  tensors: readonly GgufTensor[],
  model: RecipeModel,
  claimed: readonly FileType[],
): Map<FileType, Comparison> {
  const current = planRecipes(tensors, 'current')
  const fitting = FILE_TYPE_NAMES.filter(
    (fileType) => claimed.includes(fileType) || fitsRecipe(tensors, current, fileType, model),
  )
  const best = new Map<FileType, Comparison>()
  compareEach(best, fitting, tensors, current, model)
  if (explains(best, claimed, tensors.length)) return best
  best.clear()
  for (const version of RULE_VERSIONS) {
    compareEach(best, FILE_TYPE_NAMES, tensors, planRecipes(tensors, version), model)
    if (explains(best, claimed, tensors.length)) break
  }
  return best
}

function compareEach(
  best: Map<FileType, Comparison>,
  fileTypes: readonly FileType[],
  tensors: readonly GgufTensor[],
  plan: RecipePlan,
  model: RecipeModel,
): void {
  for (const fileType of fileTypes) {
    const before = best.get(fileType)
    if (before?.matched === tensors.length) continue
    const found = compareBest(tensors, plan, fileType, model)
    if (found !== null && (before === undefined || found.matched > before.matched)) best.set(fileType, found)
  }
}

/** Whether every tensor the quantiser touches is as a recipe wants it: stops at the first that is not, which for most recipes is the first of all. */
function fitsRecipe(
  tensors: readonly GgufTensor[],
  plan: RecipePlan,
  fileType: FileType,
  model: RecipeModel,
): boolean {
  return optionsOf(fileType, model).some((options) =>
    walkRecipe(plan, fileType, model, options, (index, type) => tensors[index]?.type === type),
  )
}

function optionsOf(fileType: FileType, { is70b }: RecipeModel): RecipeOptions[] {
  return (ASKS_FOR_IMATRIX.has(fileType) ? [false, true] : [false]).flatMap((imatrix) =>
    is70b.map((seventy) => ({ imatrix, is70b: seventy })),
  )
}

// One recipe that fits and every claim among those that do: older rules could only add coincidences.
function explains(
  best: ReadonlyMap<FileType, Comparison>,
  claimed: readonly FileType[],
  total: number,
): boolean {
  const proves = (fileType: FileType) => best.get(fileType)?.matched === total
  return claimed.length > 0 ? claimed.every(proves) : FILE_TYPE_NAMES.some(proves)
}

function compareBest(
  tensors: readonly GgufTensor[],
  plan: RecipePlan,
  fileType: FileType,
  model: RecipeModel,
): Comparison | null {
  let best: Comparison | null = null
  for (const options of optionsOf(fileType, model)) {
    const expected = recipe(plan, fileType, model, options)
    if (expected === null) continue
    const comparison = compare(tensors, expected)
    if (best === null || comparison.matched > best.matched)
      best = { ...comparison, fileType, version: plan.version, imatrix: options.imatrix, expected }
  }
  return best
}

function compare(
  tensors: readonly GgufTensor[],
  expected: readonly (TensorTypeName | null)[],
): Pick<Comparison, 'matched' | 'share' | 'expectedBits'> {
  let matched = 0
  let agreeing = 0
  let body = 0
  let bytes = 0
  let elements = 0
  tensors.forEach((tensor, i) => {
    const wanted = expected[i] ?? null
    const fits = isAsWanted(tensor, wanted)
    if (fits) matched += 1
    elements += tensor.elements
    bytes += wanted === null ? tensor.bytes : bytesIn(wanted, tensor.elements)
    if (wanted === null || tensor.name === 'token_embd.weight' || tensor.name === 'output.weight') return
    body += tensor.elements
    if (fits) agreeing += tensor.elements
  })
  return {
    matched,
    share: body === 0 ? 0 : agreeing / body,
    expectedBits: elements === 0 ? 0 : (bytes * 8) / elements,
  }
}

/** Whether a tensor is as its recipe wants it. */
export function isAsWanted({ type }: GgufTensor, wanted: TensorTypeName | null): boolean {
  // Norms, biases and routers keep the type of the source model, which is never a block type.
  return wanted === null ? !isQuantised(type) : type === wanted
}

/** What a recipe wants of a tensor, in words. */
export function wantedName(wanted: TensorTypeName | null): string {
  return wanted ?? 'F32, F16 or BF16'
}
