/** Bytes of a header as somebody hostile writes them: nothing here is checked. */
export const bytesOf = {
  u32: (value: number) => new Uint8Array(new Uint32Array([value]).buffer),
  u64: (value: bigint) => new Uint8Array(new BigUint64Array([BigInt.asUintN(64, value)]).buffer),
  text: (value: string) => new TextEncoder().encode(value),
}

export function joinBytes(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** A GGUF string; `length` may lie. */
export function rawString(value: string | Uint8Array, length?: bigint): Uint8Array {
  const bytes = typeof value === 'string' ? bytesOf.text(value) : value
  return joinBytes(bytesOf.u64(length ?? BigInt(bytes.length)), bytes)
}

/** A key with its value's type and the value's bytes. */
export function rawPair(key: string | Uint8Array, type: number, value: Uint8Array): Uint8Array {
  return joinBytes(rawString(key), bytesOf.u32(type), value)
}

/** Where a text stands in a file, in bytes from its start; throws where it does not. */
export function placeOf(bytes: Uint8Array, text: string, from = 0): number {
  const wanted = bytesOf.text(text)
  for (let at = from; at + wanted.length <= bytes.length; at += 1)
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at
  throw new RangeError(`Cannot find "${text}"`)
}

/** A file with a key's bytes put before its others, and counted. */
export function withPair(file: Uint8Array, pair: Uint8Array): Uint8Array {
  const count = new DataView(file.buffer, file.byteOffset).getBigUint64(16, true)
  const before = file.subarray(0, 16)
  const headerEnd = headerEndOf(file)
  const head = joinBytes(before, bytesOf.u64(count + 1n), pair, file.subarray(24, headerEnd.header))
  const padding = new Uint8Array((32 - (head.length % 32)) % 32)
  return joinBytes(head, padding, file.subarray(headerEnd.data))
}

/** Where a well-formed file's header ends and its data begins, by the offset of its last tensor row. */
function headerEndOf(file: Uint8Array): { header: number; data: number } {
  const view = new DataView(file.buffer, file.byteOffset)
  const tensors = Number(view.getBigUint64(8, true))
  const keys = Number(view.getBigUint64(16, true))
  let at = 24
  const string = () => {
    at += 8 + Number(view.getBigUint64(at, true))
  }
  const sizes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]
  for (let i = 0; i < keys; i += 1) {
    string()
    const type = view.getUint32(at, true)
    at += 4
    if (type === 8) string()
    else if (type === 9) {
      const of = view.getUint32(at, true)
      const length = Number(view.getBigUint64(at + 4, true))
      at += 12
      if (of === 8) for (let item = 0; item < length; item += 1) string()
      else at += length * (sizes[of] ?? 0)
    } else at += sizes[type] ?? 0
  }
  for (let i = 0; i < tensors; i += 1) {
    string()
    at += 4 + 8 * view.getUint32(at, true) + 12
  }
  return { header: at, data: Math.ceil(at / 32) * 32 }
}
