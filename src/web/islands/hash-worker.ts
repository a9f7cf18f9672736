/// <reference lib="webworker" />
import { createMD5, createSHA256 } from 'hash-wasm'
import type { DetachedVerifier } from '../../sign/detached.ts'
import type { Digests, HashAnswer, HashRequest, SignatureToCheck } from './hasher.ts'

/**
 * Hashes one stream of bytes, either a File read here or chunks sent one by
 * one. Only one chunk is in memory at a time, whatever the file's size.
 */
const scope = self as unknown as DedicatedWorkerGlobalScope

const REPORT_MS = 100

let sums: {
  sha256: Awaited<ReturnType<typeof createSHA256>>
  md5: Awaited<ReturnType<typeof createMD5>> | null
}
let done = 0
let verifier: DetachedVerifier | null = null
/** Why a signature cannot be checked at all. */
let unreadable: Digests['signature'] = null

function answer(message: HashAnswer): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
  scope.postMessage(message)
}

async function begin(md5: boolean): Promise<void> {
  sums = { sha256: await createSHA256(), md5: md5 ? await createMD5() : null }
  sums.sha256.init()
  sums.md5?.init()
  done = 0
}

function update(bytes: Uint8Array): void {
  sums.sha256.update(bytes)
  sums.md5?.update(bytes)
  verifier?.update(bytes)
  done += bytes.byteLength
}

/** OpenPGP is fetched only where there is a signature. One that cannot be read proves nothing, and the digests go on. */
async function beginSignature({ signature, publicKey }: SignatureToCheck): Promise<void> {
  try {
    const { createDetachedVerifier } = await import('../../sign/detached.ts')
    verifier = await createDetachedVerifier({ signature, publicKey })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    unreadable = { state: 'bad', message, fingerprint: null }
  }
}

async function end(): Promise<void> {
  answer({
    kind: 'done',
    bytes: done,
    sha256: sums.sha256.digest('hex'),
    md5: sums.md5?.digest('hex') ?? null,
    signature: verifier === null ? unreadable : await verifier.finish(),
  })
}

async function hashFile({ file, md5, signed }: Extract<HashRequest, { kind: 'file' }>): Promise<void> {
  await begin(md5)
  if (signed !== null) await beginSignature(signed)
  const reader = file.stream().getReader()
  let reported = 0
  let next = reader.read()
  for (;;) {
    const { done: finished, value } = await next
    if (finished) break
    // The next read runs while this chunk is hashed.
    next = reader.read()
    update(value)
    const now = performance.now()
    if (now - reported < REPORT_MS) continue
    reported = now
    answer({ kind: 'progress', bytes: done })
  }
  // A file cut short while it was read must not be taken for the whole.
  if (done !== file.size) throw new Error(`the file ended at ${done} of ${file.size} bytes`)
  await end()
}

async function handle(request: HashRequest): Promise<void> {
  switch (request.kind) {
    case 'file':
      await hashFile(request)
      break
    case 'begin':
      await begin(request.md5)
      answer({ kind: 'progress', bytes: 0 })
      break
    case 'chunk':
      update(request.bytes)
      answer({ kind: 'progress', bytes: done })
      break
    case 'end':
      await end()
      break
  }
}

scope.addEventListener('message', ({ data }: MessageEvent<HashRequest>) => {
  handle(data).catch((error: unknown) =>
    answer({ kind: 'error', message: error instanceof Error ? error.message : String(error) }),
  )
})
