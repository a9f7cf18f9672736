import { type AlgorithmInfo, type Key, type PublicKey, readKeys } from 'openpgp'
import { QalError } from '../core/error.ts'

/** Keys with photo identities and many certifications stay well below this. */
const MAX_KEY_BYTES = 512 * 1024

/** RSA below this is factored within reach of a well-funded attacker (NIST SP 800-131A). */
const MIN_RSA_BITS = 2048

/**
 * Reads one OpenPGP public key (RFC 9580), armored or binary, without judging
 * its strength. Throws `sign_key_too_large`, `sign_key_private` for a secret
 * key, `sign_key_not_single` for several, `sign_key_malformed` for anything else.
 */
export async function readPublicKey(key: string | Uint8Array): Promise<PublicKey> {
  if (key.length > MAX_KEY_BYTES)
    throw new QalError(
      'sign_key_too_large',
      `Cannot read the public key: expected at most ${MAX_KEY_BYTES} bytes, got ${key.length}`,
      {
        field: 'public_key',
        expected: `at most ${MAX_KEY_BYTES} bytes`,
        found: `${key.length} bytes`,
        exit: 4,
      },
    )
  const [found, ...more] = await readAll(key)
  if (found === undefined || more.length > 0)
    throw new QalError(
      'sign_key_not_single',
      `Cannot read the public key: expected one key, got ${found === undefined ? 0 : more.length + 1}`,
      { field: 'public_key', expected: 'one public key', exit: 4 },
    )
  if (found.isPrivate())
    throw new QalError(
      'sign_key_private',
      'Cannot take this key: expected a public key, got a secret key, which must never leave its owner',
      { field: 'public_key', expected: 'a public key', found: 'a secret key', exit: 4 },
    )
  return found.toPublic()
}

async function readAll(key: string | Uint8Array): Promise<Key[]> {
  try {
    const armored = asArmored(key)
    if (armored !== undefined) return await readKeys({ armoredKeys: armored })
    return await readKeys({ binaryKeys: key as Uint8Array })
  } catch (cause) {
    throw new QalError('sign_key_malformed', 'Cannot read the public key: expected an OpenPGP public key', {
      field: 'public_key',
      expected: 'an OpenPGP public key, armored or binary',
      exit: 4,
      cause,
    })
  }
}

/** The text of an armored block (RFC 9580 section 6), or undefined where the bytes are binary. */
export function asArmored(input: string | Uint8Array): string | undefined {
  if (typeof input === 'string') return input
  // A binary OpenPGP packet always has the top bit of its first byte set; armor is ASCII.
  const first = input[0]
  if (first !== undefined && first >= 0x80) return undefined
  return new TextDecoder('utf-8').decode(input)
}

/** Why keys with this algorithm are refused, or undefined where it is strong enough. */
export function weaknessOf({ algorithm, bits, curve }: AlgorithmInfo): string | undefined {
  if (algorithm === 'ed25519' || algorithm === 'ed448') return undefined
  if (algorithm === 'eddsaLegacy' && curve === 'ed25519Legacy') return undefined
  if (algorithm === 'ecdsa' && curve !== undefined && STRONG_CURVES.has(curve)) return undefined
  if (algorithm === 'rsaEncryptSign' || algorithm === 'rsaSign') {
    if (bits !== undefined && bits >= MIN_RSA_BITS) return undefined
    return `RSA of ${bits ?? 'unknown'} bits, expected at least ${MIN_RSA_BITS}`
  }
  return `${algorithm}${curve === undefined ? '' : ` over ${curve}`}, expected RSA, ECDSA or EdDSA`
}

const STRONG_CURVES: ReadonlySet<string> = new Set([
  'nistP256',
  'nistP384',
  'nistP521',
  'brainpoolP256r1',
  'brainpoolP384r1',
  'brainpoolP512r1',
])
