/* oxlint-disable no-underscore-dangle -- the names under which the library can be extended */
import { randomBytes } from 'node:crypto'
import DHT, { type DhtContact, type DhtQuery, type DhtReply, type DhtSender } from 'bittorrent-dht'
import { DhtPeers } from './dht-peers.ts'
import type { DhtSocket } from './dht-socket.ts'

/** What one node answered about a torrent. */
export interface DhtAnswer {
  host: string
  port: number
  /** Compact, 6 bytes each, checked. */
  values: Buffer[]
  filters: { seeds: Buffer; peers: Buffer } | undefined
}

/** As BEP 5 has it; the library hands out every node it knows, in a datagram of any size. */
const NODES_IN_ANSWER = 8
const VALUES_IN_ANSWER = 50
/** Beside two filters of 256 bytes. */
const VALUES_WITH_FILTERS = 20
const QUERY_TIMEOUT_MS = 2_000
const CONCURRENCY = 8
/** A lookup in a network of millions asks some dozens; whoever leads it further leads it astray. */
const MAX_ANSWERS = 250
const SWEEP_MS = 60_000

/** bittorrent-dht, with BEP 33 on both sides, bounded answers, and nothing of BEP 44. */
export class DhtNode extends DHT {
  readonly #stored = new DhtPeers()
  readonly #sweeper: NodeJS.Timeout
  readonly #serves: boolean

  constructor(
    socket: DhtSocket,
    { routers, serves }: { routers: { host: string; port: number }[]; serves: boolean },
  ) {
    super({
      nodeId: randomBytes(20),
      bootstrap: routers.length > 0 ? routers : false,
      socket,
      timeout: QUERY_TIMEOUT_MS,
      concurrency: CONCURRENCY,
    })
    this.#serves = serves
    this.#sweeper = setInterval(() => this.#stored.sweep(Date.now()), SWEEP_MS)
    this.#sweeper.unref()
    this.on('error', () => undefined)
  }

  override _bootstrap(populate: boolean): void {
    // Who only asks finds its way with the first lookup, and is nobody's neighbour.
    super._bootstrap(populate && this.#serves)
  }

  /**
   * Asks the nodes nearest to an info hash; `onAnswer` says whether to go on.
   * Resolves when they are found, or `signal` ends it, with those of them that
   * would take an announce.
   */
  async lookup(
    infoHash: Buffer,
    options: { scrape: boolean; signal: AbortSignal; onAnswer: (answer: DhtAnswer) => boolean },
  ): Promise<DhtContact[]> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { signal } = options
    const willing: DhtContact[] = []
    let answers = 0
    signal.addEventListener('abort', () => resolve(), { once: true })
    const message = {
      q: 'get_peers',
      a: { id: this._rpc.id, info_hash: infoHash, ...(options.scrape ? { scrape: 1 } : undefined) },
    }
    this._closest(
      infoHash,
      message,
      (reply, node) => {
        if (signal.aborted || ++answers > MAX_ANSWERS) return false
        const at = { host: node.host ?? node.address ?? '', port: node.port }
        const { id, token } = reply.r ?? {}
        if (Buffer.isBuffer(id) && Buffer.isBuffer(token)) willing.push({ id, token, ...at })
        return options.onAnswer({ ...at, ...readAnswer(reply) })
      },
      () => resolve(),
    )
    await promise
    return willing
      .toSorted((a, b) => Buffer.compare(distance(a.id, infoHash), distance(b.id, infoHash)))
      .slice(0, NODES_IN_ANSWER)
  }

  /** Announces to nodes that a lookup found; resolves with how many took it. */
  announce(
    infoHash: Buffer,
    nearest: DhtContact[],
    { port, seed }: { port: number; seed: boolean },
  ): Promise<number> {
    if (nearest.length === 0) return Promise.resolve(0)
    const message = {
      q: 'announce_peer',
      // The token is each node's own, and set by the library.
      a: { id: this._rpc.id, token: null, info_hash: infoHash, port, implied_port: 0, seed: seed ? 1 : 0 },
    }
    return new Promise((resolve) => {
      this._rpc.queryAll(nearest, message, null, (_error, hits) => resolve(hits))
    })
  }

  override destroy(callback: () => void): void {
    clearInterval(this.#sweeper)
    super.destroy(callback)
  }

  override _onquery(query: DhtQuery, from: DhtSender): void {
    const { info_hash: infoHash, target } = query.a
    const method = query.q.toString()
    if (method === 'ping') this._rpc.response(from, query, { id: this._rpc.id })
    else if (method === 'find_node' && Buffer.isBuffer(target)) {
      this._rpc.response(from, query, { id: this._rpc.id }, this._rpc.nodes.closest(target, NODES_IN_ANSWER))
    } else if (method === 'get_peers' && Buffer.isBuffer(infoHash)) this.#onGetPeers(query, infoHash, from)
    else if (method === 'announce_peer' && Buffer.isBuffer(infoHash)) this.#onAnnounce(query, infoHash, from)
  }

  #onGetPeers(query: DhtQuery, infoHash: Buffer, from: DhtSender): void {
    const key = infoHash.toString('hex')
    const now = Date.now()
    const filters = query.a['scrape'] === 1 ? this.#stored.filters(key, now) : undefined
    const count = filters ? VALUES_WITH_FILTERS : VALUES_IN_ANSWER
    const values = this.#stored.compact(key, { count, noseed: query.a['noseed'] === 1, now })
    const fields: Record<string, Buffer | Buffer[]> = { id: this._rpc.id }
    if (this.#stored.hasRoom(key, now)) fields['token'] = this._generateToken(from.address)
    if (values.length > 0) fields['values'] = values
    if (filters) {
      fields['BFsd'] = Buffer.from(filters.seeds)
      fields['BFpe'] = Buffer.from(filters.peers)
    }
    this._rpc.response(from, query, fields, this._rpc.nodes.closest(infoHash, NODES_IN_ANSWER))
  }

  #onAnnounce(query: DhtQuery, infoHash: Buffer, from: DhtSender): void {
    const { token, port: given, implied_port: implied, seed } = query.a
    if (!Buffer.isBuffer(token) || !this._validateToken(from.address, token)) {
      this._rpc.error(from, query, [203, 'bad token'])
      return
    }
    const port = implied === 1 ? from.port : Number(given)
    this.#stored.put(infoHash.toString('hex'), from.address, { port, seed: seed === 1, now: Date.now() })
    this._rpc.response(from, query, { id: this._rpc.id })
  }
}

function distance(id: Buffer, infoHash: Buffer): Buffer {
  return Buffer.from(id.map((byte, index) => byte ^ (infoHash[index] ?? 0)))
}

function readAnswer({ r }: DhtReply): Pick<DhtAnswer, 'values' | 'filters'> {
  const { values, BFsd: seeds, BFpe: peers } = r ?? {}
  return {
    values: Array.isArray(values) ? values : [],
    filters: Buffer.isBuffer(seeds) && Buffer.isBuffer(peers) ? { seeds, peers } : undefined,
  }
}
