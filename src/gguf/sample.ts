import type { ByteSource } from '../core/byte-source.ts'
import { SpacingScan, type WideType } from './blown-up.ts'
import type { Finding } from './finding.ts'
import type { GgufTensor } from './header.ts'
import { isQuantisable } from './recipe.ts'
import { isQuantised, TENSOR_TYPES, type TensorTypeName } from './types.ts'

/** What looking into the weights showed, and how much of them was looked at. */
export interface WeightSample {
  findings: Finding[]
  bytes_read: number
  bytes_total: number
  complete: boolean
}

/** Where a block's half-precision scales stand; types with other scales are told apart below. */
const HALF_SCALES: Partial<Record<TensorTypeName, readonly number[]>> = {
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q8_0: [0],
  Q8_1: [0, 2],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
  IQ2_XXS: [0],
  IQ2_XS: [0],
  IQ2_S: [0],
  IQ3_XXS: [0],
  IQ3_S: [0],
  IQ1_S: [0],
  IQ4_NL: [0],
  IQ4_XS: [0],
  TQ1_0: [52],
  TQ2_0: [64],
  Q1_0: [0],
  Q2_0: [0],
}

const WIDE: ReadonlySet<TensorTypeName> = new Set(['F32', 'F16', 'BF16', 'Q8_0'])

interface Seen {
  tensor: GgufTensor
  /** First non-finite value or scale, in bytes from the file's start. */
  bad: number | null
  /** Whether every byte looked at was zero. */
  zero: boolean
  /** Whether every block (or value) looked at was the same. */
  constant: boolean
  /** How the weights are spaced; null for a type that cannot hide fewer bits. */
  spacing: SpacingScan | null
  /** Whether every F32 had the low 16 bits of its mantissa empty. */
  shortMantissa: boolean
}

/**
 * Looks for NaN and infinite weights or scales, for weights that are all zero or
 * all the same, and for values blown up from fewer bits. Reads at most
 * `maxBytes`, all of a small file, else slices spread over every tensor.
 */
export async function sampleWeights(
  source: ByteSource,
  tensors: readonly GgufTensor[],
  { maxBytes, architecture = null }: { maxBytes: number; architecture?: string | null },
): Promise<WeightSample> {
  const total = tensors.reduce((sum, { bytes }) => sum + bytes, 0)
  const seen: Seen[] = []
  let read = 0
  for (const tensor of tensors) {
    const share = total <= maxBytes ? tensor.bytes : Math.floor((tensor.bytes / total) * maxBytes)
    const state: Seen = {
      tensor,
      bad: null,
      zero: true,
      constant: true,
      spacing: WIDE.has(tensor.type) ? new SpacingScan(tensor.type as WideType) : null,
      shortMantissa: true,
    }
    const scan = scanner(state)
    for (const { offset, length } of slices(tensor, share)) {
      scan(await source.read(offset, length), offset)
      read += length
    }
    seen.push(state)
  }
  return {
    findings: conclude(seen, architecture),
    bytes_read: read,
    bytes_total: total,
    complete: read === total,
  }
}

const SLICE_BYTES = 256 * 1024

/** Whole blocks, and for unquantised types whole runs of 32 weights, spread evenly over a tensor. */
function slices(tensor: GgufTensor, share: number): { offset: number; length: number }[] {
  const { block, bytes } = TENSOR_TYPES[tensor.type]
  const unit = block === 1 ? bytes * 32 : bytes
  const wanted = Math.min(tensor.bytes, Math.max(share, unit * 16))
  const count = Math.max(1, Math.ceil(wanted / SLICE_BYTES))
  const length = Math.max(unit, Math.floor(wanted / count / unit) * unit)
  const result: { offset: number; length: number }[] = []
  if (wanted === tensor.bytes) {
    const step = Math.max(unit, Math.floor(SLICE_BYTES / unit) * unit)
    for (let at = 0; at < tensor.bytes; at += step)
      result.push({ offset: tensor.offset + at, length: Math.min(step, tensor.bytes - at) })
    return result
  }
  for (let i = 0; i < count; i += 1) {
    const at = Math.floor(((tensor.bytes - length) * i) / Math.max(1, count - 1) / unit) * unit
    result.push({ offset: tensor.offset + at, length: Math.min(length, tensor.bytes - at) })
  }
  return result
}

type Scan = (bytes: Uint8Array, offset: number) => void

function scanner(state: Seen): Scan {
  const { type } = state.tensor
  if (type === 'F32' || type === 'F16' || type === 'BF16' || type === 'F64') return valueScanner(state, type)
  return blockScanner(state)
}

const WORDS = {
  // Bits of the exponent, which are all set in infinities and NaN.
  F32: { bytes: 4, exponent: 0x7f80_0000 },
  F16: { bytes: 2, exponent: 0x7c00 },
  BF16: { bytes: 2, exponent: 0x7f80 },
  // The upper half decides.
  F64: { bytes: 8, exponent: 0x7ff0_0000 },
} as const

function valueScanner(state: Seen, type: keyof typeof WORDS): Scan {
  const { bytes: size, exponent } = WORDS[type]
  // llama.cpp makes a float of a double, and one too large for that becomes infinite.
  const isBad = (data: DataView, at: number, word: number) =>
    type === 'F64' ? !Number.isFinite(Math.fround(data.getFloat64(at, true))) : (word & exponent) === exponent
  let first: number | null = null
  return (bytes, offset) => {
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = 0; at + size <= bytes.length; at += size) {
      const word = size === 2 ? data.getUint16(at, true) : data.getUint32(size === 8 ? at + 4 : at, true)
      if (state.bad === null && isBad(data, at, word)) state.bad = offset + at
      if (word !== 0) state.zero = false
      first ??= word
      if (word !== first) state.constant = false
      if (type === 'F32' && (word & 0x1fff) !== 0) state.shortMantissa = false
    }
    state.spacing?.look(bytes)
  }
}

function blockScanner(state: Seen): Scan {
  const { type } = state.tensor
  const size = TENSOR_TYPES[type].bytes
  const isBad = scaleCheck(type)
  let first: Uint8Array | null = null
  return (bytes, offset) => {
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = 0; at + size <= bytes.length; at += size) {
      if (state.bad === null && isBad(data, at)) state.bad = offset + at
      if (state.zero || state.constant) {
        const block = bytes.subarray(at, at + size)
        if (block.some((byte) => byte !== 0)) state.zero = false
        first ??= block.slice()
        const same: Uint8Array = first
        if (block.some((byte, i) => byte !== same[i])) state.constant = false
      }
    }
    state.spacing?.look(bytes)
  }
}

function isBadHalf(data: DataView, at: number): boolean {
  return (data.getUint16(at, true) & 0x7c00) === 0x7c00
}

/** What llama.cpp's ggml_validate_row_data asks of a block's scales. */
function scaleCheck(type: TensorTypeName): (data: DataView, at: number) => boolean {
  const halves = HALF_SCALES[type]
  if (halves !== undefined) return (data, at) => halves.some((scale) => isBadHalf(data, at + scale))
  if (type === 'Q8_K') return (data, at) => (data.getUint32(at, true) & 0x7f80_0000) === 0x7f80_0000
  // E8M0 and UE4M3 have one NaN each and no infinity.
  if (type === 'MXFP4') return (data, at) => data.getUint8(at) === 0xff
  if (type === 'NVFP4') return (data, at) => [0, 1, 2, 3].some((i) => (data.getUint8(at + i) & 0x7f) === 0x7f)
  if (type === 'IQ1_M')
    // The half-precision scale is spread over the top nibbles of the last four words.
    return (data, at) => {
      const nibble = (word: number) => data.getUint16(at + 48 + word * 2, true) >> 12
      const scale = nibble(0) | (nibble(1) << 4) | (nibble(2) << 8) | (nibble(3) << 12)
      return (scale & 0x7c00) === 0x7c00
    }
  return () => false
}

function conclude(seen: readonly Seen[], architecture: string | null): Finding[] {
  const findings: Finding[] = []
  const bad = seen.filter((state) => state.bad !== null)
  const [firstBad] = bad
  if (firstBad !== undefined && firstBad.bad !== null)
    findings.push({
      code: 'gguf_weights_not_finite',
      severity: 'reject',
      message: `"${firstBad.tensor.name}" holds NaN or infinite ${isQuantised(firstBad.tensor.type) ? 'scales' : 'values'}${bad.length > 1 ? `, and so do ${bad.length - 1} other tensors` : ''}`,
      offset: firstBad.bad,
    })
  const weights = seen.filter(({ tensor }) => isQuantisable(tensor))
  if (weights.length === 0) return findings
  const empty = weights.filter(({ zero, constant }) => zero || constant)
  const [firstEmpty] = empty
  if (firstEmpty !== undefined)
    findings.push({
      code: 'gguf_weights_empty',
      severity: empty.length === weights.length ? 'reject' : 'warn',
      message:
        empty.length === weights.length
          ? 'Every weight looked at is zero or the same'
          : `"${firstEmpty.tensor.name}" holds only one value${empty.length > 1 ? `, and so do ${empty.length - 1} other tensors` : ''}`,
      offset: firstEmpty.tensor.offset,
    })
  const alive = weights.filter((state) => !empty.includes(state))
  findings.push(...blownUp(alive, architecture !== null && NARROW_ORIGINALS.test(architecture)))
  return findings
}

const EVIDENCE: Record<number, string> = {
  4: 'of each 32 at most 16 differ',
  6: 'they lie on even grids of at most 64 steps',
  8: 'each 32 lie on an even grid of 127 steps to either side',
}

/** Published in 4 bits or fewer by their makers, so that a wider file of them is no worse than the original. */
const NARROW_ORIGINALS = /^(?:gpt-oss|bitnet)$/

function blownUp(weights: readonly Seen[], original: boolean): Finding[] {
  const size = (states: readonly Seen[]) => states.reduce((sum, { tensor }) => sum + tensor.elements, 0)
  const all = size(weights)
  if (all === 0) return []
  const narrow = weights.filter(({ spacing }) => (spacing?.bits ?? null) !== null)
  if (size(narrow) > all / 2) {
    // The fewest bits that are enough for most of the weights: the output is often kept in more.
    const bits =
      ([4, 6, 8] as const).find(
        (n) => size(narrow.filter(({ spacing }) => (spacing?.bits ?? 9) <= n)) > all / 2,
      ) ?? 8
    const types = [...new Set(narrow.map(({ tensor }) => tensor.type))].join(' and ')
    return [
      {
        code: 'gguf_weights_blown_up',
        severity: original ? 'info' : 'warn',
        message: `The ${types} weights hold no more than ${bits} bits each: ${EVIDENCE[bits] ?? ''}${original ? ', as this architecture is published' : ', so they were blown up from a smaller quantisation'}`,
      },
    ]
  }
  const short = weights.filter(({ tensor, shortMantissa }) => tensor.type === 'F32' && shortMantissa)
  if (short.length > 0 && size(short) === size(weights.filter(({ tensor }) => tensor.type === 'F32')))
    return [
      {
        code: 'gguf_weights_expanded',
        severity: 'info',
        message: 'The F32 weights hold no more than 16 bits each: they were expanded from F16 or BF16',
      },
    ]
  return []
}
