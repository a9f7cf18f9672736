// C0 and C1 controls but tab and line breaks, which prose and templates hold rightly.
// eslint-disable-next-line no-control-regex -- finding control characters is the purpose
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/u
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u
// Zero-width, soft hyphen, invisible operators, fillers, variation selectors supplement and tag characters.
const HIDDEN =
  /[\u034f\u00ad\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200d\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0\u{e0000}-\u{e0fff}]/u

export type TextHazard = 'control' | 'bidi' | 'hidden'

/** What in a text could deceive a reader or drive a terminal; empty where nothing could. */
export function textHazards(text: string): TextHazard[] {
  const hazards: TextHazard[] = []
  if (CONTROL.test(text)) hazards.push('control')
  if (BIDI.test(text)) hazards.push('bidi')
  if (HIDDEN.test(text)) hazards.push('hidden')
  return hazards
}

const UNPRINTABLE = new RegExp(
  // eslint-disable-next-line no-control-regex -- as above
  `${CONTROL.source}|[\\t\\n\\r\\u2028\\u2029\\ud800-\\udfff]|${BIDI.source}|${HIDDEN.source}`,
  'gu',
)

/** A text made safe to print on one line: whatever is unprintable becomes `\u{…}`; at most `limit` characters. */
export function printable(text: string, limit = 200): string {
  const short = text.length > limit * 2 ? text.slice(0, limit * 2) : text
  const safe = short.replace(UNPRINTABLE, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`)
  const chars = Array.from(safe)
  return chars.length > limit || short.length < text.length ? `${chars.slice(0, limit).join('')}…` : safe
}

function tail(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}

/** Whether bytes are valid UTF-8 (RFC 3629: no overlong forms, no surrogates); quick on ASCII. */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let i = start
  while (i < end) {
    const a = bytes[i] ?? 0
    if (a < 0x80) {
      i += 1
      continue
    }
    const b = i + 1 < end ? (bytes[i + 1] ?? 0) : 0
    const c = i + 2 < end ? (bytes[i + 2] ?? 0) : 0
    const d = i + 3 < end ? (bytes[i + 3] ?? 0) : 0
    if (a >= 0xc2 && a <= 0xdf && tail(b)) i += 2
    else if (a >= 0xe0 && a <= 0xef && tail(b) && tail(c)) {
      if ((a === 0xe0 && b < 0xa0) || (a === 0xed && b > 0x9f)) return false
      i += 3
    } else if (a >= 0xf0 && a <= 0xf4 && tail(b) && tail(c) && tail(d)) {
      if ((a === 0xf0 && b < 0x90) || (a === 0xf4 && b > 0x8f)) return false
      i += 4
    } else return false
  }
  return true
}
