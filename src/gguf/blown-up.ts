import type { TensorTypeName } from './types.ts'

/** Types that a file may use to look better than what its weights hold. */
export type WideType = Extract<TensorTypeName, 'F32' | 'F16' | 'BF16' | 'Q8_0'>

/** Weights of one block of every narrower type that llama.cpp makes, or whole parts of one. */
export const RUN = 32
/** K-quants of 6 bits give each 16 weights a scale of their own. */
const HALF_RUN = 16
/** A run of 4 bits holds no more. */
const FEW_LEVELS = 16
/** 6 bits: the widest grid that 16 weights can show. */
const MAX_STEPS = 63
const MAX_STEPS_Q8 = 31
/** Fewer runs than these prove nothing. */
const MIN_RUNS = 8
/** Some runs may be odd: padding rows, single weights put back. */
const SHARE = 0.95
/** Runs looked at in one piece of a tensor, evenly spread. */
const MAX_RUNS = 512

/** By how much rounding moves a value, as a share of it: half of the last place, for scale and value each. */
const ROUNDING: Record<WideType, number> = { F32: 2 ** -23, F16: 2 ** -10, BF16: 2 ** -8, Q8_0: 0 }

/**
 * Collects how the weights of one tensor are spaced. Weights that were blown up
 * from fewer bits betray it: a run that shared a scale holds few values, or all
 * of them lie on an even grid, which weights of their own precision never do.
 */
export class SpacingScan {
  readonly #type: WideType
  #runs = 0
  #few = 0
  #grid = 0
  #eight = 0

  constructor(type: WideType) {
    this.#type = type
  }

  /** Looks at a piece of the tensor: whole blocks, or whole runs of values. */
  look(bytes: Uint8Array): void {
    const read = READERS[this.#type]
    const size = SIZES[this.#type]
    const runs = Math.floor(bytes.length / size)
    const step = Math.max(1, Math.floor(runs / MAX_RUNS))
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const values = new Float64Array(RUN)
    for (let run = 0; run < runs; run += step) {
      for (let i = 0; i < RUN; i += 1) values[i] = read(data, run * size, i)
      this.#judge(values)
    }
  }

  #judge(values: Float64Array): void {
    const levels = new Set(values).size
    // A constant run, such as padding, says nothing.
    if (levels < 2) return
    this.#runs += 1
    if (levels <= FEW_LEVELS) {
      this.#few += 1
      this.#grid += 1
      this.#eight += 1
    } else if (this.#type === 'Q8_0') {
      if (onGrid(values, MAX_STEPS_Q8, () => 1)) this.#grid += 1
    } else {
      const error = ROUNDING[this.#type]
      const slack = (value: number) => Math.abs(value) * error
      if (
        onGrid(values.subarray(0, HALF_RUN), MAX_STEPS, slack) &&
        onGrid(values.subarray(HALF_RUN), MAX_STEPS, slack)
      )
        this.#grid += 1
      if (isEightBits(values, error)) this.#eight += 1
    }
  }

  /** How many bits the weights really hold: 4, 6 or 8 (or fewer); null where they hold what they should, or too little was seen. */
  get bits(): 4 | 6 | 8 | null {
    const enough = (count: number) => this.#runs >= MIN_RUNS && count >= this.#runs * SHARE
    if (enough(this.#few)) return 4
    if (enough(this.#grid)) return 6
    return enough(this.#eight) ? 8 : null
  }
}

/** Whether values lie on a grid of at most `max` even steps from the least to the greatest. */
function onGrid(values: Float64Array, max: number, slack: (value: number) => number): boolean {
  let least = Infinity
  let greatest = -Infinity
  for (const value of values) {
    if (value < least) least = value
    if (value > greatest) greatest = value
  }
  const width = greatest - least
  // NaN and infinities are found elsewhere.
  if (!(width > 0 && width < Infinity)) return width === 0
  const ends = Math.max(slack(least), slack(greatest))
  for (let steps = 1; steps <= max; steps += 1) {
    const step = width / steps
    // A grid finer than rounding would hold anything.
    if (step < 4 * ends) break
    if (values.every((value) => offGrid(value - least, step) <= slack(value) + ends)) return true
  }
  return false
}

function offGrid(value: number, step: number): number {
  return Math.abs(value - Math.round(value / step) * step)
}

/** Q8_0 makes the greatest of 32 weights 127 steps, and all others whole steps. */
function isEightBits(values: Float64Array, error: number): boolean {
  let greatest = 0
  for (const value of values) greatest = Math.max(greatest, Math.abs(value))
  const step = greatest / 127
  if (!(step > 0 && step < Infinity)) return false
  return values.every((value) => offGrid(value, step) <= Math.abs(value) * error * 2 + step * 0.01)
}

const SIZES: Record<WideType, number> = { F32: RUN * 4, F16: RUN * 2, BF16: RUN * 2, Q8_0: 34 }

const READERS: Record<WideType, (data: DataView, run: number, index: number) => number> = {
  F32: (data, run, index) => data.getFloat32(run + index * 4, true),
  F16: (data, run, index) => halfValue(data.getUint16(run + index * 2, true)),
  BF16: (data, run, index) => bfloatValue(data.getUint16(run + index * 2, true)),
  // The scale is the same for the whole block and changes nothing.
  Q8_0: (data, run, index) => data.getInt8(run + 2 + index),
}

/** The value of a half-precision number from its bits. */
function halfValue(bits: number): number {
  const exponent = (bits >> 10) & 0x1f
  const mantissa = bits & 0x3ff
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * mantissa * 2 ** -24
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN
  return sign * (mantissa + 1024) * 2 ** (exponent - 25)
}

const word = new DataView(new ArrayBuffer(4))

function bfloatValue(bits: number): number {
  word.setUint32(0, bits << 16)
  return word.getFloat32(0)
}
