import type { PublicKey } from 'openpgp'
import { QalError } from '../core/error.ts'
import type { Fingerprint } from '../core/ids.ts'
import { Fingerprint as FingerprintSchema } from '../core/ids.ts'
import { readPublicKey, weaknessOf } from './read-key.ts'

const MAX_USER_IDS = 20
const MAX_USER_ID_LENGTH = 200

/** What a public key says of itself, all of it from its own valid self-signatures. */
export interface PublicKeyInfo {
  /** Of the primary key. */
  fingerprint: Fingerprint
  /** Such as `ed25519` or `rsa3072`. */
  algorithm: string
  /** ISO 8601. */
  created: string
  /** ISO 8601; absent where the key never expires. */
  expires?: string
  revoked: boolean
  /** As self-certified, made safe to print, at most 20 of 200 characters; nobody else vouches for them. */
  user_ids: string[]
}

/**
 * Parses one OpenPGP public key, armored or binary. An expired or revoked key
 * is returned with what it says; throws `sign_key_weak` for an algorithm that
 * proves nothing, `sign_key_unusable` for a key without a valid self-signature,
 * and the codes of `readPublicKey`.
 */
export async function parsePublicKey(
  input: string | Uint8Array,
  { now = new Date() }: { now?: Date } = {},
): Promise<PublicKeyInfo> {
  const key = await readPublicKey(input)
  const weakness = weaknessOf(key.getAlgorithmInfo())
  if (weakness !== undefined)
    throw new QalError('sign_key_weak', `Cannot accept the public key: it is too weak: ${weakness}`, {
      field: 'public_key',
      expected: 'Ed25519, Ed448, ECDSA over a 256-bit curve, or RSA of 2048 bits and more',
      found: weakness,
      exit: 4,
    })
  const revoked = await key.isRevoked(undefined, undefined, now)
  const expires = await expiryOf(key, revoked)
  return {
    fingerprint: fingerprintOf(key),
    algorithm: algorithmName(key),
    created: key.getCreationTime().toISOString(),
    ...(expires !== null && { expires: expires.toISOString() }),
    revoked,
    user_ids: await selfCertified(key),
  }
}

/** The fingerprint of a primary key or subkey, in upper case. */
export function fingerprintOf(key: { getFingerprint(): string }): Fingerprint {
  return FingerprintSchema.parse(key.getFingerprint().toUpperCase())
}

async function expiryOf(key: PublicKey, revoked: boolean): Promise<Date | null> {
  const expires = await key.getExpirationTime().catch(() => null)
  if (expires instanceof Date) return expires
  // OpenPGP.js answers null where no self-signature is valid, and may for a revoked key.
  if (expires === null && !revoked)
    throw new QalError('sign_key_unusable', 'Cannot accept the public key: it has no valid self-signature', {
      field: 'public_key',
      expected: 'a key with a valid self-signature',
      exit: 4,
    })
  return null
}

function algorithmName(key: PublicKey): string {
  const { algorithm, bits, curve } = key.getAlgorithmInfo()
  if (algorithm === 'eddsaLegacy') return 'ed25519'
  if (curve !== undefined) return `ecdsa ${curve}`
  return bits === undefined ? algorithm : `rsa${bits}`
}

/** Only identities under a valid self-signature: without one, anybody could have added it. */
async function selfCertified(key: PublicKey): Promise<string[]> {
  const names: string[] = []
  for (const user of key.users.slice(0, MAX_USER_IDS)) {
    const name = user.userID?.userID
    if (name === undefined) continue
    if (await user.verify().catch(() => false)) names.push(printable(name))
  }
  return names
}

function printable(text: string): string {
  return text.slice(0, MAX_USER_ID_LENGTH).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu, '\u{FFFD}')
}
