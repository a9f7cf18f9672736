import type { BDictionary, BValue } from './bencode.ts'
import { refusal } from './refuse.ts'

type Kind = BValue['type']
type Of<K extends Kind> = Extract<BValue, { type: K }>

/** A value of this kind; refuses any other with `torrent_field_type`. */
export function asKind<K extends Kind>(value: BValue, kind: K, field: string): Of<K> {
  if (value.type !== kind) {
    throw refusal('torrent_field_type', `Cannot read ${field}: expected ${a(kind)}, got ${a(value.type)}`, {
      field,
      expected: a(kind),
      found: a(value.type),
      offset: value.start,
    })
  }
  return value as Of<K>
}

/** A dictionary's entry, undefined where it is absent; a wrong kind is refused. */
export function optional<K extends Kind>(
  dict: BDictionary,
  key: string,
  kind: K,
  at: string,
): Of<K> | undefined {
  const value = dict.entries.get(key)
  return value === undefined ? undefined : asKind(value, kind, `${at}${key}`)
}

/** A dictionary's entry that must be there: `torrent_field_missing`. */
export function required<K extends Kind>(dict: BDictionary, key: string, kind: K, at: string): Of<K> {
  const value = optional(dict, key, kind, at)
  if (value === undefined) {
    const field = `${at}${key}`
    throw refusal('torrent_field_missing', `Cannot read torrent: expected ${field}, got none`, {
      field,
      expected: a(kind),
      found: 'none',
      offset: dict.start,
    })
  }
  return value
}

/** An integer entry that must be there and lie in a range of safe integers: `torrent_field_range`. */
export function requiredNumber(
  dict: BDictionary,
  key: string,
  at: string,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  const { value, start } = required(dict, key, 'integer', at)
  if (value < BigInt(min) || value > BigInt(max)) {
    const field = `${at}${key}`
    throw refusal('torrent_field_range', `Cannot read ${field}: expected ${min} to ${max}, got ${value}`, {
      field,
      expected: `${min} to ${max}`,
      found: String(value),
      offset: start,
    })
  }
  return Number(value)
}

function a(kind: Kind): string {
  return kind === 'integer' ? 'an integer' : `a ${kind}`
}
