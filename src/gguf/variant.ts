import { isAsWanted, wantedName, type Comparison } from './compare.ts'
import type { GgufTensor } from './header.ts'
import { fittedType, isQuantisable } from './recipe.ts'
import { FILE_TYPES, isQuantised, type FileType } from './types.ts'

const ENDS: ReadonlySet<string> = new Set([
  'token_embd.weight',
  'per_layer_token_embd.weight',
  'output.weight',
])

/** Whether the tensors are what `llama-quantize --pure` makes: every weight of the one type, no exceptions. */
export function isPure(tensors: readonly GgufTensor[], fileType: FileType): boolean {
  const { base } = FILE_TYPES[fileType]
  if (!isQuantised(base)) return false
  return tensors.every((tensor) =>
    isAsWanted(tensor, isQuantisable(tensor) ? fittedType(base, tensor.dims[0] ?? 0, 'current') : null),
  )
}

/** Whether a mix differs from its recipe only in the embedding and output matrices, as community labels `_L` do. */
export function differsOnlyInEnds(tensors: readonly GgufTensor[], { expected }: Comparison): boolean {
  return tensors.every((tensor, i) => ENDS.has(tensor.name) || isAsWanted(tensor, expected[i] ?? null))
}

const MAX_NAMED = 3

/** What a custom mix is, in one sentence that names what differs. */
export function describeVariant(
  tensors: readonly GgufTensor[],
  { fileType, expected, expectedBits }: Comparison,
  bits: number,
): string {
  const mix = `Custom mix, ${bits.toFixed(2)} bits per weight (${fileType} has ${expectedBits.toFixed(2)})`
  if (isPure(tensors, fileType))
    return `${mix}: every weight is ${FILE_TYPES[fileType].base}, as --pure makes it`
  const differing = tensors.flatMap((tensor, i) => {
    const wanted = expected[i] ?? null
    return isAsWanted(tensor, wanted)
      ? []
      : `${tensor.name} is ${tensor.type} instead of ${wantedName(wanted)}`
  })
  if (differing.length <= MAX_NAMED) return `${mix}: ${differing.join(', ')}`
  return `${mix}: ${differing.length} of ${tensors.length} tensors differ, such as ${differing[0]}`
}
