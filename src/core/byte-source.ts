/**
 * Bytes that may be larger than memory: a browser File, a file on disk, an
 * HTTP range, a torrent's pieces.
 */
export interface ByteSource {
  /** Total size in bytes. */
  readonly size: number
  /**
   * Reads exactly `length` bytes from `offset`. Asking past `size` is the
   * caller's error and rejects; a shorter answer is never given.
   */
  read(offset: number, length: number): Promise<Uint8Array>
}
