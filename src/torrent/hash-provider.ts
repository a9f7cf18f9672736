/** A value, or a promise of it: Node hashes at once, a browser's `crypto.subtle` later. */
export type MaybePromise<T> = T | Promise<T>

/** A digest over bytes that arrive in parts. */
export interface HashStream {
  /**
   * Takes the next bytes. The caller leaves them unchanged until a returned
   * promise resolves, and calls again only then.
   */
  update(bytes: Uint8Array): MaybePromise<void>
  /** Ends the stream: lower-case hexadecimal of everything taken. */
  digestHex(): MaybePromise<string>
}

/** Where hashes come from, so that this folder runs in Node and in browsers. */
export interface HashProvider {
  /** SHA-1, 20 bytes: v1 pieces and info hashes (BEP 3). */
  sha1(bytes: Uint8Array): MaybePromise<Uint8Array>
  /** SHA-256, 32 bytes: v2 blocks, trees and info hashes (BEP 52). */
  sha256(bytes: Uint8Array): MaybePromise<Uint8Array>
  sha256Stream(): MaybePromise<HashStream>
  /** MD5: a look-up key for people who have one, never evidence. */
  md5Stream(): MaybePromise<HashStream>
}
