import { printable, refusal } from './refuse.ts'

/** What clients leave as it is, in UTF-8 bytes: libtorrent cuts off more, and so writes another file. */
const MAX_COMPONENT_BYTES = 240
/** What macOS takes in one path, in UTF-8 bytes, and what a listing's schema takes. */
const MAX_PATH_BYTES = 1_024
const MAX_COMPONENTS = 32

/** Devices, also with an extension and spaces before it, which Windows drops. */
const RESERVED = /^(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)/i
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u
/** Characters that draw nothing or anything, so that two different names look the same. */
const INVISIBLE = /[\p{Cf}\p{Co}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\u{e0000}-\u{e0fff}]/u

interface Rule {
  code: `torrent_path_${string}`
  broken: (name: string) => boolean
  expected: string
}

// In the order of what a reader most wants to hear first.
const RULES: readonly Rule[] = [
  { code: 'torrent_path_empty', broken: (name) => name === '', expected: 'a name that is not empty' },
  { code: 'torrent_path_nul', broken: (name) => name.includes('\0'), expected: 'no NUL character' },
  {
    code: 'torrent_path_absolute',
    broken: (name) => /^(?:[/\\]|[a-z]:)/i.test(name),
    expected: 'a relative path',
  },
  { code: 'torrent_path_parent', broken: (name) => name === '..', expected: 'no step to the parent folder' },
  { code: 'torrent_path_dot', broken: (name) => name === '.', expected: 'a name other than "."' },
  {
    code: 'torrent_path_separator',
    broken: (name) => name.includes('/'),
    expected: 'no slash inside a name',
  },
  { code: 'torrent_path_backslash', broken: (name) => name.includes('\\'), expected: 'no backslash' },
  { code: 'torrent_path_control', broken: (name) => CONTROL.test(name), expected: 'no control character' },
  {
    code: 'torrent_path_bidi',
    broken: (name) => BIDI.test(name),
    expected: 'no character that turns the direction of text',
  },
  {
    code: 'torrent_path_invisible',
    broken: (name) => INVISIBLE.test(name),
    expected: 'no invisible character',
  },
  {
    code: 'torrent_path_reserved',
    broken: (name) => RESERVED.test(name),
    expected: 'a name that Windows does not reserve',
  },
  {
    code: 'torrent_path_character',
    broken: (name) => /[<>:"|?*]/.test(name),
    expected: 'none of < > : " | ? *, which Windows cannot store',
  },
  {
    code: 'torrent_path_trailing',
    broken: (name) => /[. ]$/.test(name) || name.startsWith(' '),
    expected: 'no space at the ends and no dot at the end, which Windows drops',
  },
  {
    code: 'torrent_path_too_long',
    broken: (name) => new TextEncoder().encode(name).length > MAX_COMPONENT_BYTES,
    expected: `at most ${MAX_COMPONENT_BYTES} bytes`,
  },
]

/**
 * Checks one name of a path, the torrent's own name included, and answers it.
 * A client would rewrite what is unsafe, each in its own way; an index refuses
 * it, with a `torrent_path_…` code a rule.
 */
export function checkName(name: string, field: string): string {
  for (const rule of RULES) {
    if (rule.broken(name)) {
      throw refusal(rule.code, `Cannot use the name ${printable(name)}: expected ${rule.expected}`, {
        field,
        expected: rule.expected,
        found: printable(name),
      })
    }
  }
  return name
}

/** Decodes and checks one name; names are UTF-8 (BEP 3). */
export function readName(bytes: Uint8Array, field: string): string {
  const text = utf8(bytes)
  if (text === undefined) {
    throw refusal('torrent_path_encoding', `Cannot use the name ${printable(bytes)}: expected UTF-8`, {
      field,
      expected: 'UTF-8',
      found: printable(bytes),
    })
  }
  return checkName(text, field)
}

/** Decodes UTF-8 strictly; undefined where it is not. A byte order mark is kept, so that a rule can see it. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Checks a whole path's depth and length, and answers it joined by slashes. */
export function joinPath(names: readonly string[], field: string): string {
  const path = names.join('/')
  if (names.length > MAX_COMPONENTS || new TextEncoder().encode(path).length > MAX_PATH_BYTES) {
    const expected = `at most ${MAX_COMPONENTS} names and ${MAX_PATH_BYTES} bytes`
    throw refusal('torrent_path_too_long', `Cannot use the path ${printable(path)}: expected ${expected}`, {
      field,
      expected,
      found: `${names.length} names, ${path.length} characters`,
    })
  }
  return path
}

/**
 * Refuses two files that one disk would hold in one place: equal paths, paths
 * equal but for letter case or Unicode composition, and a file where another
 * path needs a folder. Pad files may repeat each other, but never hide a file.
 */
export function checkCollisions(files: readonly { path: string; pad: boolean }[]): void {
  const taken = new Map<string, boolean>()
  const folders = new Set<string>()
  for (const [index, { path, pad }] of files.entries()) {
    const key = fold(path)
    const other = taken.get(key)
    if (other !== undefined && !(other && pad)) throw collision(path, index)
    taken.set(key, pad)
    for (let at = key.indexOf('/'); at !== -1; at = key.indexOf('/', at + 1)) folders.add(key.slice(0, at))
  }
  for (const [index, { path }] of files.entries()) {
    if (folders.has(fold(path))) throw collision(path, index)
  }
}

/**
 * What a disk that does not tell letter cases or compositions apart keeps of a
 * path: upper case first, as only that makes one of ς and σ, of ß and ss.
 */
function fold(path: string): string {
  const plain = path.replaceAll(/\p{Variation_Selector}/gu, '').normalize('NFD')
  return plain.toUpperCase().toLowerCase().normalize('NFC')
}

function collision(path: string, index: number): Error {
  return refusal(
    'torrent_path_collision',
    `Cannot use the path ${printable(path)}: another file needs its place`,
    {
      field: `files.${index}.path`,
      expected: 'paths that differ by more than letter case',
      found: printable(path),
    },
  )
}
