import { createHash } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { ipv6Bytes } from './addresses.ts'

/** Bytes of a filter of addresses (BEP 33). */
export const FILTER_BYTES = 256
const BITS = FILTER_BYTES * 8
/** Bits an address sets. */
const PROBES = 2
/**
 * BEP 33 has nodes stop near 6,000 entries, where about 6 zero bits are left.
 * Two or fewer mean a filter that says nothing, or a lie.
 */
const MIN_ZERO_BITS = 3

/** An empty filter. */
export function emptyFilter(): Uint8Array {
  return new Uint8Array(FILTER_BYTES)
}

/** Puts an IP literal into a filter, as BEP 33 fixes it bit by bit; what is no IP address is left out. */
export function insertAddress(filter: Uint8Array, ip: string): void {
  for (const bit of bitsOf(ip)) filter[bit >> 3] = (filter[bit >> 3] ?? 0) | (1 << (bit & 7))
}

/** Says whether an address may be in a filter: never false for one that is. */
export function mayContain(filter: Uint8Array, ip: string): boolean {
  const bits = bitsOf(ip)
  return bits.length > 0 && bits.every((bit) => ((filter[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0)
}

/** Adds all of `other` to `filter`: the filter of both sets of addresses. */
export function unite(filter: Uint8Array, other: Uint8Array): void {
  for (let at = 0; at < FILTER_BYTES; at++) filter[at] = (filter[at] ?? 0) | (other[at] ?? 0)
}

/** How many addresses a filter holds, by its zero bits (BEP 33); not a whole number. An empty one holds none, where the BEP's formula says half of one. */
export function estimateSize(filter: Uint8Array): number {
  // All bits set would be infinitely many.
  const zeroBits = Math.max(1, countZeroBits(filter))
  return zeroBits === BITS ? 0 : Math.log(zeroBits / BITS) / (PROBES * Math.log(1 - 1 / BITS))
}

/** Says whether a filter is so full that nothing can be read from it. */
export function isSaturated(filter: Uint8Array): boolean {
  return countZeroBits(filter) < MIN_ZERO_BITS
}

function countZeroBits(filter: Uint8Array): number {
  let ones = 0
  for (let at = 0; at < FILTER_BYTES; at++) {
    for (let byte = filter[at] ?? 0; byte !== 0; byte &= byte - 1) ones++
  }
  return BITS - ones
}

function bitsOf(ip: string): number[] {
  const bytes = isIPv4(ip) ? Uint8Array.from(ip.split('.').map(Number)) : ipv6Bytes(ip)
  if (!bytes) return []
  const hash = createHash('sha1').update(bytes).digest()
  return [hash.readUInt16LE(0) % BITS, hash.readUInt16LE(2) % BITS]
}
