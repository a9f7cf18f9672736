import { readSignature } from 'openpgp'
import { QalError } from '../core/error.ts'
import { Fingerprint } from '../core/ids.ts'

/**
 * The fingerprint that a detached armored signature names as its issuer (RFC
 * 9580 section 5.2.3.35). A claim only: who signed is known once the signature
 * is checked over the file. Throws `sign_signature_malformed` or `sign_no_issuer`.
 */
export async function namedIssuer(armored: string): Promise<Fingerprint> {
  const signature = await readSignature({ armoredSignature: armored }).catch((cause: unknown) => {
    throw new QalError(
      'sign_signature_malformed',
      'Cannot read the signature: it is no armored OpenPGP signature',
      {
        field: 'signature',
        expected: 'an armored detached signature, as `gpg --armor --detach-sign` writes it',
        exit: 4,
        cause,
      },
    )
  })
  const named = signature.packets[0]?.issuerFingerprint?.toHex().toUpperCase()
  const fingerprint = Fingerprint.safeParse(named)
  if (!fingerprint.success)
    throw new QalError('sign_no_issuer', 'Cannot take the signature: it does not name the key that made it', {
      field: 'signature',
      expected: 'a signature with an issuer fingerprint, as gpg 2.1 and later write it',
      exit: 4,
    })
  return fingerprint.data
}
