/**
 * What clients send to a tracker, read strictly and rebuilt from the known
 * fields only: nothing else of a stranger's request goes further.
 */
import { latin1 } from '../torrent/refuse.ts'

export type TrackerEvent = 'started' | 'stopped' | 'completed' | 'update' | 'paused'

export interface AnnounceRequest {
  kind: 'announce'
  /** Hex, of 20 bytes: v1, or v2 truncated (BEP 52). */
  infoHash: string
  peerId: string
  port: number
  /** Bytes still missing; Infinity when the client does not say. */
  left: number
  wanted: number
  event: TrackerEvent
}
export interface ScrapeRequest {
  kind: 'scrape'
  infoHashes: string[]
}
export interface FailedRequest {
  kind: 'failure'
  failure: string
}

const DEFAULT_WANTED = 50
/** So many that a UDP answer stays below 512 bytes. */
const MAX_WANTED = 82
const MAX_OFFERS = 10
const MAX_SDP_LENGTH = 16_384
const EVENTS: ReadonlySet<string> = new Set(['started', 'stopped', 'completed', 'update', 'paused'])
/** In BEP 15's order; `paused` is BEP 21's. */
const UDP_EVENTS: readonly TrackerEvent[] = ['update', 'completed', 'started', 'stopped', 'paused']

/** Reads the query of an HTTP announce or scrape (BEP 3, BEP 48). */
export function parseTrackerQuery(
  action: 'announce' | 'scrape',
  query: string,
  maxHashes: number,
): AnnounceRequest | ScrapeRequest | FailedRequest {
  const fields = new Map<string, string[]>()
  for (const pair of query.split('&')) {
    const cut = pair.indexOf('=')
    if (cut < 1) continue
    const name = pair.slice(0, cut)
    fields.set(name, [...(fields.get(name) ?? []), unescapeBytes(pair.slice(cut + 1))])
  }
  const hashes = fields.get('info_hash') ?? []
  if (hashes.length === 0 || hashes.some((hash) => hash.length !== 20)) return failure('invalid info_hash')
  if (action === 'scrape') {
    if (hashes.length > maxHashes) return failure(`more than ${maxHashes} info_hash`)
    return { kind: 'scrape', infoHashes: hashes.map(toHex) }
  }
  const one = (name: string) => fields.get(name)?.at(-1) ?? ''
  if (hashes.length > 1) return failure('more than one info_hash')
  const peerId = one('peer_id')
  if (peerId.length !== 20) return failure('invalid peer_id')
  const port = wholeNumber(one('port'))
  if (port === undefined || port < 1 || port > 65_535) return failure('invalid port')
  const event = one('event') || 'update'
  if (!EVENTS.has(event)) return failure('invalid event')
  return {
    kind: 'announce',
    infoHash: toHex(hashes[0] ?? ''),
    peerId: toHex(peerId),
    port,
    left: wholeNumber(one('left')) ?? Number.POSITIVE_INFINITY,
    wanted: Math.min(wholeNumber(one('numwant')) ?? DEFAULT_WANTED, MAX_WANTED),
    event: event as TrackerEvent,
  }
}

/** Reads a UDP announce or scrape after its header (BEP 15). The address a client may name for itself is not read: it could be anyone's. */
export function parseUdpRequest(
  message: Buffer,
  sourcePort: number,
  maxHashes: number,
): AnnounceRequest | ScrapeRequest | FailedRequest {
  const action = message.readUInt32BE(8)
  if (action === 2) {
    const count = (message.length - 16) / 20
    if (!Number.isInteger(count) || count < 1 || count > maxHashes) return failure('invalid scrape')
    const infoHashes: string[] = []
    for (let at = 16; at < message.length; at += 20) infoHashes.push(message.toString('hex', at, at + 20))
    return { kind: 'scrape', infoHashes }
  }
  if (action !== 1 || message.length < 98) return failure('invalid request')
  const event = UDP_EVENTS[message.readUInt32BE(80)]
  if (event === undefined) return failure('invalid event')
  return {
    kind: 'announce',
    infoHash: message.toString('hex', 16, 36),
    peerId: message.toString('hex', 36, 56),
    port: message.readUInt16BE(96) || sourcePort,
    left: Number(message.readBigUInt64BE(64)),
    wanted: Math.min(message.readInt32BE(92) < 0 ? DEFAULT_WANTED : message.readInt32BE(92), MAX_WANTED),
    event,
  }
}

/** An SDP offer or answer (WebRTC), handed on as it is. */
export interface Description {
  type: string
  sdp: string
}
export interface Offer {
  offer: Description
  offer_id: string
}

/** A WebTorrent client's message; hashes and ids in hex, what is handed on as it came. */
export type SocketMessage =
  | { kind: 'failure'; failure: string }
  | { kind: 'scrape'; infoHashes: string[] }
  | { kind: 'answer'; infoHash: string; peerId: string; to: string; offerId: string; answer: Description }
  | {
      kind: 'announce'
      infoHash: string
      peerId: string
      event: TrackerEvent
      /** Infinity when the client does not say. */
      left: number
      offers: Offer[]
    }

/** Reads a WebTorrent client's announce, answer or scrape. */
export function parseSocketMessage(text: string, maxHashes: number): SocketMessage {
  let input: unknown
  try {
    input = JSON.parse(text)
  } catch {
    return failure('invalid JSON')
  }
  if (!isRecord(input)) return failure('invalid message')
  const { action, info_hash: hash } = input
  if (action === 'scrape') {
    const hashes = Array.isArray(hash) ? (hash as unknown[]) : [hash]
    if (hashes.length > maxHashes || !hashes.every(isBinary20)) return failure('invalid info_hash')
    return { kind: 'scrape', infoHashes: hashes.map(toHex) }
  }
  if (action !== 'announce') return failure('invalid action')
  if (!isBinary20(hash)) return failure('invalid info_hash')
  const peerId = input['peer_id']
  if (!isBinary20(peerId)) return failure('invalid peer_id')
  const from = { infoHash: toHex(hash), peerId: toHex(peerId) }
  if (input['answer'] !== undefined && input['answer'] !== null) {
    const answer = description(input['answer'])
    const { to_peer_id: to, offer_id: offerId } = input
    if (!answer || !isBinary20(to) || !isBinary20(offerId)) return failure('invalid answer')
    return { kind: 'answer', ...from, answer, to: toHex(to), offerId }
  }
  const event = input['event'] ?? 'update'
  if (typeof event !== 'string' || (event !== '' && !EVENTS.has(event))) return failure('invalid event')
  const given = input['offers'] ?? []
  if (!Array.isArray(given)) return failure('invalid offers')
  const offers: Offer[] = []
  for (const value of (given as unknown[]).slice(0, MAX_OFFERS)) {
    const offer = parseOffer(value)
    if (!offer) return failure('invalid offers')
    offers.push(offer)
  }
  const { left } = input
  return {
    kind: 'announce',
    ...from,
    event: (event || 'update') as TrackerEvent,
    left: typeof left === 'number' && left >= 0 ? left : Number.POSITIVE_INFINITY,
    offers,
  }
}

function parseOffer(value: unknown): Offer | undefined {
  if (!isRecord(value)) return undefined
  const offer = description(value['offer'])
  const id = value['offer_id']
  return offer && isBinary20(id) ? { offer, offer_id: id } : undefined
}

function description(value: unknown): Description | undefined {
  if (!isRecord(value)) return undefined
  const { type, sdp } = value
  if ((type !== 'offer' && type !== 'answer') || typeof sdp !== 'string' || sdp.length > MAX_SDP_LENGTH) {
    return undefined
  }
  return { type, sdp }
}

function failure(reason: string): FailedRequest {
  return { kind: 'failure', failure: reason }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Binary strings hold one byte a character, as the WebTorrent protocol has them. */
function isBinary20(value: unknown): value is string {
  if (typeof value !== 'string' || value.length !== 20) return false
  for (let at = 0; at < 20; at++) if (value.charCodeAt(at) > 0xff) return false
  return true
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** Percent-decodes to bytes, one a character: info hashes are not UTF-8. */
function unescapeBytes(text: string): string {
  const plain = text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return latin1(Buffer.from(plain, 'latin1'))
}

function toHex(binary: string): string {
  return Buffer.from(binary, 'latin1').toString('hex')
}
