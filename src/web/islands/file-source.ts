import type { ByteSource } from '../../core/byte-source.ts'

/** A dropped file as a byte source: read in slices, so that only what is asked for is in memory. */
export function fileSource(file: Blob, signal?: AbortSignal): ByteSource {
  const { size } = file
  return {
    size,
    async read(offset, length) {
      signal?.throwIfAborted()
      if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || offset + length > size)
        throw new RangeError(`Cannot read ${length} bytes at ${offset} of ${size}`)
      const bytes = new Uint8Array(await file.slice(offset, offset + length).arrayBuffer())
      if (bytes.length !== length) throw new Error('the file became shorter while it was read')
      return bytes
    },
  }
}
