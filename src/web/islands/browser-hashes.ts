import { createMD5, createSHA1, createSHA256 } from 'hash-wasm'
import type { HashProvider, HashStream } from '../../torrent/hash-provider.ts'

type Incremental = Awaited<ReturnType<typeof createSHA256>>

/**
 * Hashes for the browser: `crypto.subtle` for whole blocks, WebAssembly for
 * streams. A page that did not come over TLS or from this machine has no
 * `crypto.subtle`; there WebAssembly does it all.
 */
export async function browserHashes(): Promise<HashProvider> {
  // Not in an insecure context, whatever the types say.
  const subtle = globalThis.crypto.subtle as SubtleCrypto | undefined
  const streams = { sha256Stream: () => stream(createSHA256()), md5Stream: () => stream(createMD5()) }
  if (subtle === undefined) {
    const [sha1, sha256] = await Promise.all([createSHA1(), createSHA256()])
    return { sha1: (bytes) => whole(sha1, bytes), sha256: (bytes) => whole(sha256, bytes), ...streams }
  }
  const digest =
    (name: string) =>
    async (bytes: Uint8Array): Promise<Uint8Array> =>
      new Uint8Array(await subtle.digest(name, bytes as Uint8Array<ArrayBuffer>))
  return { sha1: digest('SHA-1'), sha256: digest('SHA-256'), ...streams }
}

async function stream(making: Promise<Incremental>): Promise<HashStream> {
  const running = (await making).init()
  return {
    update: (bytes) => {
      running.update(bytes)
    },
    digestHex: () => running.digest('hex'),
  }
}

function whole(hash: Incremental, bytes: Uint8Array): Uint8Array {
  return hash.init().update(bytes).digest('binary')
}
