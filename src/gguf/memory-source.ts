import type { ByteSource } from '../core/byte-source.ts'

/** Bytes in memory as a source, counting what is read of them; small files and tests. */
export function memorySource(bytes: Uint8Array): ByteSource & { readonly bytesRead: number } {
  let bytesRead = 0
  return {
    size: bytes.length,
    get bytesRead() {
      return bytesRead
    },
    read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > bytes.length)
        return Promise.reject(new RangeError(`Cannot read ${length} bytes at ${offset} of ${bytes.length}`))
      bytesRead += length
      return Promise.resolve(bytes.slice(offset, offset + length))
    },
  }
}
