import { WebSocket } from 'ws'
import { decode, type BValue } from '../torrent/bencode.ts'
import { latin1 } from '../torrent/refuse.ts'
import { checkUrl, parseSwarmUrl, type AddressPolicy, type CheckedUrl } from './addresses.ts'
import { checkedGet, pinnedLookup } from './checked-http.ts'
import type { ScrapeCounts } from './scrape.ts'
import { connectUdpTracker, trackerFailed } from './udp-client.ts'

export type Counts = Pick<ScrapeCounts, 'seeders' | 'leechers' | 'completed'>

/** A conversation with one tracker. */
export interface Scraper {
  /** How many info hashes it may be asked about at once, and how many such requests may be under way. */
  batch: number
  window: number
  /** Asks about info hashes (hex of 20 bytes, sorted). A tracker that answers only about the first few of them is asked again about the `rest`. */
  ask(infoHashes: string[]): Promise<{ found: Map<string, Counts>; rest: string[] }>
  close(): void
}

export interface ScraperOptions {
  policy: AddressPolicy
  signal: AbortSignal
  /** For a single HTTP exchange or WebSocket handshake. */
  timeoutMs: number
  /** After so long a UDP packet is sent again, doubled each time. */
  repeatAfterMs: number
}

/** As many as one UDP scrape may ask for (BEP 15). */
const UDP_BATCH = 74
/** Packets under way to one tracker: 10,000 torrents take 17 round trips. */
const UDP_WINDOW = 8
/** No longer than what trackers read of a request: some take 2,048 bytes with its headers. */
const MAX_HTTP_URL_LENGTH = 1_800
/** `&info_hash=` and 20 escaped bytes. */
const HTTP_HASH_LENGTH = 71
const HTTP_WINDOW = 2
const SOCKET_BATCH = 74
const MAX_ANSWER_BYTES = 256 * 1024
const MAX_COUNT = 100_000_000

/** Opens a scraper for an announce URL (http, https, udp, ws, wss); throws `swarm_…`. */
export async function openScraper(tracker: string, options: ScraperOptions): Promise<Scraper> {
  const { protocol } = parseSwarmUrl(tracker).url
  if (protocol === 'http:' || protocol === 'https:') return httpScraper(tracker, options)
  const checked = await checkUrl(options.policy, tracker)
  return protocol === 'udp:' ? udpScraper(checked, options) : socketScraper(checked, options)
}

async function udpScraper(at: CheckedUrl, { signal, repeatAfterMs }: ScraperOptions): Promise<Scraper> {
  const tracker = await connectUdpTracker(at, signal, repeatAfterMs)
  return {
    batch: UDP_BATCH,
    window: UDP_WINDOW,
    async ask(infoHashes) {
      const answer = await tracker.request(2, Buffer.from(infoHashes.join(''), 'hex'))
      // Some trackers answer about fifty at most, the first of those asked.
      const answered = infoHashes.slice(0, Math.floor(answer.length / 12))
      if (answered.length === 0) throw trackerFailed(at.url.href, 'its answer is cut short')
      const found = new Map(
        answered.map((infoHash, index) => {
          const at12 = index * 12
          const [seeders, completed, leechers] = [0, 4, 8].map((by) => answer.readUInt32BE(at12 + by))
          return [infoHash, readCounts(seeders, leechers, completed)]
        }),
      )
      return { found, rest: infoHashes.slice(answered.length) }
    },
    close: () => tracker.close(),
  }
}

function httpScraper(tracker: string, { policy, signal, timeoutMs }: ScraperOptions): Scraper {
  const url = new URL(tracker)
  const last = url.pathname.lastIndexOf('/') + 1
  // BEP 48: only a last path part that begins with "announce" has a scrape beside it.
  if (!url.pathname.startsWith('announce', last)) throw trackerFailed(tracker, 'it has no scrape address')
  url.pathname = `${url.pathname.slice(0, last)}scrape${url.pathname.slice(last + 'announce'.length)}`
  const room = MAX_HTTP_URL_LENGTH - url.href.length
  return {
    batch: Math.max(1, Math.floor(room / HTTP_HASH_LENGTH)),
    window: HTTP_WINDOW,
    async ask(infoHashes) {
      const query = infoHashes.map((hash) => `info_hash=${hash.replace(/../g, '%$&')}`).join('&')
      const target = `${url.href}${url.search === '' ? '?' : '&'}${query}`
      // With escaped hashes it may be longer than a stranger's may be; this one is ours.
      const answer = await checkedGet(target, {
        policy,
        maxBytes: MAX_ANSWER_BYTES,
        maxUrlLength: target.length,
        timeoutMs,
        signal,
      })
      if (answer.status !== 200) throw trackerFailed(tracker, `it answers with status ${answer.status}`)
      return { found: readHttpAnswer(tracker, answer.body, infoHashes), rest: [] }
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
    const binary = latin1(Buffer.from(infoHash, 'hex'))
    // bittorrent-tracker's server writes the bytes as UTF-8 (2026, version 11.2.3), which is no other hash's key.
    const file = files.entries.get(binary) ?? files.entries.get(latin1(Buffer.from(binary)))
    if (file === undefined) continue
    const [seeders, leechers, completed] = ['complete', 'incomplete', 'downloaded'].map((key) => {
      const value = entry(file, key)
      return value?.type === 'integer' ? Number(value.value) : undefined
    })
    found.set(infoHash, readCounts(seeders, leechers, completed))
  }
  return found
}

async function socketScraper(at: CheckedUrl, { signal, timeoutMs }: ScraperOptions): Promise<Scraper> {
  const fail = (why: string, cause?: unknown) => trackerFailed(at.url.href, why, cause)
  const socket = new WebSocket(at.url.href, {
    lookup: pinnedLookup(at.addresses),
    handshakeTimeout: timeoutMs,
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
    batch: SOCKET_BATCH,
    // Its answers name no request: one after the other.
    window: 1,
    async ask(infoHashes) {
      const binary = infoHashes.map((hash) => latin1(Buffer.from(hash, 'hex')))
      const answer = nextScrape(socket)
      socket.send(JSON.stringify({ action: 'scrape', info_hash: binary }), () => undefined)
      const found = readSocketAnswer(at.url.href, await Promise.race([answer, broken]), infoHashes, binary)
      return { found, rest: [] }
    },
    close,
  }
}

/** The next message that answers a scrape; a tracker may say other things on the same socket. */
function nextScrape(socket: WebSocket): Promise<unknown> {
  return new Promise((resolve) => {
    const onMessage = (data: unknown) => {
      let message: unknown
      try {
        message = JSON.parse(String(data))
      } catch {
        message = undefined
      }
      const action = property(message, 'action')
      if (action !== undefined && action !== 'scrape' && property(message, 'failure reason') === undefined)
        return
      socket.off('message', onMessage)
      resolve(message)
    }
    socket.on('message', onMessage)
  })
}

function readSocketAnswer(
  tracker: string,
  answer: unknown,
  infoHashes: string[],
  binary: string[],
): Map<string, Counts> {
  if (answer === undefined) throw trackerFailed(tracker, 'its answer is not JSON')
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
