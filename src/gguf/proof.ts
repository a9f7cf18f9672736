import { compareAll, isAsWanted, wantedName, type Comparison } from './compare.ts'
import { weigh, type GgufHeader, type GgufTensor } from './header.ts'
import type { Label } from './labels.ts'
import { describeVariant, differsOnlyInEnds, isPure } from './variant.ts'
import { isQuantisable, recipeModelOf, RULE_VERSION_NAMES, type RuleVersion } from './recipe.ts'
import { bitsPerWeight, FILE_TYPES, TENSOR_TYPES, type FileType, type TensorTypeName } from './types.ts'

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
  /** The recipe that `matched`, `differs` and the table of tensors speak of: the claim's, without one the nearest. */
  compared_with: { file_type: FileType; rules: RuleVersion; imatrix: boolean } | null
  /** Tensors that are as that recipe wants them. */
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

/** A proof with what it says of each tensor, in the tensors' order; null where no recipe could be compared. */
export interface Proof {
  quantisation: Quantisation
  expected: (TensorTypeName | null)[] | null
}

/**
 * Compares the tensors with the recipe of every file type, by the current rules
 * and the older ones, with and without importance matrix, and the claims with
 * the result. `tensors` are those of all shards.
 */
export function proveTensors(
  header: Pick<GgufHeader, 'metadata'>,
  tensors: readonly GgufTensor[],
  claims: readonly Claim[],
  { knownArchitecture = true }: { knownArchitecture?: boolean } = {},
): Proof {
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
    const nothing = { proven: [], compared_with: null, matched: 0, differs: [], below: 0, nearest: null }
    return { quantisation: { ...base, ...nothing, match: 'unknown', reason }, expected: null }
  }
  const claimed = claims.flatMap(({ label }) => label.fileType ?? [])
  const best = compareAll(tensors, model, claimed)
  const proven = [...best.values()].filter((c) => c.matched === tensors.length).map((c) => c.fileType)
  const nearest = nearestOf([...best.values()])
  const against =
    (strongest?.fileType === null || strongest === null ? undefined : best.get(strongest.fileType)) ??
    (nearest === null ? undefined : best.get(nearest.file_type))
  const differing = against === undefined ? [] : differences(tensors, against)
  const judged = judge({
    claims,
    tensors,
    best,
    proven,
    nearest,
    bits: base.bits_per_weight,
    knownArchitecture,
  })
  return {
    quantisation: {
      ...base,
      ...judged,
      proven,
      nearest,
      compared_with:
        against === undefined
          ? null
          : { file_type: against.fileType, rules: against.version, imatrix: against.imatrix },
      matched: against?.matched ?? 0,
      differs: differing.slice(0, MAX_DIFFERENCES),
      below: differing.filter((d) => !(bitsOf(d.found) >= bitsOf(d.expected))).length,
    },
    expected: against?.expected ?? null,
  }
}

/** As `proveTensors`, without what it says of each tensor. */
export function proveQuantisation(...args: Parameters<typeof proveTensors>): Quantisation {
  return proveTensors(...args).quantisation
}

function countTypes(tensors: readonly GgufTensor[]): Partial<Record<TensorTypeName, number>> {
  const counts: Partial<Record<TensorTypeName, number>> = {}
  for (const { type } of tensors) counts[type] = (counts[type] ?? 0) + 1
  return counts
}

function nearestOf(comparisons: readonly Comparison[]): Quantisation['nearest'] {
  const top = comparisons.toSorted((a, b) => b.matched - a.matched || b.share - a.share)[0]
  return top === undefined ? null : { file_type: top.fileType, share: round(top.share) }
}

function differences(tensors: readonly GgufTensor[], { expected }: Comparison): Difference[] {
  const differs: Difference[] = []
  tensors.forEach((tensor, i) => {
    const wanted = expected[i] ?? null
    if (!isAsWanted(tensor, wanted))
      differs.push({ tensor: tensor.name, expected: wantedName(wanted), found: tensor.type })
  })
  return differs
}

interface Evidence {
  claims: readonly Claim[]
  tensors: readonly GgufTensor[]
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

function judgeClaim({ source, label }: Claim, evidence: Evidence): Judgement {
  const { best, proven, nearest, bits } = evidence
  const fileType = label.fileType
  const comparison = fileType === null ? undefined : best.get(fileType)
  const says = `${WHERE[source]} says ${label.text}`
  const really =
    proven.length > 0
      ? `every tensor matches ${nameAll(proven)}`
      : `the nearest is ${nearest?.file_type ?? 'none'}`
  if (fileType === null || comparison === undefined)
    return { match: proven.length > 0 ? 'mislabelled' : 'unknown', reason: `${says}, but ${really}` }
  if (proven.includes(fileType)) return exact({ source, label }, comparison)
  const ratio = comparison.expectedBits === 0 ? 0 : bits / comparison.expectedBits
  const wants = round(comparison.expectedBits)
  const variant = (): Judgement => ({
    match: 'variant',
    reason: describeVariant(evidence.tensors, comparison, bits),
  })
  if (label.custom && ratio >= CUSTOM_FLOOR && ratio <= CUSTOM_CEILING) return variant()
  if (proven.length > 0) return { match: 'mislabelled', reason: `${says}, but ${really}` }
  // What --pure makes, and other ends, are llama.cpp's own under the same file type: told, whatever the bits.
  if (isPure(evidence.tensors, fileType)) return variant()
  if (differsOnlyInEnds(evidence.tensors, comparison) && ratio >= CUSTOM_FLOOR) return variant()
  if (ratio < FLOOR)
    return {
      match: 'mislabelled',
      reason: `${says}, but ${bits.toFixed(2)} bits per weight are fewer than its ${wants.toFixed(2)}; ${really}`,
    }
  if (comparison.share >= VARIANT_SHARE) return variant()
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

function exact({ source, label }: Claim, { fileType, version, matched, expected }: Comparison): Judgement {
  const rules = version === 'current' ? '' : ` ${RULE_VERSION_NAMES[version]}`
  const says = `${matched} of ${expected.length} tensors match ${fileType}${rules}`
  // A label that promises more than the plain type is not kept by the plain type.
  if (label.custom && source !== 'file_type')
    return { match: 'variant', reason: `${says}: it is plain ${fileType}, without what ${label.text} adds` }
  return { match: 'exact', reason: says }
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
