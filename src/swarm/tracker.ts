import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import { isIP, isIPv6 } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SwarmPeer, TrackerSocket } from 'bittorrent-tracker/server'
import { QalError } from '../core/error.ts'
import { encode } from '../torrent/bencode.ts'
import { latin1 } from '../torrent/refuse.ts'
import { ipv6Bytes, unmapped } from './addresses.ts'
import {
  parseTrackerQuery,
  parseUdpRequest,
  type AnnounceRequest,
  type ScrapeRequest,
} from './tracker-messages.ts'
import { MAX_SCRAPE_HASHES, TrackerServer, type SwarmCounts } from './tracker-server.ts'

export type { SwarmCounts } from './tracker-server.ts'

export interface TrackerOptions {
  /** A listening server: its WebSocket upgrades on `/announce` are taken, its requests only through `handleHttp`. */
  http: HttpServer | null
  /** Where UDP binds; by default where `http` listens. */
  host?: string
  /** By default the port of `http`; 0 picks a free one; null leaves UDP out. */
  udpPort?: number | null
  /** Says whether to track an info hash (hex of 20 bytes: v1, or v2 truncated). */
  allow: (infoHash: string) => boolean
  /** What clients are told to wait between announces; a peer is forgotten after twice that. */
  intervalMs?: number
  /** The address of an HTTP client behind a trusted proxy; by default the socket's. */
  clientAddress?: (request: IncomingMessage) => string | undefined
}

/** The embedded tracker: HTTP (BEP 3, 23, 48), UDP (BEP 15) and WebSocket (WebTorrent) over one set of swarms. */
export interface Tracker {
  /** Answers `/announce` and `/scrape`; false means the request is someone else's and was not touched. */
  handleHttp(request: IncomingMessage, response: ServerResponse): boolean
  counts(infoHash: string): SwarmCounts
  /** The UDP port, or null. */
  readonly udpPort: number | null
  /** Ends every socket of the tracker; the HTTP server stays its owner's. */
  close(): Promise<void>
}

const INTERVAL_MS = 10 * 60_000
const SWEEP_MS = 60_000
const MAX_SOCKETS = 4_096
const CONNECT_MAGIC = 0x417_2710_1980n
/** A connection id is good for one to two minutes, as BEP 15 asks. */
const CONNECTION_ID_MS = 60_000
const DOT = 0x2e
const ZERO = 0x30
const ACTION = { connect: 0, announce: 1, scrape: 2, error: 3 }

/**
 * Starts the tracker. Throws `swarm_tracker_listen` when the UDP port cannot be
 * had. Nothing that a client sends ends it.
 */
export async function createTracker(options: TrackerOptions): Promise<Tracker> {
  const intervalMs = options.intervalMs ?? INTERVAL_MS
  const server = new TrackerServer({ allow: options.allow, intervalMs })
  // A client's mistakes are warnings to the library and answers to the client; there is nothing for us to do.
  server.on('warning', () => undefined).on('error', () => undefined)

  const udp = await openUdp(options, (socket) => (message, from) => onUdp(server, socket, message, from))
  const sockets = openSockets(server, options.http)
  const sweeper = setInterval(
    () => {
      server.sweep()
      sockets.sweep()
    },
    Math.min(SWEEP_MS, intervalMs),
  )
  sweeper.unref()

  return {
    handleHttp: (request, response) => onHttp(server, options.clientAddress, request, response),
    counts: (infoHash) => server.counts(infoHash),
    udpPort: udp[0]?.address().port ?? null,
    async close() {
      clearInterval(sweeper)
      sockets.close()
      server.close()
      await Promise.all(udp.map(closeUdp))
    },
  }
}

interface Announced {
  interval: number
  complete: number
  incomplete: number
  /** Compact, 6 bytes each (BEP 23). */
  peers: Uint8Array
  /** 18 bytes each (BEP 7). */
  peers6: Uint8Array
}

function announce(
  server: TrackerServer,
  type: 'http' | 'udp',
  request: AnnounceRequest,
  address: string,
  done: (answer: Announced | string) => void,
): void {
  const ip = unmapped(address)
  // What a proxy says of its client is text.
  if (isIP(ip) === 0 || ip.includes('%')) return done('unknown address')
  const params = {
    type,
    action: ACTION.announce,
    info_hash: request.infoHash,
    peer_id: request.peerId,
    event: request.event,
    left: request.left,
    numwant: request.event === 'stopped' ? 0 : request.wanted,
    // The peers as they are; the library's own packing takes longer than all the rest.
    compact: -1 as const,
    ip,
    port: request.port,
    addr: `${ip.includes(':') ? `[${ip}]` : ip}:${request.port}`,
  }
  server.announce(params, (error, answer) => {
    if (!answer) return done(error?.message ?? 'no answer')
    const { seeders, leechers } = server.counts(request.infoHash)
    const { interval } = answer
    done({ interval, complete: seeders, incomplete: leechers, ...packPeers(answer.peers) })
  })
}

function onHttp(
  server: TrackerServer,
  clientAddress: TrackerOptions['clientAddress'],
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const [path, query = ''] = (request.url ?? '').split('?', 2)
  if (path !== '/announce' && path !== '/scrape') return false
  const reply = (fields: ReadonlyMap<string, Parameters<typeof encode>[0]>) => {
    const body = encode(fields)
    response
      .writeHead(200, {
        'content-type': 'text/plain',
        'content-length': body.length,
        'cache-control': 'no-store',
      })
      .end(body)
  }
  if (request.method !== 'GET') {
    response.writeHead(405, { allow: 'GET', 'content-length': 0 }).end()
    return true
  }
  const parsed = parseTrackerQuery(path === '/announce' ? 'announce' : 'scrape', query, MAX_SCRAPE_HASHES)
  if (parsed.kind === 'failure') {
    reply(new Map([['failure reason', parsed.failure]]))
  } else if (parsed.kind === 'scrape') {
    const files = scrapeCounts(server, parsed).map(([infoHash, counts]) => {
      const fields = new Map([
        ['complete', counts.seeders],
        ['downloaded', counts.completed],
        ['incomplete', counts.leechers],
      ])
      return [latin1(Buffer.from(infoHash, 'hex')), fields] as const
    })
    reply(new Map([['files', new Map(files)]]))
  } else {
    const address = clientAddress?.(request) ?? request.socket.remoteAddress ?? ''
    announce(server, 'http', parsed, address, (answer) => {
      if (typeof answer === 'string') return reply(new Map([['failure reason', answer]]))
      reply(
        new Map<string, number | Uint8Array>([
          ['complete', answer.complete],
          ['incomplete', answer.incomplete],
          ['interval', answer.interval],
          ['peers', answer.peers],
          ['peers6', answer.peers6],
        ]),
      )
    })
  }
  return true
}

function scrapeCounts(server: TrackerServer, request: ScrapeRequest): [string, SwarmCounts][] {
  return request.infoHashes.map((infoHash) => [infoHash, server.counts(infoHash)])
}

/** Writes peers as clients want them. */
function packPeers(peers: readonly SwarmPeer[]): Pick<Announced, 'peers' | 'peers6'> {
  const v4 = Buffer.allocUnsafe(peers.length * 6)
  let at = 0
  const v6: Uint8Array[] = []
  for (const { ip, port } of peers) {
    if (ip.includes(':')) {
      const bytes = ipv6Bytes(ip)
      if (bytes) v6.push(bytes, Uint8Array.of(port >> 8, port & 255))
      continue
    }
    let part = 0
    for (let index = 0; index < ip.length; index++) {
      const code = ip.charCodeAt(index)
      if (code === DOT) {
        v4[at++] = part
        part = 0
      } else part = part * 10 + code - ZERO
    }
    v4[at++] = part
    v4[at++] = port >> 8
    v4[at++] = port & 255
  }
  return { peers: v4.subarray(0, at), peers6: Buffer.concat(v6) }
}

const connectionSecret = randomBytes(32)

/** Proves that a client receives what is sent to its address, so that no one announces or draws answers for another (BEP 15). */
function connectionId(from: RemoteInfo, window: number): Buffer {
  const about = Buffer.from(`${window} ${from.address} ${from.port}`)
  // Made for each packet; the secret before and after it is a MAC that takes a third of an HMAC's time.
  const secret = Buffer.concat([connectionSecret, about, connectionSecret])
  return hash('sha256', secret, 'buffer').subarray(0, 8)
}

function onUdp(server: TrackerServer, socket: Socket, message: Buffer, from: RemoteInfo): void {
  if (message.length < 16) return
  const action = message.readUInt32BE(8)
  const transaction = message.subarray(12, 16)
  const send = (code: number, ...parts: Uint8Array[]) => {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(code)
    // A client that is gone by now is no one's error.
    socket.send(Buffer.concat([head, transaction, ...parts]), from.port, from.address, () => undefined)
  }
  const window = Math.floor(Date.now() / CONNECTION_ID_MS)
  if (action === ACTION.connect) {
    if (message.readBigUInt64BE(0) === CONNECT_MAGIC) send(ACTION.connect, connectionId(from, window))
    return
  }
  const given = message.subarray(0, 8)
  if (![window, window - 1].some((at) => timingSafeEqual(connectionId(from, at), given))) {
    send(ACTION.error, Buffer.from('Unknown connection id'))
    return
  }
  const request = parseUdpRequest(message, from.port, MAX_SCRAPE_HASHES)
  if (request.kind === 'failure') {
    send(ACTION.error, Buffer.from(request.failure))
  } else if (request.kind === 'scrape') {
    const counts = scrapeCounts(server, request).map(([, { seeders, completed, leechers }]) =>
      uint32s(seeders, completed, leechers),
    )
    send(ACTION.scrape, ...counts)
  } else {
    announce(server, 'udp', request, from.address, (answer) => {
      if (typeof answer === 'string') return send(ACTION.error, Buffer.from(answer))
      // Over IPv6 a peer takes 18 bytes (BEP 15).
      const peers = from.family === 'IPv6' ? answer.peers6 : answer.peers
      send(ACTION.announce, uint32s(answer.interval, answer.incomplete, answer.complete), peers)
    })
  }
}

function uint32s(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4)
  return bytes
}

/** Takes WebSocket upgrades on `/announce` and keeps count of what it opened, so that it can end it. */
function openSockets(server: TrackerServer, http: HttpServer | null): { sweep(): void; close(): void } {
  /** Each socket, and whether it answered since the last sweep. */
  const open = new Map<TrackerSocket, boolean>()
  const onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    if ((request.url ?? '').split('?', 1)[0] !== '/announce') {
      // With no other listener the connection is ours to refuse, or it would hang.
      if (http?.listenerCount('upgrade') === 1) refuseUpgrade(stream, '404 Not Found')
      return
    }
    if (open.size >= MAX_SOCKETS) return refuseUpgrade(stream, '503 Service Unavailable')
    server.ws.handleUpgrade(request, stream, head, (opened) => {
      const socket = opened as TrackerSocket
      open.set(socket, true)
      socket.on('pong', () => open.set(socket, true))
      socket.on('close', () => open.delete(socket))
      socket.on('error', () => socket.terminate())
      server.ws.emit('connection', socket, request)
    })
  }
  http?.on('upgrade', onUpgrade)
  return {
    sweep() {
      for (const [socket, answered] of open) {
        if (!answered) {
          socket.terminate()
          continue
        }
        open.set(socket, false)
        socket.ping()
      }
    },
    close() {
      http?.removeListener('upgrade', onUpgrade)
      for (const socket of open.keys()) socket.terminate()
    },
  }
}

function refuseUpgrade(stream: Duplex, status: string): void {
  stream.on('error', () => undefined)
  stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

type OnMessage = (message: Buffer, from: RemoteInfo) => void

async function openUdp(options: TrackerOptions, listener: (socket: Socket) => OnMessage): Promise<Socket[]> {
  if (options.udpPort === null) return []
  const address = options.http?.address()
  const bound = typeof address === 'object' && address !== null ? address : undefined
  const host = options.host ?? bound?.address ?? '127.0.0.1'
  let port = options.udpPort ?? bound?.port
  if (port === undefined) {
    throw new QalError(
      'swarm_tracker_listen',
      'Cannot start the tracker: expected a listening HTTP server or a UDP port',
      {
        field: 'udpPort',
      },
    )
  }
  // A socket on `::` would see IPv4 clients under mapped addresses that no compact peer list can hold.
  const hosts = host === '::' ? ['0.0.0.0', '::'] : [host === 'localhost' ? '127.0.0.1' : host]
  const sockets: Socket[] = []
  try {
    for (const at of hosts) {
      const socket = createSocket({ type: isIPv6(at) ? 'udp6' : 'udp4', ipv6Only: isIPv6(at) })
      sockets.push(socket)
      socket.on('message', listener(socket))
      socket.bind(port, at)
      await once(socket, 'listening')
      socket.on('error', () => undefined)
      ;({ port } = socket.address())
    }
  } catch (cause) {
    await Promise.all(sockets.map(closeUdp))
    throw new QalError(
      'swarm_tracker_listen',
      `Cannot listen on UDP port ${port} of ${host}: ${String(cause)}`,
      {
        found: `${host}:${port}`,
        cause,
      },
    )
  }
  return sockets
}

async function closeUdp(socket: Socket): Promise<void> {
  const closed = once(socket, 'close')
  try {
    socket.close()
  } catch {
    // Never bound: nothing to wait for.
    return
  }
  await closed
}
