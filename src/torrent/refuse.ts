import { QalError, type QalErrorFacts } from '../core/error.ts'

/** The most of a found value that an error quotes, in characters. */
const MAX_QUOTED = 60

/** Makes the error for a refused torrent or magnet; the caller throws it. Exit code 4: the input is invalid or hostile. */
export function refusal(
  code: `torrent_${string}`,
  message: string,
  facts: Omit<QalErrorFacts, 'exit'> = {},
): QalError {
  return new QalError(code, message, { ...facts, exit: 4 })
}

/** Quotes hostile text or bytes for an error: printable ASCII only, everything else escaped, at most 60 characters. */
export function printable(value: string | Uint8Array): string {
  const text =
    typeof value === 'string' ? value.slice(0, MAX_QUOTED + 1) : latin1(value.subarray(0, MAX_QUOTED + 1))
  let out = ''
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0
    out += code >= 0x20 && code < 0x7f && char !== '"' && char !== '\\' ? char : `\\u{${code.toString(16)}}`
    if (out.length > MAX_QUOTED) return `"${out.slice(0, MAX_QUOTED)}…"`
  }
  return `"${out}"`
}

/** Bytes as a string with one character a byte; the decoder that calls itself latin1 is Windows-1252 and loses bytes. */
export function latin1(bytes: Uint8Array): string {
  let out = ''
  for (let at = 0; at < bytes.length; at += 8_192) {
    out += String.fromCharCode(...bytes.subarray(at, at + 8_192))
  }
  return out
}

/** The bytes of a string made by `latin1`. */
export function latin1Bytes(text: string): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at++) out[at] = text.charCodeAt(at)
  return out
}
