import { decode, type BValue } from '../torrent/bencode.ts'
import { latin1, printable } from '../torrent/refuse.ts'
import { checkUrl, hostPort, parseSwarmUrl, type AddressPolicy } from './addresses.ts'
import { checkedGet } from './checked-http.ts'
import { connectUdpTracker, trackerFailed } from './udp-client.ts'

export interface Announcement {
  /** Hex of 20 bytes. */
  infoHash: string
  /** Hex of 20 bytes. */
  peerId: string
  port: number
  /** Bytes still missing. */
  left: number
  event: 'started' | 'stopped' | 'update'
}

export interface AnnounceAnswer {
  /** `ip:port`, literals only, `[v6]:port`; not yet checked against any policy. */
  peers: string[]
  intervalMs: number
}

const MAX_ANSWER_BYTES = 256 * 1024
const MAX_PEERS = 200
const MIN_INTERVAL_S = 30
const MAX_INTERVAL_S = 3600
const UDP_EVENT = { update: 0, started: 2, stopped: 3 }

/**
 * Announces to an HTTP (BEP 3, 7, 23) or UDP (BEP 15) tracker and returns the
 * peers it names. Ours instead of the client library's, whose HTTP announce
 * follows any redirect, reads any length and ends the process when a body
 * breaks off. Throws `swarm_…`; WebSocket trackers are refused, they know only browsers.
 */
export async function announceTo(
  tracker: string,
  announcement: Announcement,
  options: { policy: AddressPolicy; signal: AbortSignal; timeoutMs: number },
): Promise<AnnounceAnswer> {
  const { protocol } = parseSwarmUrl(tracker).url
  if (protocol === 'udp:') return announceUdp(tracker, announcement, options)
  if (protocol === 'http:' || protocol === 'https:') return announceHttp(tracker, announcement, options)
  throw trackerFailed(tracker, 'only http, https and udp trackers know peers that are not browsers')
}

async function announceUdp(
  tracker: string,
  { infoHash, peerId, port, left, event }: Announcement,
  { policy, signal, timeoutMs }: { policy: AddressPolicy; signal: AbortSignal; timeoutMs: number },
): Promise<AnnounceAnswer> {
  const checked = await checkUrl(policy, tracker)
  const body = Buffer.alloc(82)
  Buffer.from(infoHash + peerId, 'hex').copy(body)
  body.writeBigUInt64BE(BigInt(left), 48)
  body.writeUInt32BE(UDP_EVENT[event], 64)
  body.writeInt32BE(event === 'stopped' ? 0 : -1, 76)
  body.writeUInt16BE(port, 80)
  const client = await connectUdpTracker(checked, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]))
  try {
    const answer = await client.request(1, body)
    if (answer.length < 12) throw trackerFailed(tracker, 'its answer is cut short')
    const v6 = checked.addresses[0]?.family === 6
    return { peers: compactPeers(answer.subarray(12), v6), intervalMs: interval(answer.readUInt32BE(0)) }
  } finally {
    client.close()
  }
}

async function announceHttp(
  tracker: string,
  { infoHash, peerId, port, left, event }: Announcement,
  { policy, signal, timeoutMs }: { policy: AddressPolicy; signal: AbortSignal; timeoutMs: number },
): Promise<AnnounceAnswer> {
  const query =
    `info_hash=${percent(infoHash)}&peer_id=${percent(peerId)}&port=${port}&uploaded=0&downloaded=0&left=${left}` +
    `&compact=1&numwant=${event === 'stopped' ? 0 : 50}${event === 'update' ? '' : `&event=${event}`}`
  const url = new URL(tracker)
  const target = `${url.href.slice(0, url.href.length - url.hash.length)}${url.search === '' ? '?' : '&'}${query}`
  const answer = await checkedGet(target, {
    policy,
    signal,
    timeoutMs,
    maxBytes: MAX_ANSWER_BYTES,
    maxUrlLength: target.length,
  })
  if (answer.status !== 200) throw trackerFailed(tracker, `it answers with status ${answer.status}`)
  let root: BValue
  try {
    root = decode(answer.body, { bytes: MAX_ANSWER_BYTES, depth: 8, values: 20_000 })
  } catch (cause) {
    throw trackerFailed(tracker, 'its answer is not bencoded', cause)
  }
  const reason = entry(root, 'failure reason')
  if (reason?.type === 'string') throw trackerFailed(tracker, `it says ${printable(latin1(reason.value))}`)
  const seconds = entry(root, 'interval')
  return {
    peers: [...readPeers(entry(root, 'peers'), false), ...readPeers(entry(root, 'peers6'), true)].slice(
      0,
      MAX_PEERS,
    ),
    intervalMs: interval(seconds?.type === 'integer' ? Number(seconds.value) : 0),
  }
}

/** Peers as a compact string, or as the list of dictionaries that old trackers send. */
function readPeers(value: BValue | undefined, v6: boolean): string[] {
  if (value?.type === 'string') return compactPeers(Buffer.from(value.value), v6)
  if (value?.type !== 'list') return []
  return value.items.flatMap((item) => {
    const [ip, port] = [entry(item, 'ip'), entry(item, 'port')]
    if (ip?.type !== 'string' || port?.type !== 'integer') return []
    return hostPort(latin1(ip.value), Number(port.value))
  })
}

function compactPeers(bytes: Buffer, v6: boolean): string[] {
  const width = v6 ? 18 : 6
  const peers: string[] = []
  for (let at = 0; at + width <= bytes.length && peers.length < MAX_PEERS; at += width) {
    const address = bytes.subarray(at, at + width - 2)
    const port = bytes.readUInt16BE(at + width - 2)
    const ip = v6 ? (address.toString('hex').match(/.{4}/g) ?? []).join(':') : [...address].join('.')
    if (port > 0) peers.push(hostPort(ip, port))
  }
  return peers
}

function interval(seconds: number): number {
  return Math.min(Math.max(seconds, MIN_INTERVAL_S), MAX_INTERVAL_S) * 1000
}

function entry(value: BValue, key: string): BValue | undefined {
  return value.type === 'dictionary' ? value.entries.get(key) : undefined
}

function percent(hex: string): string {
  return hex.replace(/../g, '%$&')
}
