/* oxlint-disable no-underscore-dangle -- the names under which the library can be extended */
import Server, {
  type AnnounceResponse,
  type RequestParams,
  type ScrapeParams,
  type ScrapeResponse,
  type SwarmPeer,
  type TrackerSocket,
} from 'bittorrent-tracker/server'
import { latin1 } from '../torrent/refuse.ts'
import { parseSocketMessage, type SocketMessage } from './tracker-messages.ts'

/** What a tracker knows about one torrent's swarm. */
export interface SwarmCounts {
  seeders: number
  leechers: number
  /** Downloads that a peer said it finished while it was here; lost at restart. */
  completed: number
}

/** As BEP 15 has it, and enough for the other protocols. */
export const MAX_SCRAPE_HASHES = 74
/** Offers carry a whole SDP each; browsers send five. */
const MAX_SOCKET_MESSAGE_BYTES = 256 * 1024
const MAX_PEERS_PER_SWARM = 2_000
/** Browsers announce so many times more often than others, as the library has it: their peers come by the tracker alone. */
const SOCKET_INTERVALS = 5
const NO_COUNTS: SwarmCounts = { seeders: 0, leechers: 0, completed: 0 }

/**
 * The library's swarm, counting people: a client that announces over UDP and
 * WebSocket has two entries with one peer id and is one seeder. Completed
 * downloads, for which the library answers with the number of seeders, are counted.
 */
class CountingSwarm extends Server.Swarm {
  completed = 0
  readonly #entries = new Map<string, { all: number; complete: number }>()
  #seeders = 0

  counts(): SwarmCounts {
    return { seeders: this.#seeders, leechers: this.#entries.size - this.#seeders, completed: this.completed }
  }

  /** Lets entries that were not renewed go; the library itself drops them only when it meets them. */
  sweep(): void {
    for (const id of this.peers.keys) this.peers.peek(id)
  }

  override _onAnnounceStarted(params: RequestParams, peer: SwarmPeer | undefined, id: string): void {
    if (!peer) this.#change(params.peer_id, 1, params.left === 0 ? 1 : 0)
    super._onAnnounceStarted(params, peer, id)
  }

  override _onAnnounceStopped(params: RequestParams, peer: SwarmPeer | undefined, id: string): void {
    if (peer) this.#change(peer.peerId, -1, peer.complete ? -1 : 0)
    super._onAnnounceStopped(params, peer, id)
  }

  override _onAnnounceCompleted(params: RequestParams, peer: SwarmPeer | undefined, id: string): void {
    if (peer && !peer.complete) {
      if ((this.#entries.get(peer.peerId)?.complete ?? 0) === 0) this.completed++
      this.#change(peer.peerId, 0, 1)
    }
    super._onAnnounceCompleted(params, peer, id)
  }

  override _onAnnounceUpdate(params: RequestParams, peer: SwarmPeer | undefined, id: string): void {
    if (peer && !peer.complete && params.left === 0) this.#change(peer.peerId, 0, 1)
    super._onAnnounceUpdate(params, peer, id)
  }

  #change(peerId: string, all: number, complete: number): void {
    const before = this.#entries.get(peerId) ?? { all: 0, complete: 0 }
    const after = { all: before.all + all, complete: before.complete + complete }
    if (before.complete > 0) this.#seeders--
    if (after.complete > 0) this.#seeders++
    if (after.all > 0) this.#entries.set(peerId, after)
    else this.#entries.delete(peerId)
  }
}

/**
 * bittorrent-tracker's server as swarm logic and WebRTC signalling only: it
 * opens no socket. Its own HTTP and WebSocket readers hand a request's fields
 * on unchecked, so that `?socket=1` or `offers: [null]` ends the process
 * (2026, version 11.2.3); here every request is rebuilt from checked fields first.
 */
export class TrackerServer extends Server {
  readonly #allow: (infoHash: string) => boolean

  constructor(options: { allow: (infoHash: string) => boolean; intervalMs: number }) {
    super({
      http: false,
      udp: false,
      stats: false,
      ws: { noServer: true, maxPayload: MAX_SOCKET_MESSAGE_BYTES },
      interval: options.intervalMs,
      peersCacheLength: MAX_PEERS_PER_SWARM,
      peersCacheTtl: options.intervalMs * 2,
      filter: (infoHash, _params, callback) => {
        callback(options.allow(infoHash) ? null : new Error('This tracker does not know that info hash'))
      },
    })
    this.#allow = options.allow
  }

  counts(infoHash: string): SwarmCounts {
    const swarm = this.torrents[infoHash]
    return swarm instanceof CountingSwarm ? swarm.counts() : NO_COUNTS
  }

  announce(params: RequestParams, callback: (error: Error | null, answer?: AnnounceResponse) => void): void {
    this._onRequest(params, callback)
  }

  sweep(): void {
    for (const [infoHash, swarm] of Object.entries(this.torrents)) {
      if (swarm instanceof CountingSwarm) swarm.sweep()
      if (swarm.peers.keys.length === 0 && !this.#allow(infoHash)) delete this.torrents[infoHash]
    }
  }

  /** Makes the swarm in the same step: the library's two steps let a second first announce replace the first one's swarm. */
  override getSwarm(infoHash: string, callback: (error: Error | null, swarm?: CountingSwarm) => void): void {
    let swarm = this.torrents[infoHash]
    if (!(swarm instanceof CountingSwarm)) swarm = this.torrents[infoHash] = new CountingSwarm(infoHash, this)
    const found = swarm as CountingSwarm
    process.nextTick(() => callback(null, found))
  }

  override _onScrape(
    params: ScrapeParams,
    callback: (error: Error | null, response?: ScrapeResponse) => void,
  ): void {
    const files: ScrapeResponse['files'] = {}
    for (const infoHash of params.info_hash ?? []) {
      const { seeders, leechers, completed } = this.counts(infoHash)
      files[binary(infoHash)] = {
        complete: seeders,
        incomplete: leechers,
        downloaded: completed,
      }
    }
    callback(null, { action: 2, files })
  }

  /** Ours from end to end: the library reads a client's message once more, and writes its own for a log that nobody keeps. */
  override _onWebSocketRequest(socket: TrackerSocket, _options: object, text: unknown): void {
    const message = parseSocketMessage(String(text), MAX_SCRAPE_HASHES)
    // Held by the library for what it would have read of it.
    socket.upgradeReq = null
    if (message.kind === 'failure') return say(socket, { 'failure reason': message.failure })
    if (message.kind === 'scrape') {
      return this._onScrape({ info_hash: message.infoHashes }, (_error, found) =>
        say(socket, { action: 'scrape', files: found?.files }),
      )
    }
    // One peer id a socket: only that one is taken out of the swarms when the socket closes.
    if ((socket.peerId ??= message.peerId) !== message.peerId)
      return say(socket, { 'failure reason': 'Another peer_id on the same socket' })
    if (message.kind === 'answer') this.#handOn(message)
    else this.#onSocketAnnounce(socket, message)
  }

  #handOn({ infoHash, peerId, to, offerId, answer }: Kind<'answer'>): void {
    const found = this.torrents[infoHash]?.peers.get(to)?.socket
    if (!found) return
    say(found, {
      action: 'announce',
      answer,
      offer_id: offerId,
      peer_id: binary(peerId),
      info_hash: binary(infoHash),
    })
  }

  #onSocketAnnounce(socket: TrackerSocket, message: Kind<'announce'>): void {
    const { infoHash, peerId, event, left, offers } = message
    const params = {
      type: 'ws' as const,
      action: 1,
      info_hash: infoHash,
      peer_id: peerId,
      event,
      left,
      numwant: offers.length,
      compact: -1 as const,
      // Browsers are found by their socket.
      ip: '',
      port: 0,
      addr: '',
      socket,
    }
    const about = { action: 'announce', info_hash: binary(infoHash) }
    this._onRequest(params, (error, answer) => {
      if (this.destroyed || socket.destroyed) return
      if (!answer) return say(socket, { ...about, 'failure reason': error?.message ?? 'no answer' })
      if (!socket.infoHashes.includes(infoHash)) socket.infoHashes.push(infoHash)
      const { seeders, leechers } = this.counts(infoHash)
      const interval = Math.ceil(this.intervalMs / 1000 / SOCKET_INTERVALS)
      say(socket, { ...about, interval, complete: seeders, incomplete: leechers })
      for (const [index, peer] of answer.peers.entries()) {
        const offer = offers[index]
        if (peer.socket && offer) say(peer.socket, { ...about, ...offer, peer_id: binary(peerId) })
      }
    })
  }
}

type Kind<K extends SocketMessage['kind']> = Extract<SocketMessage, { kind: K }>

/** Who is gone by now gets nothing; its socket's end is dealt with where it closes. */
function say(socket: TrackerSocket, message: object): void {
  socket.send(JSON.stringify(message), () => undefined)
}

function binary(hex: string): string {
  return latin1(Buffer.from(hex, 'hex'))
}
