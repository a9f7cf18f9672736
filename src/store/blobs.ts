import type { Sha256 } from '../core/ids.ts'

/**
 * Bytes beside the ledger, named by their SHA-256: .torrent files, signatures,
 * public keys, reports, and texts (a 16-byte salt before the UTF-8 bytes).
 *
 * B1 `put` returns the SHA-256 of the bytes; putting them again changes nothing.
 * B2 `put` resolves only when the bytes are durable; nothing half-written is ever read.
 * B3 `get` gives exactly those bytes, or null; bytes that no longer match their
 *    name throw `store_blob_corrupt`.
 * B4 `delete` erases; deleting what is not there is fine.
 */
export interface Blobs {
  put(bytes: Uint8Array): Promise<Sha256>
  get(sha256: string): Promise<Uint8Array<ArrayBuffer> | null>
  delete(sha256: string): Promise<void>
}
