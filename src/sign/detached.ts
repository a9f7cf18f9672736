import { type Key, type SignaturePacket, type Subkey, LiteralDataPacket, enums, readSignature } from 'openpgp'
import { QalError, isQalError } from '../core/error.ts'
import type { Fingerprint } from '../core/ids.ts'
import { type Digest, type DigestName, createDigest } from './digest.ts'
import { fingerprintOf } from './public-key.ts'
import { asArmored, readPublicKey, weaknessOf } from './read-key.ts'

/** A detached signature is a few hundred bytes; a file of several is still small. */
const MAX_SIGNATURE_BYTES = 64 * 1024

/** Clocks differ; a signature further in the future than this is refused. */
const CLOCK_SKEW_MS = 10 * 60_000

export type SignatureState = 'good' | 'bad' | 'expired' | 'unknown_key' | 'weak'

/** What a detached signature is worth over the data it was checked with. */
export interface SignatureResult {
  state: SignatureState
  /** Of the primary key that signed; for `unknown_key` the issuer that the signature names, unproved. */
  fingerprint: Fingerprint | null
  /** When the signer says it was made, ISO 8601. */
  signed_at: string | null
  /** One sentence for people. */
  message: string
}

/** Takes the signed bytes as they pass by, so that one read of a large file serves all its digests. */
export interface DetachedVerifier {
  update(chunk: Uint8Array): void
  finish(): Promise<SignatureResult>
}

export interface DetachedOptions {
  /** Armored or binary, as `gpg --detach-sign` writes it. */
  signature: string | Uint8Array
  /** Armored or binary. */
  publicKey: string | Uint8Array
  now?: Date
  /** A faster digest than hash-wasm, where the runtime has one. */
  digest?: (name: DigestName) => Promise<Digest>
}

/**
 * Checks a detached OpenPGP signature (RFC 9580 section 5.2) over data of any
 * size, in constant memory. Throws `sign_signature_malformed` or
 * `sign_signature_too_large` where there is no signature to check, and the
 * codes of `readPublicKey`; everything else is a state.
 */
export async function verifyDetached(
  options: DetachedOptions & { data: Uint8Array | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> },
): Promise<SignatureResult> {
  const verifier = await createDetachedVerifier(options)
  for await (const chunk of chunksOf(options.data)) verifier.update(chunk)
  return verifier.finish()
}

/** The same as `verifyDetached`, fed by its caller. */
export async function createDetachedVerifier(options: DetachedOptions): Promise<DetachedVerifier> {
  const now = options.now ?? new Date()
  const packets = await readSignaturePackets(options.signature)
  const key = await readPublicKey(options.publicKey)
  const chosen = signatureBy(key, packets)
  if ('state' in chosen) return settled(chosen)
  const { packet, signer } = chosen
  const about = { fingerprint: fingerprintOf(key), signed_at: packet.created?.toISOString() ?? null }
  const refusal = refusalOf(packet, key, signer, now)
  if (refusal !== undefined) return settled({ ...about, ...refusal })

  const name = DIGESTS.get(packet.hashAlgorithm ?? 0)
  if (name === undefined) return settled({ ...about, state: 'weak', message: weakDigest(packet) })
  const digest = await (options.digest ?? createDigest)(name)
  const salt = saltOf(packet)
  if (packet.version === 6) digest.update(salt)
  return {
    update: (chunk) => digest.update(chunk),
    finish: async () => {
      const signed = packet.signatureData ?? new Uint8Array()
      digest.update(signed)
      digest.update(trailer(packet.version, signed.length))
      return { ...about, ...(await judge(packet, digest.digest(), { key, signer, now })) }
    },
  }
}

type Verdict = Pick<SignatureResult, 'state' | 'message'>

async function readSignaturePackets(signature: string | Uint8Array): Promise<SignaturePacket[]> {
  if (signature.length > MAX_SIGNATURE_BYTES)
    throw new QalError(
      'sign_signature_too_large',
      `Cannot read the signature: expected at most ${MAX_SIGNATURE_BYTES} bytes, got ${signature.length}`,
      { field: 'signature', expected: `at most ${MAX_SIGNATURE_BYTES} bytes`, exit: 4 },
    )
  try {
    const armored = asArmored(signature)
    const read =
      armored === undefined
        ? await readSignature({ binarySignature: signature as Uint8Array })
        : await readSignature({ armoredSignature: armored })
    const packets = [...read.packets.filterByTag(enums.packet.signature)]
    if (packets.length === 0) throw new Error('No signature packet')
    return packets
  } catch (cause) {
    throw new QalError(
      'sign_signature_malformed',
      'Cannot read the signature: expected a detached OpenPGP signature',
      { field: 'signature', expected: 'a detached OpenPGP signature, armored or binary', exit: 4, cause },
    )
  }
}

/** The newest signature that names this key or one of its subkeys. */
function signatureBy(
  key: Key,
  packets: readonly SignaturePacket[],
): { packet: SignaturePacket; signer: Key | Subkey } | SignatureResult {
  const newestFirst = packets.toSorted((a, b) => (b.created?.getTime() ?? 0) - (a.created?.getTime() ?? 0))
  for (const packet of newestFirst) {
    const [signer] = key.getKeys(packet.issuerKeyID)
    if (signer !== undefined) return { packet, signer }
  }
  const named = newestFirst[0]?.issuerFingerprint
  const issuer = named?.toHex().toUpperCase() ?? newestFirst[0]?.issuerKeyID.toHex().toUpperCase()
  const whole = issuer !== undefined && /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/.test(issuer)
  return {
    state: 'unknown_key',
    fingerprint: whole ? (issuer as Fingerprint) : null,
    signed_at: newestFirst[0]?.created?.toISOString() ?? null,
    message: `The signature is by another key: expected ${fingerprintOf(key)}, got ${issuer ?? 'no issuer'}`,
  }
}

/** What refuses a signature whatever it is over, so that 40 GB are not read for it. */
function refusalOf(packet: SignaturePacket, key: Key, signer: Key | Subkey, now: Date): Verdict | undefined {
  const weakness = weaknessOf(key.getAlgorithmInfo()) ?? weaknessOf(signer.getAlgorithmInfo())
  if (weakness !== undefined)
    return { state: 'weak', message: `The signing key is too weak to prove anything: ${weakness}` }
  if (!DIGESTS.has(packet.hashAlgorithm ?? 0)) return { state: 'weak', message: weakDigest(packet) }
  if (packet.signatureType === enums.signature.text)
    return {
      state: 'weak',
      message: 'The signature was made in text mode, which leaves line ends unsigned; sign the bytes instead',
    }
  if (packet.signatureType !== enums.signature.binary)
    return { state: 'bad', message: 'The signature is over a key or an identity, not over a file' }
  if (packet.version !== 4 && packet.version !== 6)
    return { state: 'weak', message: `The signature has the outdated version ${packet.version}` }
  if (packet.version === 6 && saltOf(packet).length !== SALT_BYTES.get(packet.hashAlgorithm ?? 0))
    return { state: 'bad', message: 'The signature has a salt of the wrong length' }
  if (packet.created === null) return { state: 'bad', message: 'The signature does not say when it was made' }
  if (packet.created.getTime() > now.getTime() + CLOCK_SKEW_MS)
    return {
      state: 'bad',
      message: `The signature says it was made in the future, ${packet.created.toISOString()}`,
    }
  return undefined
}

interface Judging {
  key: Key
  signer: Key | Subkey
  now: Date
}

/** The digest first: whatever else is wrong, a wrong file is said to be a wrong file. */
async function judge(
  packet: SignaturePacket,
  digest: Uint8Array,
  { key, signer, now }: Judging,
): Promise<Verdict> {
  const left = packet.signedHashValue
  const wrong: Verdict = {
    state: 'bad',
    message: 'The signature does not match: it is over another file, or one of the two was changed',
  }
  if (left === null || left[0] !== digest[0] || left[1] !== digest[1]) return wrong
  try {
    // OpenPGP.js hashes a stream only by copying it whole into memory; given the
    // digest it checks that instead. Were it to ignore `hashed`, the empty
    // literal below would be hashed and the check would fail, never pass.
    Object.assign(packet, { hashed: digest })
    const at = new Date(Math.max(packet.created?.getTime() ?? 0, 0))
    await packet.verify(signer.keyPacket, enums.signature.binary, new LiteralDataPacket(), at, true)
  } catch (cause) {
    return /digest|verification failed/i.test(messageOf(cause))
      ? wrong
      : { state: 'bad', message: `The signature is not valid: ${messageOf(cause)}` }
  }
  return standingOf(packet, { key, signer, now })
}

/** Whether the key could sign then, and whether the signature still holds now. */
async function standingOf(packet: SignaturePacket, { key, signer, now }: Judging): Promise<Verdict> {
  const created = packet.created ?? now
  // True for a key revoked as compromised whenever that was, and for one retired before it signed.
  if (await key.isRevoked(undefined, undefined, created))
    return { state: 'bad', message: 'The signing key was revoked by its owner' }
  const ends = packet.getExpirationTime()
  if (ends instanceof Date && ends <= now)
    return { state: 'expired', message: `The signature is good but expired on ${ends.toISOString()}` }
  try {
    await key.getSigningKey(signer.getKeyID(), created)
  } catch (cause) {
    const expires = await key.getExpirationTime().catch(() => null)
    if (expires instanceof Date && expires <= created)
      return {
        state: 'expired',
        message: `The key had expired on ${expires.toISOString()}, before it signed`,
      }
    return { state: 'bad', message: `The key was not allowed to sign: ${messageOf(cause)}` }
  }
  const expires = await key.getExpirationTime().catch(() => null)
  const expired = expires instanceof Date && expires <= now
  const retired = await key.isRevoked(undefined, undefined, now)
  const since = retired ? '; the key was retired since' : expired ? '; the key expired since' : ''
  return { state: 'good', message: `Good signature of ${created.toISOString()}${since}` }
}

/** RFC 9580 section 5.2.4: version, 0xFF, and how many octets of the packet were hashed. */
function trailer(version: number, signedLength: number): Uint8Array {
  const bytes = new Uint8Array(6)
  bytes[0] = version
  bytes[1] = 0xff
  new DataView(bytes.buffer).setUint32(2, signedLength)
  return bytes
}

const DIGESTS: ReadonlyMap<number, DigestName> = new Map([
  [enums.hash.sha256, 'sha256'],
  [enums.hash.sha384, 'sha384'],
  [enums.hash.sha512, 'sha512'],
  [enums.hash.sha3_256, 'sha3-256'],
  [enums.hash.sha3_512, 'sha3-512'],
])

/** RFC 9580, table 23. */
const SALT_BYTES: ReadonlyMap<number, number> = new Map([
  [enums.hash.sha256, 16],
  [enums.hash.sha384, 24],
  [enums.hash.sha512, 32],
  [enums.hash.sha3_256, 16],
  [enums.hash.sha3_512, 32],
])

/** Not in the library's types. */
function saltOf(packet: SignaturePacket): Uint8Array {
  const { salt } = packet as SignaturePacket & { salt?: unknown }
  return salt instanceof Uint8Array ? salt : new Uint8Array()
}

function weakDigest(packet: SignaturePacket): string {
  const names: Record<number, string> = { 1: 'MD5', 2: 'SHA-1', 3: 'RIPEMD-160', 11: 'SHA-224' }
  const name = names[packet.hashAlgorithm ?? 0] ?? `number ${packet.hashAlgorithm ?? 0}`
  return `The signature uses the weak digest ${name}; expected SHA-256 or stronger`
}

function settled(result: SignatureResult): DetachedVerifier {
  return { update: () => undefined, finish: () => Promise.resolve(result) }
}

function messageOf(cause: unknown): string {
  const text = isQalError(cause) || cause instanceof Error ? cause.message : String(cause)
  return text.slice(0, 200)
}

async function* chunksOf(
  data: Uint8Array | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>,
): AsyncIterable<Uint8Array> {
  if (data instanceof Uint8Array) yield data
  else if (Symbol.asyncIterator in data) yield* data as AsyncIterable<Uint8Array>
  else yield* readAll(data)
}

/** Safari's ReadableStream is not async iterable. */
async function* readAll(stream: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    reader.releaseLock()
  }
}
