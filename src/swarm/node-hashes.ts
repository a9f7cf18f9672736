import { createHash, hash } from 'node:crypto'
import type { HashProvider, HashStream } from '../torrent/hash-provider.ts'

/** Hashes by OpenSSL, all in the calling thread. */
export const nodeHashes: HashProvider = {
  sha1: (bytes) => hash('sha1', bytes, 'buffer'),
  sha256: (bytes) => hash('sha256', bytes, 'buffer'),
  sha256Stream: () => nodeStream('sha256'),
  md5Stream: () => nodeStream('md5'),
}

function nodeStream(algorithm: 'sha256' | 'md5'): HashStream {
  const running = createHash(algorithm)
  return {
    update: (bytes) => {
      running.update(bytes)
    },
    digestHex: () => running.digest('hex'),
  }
}
