import type { MetaArray } from './header.ts'

/**
 * Finds two items of a string array that are the same bytes: the first pair of
 * indices, or null. An empty item stands for itself, as in llama.cpp.
 *
 * An open-addressing table of indices, because a Set of 200,000 decoded strings
 * costs more than the rest of the parse.
 */
export function textTwins({ bytes, spans, length }: MetaArray): [number, number] | null {
  if (spans === null) return null
  const size = 2 ** Math.ceil(Math.log2(Math.max(2, length * 2)))
  const mask = size - 1
  const table = new Int32Array(size).fill(-1)
  const hashes = new Int32Array(length)
  // Not a secret, but not a constant either: a file cannot be written to collide without its own length in it.
  const seed = (Math.imul(bytes.length, 0x9e37_79b1) ^ length) | 0
  for (let i = 0; i < length; i += 1) {
    const start = spans[i * 2] ?? 0
    const end = spans[i * 2 + 1] ?? 0
    if (start === end) continue
    let hash = seed
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x0100_0193)
    hash ^= hash >>> 15
    hashes[i] = hash
    let slot = hash & mask
    let probes = 0
    for (let other = table[slot] ?? -1; other >= 0; other = table[slot] ?? -1) {
      const sameHash = hashes[other] === hash
      if (sameHash && sameText(bytes, spans, other, i)) return [other, i]
      slot = (slot + 1) & mask
      // Two texts of one hash are rare, and comparing them costs their whole length.
      probes += sameHash ? MAX_PROBES / 8 : 1
      if (probes > MAX_PROBES) return twinsBySorting(bytes, spans, length)
    }
    table[slot] = i
  }
  return null
}

/** Longer runs do not happen by chance: somebody chose the texts, and sorting cannot be slowed down. */
const MAX_PROBES = 1_000

function sameText(bytes: Uint8Array, spans: Uint32Array, a: number, b: number): boolean {
  return compareTexts(bytes, spans, a, b) === 0
}

function compareTexts(bytes: Uint8Array, spans: Uint32Array, a: number, b: number): number {
  const startA = spans[a * 2] ?? 0
  const startB = spans[b * 2] ?? 0
  const lengthA = (spans[a * 2 + 1] ?? 0) - startA
  const lengthB = (spans[b * 2 + 1] ?? 0) - startB
  if (lengthA !== lengthB) return lengthA - lengthB
  for (let i = 0; i < lengthA; i += 1) {
    const difference = (bytes[startA + i] ?? 0) - (bytes[startB + i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function twinsBySorting(bytes: Uint8Array, spans: Uint32Array, length: number): [number, number] | null {
  const order = Uint32Array.from({ length }, (_, i) => i).toSorted(
    (a, b) => compareTexts(bytes, spans, a, b) || a - b,
  )
  for (let i = 1; i < length; i += 1) {
    const [a, b] = [order[i - 1] ?? 0, order[i] ?? 0]
    if ((spans[a * 2] ?? 0) === (spans[a * 2 + 1] ?? 0)) continue
    if (sameText(bytes, spans, a, b)) return [a, b]
  }
  return null
}
