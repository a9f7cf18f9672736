import { z } from 'zod'
import { Sha256 } from './ids.ts'

/** Control, bidi-override, zero-width, invisible and private characters: what can make text read otherwise than it is. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}\u2800]/u

/** Whether a text is what it seems on one line: none of its characters is hidden. */
export function isPlain(text: string): boolean {
  return !HIDDEN.test(text)
}

/** Visible text without hidden characters. */
export const line = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine(isPlain, 'expected plain text on one line')
    .refine((text) => text.trim() === text, 'expected no space at the ends')

export const httpUrl = url(2_000, /^https?:\/\//, 'expected an http or https URL')
/** Where a file is on the web too (BEP 19): what it names is public, so it carries no password. */
export const webSeedUrl = httpUrl.refine(
  (text) => !/^https?:\/\/[^/?#]*@/.test(text),
  'expected a URL without user name and password',
)
export const trackerUrl = url(
  1_000,
  /^(?:udp|https?|wss?):\/\//,
  'expected a udp, http, https, ws or wss URL',
)

function url(max: number, scheme: RegExp, expected: string) {
  return z
    .string()
    .max(max)
    .refine(
      (text) => scheme.test(text) && /^[^\s"'<>\\^`{|}\p{Cc}\p{Cf}]+$/u.test(text) && parses(text),
      expected,
    )
}

function parses(text: string): boolean {
  try {
    return new URL(text).host !== ''
  } catch {
    return false
  }
}

/** A text kept beside the ledger: SHA-256 of its salt followed by its UTF-8 bytes. Erasing the text leaves replay whole. */
export const TextRef = Sha256
