import { createMessage, enums, generateKey, readPrivateKey, sign } from 'openpgp'
import type { Fingerprint } from '../core/ids.ts'
import { fingerprintOf } from './public-key.ts'

/** An OpenPGP key pair, both halves armored; the secret half has no passphrase. */
export interface SigningKey {
  fingerprint: Fingerprint
  public_key: string
  private_key: string
}

/** Makes an Ed25519 key that only signs (version 4, so that every `gpg` reads it). */
export async function generateSigningKey(owner: {
  name: string
  email: string
  created?: Date
}): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name: owner.name, email: owner.email }],
    subkeys: [],
    format: 'object',
    ...(owner.created && { date: owner.created }),
  })
  return {
    fingerprint: fingerprintOf(publicKey),
    public_key: publicKey.armor(),
    private_key: privateKey.armor(),
  }
}

/**
 * Signs bytes: a detached, armored signature as `gpg --detach-sign --armor`
 * makes it, over SHA-512. The bytes are held in memory; for files larger than
 * that, sign with `gpg`.
 */
export async function signDetached(
  data: Uint8Array,
  key: Pick<SigningKey, 'private_key'>,
  { at = new Date() }: { at?: Date } = {},
): Promise<string> {
  return sign({
    message: await createMessage({ binary: data }),
    signingKeys: await readPrivateKey({ armoredKey: key.private_key }),
    detached: true,
    format: 'armored',
    date: at,
    config: { preferredHashAlgorithm: enums.hash.sha512 },
  })
}
