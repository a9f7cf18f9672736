import { createMD5, createSHA1, createSHA256 } from 'hash-wasm'
import type { HashProvider, HashStream, MaybePromise } from '../../torrent/hash-provider.ts'

type Incremental = Awaited<ReturnType<typeof createSHA256>>

/** Below this a call to `crypto.subtle` costs more than WebAssembly takes for the bytes: the nodes of a tree. */
const SMALL_BYTES = 1_024

/**
 * Hashes for the browser: `crypto.subtle` for whole blocks, WebAssembly for
 * streams and what is small. A page that did not come over TLS or from this
 * machine has no `crypto.subtle`; there WebAssembly does it all.
 */
export async function browserHashes(): Promise<HashProvider> {
  const [sha1, sha256] = await Promise.all([createSHA1(), createSHA256()])
  // Not in an insecure context, whatever the types say.
  const subtle = globalThis.crypto.subtle as SubtleCrypto | undefined
  const digest =
    (name: string, small: Incremental) =>
    (bytes: Uint8Array): MaybePromise<Uint8Array> =>
      subtle === undefined || bytes.length <= SMALL_BYTES
        ? whole(small, bytes)
        : subtle.digest(name, bytes as Uint8Array<ArrayBuffer>).then((buffer) => new Uint8Array(buffer))
  return {
    sha1: digest('SHA-1', sha1),
    sha256: digest('SHA-256', sha256),
    sha256Stream: () => stream(createSHA256()),
    md5Stream: () => stream(createMD5()),
  }
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
