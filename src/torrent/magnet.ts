import { printable, refusal } from './refuse.ts'
import { checkTracker, checkWebSeed } from './urls.ts'

/** What a magnet link says (BEP 9, BEP 52, BEP 53). At least one info hash is not null. */
export interface Magnet {
  /** v1, 40 hexadecimal digits in lower case. */
  infoHash: string | null
  /** v2, 64 of them. */
  infoHashV2: string | null
  /** Only a display name, until the metadata is there. */
  name: string | null
  /** In bytes. */
  size: number | null
  trackers: string[]
  webSeeds: string[]
  /** BEP 53 `so`: first and last index of the files to fetch; empty means all. */
  select: [number, number][]
}

const MAX_MAGNET_CHARS = 32_768
const MAX_PARAMETERS = 256
const MAX_NAME_CHARS = 500
/** As many as a torrent may have files. */
const MAX_INDEX = 19_999

/**
 * Writes a magnet link; with `v1Only` one for clients that do not know v2.
 * Refuses where no info hash is left (`torrent_magnet_no_hash`).
 */
export function buildMagnet(
  parts: Partial<Magnet> & Pick<Magnet, 'infoHash' | 'infoHashV2'>,
  { v1Only = false }: { v1Only?: boolean } = {},
): string {
  const topics: string[] = []
  if (parts.infoHash !== null) topics.push(`xt=urn:btih:${checkHex(parts.infoHash, 40, 'infoHash')}`)
  // 12 20: multihash for 32 bytes of SHA-256.
  if (parts.infoHashV2 !== null && !v1Only) {
    topics.push(`xt=urn:btmh:1220${checkHex(parts.infoHashV2, 64, 'infoHashV2')}`)
  }
  if (topics.length === 0) throw noHash(v1Only ? 'a v1 info hash' : 'an info hash')
  const rest: string[] = []
  const name = parts.name ?? null
  const size = parts.size ?? null
  if (name !== null) rest.push(`dn=${encodeURIComponent(checkDisplayName(name))}`)
  if (size !== null) rest.push(`xl=${size}`)
  for (const url of parts.trackers ?? []) rest.push(`tr=${encodeURIComponent(checkTracker(url, 'tr'))}`)
  for (const url of parts.webSeeds ?? []) rest.push(`ws=${encodeURIComponent(checkWebSeed(url, 'ws'))}`)
  const select = parts.select ?? []
  if (select.length > 0) {
    rest.push(`so=${select.map(([from, to]) => (from === to ? from : `${from}-${to}`)).join(',')}`)
  }
  return `magnet:?${[...topics, ...rest].join('&')}`
}

/**
 * The magnets of a torrent: the whole one, and one with only the v1 info hash
 * for older clients (null where there is none).
 */
export function magnetsOf(torrent: {
  info_hash: string | null
  info_hash_v2: string | null
  name: string
  size_bytes: number
  trackers: readonly (readonly string[])[]
  web_seeds: readonly string[]
}): { magnet: string; magnet_v1: string | null } {
  const parts = {
    infoHash: torrent.info_hash,
    infoHashV2: torrent.info_hash_v2,
    name: torrent.name,
    size: torrent.size_bytes,
    trackers: torrent.trackers.flat(),
    webSeeds: [...torrent.web_seeds],
  }
  return {
    magnet: buildMagnet(parts),
    magnet_v1: torrent.info_hash === null ? null : buildMagnet(parts, { v1Only: true }),
  }
}

/**
 * Reads a magnet link, strictly: bounded, one hash of each kind, valid
 * percent-encoding, known URLs. Unknown parameters are left out. Throws
 * QalError `torrent_magnet_…`, `torrent_tracker_url`, `torrent_web_seed_url`.
 */
export function parseMagnet(text: string): Magnet {
  if (text.length > MAX_MAGNET_CHARS) {
    throw bad(
      'torrent_magnet_size',
      'magnet',
      `at most ${MAX_MAGNET_CHARS} characters`,
      `${text.length} characters`,
    )
  }
  const query = /^magnet:\?(.*)$/is.exec(text.trim())?.[1]
  if (query === undefined) throw bad('torrent_magnet_syntax', 'magnet', 'magnet:?…', printable(text))
  const parameters = query.split('&').filter((part) => part !== '')
  if (parameters.length > MAX_PARAMETERS) {
    throw bad(
      'torrent_magnet_size',
      'magnet',
      `at most ${MAX_PARAMETERS} parameters`,
      String(parameters.length),
    )
  }
  const magnet: Magnet = {
    infoHash: null,
    infoHashV2: null,
    name: null,
    size: null,
    trackers: [],
    webSeeds: [],
    select: [],
  }
  for (const parameter of parameters) {
    const cut = parameter.indexOf('=')
    if (cut === -1) throw bad('torrent_magnet_syntax', 'magnet', 'name=value', printable(parameter))
    // Some creators number repeated parameters: tr.1, tr.2.
    const key = parameter
      .slice(0, cut)
      .toLowerCase()
      .replace(/\.[0-9]{1,3}$/, '')
    take(magnet, key, parameter.slice(cut + 1))
  }
  if (magnet.infoHash === null && magnet.infoHashV2 === null) throw noHash('an info hash')
  return magnet
}

function take(magnet: Magnet, key: string, raw: string): void {
  switch (key) {
    case 'xt':
      takeTopic(magnet, unescape(raw, 'xt'))
      break
    case 'dn':
      // A plus is a space in the forms that many sites write.
      magnet.name ??= checkDisplayName(unescape(raw.replaceAll('+', '%20'), 'dn'))
      break
    case 'xl': {
      const size = unescape(raw, 'xl')
      if (!/^[0-9]{1,16}$/.test(size) || !Number.isSafeInteger(Number(size))) {
        throw bad('torrent_magnet_length', 'xl', 'a number of bytes', printable(size))
      }
      magnet.size ??= Number(size)
      break
    }
    case 'tr':
      addOnce(magnet.trackers, checkTracker(unescape(raw, 'tr'), 'tr'))
      break
    case 'ws':
      addOnce(magnet.webSeeds, checkWebSeed(unescape(raw, 'ws'), 'ws'))
      break
    case 'so':
      magnet.select = readSelection(unescape(raw, 'so'))
      break
    default:
  }
}

function takeTopic(magnet: Magnet, topic: string): void {
  const v1 = /^urn:btih:(?:([0-9a-f]{40})|([a-z2-7]{32}))$/i.exec(topic)
  const v2 = /^urn:btmh:1220([0-9a-f]{64})$/i.exec(topic)
  if (v1 !== null) setHash(magnet, 'infoHash', v1[1]?.toLowerCase() ?? base32Hex(v1[2] ?? ''))
  else if (v2 !== null) setHash(magnet, 'infoHashV2', (v2[1] ?? '').toLowerCase())
  else if (/^urn:bt[im]h:/i.test(topic)) {
    const expected =
      'urn:btih: with 40 hexadecimal or 32 base32 digits, or urn:btmh:1220 with 64 hexadecimal digits'
    throw bad('torrent_magnet_hash', 'xt', expected, printable(topic))
  }
  // Topics of other networks may stand beside ours.
}

function setHash(magnet: Magnet, key: 'infoHash' | 'infoHashV2', value: string): void {
  const other = magnet[key]
  if (other !== null && other !== value) throw bad('torrent_magnet_hash_conflict', 'xt', other, value)
  magnet[key] = value
}

function readSelection(text: string): [number, number][] {
  return text.split(',').map((part) => {
    const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(part)
    const from = Number(match?.[1] ?? NaN)
    const to = match?.[2] === undefined ? from : Number(match[2])
    if (!(from <= to && to <= MAX_INDEX)) {
      throw bad(
        'torrent_magnet_select',
        'so',
        `file indices up to ${MAX_INDEX} such as 0,2,4-6`,
        printable(part),
      )
    }
    return [from, to]
  })
}

function checkDisplayName(name: string): string {
  if (name.length > MAX_NAME_CHARS || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/u.test(name)) {
    const expected = `at most ${MAX_NAME_CHARS} visible characters`
    throw bad('torrent_magnet_name', 'dn', expected, printable(name))
  }
  return name
}

function checkHex(text: string, digits: number, field: string): string {
  if (!/^[0-9a-f]+$/.test(text) || text.length !== digits) {
    throw bad('torrent_magnet_hash', field, `${digits} lower-case hexadecimal digits`, printable(text))
  }
  return text
}

function base32Hex(text: string): string {
  let bits = 0n
  for (const char of text.toLowerCase()) {
    bits = bits * 32n + BigInt('abcdefghijklmnopqrstuvwxyz234567'.indexOf(char))
  }
  return bits.toString(16).padStart(40, '0')
}

function unescape(raw: string, field: string): string {
  try {
    return decodeURIComponent(raw)
  } catch (cause) {
    throw refusal('torrent_magnet_encoding', `Cannot read ${field}: expected percent-encoded UTF-8`, {
      field,
      expected: 'percent-encoded UTF-8',
      found: printable(raw),
      cause,
    })
  }
}

function addOnce(list: string[], item: string): void {
  if (!list.includes(item)) list.push(item)
}

function noHash(expected: string): Error {
  return bad('torrent_magnet_no_hash', 'xt', expected, 'none')
}

function bad(code: `torrent_${string}`, field: string, expected: string, found: string): Error {
  return refusal(code, `Cannot read magnet link: expected ${expected}, got ${found}`, {
    field,
    expected,
    found,
  })
}
