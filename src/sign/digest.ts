import { createSHA256, createSHA3, createSHA384, createSHA512 } from 'hash-wasm'

/** Digests that a signature may use; MD5, SHA-1, RIPEMD-160 and SHA-224 prove too little. */
export type DigestName = 'sha256' | 'sha384' | 'sha512' | 'sha3-256' | 'sha3-512'

export interface Digest {
  update(chunk: Uint8Array): void
  /** The raw digest; ends the computation. */
  digest(): Uint8Array
}

/** A streaming digest that runs in browsers, workers and Node alike. */
export async function createDigest(name: DigestName): Promise<Digest> {
  const hasher = await HASHERS[name]()
  hasher.init()
  return { update: (chunk) => void hasher.update(chunk), digest: () => hasher.digest('binary') }
}

const HASHERS = {
  sha256: () => createSHA256(),
  sha384: () => createSHA384(),
  sha512: () => createSHA512(),
  'sha3-256': () => createSHA3(256),
  'sha3-512': () => createSHA3(512),
} as const
