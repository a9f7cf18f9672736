import { TENSOR_TYPES } from './types.ts'

/** The types this module can make. */
export type WritableType = 'F32' | 'F16' | 'Q8_0'

const single = new Float32Array(1)
const bits = new Uint32Array(single.buffer)

/** A half-precision number's bits from a single-precision value, rounded to nearest even as the hardware does. */
export function halfBits(value: number): number {
  single[0] = value
  const word = bits[0] ?? 0
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fff_ffff
  if (magnitude > 0x7f80_0000) return sign | 0x7e00
  // From here on a value rounds to infinity.
  if (magnitude >= 0x477f_f000) return sign | 0x7c00
  if (magnitude < 0x3880_0000) {
    // Subnormal half: a whole number of 2^-24.
    const scaled = Math.abs(single[0] ?? 0) * 2 ** 24
    return sign | roundEven(scaled)
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return sign | ((rounded - 0x3800_0000) >>> 13)
}

function roundEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest > 0.5 || (rest === 0.5 && floor % 2 === 1)) return floor + 1
  return floor
}

/** Stores weights in a type; for Q8_0 the count is a multiple of 32. */
export function storeWeights(values: Float32Array, type: WritableType): Uint8Array {
  if (type === 'F32') return storeF32(values)
  return type === 'F16' ? storeF16(values) : quantiseQ8(values)
}

function storeF32(values: Float32Array): Uint8Array {
  const out = new DataView(new ArrayBuffer(values.length * 4))
  values.forEach((value, i) => out.setFloat32(i * 4, value, true))
  return new Uint8Array(out.buffer)
}

function storeF16(values: Float32Array): Uint8Array {
  const out = new DataView(new ArrayBuffer(values.length * 2))
  values.forEach((value, i) => out.setUint16(i * 2, halfBits(value), true))
  return new Uint8Array(out.buffer)
}

/** Q8_0 as llama.cpp makes it, to the bit: single-precision arithmetic throughout, halves rounded away from zero. */
function quantiseQ8(values: Float32Array): Uint8Array {
  const { block, bytes } = TENSOR_TYPES.Q8_0
  if (values.length % block !== 0)
    throw new RangeError(
      `Cannot quantise to Q8_0: expected a multiple of ${block} weights, got ${values.length}`,
    )
  const out = new DataView(new ArrayBuffer((values.length / block) * bytes))
  for (let b = 0; b < values.length / block; b += 1) {
    let largest = 0
    for (let i = 0; i < block; i += 1) largest = Math.max(largest, Math.abs(values[b * block + i] ?? 0))
    const scale = Math.fround(largest / 127)
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale)
    out.setUint16(b * bytes, halfBits(scale), true)
    for (let i = 0; i < block; i += 1) {
      const scaled = Math.fround((values[b * block + i] ?? 0) * inverse)
      out.setInt8(b * bytes + 2 + i, Math.sign(scaled) * Math.round(Math.abs(scaled)))
    }
  }
  return new Uint8Array(out.buffer)
}
