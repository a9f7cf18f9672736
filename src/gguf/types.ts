/** A ggml tensor type: `block` weights share `bytes` bytes. */
export interface TensorType {
  id: number
  block: number
  bytes: number
}

/**
 * The tensor types llama.cpp reads, by name (ids of ggml.h, block structs of
 * ggml-common.h). Ids 4, 5, 31 to 33 and 36 to 38 were removed upstream; an id
 * that is not here is refused, because its size in bytes cannot be known.
 */
export const TENSOR_TYPES = {
  F32: { id: 0, block: 1, bytes: 4 },
  F16: { id: 1, block: 1, bytes: 2 },
  Q4_0: { id: 2, block: 32, bytes: 18 },
  Q4_1: { id: 3, block: 32, bytes: 20 },
  Q5_0: { id: 6, block: 32, bytes: 22 },
  Q5_1: { id: 7, block: 32, bytes: 24 },
  Q8_0: { id: 8, block: 32, bytes: 34 },
  Q8_1: { id: 9, block: 32, bytes: 36 },
  Q2_K: { id: 10, block: 256, bytes: 84 },
  Q3_K: { id: 11, block: 256, bytes: 110 },
  Q4_K: { id: 12, block: 256, bytes: 144 },
  Q5_K: { id: 13, block: 256, bytes: 176 },
  Q6_K: { id: 14, block: 256, bytes: 210 },
  Q8_K: { id: 15, block: 256, bytes: 292 },
  IQ2_XXS: { id: 16, block: 256, bytes: 66 },
  IQ2_XS: { id: 17, block: 256, bytes: 74 },
  IQ3_XXS: { id: 18, block: 256, bytes: 98 },
  IQ1_S: { id: 19, block: 256, bytes: 50 },
  IQ4_NL: { id: 20, block: 32, bytes: 18 },
  IQ3_S: { id: 21, block: 256, bytes: 110 },
  IQ2_S: { id: 22, block: 256, bytes: 82 },
  IQ4_XS: { id: 23, block: 256, bytes: 136 },
  I8: { id: 24, block: 1, bytes: 1 },
  I16: { id: 25, block: 1, bytes: 2 },
  I32: { id: 26, block: 1, bytes: 4 },
  I64: { id: 27, block: 1, bytes: 8 },
  F64: { id: 28, block: 1, bytes: 8 },
  IQ1_M: { id: 29, block: 256, bytes: 56 },
  BF16: { id: 30, block: 1, bytes: 2 },
  TQ1_0: { id: 34, block: 256, bytes: 54 },
  TQ2_0: { id: 35, block: 256, bytes: 66 },
  MXFP4: { id: 39, block: 32, bytes: 17 },
  NVFP4: { id: 40, block: 64, bytes: 36 },
  Q1_0: { id: 41, block: 128, bytes: 18 },
  Q2_0: { id: 42, block: 64, bytes: 18 },
} as const satisfies Record<string, TensorType>

export type TensorTypeName = keyof typeof TENSOR_TYPES

const NAME_BY_ID = new Map<number, TensorTypeName>(
  (Object.keys(TENSOR_TYPES) as TensorTypeName[]).map((name) => [TENSOR_TYPES[name].id, name]),
)

/** The name of a tensor type id, undefined where llama.cpp has none or has removed it. */
export function tensorTypeName(id: number): TensorTypeName | undefined {
  return NAME_BY_ID.get(id)
}

/** Ids that once existed: a file that uses them is too old for llama.cpp, not hostile. */
export const REMOVED_TENSOR_TYPES: ReadonlySet<number> = new Set([4, 5, 31, 32, 33, 36, 37, 38])

/** Bits that one weight of a type takes, its share of the block's scales included. */
export function bitsPerWeight(type: TensorTypeName): number {
  const { block, bytes } = TENSOR_TYPES[type]
  return (bytes * 8) / block
}

/** Whether a type is stored in blocks with scales. */
export function isQuantised(type: TensorTypeName): boolean {
  return TENSOR_TYPES[type].block > 1
}

/**
 * llama.cpp's file types (`llama_ftype`, the values of `general.file_type`) with
 * the tensor type each is mostly made of. Not to be mixed with `ggml_ftype`,
 * whose numbers differ. Types that llama.cpp can no longer write are absent.
 */
export const FILE_TYPES = {
  F32: { id: 0, base: 'F32' },
  F16: { id: 1, base: 'F16' },
  Q4_0: { id: 2, base: 'Q4_0' },
  Q4_1: { id: 3, base: 'Q4_1' },
  Q8_0: { id: 7, base: 'Q8_0' },
  Q5_0: { id: 8, base: 'Q5_0' },
  Q5_1: { id: 9, base: 'Q5_1' },
  Q2_K: { id: 10, base: 'Q2_K' },
  Q3_K_S: { id: 11, base: 'Q3_K' },
  Q3_K_M: { id: 12, base: 'Q3_K' },
  Q3_K_L: { id: 13, base: 'Q3_K' },
  Q4_K_S: { id: 14, base: 'Q4_K' },
  Q4_K_M: { id: 15, base: 'Q4_K' },
  Q5_K_S: { id: 16, base: 'Q5_K' },
  Q5_K_M: { id: 17, base: 'Q5_K' },
  Q6_K: { id: 18, base: 'Q6_K' },
  IQ2_XXS: { id: 19, base: 'IQ2_XXS' },
  IQ2_XS: { id: 20, base: 'IQ2_XS' },
  Q2_K_S: { id: 21, base: 'Q2_K' },
  IQ3_XS: { id: 22, base: 'IQ3_S' },
  IQ3_XXS: { id: 23, base: 'IQ3_XXS' },
  IQ1_S: { id: 24, base: 'IQ1_S' },
  IQ4_NL: { id: 25, base: 'IQ4_NL' },
  IQ3_S: { id: 26, base: 'IQ3_S' },
  IQ3_M: { id: 27, base: 'IQ3_S' },
  // The next two are one step off on purpose: upstream builds IQ2_S from IQ2_XS tensors and IQ2_M from IQ2_S.
  IQ2_S: { id: 28, base: 'IQ2_XS' },
  IQ2_M: { id: 29, base: 'IQ2_S' },
  IQ4_XS: { id: 30, base: 'IQ4_XS' },
  IQ1_M: { id: 31, base: 'IQ1_M' },
  BF16: { id: 32, base: 'BF16' },
  TQ1_0: { id: 36, base: 'TQ1_0' },
  TQ2_0: { id: 37, base: 'TQ2_0' },
  MXFP4_MOE: { id: 38, base: 'MXFP4' },
  NVFP4: { id: 39, base: 'NVFP4' },
  Q1_0: { id: 40, base: 'Q1_0' },
  Q2_0: { id: 41, base: 'Q2_0' },
} as const satisfies Record<string, { id: number; base: TensorTypeName }>

export type FileType = keyof typeof FILE_TYPES

/** All file types, in the order of their ids. */
export const FILE_TYPE_NAMES = (Object.keys(FILE_TYPES) as FileType[]).toSorted(
  (a, b) => FILE_TYPES[a].id - FILE_TYPES[b].id,
)

/** File types that existed once; nothing can prove a file to be one of them. */
export const DEAD_FILE_TYPES: ReadonlyMap<number, string> = new Map([
  [4, 'Q4_1_SOME_F16'],
  [5, 'Q4_2'],
  [6, 'Q4_3'],
  [33, 'Q4_0_4_4'],
  [34, 'Q4_0_4_8'],
  [35, 'Q4_0_8_8'],
])

/** llama.cpp sets this bit in memory when it guesses a file type; no file may hold it. */
export const GUESSED_FILE_TYPE_BIT = 1024

/** The file type with an id, undefined for unknown and dead ones. */
export function fileTypeOf(id: number): FileType | undefined {
  return FILE_TYPE_NAMES.find((name) => FILE_TYPES[name].id === id)
}
