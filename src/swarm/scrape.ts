import { WebSocket } from 'ws'
import { isQalError } from '../core/error.ts'
import { decode, type BValue } from '../torrent/bencode.ts'
import { latin1 } from '../torrent/refuse.ts'
import { checkUrl, parseSwarmUrl, type AddressPolicy, type CheckedUrl } from './addresses.ts'
import { checkedGet, pinnedLookup } from './checked-http.ts'
import { connectUdpTracker, trackerFailed } from './udp-client.ts'

/** What one tracker said about one torrent: the tracker of the highest seeder count, never a sum. */
export interface ScrapeCounts {
  seeders: number
  leechers: number
  completed: number
  /** Announce URL of the tracker with the highest number of seeders. */
  tracker: string
  /** When it said so, ISO 8601. */
  at: string
}

export interface ScrapeResult {
  /** By info hash as it was asked for, in lower-case hex; a hash that no tracker answered for is absent. */
  results: Map<string, ScrapeCounts>
  errors: { tracker: string; message: string }[]
}

export interface ScrapeOptions {
  /** Which trackers may be reached; `policyFor(trackers)` where the operator named them himself. */
  policy: AddressPolicy
  /** For each tracker, all its batches together. */
  timeoutMs?: number
  signal?: AbortSignal
}

type Counts = Pick<ScrapeCounts, 'seeders' | 'leechers' | 'completed'>

/** As many as one UDP scrape may ask for (BEP 15). */
const BATCH = 74
const TIMEOUT_MS = 15_000
const MAX_ANSWER_BYTES = 256 * 1024
const MAX_COUNT = 100_000_000

/**
 * Asks each tracker (announce URLs; http, https, udp, ws, wss) about all info
 * hashes (hex; v2 ones of 64 digits are asked for truncated, as BEP 52 says).
 * Never throws: a tracker that fails stands in `errors`, what it answered
 * before counts.
 */
export async function scrape(
  trackerUrls: readonly string[],
  infoHashes: readonly string[],
  options: ScrapeOptions,
): Promise<ScrapeResult> {
  // Sorted, because some trackers answer in the order asked, and keys of a dictionary must be sorted.
  const hashes = [...new Set(infoHashes.map(truncate))].filter((hash) => hash !== '').toSorted()
  const asked = Map.groupBy(new Set(infoHashes.map((hash) => hash.toLowerCase())), truncate)
  const results: ScrapeResult['results'] = new Map()
  const errors: ScrapeResult['errors'] = []

  const take = (tracker: string, truncated: string, counts: Counts) => {
    for (const infoHash of asked.get(truncated) ?? []) {
      const before = results.get(infoHash)
      results.set(infoHash, highest(before, { ...counts, tracker, at: new Date().toISOString() }))
    }
  }
  await Promise.all(
    [...new Set(trackerUrls)].map(async (tracker) => {
      const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)
      const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
      try {
        const scraper = await openScraper(tracker, options.policy, signal)
        try {
          for (let from = 0; from < hashes.length; from += BATCH) {
            const answer = await scraper.ask(hashes.slice(from, from + BATCH))
            for (const [infoHash, counts] of answer) take(tracker, infoHash, counts)
          }
        } finally {
          scraper.close()
        }
      } catch (error) {
        errors.push({
          tracker,
          message: isQalError(error) ? error.message : `Cannot ask tracker ${tracker}: ${String(error)}`,
        })
      }
    }),
  )
  return { results, errors }
}

interface Scraper {
  ask(infoHashes: string[]): Promise<Map<string, Counts>>
  close(): void
}

async function openScraper(tracker: string, policy: AddressPolicy, signal: AbortSignal): Promise<Scraper> {
  const { protocol } = parseSwarmUrl(tracker).url
  if (protocol === 'http:' || protocol === 'https:') return httpScraper(tracker, policy, signal)
  const checked = await checkUrl(policy, tracker)
  return protocol === 'udp:' ? udpScraper(checked, signal) : socketScraper(checked, signal)
}

async function udpScraper(at: CheckedUrl, signal: AbortSignal): Promise<Scraper> {
  const tracker = await connectUdpTracker(at, signal)
  return {
    async ask(infoHashes) {
      const answer = await tracker.request(2, Buffer.from(infoHashes.join(''), 'hex'))
      if (answer.length < infoHashes.length * 12) throw trackerFailed(at.url.href, 'its answer is cut short')
      return new Map(
        infoHashes.map((infoHash, index) => {
          const at12 = index * 12
          const [seeders, completed, leechers] = [0, 4, 8].map((by) => answer.readUInt32BE(at12 + by))
          return [infoHash, readCounts(seeders, leechers, completed)]
        }),
      )
    },
    close: () => tracker.close(),
  }
}

function httpScraper(tracker: string, policy: AddressPolicy, signal: AbortSignal): Scraper {
  const url = new URL(tracker)
  const last = url.pathname.lastIndexOf('/') + 1
  // BEP 48: only a last path part that begins with "announce" has a scrape beside it.
  if (!url.pathname.startsWith('announce', last)) throw trackerFailed(tracker, 'it has no scrape address')
  url.pathname = `${url.pathname.slice(0, last)}scrape${url.pathname.slice(last + 'announce'.length)}`
  return {
    async ask(infoHashes) {
      const query = infoHashes.map((hash) => `info_hash=${hash.replace(/../g, '%$&')}`).join('&')
      const target = `${url.href}${url.search === '' ? '?' : '&'}${query}`
      // 74 escaped hashes make a URL longer than a stranger may name; this one is ours.
      const answer = await checkedGet(target, {
        policy,
        maxBytes: MAX_ANSWER_BYTES,
        maxUrlLength: target.length,
        timeoutMs: TIMEOUT_MS,
        signal,
      })
      if (answer.status !== 200) throw trackerFailed(tracker, `it answers with status ${answer.status}`)
      return readHttpAnswer(tracker, answer.body, infoHashes)
    },
    close: () => undefined,
  }
}

function readHttpAnswer(tracker: string, body: Uint8Array, infoHashes: string[]): Map<string, Counts> {
  let root: BValue
  try {
    root = decode(body, { bytes: MAX_ANSWER_BYTES, depth: 8, values: 2_000 })
  } catch (cause) {
    throw trackerFailed(tracker, 'its answer is not bencoded', cause)
  }
  const reason = entry(root, 'failure reason')
  if (reason?.type === 'string') throw trackerFailed(tracker, `it says "${printable(latin1(reason.value))}"`)
  const files = entry(root, 'files')
  if (files?.type !== 'dictionary') throw trackerFailed(tracker, 'its answer has no files')
  const found = new Map<string, Counts>()
  for (const infoHash of infoHashes) {
    const file = files.entries.get(latin1(Buffer.from(infoHash, 'hex')))
    if (file === undefined) continue
    const [seeders, leechers, completed] = ['complete', 'incomplete', 'downloaded'].map((key) => {
      const value = entry(file, key)
      return value?.type === 'integer' ? Number(value.value) : undefined
    })
    found.set(infoHash, readCounts(seeders, leechers, completed))
  }
  return found
}

async function socketScraper(at: CheckedUrl, signal: AbortSignal): Promise<Scraper> {
  const fail = (why: string, cause?: unknown) => trackerFailed(at.url.href, why, cause)
  const socket = new WebSocket(at.url.href, {
    lookup: pinnedLookup(at.addresses),
    handshakeTimeout: TIMEOUT_MS,
    maxPayload: MAX_ANSWER_BYTES,
    perMessageDeflate: false,
    followRedirects: false,
  })
  const { promise: broken, reject } = Promise.withResolvers<never>()
  // It is awaited in races only; outside them a failure is no one's.
  broken.catch(() => undefined)
  socket.on('error', (cause: Error) => reject(fail(`it cannot be reached (${cause.message})`, cause)))
  socket.on('close', () => reject(fail('it closed the connection')))
  const onAbort = () => {
    reject(fail('no answer in time', signal.reason))
    socket.terminate()
  }
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  const close = () => {
    signal.removeEventListener('abort', onAbort)
    socket.terminate()
  }
  try {
    await Promise.race([new Promise<void>((resolve) => socket.once('open', () => resolve())), broken])
  } catch (error) {
    close()
    throw error
  }
  return {
    async ask(infoHashes) {
      const binary = infoHashes.map((hash) => latin1(Buffer.from(hash, 'hex')))
      const answer = new Promise<string>((resolve) => {
        socket.once('message', (data: unknown) => resolve(String(data)))
      })
      socket.send(JSON.stringify({ action: 'scrape', info_hash: binary }), () => undefined)
      return readSocketAnswer(at.url.href, await Promise.race([answer, broken]), infoHashes, binary)
    },
    close,
  }
}

function readSocketAnswer(
  tracker: string,
  text: string,
  infoHashes: string[],
  binary: string[],
): Map<string, Counts> {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch (cause) {
    throw trackerFailed(tracker, 'its answer is not JSON', cause)
  }
  const reason = property(answer, 'failure reason')
  if (typeof reason === 'string') throw trackerFailed(tracker, `it says "${printable(reason)}"`)
  const files = property(answer, 'files')
  const found = new Map<string, Counts>()
  for (const [index, infoHash] of infoHashes.entries()) {
    const file = property(files, binary[index] ?? '')
    if (file === undefined) continue
    const [seeders, leechers, completed] = ['complete', 'incomplete', 'downloaded'].map((key) =>
      property(file, key),
    )
    found.set(infoHash, readCounts(seeders, leechers, completed))
  }
  if (found.size === 0) throw trackerFailed(tracker, 'its answer has no files')
  return found
}

/** Takes a tracker's numbers; what is not a sensible number is 0. */
function readCounts(seeders: unknown, leechers: unknown, completed: unknown): Counts {
  const [s = 0, l = 0, c = 0] = [seeders, leechers, completed].map((value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_COUNT ? value : 0,
  )
  return { seeders: s, leechers: l, completed: c }
}

/** Seeders, leechers and completed each by the tracker that knows most; two trackers know largely the same peers. */
function highest(a: ScrapeCounts | undefined, b: ScrapeCounts): ScrapeCounts {
  if (!a) return b
  const source = b.seeders > a.seeders ? b : a
  return {
    seeders: Math.max(a.seeders, b.seeders),
    leechers: Math.max(a.leechers, b.leechers),
    completed: Math.max(a.completed, b.completed),
    tracker: source.tracker,
    at: source.at,
  }
}

/** The 20 bytes under which trackers know an info hash, or '' for what is not one. */
function truncate(infoHash: string): string {
  const hash = infoHash.toLowerCase()
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) ? hash.slice(0, 40) : ''
}

function entry(value: BValue, key: string): BValue | undefined {
  return value.type === 'dictionary' ? value.entries.get(key) : undefined
}

function property(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
}

function printable(text: string): string {
  return text.slice(0, 200).replace(/[^\x20-\x7e]/g, '?')
}
