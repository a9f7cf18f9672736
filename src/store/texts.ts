import { QalError } from '../core/error.ts'
import type { Sha256 } from '../core/ids.ts'
import type { Blobs } from './blobs.ts'

const SALT_BYTES = 16

/**
 * Keeps a text beside the ledger and gives the name that an event holds:
 * SHA-256 of 16 bytes of salt followed by the text in UTF-8. The salt must be
 * random, so that an erased short text cannot be guessed from its name; another
 * length throws `store_salt`.
 */
export async function putText(blobs: Blobs, text: string, salt: Uint8Array): Promise<Sha256> {
  if (salt.length !== SALT_BYTES)
    throw new QalError(
      'store_salt',
      `Cannot store text: expected ${SALT_BYTES} bytes of salt, got ${salt.length}`,
      {
        field: 'salt',
        expected: `${SALT_BYTES} bytes`,
      },
    )
  const utf8 = new TextEncoder().encode(text)
  const bytes = new Uint8Array(SALT_BYTES + utf8.length)
  bytes.set(salt)
  bytes.set(utf8, SALT_BYTES)
  return await blobs.put(bytes)
}

/** The text behind a name; null where it was erased or never there. Throws `store_text` for a blob that is no text. */
export async function getText(blobs: Blobs, sha256: string): Promise<string | null> {
  const bytes = await blobs.get(sha256)
  if (bytes === null) return null
  try {
    if (bytes.length < SALT_BYTES) throw new RangeError('shorter than its salt')
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(SALT_BYTES))
  } catch (cause) {
    throw new QalError('store_text', `Cannot read text ${sha256}: expected a salt and UTF-8`, {
      subject: sha256,
      expected: `${SALT_BYTES} bytes of salt, then UTF-8`,
      cause,
    })
  }
}
