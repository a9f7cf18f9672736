import { decode, encode, Raw, type BDictionary, type BValue, type Encodable } from './bencode.ts'
import { asKind, required } from './fields.ts'
import { MAX_TORRENT_BYTES } from './limits.ts'
import { utf8 } from './path-rules.ts'
import { printable, refusal } from './refuse.ts'
import { checkTracker, checkWebSeed, trackerProblem, webSeedProblem } from './urls.ts'

/** Trackers, or web seeds, that one torrent may name. */
const MAX_URLS = 500
const MAX_TEXT_CHARS = 4_096
/** The year 9999, in seconds. */
const MAX_SECONDS = 253_402_300_799

/** What stands outside `info`: it can change without changing the torrent. */
export interface Outer {
  /** Announce URLs in tiers (BEP 12). */
  trackers: string[][]
  /** BEP 19. */
  web_seeds: string[]
  /** Safe to print: control, bidi and invisible characters are replaced. */
  comment: string | null
  created_by: string | null
  /** Seconds since 1970. */
  creation_date: number | null
  /** Entries that could not be used, as clients ignore them too; never silently. */
  ignored: { field: string; reason: string }[]
}

/**
 * Reads the outer dictionary. What is wrong here endangers nobody and changes
 * no info hash, so it is set aside and named in `ignored`, where `info` refuses.
 */
export function readOuter(root: BDictionary): Outer {
  const ignored: Outer['ignored'] = []
  const tiers = readTiers(root, ignored)
  const single = readUrls(root.entries.get('announce'), 'announce', trackerProblem, ignored)
  return {
    trackers: tiers.length > 0 ? tiers : single.length > 0 ? [single] : [],
    web_seeds: readUrls(root.entries.get('url-list'), 'url-list', webSeedProblem, ignored),
    comment: readText(root, 'comment', ignored),
    created_by: readText(root, 'created by', ignored),
    creation_date: readDate(root, ignored),
    ignored,
  }
}

/**
 * The same torrent with more trackers (each a tier of its own) or web seeds, or
 * with `webSeeds` in place of those it has: `info`, `piece layers` and every
 * other entry go out byte for byte. URLs that are there already are not added
 * again. Refuses as the parser does.
 */
export function withOuter(
  bytes: Uint8Array,
  add: { addTrackers?: readonly string[]; addWebSeeds?: readonly string[]; webSeeds?: readonly string[] },
): Uint8Array<ArrayBuffer> {
  const root = asKind(decode(bytes), 'dictionary', 'torrent')
  required(root, 'info', 'dictionary', '')
  const outer = readOuter(root)
  const entries = new Map<string, Encodable>()
  for (const [key, value] of root.entries) entries.set(key, new Raw(bytes.subarray(value.start, value.end)))

  const known = new Set(outer.trackers.flat())
  const trackers = unique(add.addTrackers ?? []).filter((url) => !known.has(url))
  for (const [index, url] of trackers.entries()) checkTracker(url, `addTrackers.${index}`)
  if (trackers.length > 0) setTrackers(entries, [...outer.trackers, ...trackers.map((url) => [url])])

  const seeds = unique([...(add.webSeeds ?? outer.web_seeds), ...(add.addWebSeeds ?? [])])
  for (const [index, url] of seeds.entries()) checkWebSeed(url, `addWebSeeds.${index}`)
  const same =
    seeds.length === outer.web_seeds.length && seeds.every((url, at) => url === outer.web_seeds[at])
  if (!same && seeds.length === 0) entries.delete('url-list')
  else if (!same) entries.set('url-list', seeds)
  checkCount(known.size + trackers.length, 'announce-list')
  checkCount(seeds.length, 'url-list')
  const more = encode(entries)
  if (more.length > MAX_TORRENT_BYTES) {
    const expected = `at most ${MAX_TORRENT_BYTES} bytes`
    throw refusal('torrent_size', `Cannot add to the torrent: expected ${expected}, got ${more.length}`, {
      expected,
      found: `${more.length} bytes`,
    })
  }
  return more
}

/** Writes tiers into an outer dictionary: `announce` for old clients, `announce-list` (BEP 12) where there is more than one. */
export function setTrackers(entries: Map<string, Encodable>, tiers: readonly (readonly string[])[]): void {
  const first = tiers[0]?.[0]
  if (first === undefined) return
  entries.set('announce', first)
  // A list that is there already, of trackers nobody can use, would count before the one tracker.
  if (tiers.flat().length > 1 || entries.has('announce-list')) entries.set('announce-list', tiers)
}

function readTiers(root: BDictionary, ignored: Outer['ignored']): string[][] {
  const list = root.entries.get('announce-list')
  if (list === undefined) return []
  if (list.type !== 'list') {
    ignored.push({ field: 'announce-list', reason: 'expected a list' })
    return []
  }
  const seen = new Set<string>()
  const tiers: string[][] = []
  for (const [index, item] of list.items.entries()) {
    const tier = readUrls(item, `announce-list.${index}`, trackerProblem, ignored).filter(
      (url) => !seen.has(url),
    )
    for (const url of tier) seen.add(url)
    if (tier.length > 0) tiers.push(tier)
    checkCount(seen.size + ignored.length, 'announce-list')
  }
  return tiers
}

function readUrls(
  value: BValue | undefined,
  field: string,
  problem: (url: string) => string | undefined,
  ignored: Outer['ignored'],
): string[] {
  if (value === undefined) return []
  const items = value.type === 'list' ? value.items : [value]
  checkCount(items.length, field)
  const urls = new Set<string>()
  for (const [index, item] of items.entries()) {
    const at = value.type === 'list' ? `${field}.${index}` : field
    const text = item.type === 'string' ? utf8(item.value)?.trim() : undefined
    // Some creators leave the spaces of file names in a web seed's URL; clients escape them.
    const url = field === 'url-list' ? text?.replaceAll(' ', '%20') : text
    const expected = url === undefined ? 'text in UTF-8' : problem(url)
    if (url !== undefined && expected === undefined) urls.add(url)
    // An empty string is how some creators write "none".
    else if (url !== '') {
      ignored.push({
        field: at,
        reason: `expected ${expected}${url === undefined ? '' : `, got ${printable(url)}`}`,
      })
    }
  }
  return [...urls]
}

function readText(root: BDictionary, key: string, ignored: Outer['ignored']): string | null {
  const value = root.entries.get(key)
  if (value === undefined) return null
  const text = value.type === 'string' ? utf8(value.value) : undefined
  if (text === undefined) {
    ignored.push({ field: key, reason: 'expected text in UTF-8' })
    return null
  }
  return text
    .slice(0, MAX_TEXT_CHARS)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/gu, '\ufffd')
}

function readDate(root: BDictionary, ignored: Outer['ignored']): number | null {
  const value = root.entries.get('creation date')
  if (value === undefined) return null
  if (value.type !== 'integer' || value.value < 0n || value.value > BigInt(MAX_SECONDS)) {
    ignored.push({ field: 'creation date', reason: `expected an integer from 0 to ${MAX_SECONDS}` })
    return null
  }
  return Number(value.value)
}

function checkCount(count: number, field: string): void {
  if (count > MAX_URLS) {
    throw refusal(
      'torrent_urls_count',
      `Cannot read ${field}: expected at most ${MAX_URLS} URLs, got ${count}`,
      {
        field,
        expected: `at most ${MAX_URLS} URLs`,
        found: String(count),
      },
    )
  }
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)]
}
