import canonicalize from 'canonicalize'
import { QalError } from './error.ts'

const encoder = new TextEncoder()

/** The one byte sequence of a JSON value (RFC 8785); throws `ledger_not_canonical` for what JSON cannot say. */
export function canonicalBytes(value: unknown): Uint8Array<ArrayBuffer> {
  let text: string | undefined
  try {
    text = canonicalize(value)
  } catch (cause) {
    // NaN, infinities, big integers, lone surrogates, cycles.
    throw new QalError('ledger_not_canonical', 'Cannot write event: expected a JSON value', { cause })
  }
  if (text === undefined)
    throw new QalError('ledger_not_canonical', 'Cannot write event: expected a JSON value')
  return encoder.encode(text)
}
