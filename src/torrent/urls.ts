import { printable, refusal } from './refuse.ts'

/** As a listing's schema takes them. */
const MAX_TRACKER_CHARS = 1_000
const MAX_WEB_SEED_CHARS = 2_000

const TRACKER_PROTOCOLS = new Set(['http:', 'https:', 'udp:', 'ws:', 'wss:'])
const WEB_SEED_PROTOCOLS = new Set(['http:', 'https:'])

/** Says what is wrong with a tracker's announce URL; undefined where nothing is. Where it leads is checked when it is connected to. */
export function trackerProblem(url: string): string | undefined {
  return problem(url, TRACKER_PROTOCOLS, MAX_TRACKER_CHARS)
}

/** Says what is wrong with a web seed's URL (BEP 19); undefined where nothing is. */
export function webSeedProblem(url: string): string | undefined {
  return problem(url, WEB_SEED_PROTOCOLS, MAX_WEB_SEED_CHARS)
}

/** Answers an announce URL, or refuses it with `torrent_tracker_url`. */
export function checkTracker(url: string, field: string): string {
  return checked(url, field, 'torrent_tracker_url', trackerProblem(url))
}

/** Answers a web seed's URL, or refuses it with `torrent_web_seed_url`. */
export function checkWebSeed(url: string, field: string): string {
  return checked(url, field, 'torrent_web_seed_url', webSeedProblem(url))
}

function checked(
  url: string,
  field: string,
  code: `torrent_${string}`,
  expected: string | undefined,
): string {
  if (expected !== undefined) {
    throw refusal(code, `Cannot use the URL ${printable(url)}: expected ${expected}`, {
      field,
      expected,
      found: printable(url),
    })
  }
  return url
}

function problem(url: string, protocols: ReadonlySet<string>, max: number): string | undefined {
  if (url.length > max) return `at most ${max} characters`
  // The parser of URLs drops tabs and line ends and repairs much; what is printed must be what is used.
  if (!/^[\x21-\x7e]+$/.test(url) || /["'<>\\^`{|}]/.test(url))
    return 'plain URL characters, the rest percent-encoded'
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    return 'an absolute URL'
  }
  if (!protocols.has(parsed.protocol)) return `one of ${[...protocols].join(' ')}`
  if (parsed.hostname === '') return 'a host name'
  if (parsed.username !== '' || parsed.password !== '') return 'no user name or password'
  return undefined
}
