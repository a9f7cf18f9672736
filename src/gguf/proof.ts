import { bytesIn, weigh, type GgufHeader, type GgufTensor } from './header.ts'
import type { Label } from './labels.ts'
import {
  isQuantisable,
  planRecipes,
  recipe,
  recipeModelOf,
  RULE_VERSIONS,
  type RecipeModel,
  type RecipePlan,
} from './recipe.ts'
import {
  bitsPerWeight,
  FILE_TYPE_NAMES,
  FILE_TYPES,
  isQuantised,
  TENSOR_TYPES,
  type FileType,
  type TensorTypeName,
} from './types.ts'

/** One tensor that is not as the claimed recipe would have it. */
export interface Difference {
  tensor: string
  expected: string
  found: string
}

/** What the tensors say about a claim. */
export interface Quantisation {
  /** The strongest claim: the listing's, else the file name's, else the header's. */
  claimed: string | null
  /** File types whose recipe every tensor matches. */
  proven: FileType[]
  match: 'exact' | 'variant' | 'mislabelled' | 'unknown'
  /** Tensors that are as the claimed file type wants them; without a claim, as the nearest does. */
  matched: number
  total: number
  bits_per_weight: number
  tensor_types: Partial<Record<TensorTypeName, number>>
  /** At most 50 tensors that differ from the claim. */
  differs: Difference[]
  /** How many of all that differ have fewer bits than the claim gives them. */
  below: number
  /** The file type that most weights match, and their share. */
  nearest: { file_type: FileType; share: number } | null
  /** In one sentence, why. */
  reason: string
}

export interface Claim {
  source: 'listing' | 'file_name' | 'file_type'
  label: Label
}

const MAX_DIFFERENCES = 50
/** Below this share of its recipe's bits a file is not what its label says, whatever the mix. */
const FLOOR = 0.97
/** Of a custom mix that its own label admits, the bits may stray further. */
const CUSTOM_FLOOR = 0.9
const CUSTOM_CEILING = 1.6
/** Share of the weights that must be as the recipe wants before a mix counts as a variant of it. */
const VARIANT_SHARE = 0.75
const VARIANT_CEILING = 1.5

interface Comparison {
  fileType: FileType
  matched: number
  /** Share of quantisable weights, embedding and output left out, that are as the recipe wants. */
  share: number
  expectedBits: number
  expected: (TensorTypeName | null)[]
}

/**
 * Compares the tensors with the recipe of every file type, under every rule
 * version, with and without importance matrix, and the claims with the result.
 * `tensors` are those of all shards.
 */
export function proveQuantisation(
  header: Pick<GgufHeader, 'metadata'>,
  tensors: readonly GgufTensor[],
  claims: readonly Claim[],
  { knownArchitecture = true }: { knownArchitecture?: boolean } = {},
): Quantisation {
  const strongest = claims[0]?.label ?? null
  const model = recipeModelOf(header, tensors)
  const base = {
    claimed: strongest?.text ?? null,
    total: tensors.length,
    bits_per_weight: round(weigh(tensors).bits),
    tensor_types: countTypes(tensors),
  }
  if (model === null || !tensors.some(isQuantisable)) {
    const reason =
      tensors.length === 0 ? 'The file holds no tensors' : 'The file holds no weights that a recipe covers'
    return { ...base, proven: [], match: 'unknown', matched: 0, differs: [], below: 0, nearest: null, reason }
  }
  const best = new Map<FileType, Comparison>()
  const plans = RULE_VERSIONS.map((version) => planRecipes(tensors, version))
  for (const fileType of FILE_TYPE_NAMES) {
    const comparison = compareBest(tensors, plans, fileType, model)
    if (comparison !== null) best.set(fileType, comparison)
  }
  const proven = [...best.values()].filter((c) => c.matched === tensors.length).map((c) => c.fileType)
  const nearest = nearestOf([...best.values()])
  const against =
    (strongest?.fileType === null || strongest === null ? undefined : best.get(strongest.fileType)) ??
    (nearest === null ? undefined : best.get(nearest.file_type))
  const differing = against === undefined ? [] : differences(tensors, against)
  const judged = judge({ claims, best, proven, nearest, bits: base.bits_per_weight, knownArchitecture })
  return {
    ...base,
    ...judged,
    proven,
    nearest,
    matched: against?.matched ?? 0,
    differs: differing.slice(0, MAX_DIFFERENCES),
    below: differing.filter((d) => !(bitsOf(d.found) >= bitsOf(d.expected))).length,
  }
}

function countTypes(tensors: readonly GgufTensor[]): Partial<Record<TensorTypeName, number>> {
  const counts: Partial<Record<TensorTypeName, number>> = {}
  for (const { type } of tensors) counts[type] = (counts[type] ?? 0) + 1
  return counts
}

/** The best match of a file type over rule versions and importance matrix. */
function compareBest(
  tensors: readonly GgufTensor[],
  plans: readonly RecipePlan[],
  fileType: FileType,
  model: RecipeModel,
): Comparison | null {
  let best: Comparison | null = null
  for (const plan of plans)
    for (const imatrix of [false, true])
      for (const is70b of model.is70b) {
        const comparison = compare(tensors, recipe(plan, fileType, model, { imatrix, is70b }), fileType)
        if (comparison !== null && (best === null || comparison.matched > best.matched)) best = comparison
      }
  return best
}

function compare(
  tensors: readonly GgufTensor[],
  expected: (TensorTypeName | null)[] | null,
  fileType: FileType,
): Comparison | null {
  if (expected === null) return null
  let matched = 0
  let agreeing = 0
  let body = 0
  let bytes = 0
  let elements = 0
  tensors.forEach((tensor, i) => {
    const wanted = expected[i] ?? null
    const fits = wanted === null ? isLeftAlone(tensor) : tensor.type === wanted
    if (fits) matched += 1
    elements += tensor.elements
    bytes += wanted === null ? tensor.bytes : bytesIn(wanted, tensor.elements)
    if (wanted === null || tensor.name === 'token_embd.weight' || tensor.name === 'output.weight') return
    body += tensor.elements
    if (fits) agreeing += tensor.elements
  })
  return {
    fileType,
    matched,
    share: body === 0 ? 0 : agreeing / body,
    expectedBits: elements === 0 ? 0 : (bytes * 8) / elements,
    expected,
  }
}

// Norms, biases and routers keep the type of the source model, which is never a block type.
function isLeftAlone({ type }: GgufTensor): boolean {
  return !isQuantised(type)
}

function nearestOf(comparisons: readonly Comparison[]): Quantisation['nearest'] {
  const top = comparisons.toSorted((a, b) => b.matched - a.matched || b.share - a.share)[0]
  return top === undefined ? null : { file_type: top.fileType, share: round(top.share) }
}

function differences(tensors: readonly GgufTensor[], { expected }: Comparison): Difference[] {
  const differs: Difference[] = []
  tensors.forEach((tensor, i) => {
    const wanted = expected[i] ?? null
    const fits = wanted === null ? isLeftAlone(tensor) : tensor.type === wanted
    if (!fits)
      differs.push({ tensor: tensor.name, expected: wanted ?? 'F32, F16 or BF16', found: tensor.type })
  })
  return differs
}

interface Evidence {
  claims: readonly Claim[]
  best: ReadonlyMap<FileType, Comparison>
  proven: readonly FileType[]
  nearest: Quantisation['nearest']
  bits: number
  knownArchitecture: boolean
}

type Judgement = Pick<Quantisation, 'match' | 'reason'>

const WORST = ['mislabelled', 'unknown', 'variant', 'exact'] as const

/** The verdict over all claims is the worst over each. */
function judge(evidence: Evidence): Judgement {
  const named = evidence.claims.filter(({ label }) => label.fileType !== null)
  if (named.length === 0) {
    const written = evidence.claims[0]?.label.text
    const reason =
      written === undefined ? 'Nothing claims a file type' : `"${written}" is no file type of llama.cpp`
    return { match: 'unknown', reason }
  }
  // A dynamic mix keeps the number of its base in general.file_type, which is then no claim to the plain recipe.
  const admitted = named.some(({ source, label }) => source !== 'file_type' && label.custom)
  const judged = named.map(({ source, label }) =>
    judgeClaim(
      { source, label: source === 'file_type' && admitted ? { ...label, custom: true } : label },
      evidence,
    ),
  )
  const worst = WORST.map((match) => judged.find((j) => j.match === match)).find((j) => j !== undefined)
  const result = worst ?? { match: 'unknown' as const, reason: 'Nothing could be compared' }
  if (!evidence.knownArchitecture && result.match !== 'mislabelled')
    return { match: 'unknown', reason: 'The architecture is not one whose recipes are known' }
  return result
}

const WHERE = { listing: 'The listing', file_name: 'The file name', file_type: 'general.file_type' } as const

function judgeClaim({ source, label }: Claim, { best, proven, nearest, bits }: Evidence): Judgement {
  const fileType = label.fileType
  const comparison = fileType === null ? undefined : best.get(fileType)
  const says = `${WHERE[source]} says ${label.text}`
  const really =
    proven.length > 0
      ? `every tensor matches ${nameAll(proven)}`
      : `the nearest is ${nearest?.file_type ?? 'none'}`
  if (fileType === null || comparison === undefined)
    return { match: proven.length > 0 ? 'mislabelled' : 'unknown', reason: `${says}, but ${really}` }
  if (proven.includes(fileType))
    return {
      match: 'exact',
      reason: `${comparison.matched} of ${comparison.expected.length} tensors match ${fileType}`,
    }
  const ratio = comparison.expectedBits === 0 ? 0 : bits / comparison.expectedBits
  const wants = round(comparison.expectedBits)
  if (label.custom && ratio >= CUSTOM_FLOOR && ratio <= CUSTOM_CEILING)
    return {
      match: 'variant',
      reason: `Custom mix, ${bits.toFixed(2)} bits per weight (${fileType} has ${wants.toFixed(2)})`,
    }
  if (proven.length > 0) return { match: 'mislabelled', reason: `${says}, but ${really}` }
  if (ratio < FLOOR)
    return {
      match: 'mislabelled',
      reason: `${says}, but ${bits.toFixed(2)} bits per weight are fewer than its ${wants.toFixed(2)}; ${really}`,
    }
  if (comparison.share >= VARIANT_SHARE)
    return {
      match: 'variant',
      reason: `Custom mix, ${bits.toFixed(2)} bits per weight (${fileType} has ${wants.toFixed(2)})`,
    }
  if (
    nearest !== null &&
    nearest.share >= VARIANT_SHARE &&
    FILE_TYPES[nearest.file_type].base !== FILE_TYPES[fileType].base
  )
    return { match: 'mislabelled', reason: `${says}, but ${really}` }
  if (ratio > VARIANT_CEILING)
    return {
      match: 'mislabelled',
      reason: `${says}, but ${bits.toFixed(2)} bits per weight are far from its ${wants.toFixed(2)}; ${really}`,
    }
  return { match: 'unknown', reason: `${says}; the mix is neither its recipe nor near another` }
}

// A dense model as MXFP4_MOE is Q8_0 to the byte, so several recipes may fit one file.
function nameAll([first, ...rest]: readonly FileType[]): string {
  return rest.length === 0 ? `${first}` : `${first} (and so fits ${rest.join(', ')})`
}

// NaN where a range of types is expected; a comparison with it counts as below.
function bitsOf(type: string): number {
  return Object.hasOwn(TENSOR_TYPES, type) ? bitsPerWeight(type as TensorTypeName) : Number.NaN
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
