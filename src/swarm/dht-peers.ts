import { emptyFilter, insertAddress } from './bloom.ts'

/** One address's latest word about a torrent. */
interface StoredPeer {
  port: number
  seed: boolean
  at: number
}

const MAX_PEERS = 20_000
/** As BEP 33 asks: beyond it a filter tells nothing. */
const MAX_PEERS_PER_TORRENT = 6_000
/** Clients announce again after 15 to 30 minutes. */
const PEER_MS = 45 * 60_000

/** The peers that announced to a node of ours: one entry for each address of a torrent (BEP 33). */
export class DhtPeers {
  readonly #torrents = new Map<string, Map<string, StoredPeer>>()
  #size = 0

  /** Says whether it would take a new peer; without room for one no token is given out. */
  hasRoom(infoHash: string, now: number): boolean {
    if (this.#size >= MAX_PEERS) this.sweep(now)
    return this.#size < MAX_PEERS && (this.#torrents.get(infoHash)?.size ?? 0) < MAX_PEERS_PER_TORRENT
  }

  put(
    infoHash: string,
    address: string,
    { port, seed, now }: { port: number; seed: boolean; now: number },
  ): void {
    const known = this.#torrents.get(infoHash)?.get(address)
    if (!known && !this.hasRoom(infoHash, now)) return
    const peers = this.#torrents.get(infoHash) ?? new Map<string, StoredPeer>()
    this.#torrents.set(infoHash, peers)
    if (!known) this.#size++
    peers.set(address, { port, seed, at: now })
  }

  /** At most `count` peers in compact form, those that still download first where seeds are not wanted. */
  compact(
    infoHash: string,
    { count, noseed, now }: { count: number; noseed: boolean; now: number },
  ): Buffer[] {
    const all = this.#fresh(infoHash, now)
    const wanted = noseed ? all.filter(([, { seed }]) => !seed) : all
    // A different part of them each time, or all would go to the first few.
    const from = Math.floor(Math.random() * wanted.length)
    return [...wanted.slice(from), ...wanted.slice(0, from)].slice(0, count).map(([address, { port }]) => {
      const bytes = Buffer.alloc(6)
      for (const [index, part] of address.split('.').entries()) bytes[index] = Number(part)
      bytes.writeUInt16BE(port, 4)
      return bytes
    })
  }

  /** Filters of the addresses that seed and of those that do not (BEP 33), or undefined where there are none. */
  filters(infoHash: string, now: number): { seeds: Uint8Array; peers: Uint8Array } | undefined {
    const all = this.#fresh(infoHash, now)
    if (all.length === 0) return undefined
    const found = { seeds: emptyFilter(), peers: emptyFilter() }
    for (const [address, { seed }] of all) insertAddress(seed ? found.seeds : found.peers, address)
    return found
  }

  sweep(now: number): void {
    for (const [infoHash, peers] of this.#torrents) {
      for (const [address, { at }] of peers) {
        if (at >= now - PEER_MS) continue
        peers.delete(address)
        this.#size--
      }
      if (peers.size === 0) this.#torrents.delete(infoHash)
    }
  }

  #fresh(infoHash: string, now: number): [string, StoredPeer][] {
    return [...(this.#torrents.get(infoHash) ?? [])].filter(([, { at }]) => at >= now - PEER_MS)
  }
}
