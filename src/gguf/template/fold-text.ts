import { type Const, MAX_CONST_LENGTH } from './values.ts'

/**
 * What filters and methods make of a known text: the few that an attacker puts
 * a name together with. Null where it is not known here.
 */
export type TextFunction = (text: string, args: readonly Const[]) => Const | Const[] | null

const WHITE = ' \\t\\n\\r\\f\\v'

function strip(text: string, args: readonly Const[], left: boolean, right: boolean): string {
  const chars = typeof args[0] === 'string' ? new Set(args[0]) : null
  const gone = (char: string | undefined) =>
    char !== undefined && (chars === null ? /\s/.test(char) : chars.has(char))
  let from = 0
  let to = text.length
  if (left) while (from < to && gone(text[from])) from += 1
  if (right) while (to > from && gone(text[to - 1])) to -= 1
  return text.slice(from, to)
}

function replaced(text: string, [from, to]: readonly Const[]): string | null {
  if (typeof from !== 'string' || typeof to !== 'string' || from === '') return null
  return text.length * (to.length + 1) > MAX_CONST_LENGTH * 64 ? null : text.replaceAll(from, to)
}

function splitted(text: string, [separator]: readonly Const[]): Const[] | null {
  if (separator === undefined || separator === null) return text.trim().split(new RegExp(`[${WHITE}]+`))
  return typeof separator === 'string' && separator !== '' ? text.split(separator) : null
}

function title(text: string): string {
  return text.toLowerCase().replaceAll(/[a-z]+/g, (word) => word.charAt(0).toUpperCase() + word.slice(1))
}

function swapped(text: string): string {
  return Array.from(text, (c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase())).join('')
}

/** `{}` and `{0}` alone; fields that reach into their argument are a finding of their own. */
function formatted(text: string, args: readonly Const[]): string | null {
  let next = 0
  let unknown = false
  const made = text.replaceAll(/\{\{|\}\}|\{(\d*)\}/g, (field, at: string | undefined) => {
    if (field === '{{' || field === '}}') return field.slice(1)
    const value = args[at === undefined || at === '' ? next++ : Number(at)]
    if (value === undefined) unknown = true
    return String(value)
  })
  return unknown || /[{}]/.test(made) ? null : made
}

/** `%s`, `%d` and `%c` alone. */
export function percentFormatted(text: string, args: readonly Const[]): string | null {
  let next = 0
  const made = text.replaceAll(/%%|%[sdc]/g, (field) => {
    if (field === '%%') return '%'
    const value = args[next++]
    return field === '%c' && typeof value === 'number' ? String.fromCodePoint(value & 0xffff) : String(value)
  })
  return next > args.length || /%[^%\s]/.test(made) ? null : made
}

export const TEXT_FUNCTIONS: Readonly<Record<string, TextFunction>> = {
  lower: (text) => text.toLowerCase(),
  casefold: (text) => text.toLowerCase(),
  upper: (text) => text.toUpperCase(),
  capitalize: (text) => text.charAt(0).toUpperCase() + text.slice(1).toLowerCase(),
  title,
  swapcase: swapped,
  strip: (text, args) => strip(text, args, true, true),
  trim: (text, args) => strip(text, args, true, true),
  lstrip: (text, args) => strip(text, args, true, false),
  rstrip: (text, args) => strip(text, args, false, true),
  replace: replaced,
  split: splitted,
  rsplit: splitted,
  splitlines: (text) => text.split(/\r?\n/),
  reverse: (text) => Array.from(text).toReversed().join(''),
  string: (text) => text,
  safe: (text) => text,
  list: (text) => (text.length > 64 ? null : Array.from(text)),
  first: (text) => text.charAt(0),
  last: (text) => text.slice(-1),
  removeprefix: (text, [prefix]) =>
    typeof prefix === 'string' && text.startsWith(prefix) ? text.slice(prefix.length) : text,
  removesuffix: (text, [suffix]) =>
    typeof suffix === 'string' && suffix !== '' && text.endsWith(suffix)
      ? text.slice(0, -suffix.length)
      : text,
  format: formatted,
  join: (text, [parts]) => (parts === undefined ? Array.from(text).join('') : null),
}

/** Python's slice of a text or list. */
export function sliced<Item>(
  items: readonly Item[],
  start: number | null,
  stop: number | null,
  step: number,
): Item[] {
  const length = items.length
  const place = (at: number) => (at < 0 ? at + length : at)
  const out: Item[] = []
  if (step > 0) {
    const end = Math.min(length, stop === null ? length : place(stop))
    for (let i = Math.max(0, start === null ? 0 : place(start)); i < end; i += step) {
      const item = items[i]
      if (item !== undefined) out.push(item)
    }
  } else if (step < 0) {
    const end = Math.max(-1, stop === null ? -1 : place(stop))
    for (let i = Math.min(length - 1, start === null ? length - 1 : place(start)); i > end; i += step) {
      const item = items[i]
      if (item !== undefined) out.push(item)
    }
  }
  return out
}
