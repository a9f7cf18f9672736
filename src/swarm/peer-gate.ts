import { isIP } from 'node:net'
import type { Torrent, Wire } from 'webtorrent'
import { isPublicAddress, unmapped, type AddressPolicy } from './addresses.ts'
import type { FetchProgress } from './fetch-protocol.ts'

/** Who may be spoken to, and who no longer. */
export interface PeerGate {
  /** Tries a peer that a tracker or the caller named as `ip:port`. */
  add(peer: string): void
  /** Begins with a web seed. */
  addWebSeed(seed: GatedWebSeed): void
  /** The name that a wire's peer is known by. */
  nameOf(wire: Wire): string
  /** A piece was right; who sent its blocks, by name. */
  onRight(senders: ReadonlySet<string>): void
  onWrong(senders: ReadonlySet<string>): void
}

export interface GatedWebSeed {
  readonly name: string
  start(): void
  stop(): void
}

export interface GateOptions {
  /** The library's peers; null where only web seeds are asked. */
  torrent: Torrent | null
  policy: AddressPolicy
  progress: FetchProgress
  /** Somebody is not asked again, for wrong bytes. */
  onBan: (name: string, pieces: number) => void
}

/** A peer that had a part in so many wrong pieces beside proven ones is not asked again. */
const MAX_STRIKES = 3

/**
 * Lets only peers at allowed addresses through, whoever names them, and finds
 * out who sends wrong bytes, for the library asks a liar again for ever. A
 * piece's hash tells only that someone of those who sent its blocks lied: a
 * lone sender is shut out; of several unproven ones all but one are set aside
 * until that one has sent a right piece or a wrong one alone.
 */
export function gatePeers({ torrent, policy, progress, onBan }: GateOptions): PeerGate {
  const open = torrent?.addPeer.bind(torrent)
  const names = new WeakMap<Wire, string>()
  const seen = new Set<string>()
  const refused = new Set<string>()
  const banned = new Set<string>()
  const aside = new Set<string>()
  const proven = new Set<string>()
  const strikes = new Map<string, number>()
  const wrong = new Map<string, number>()
  const webSeeds = new Map<string, GatedWebSeed>()

  function connect(peer: string): boolean {
    const parts = splitPeer(peer)
    if (!parts || !open || torrent?.destroyed === true || isShut(peer, parts.ip)) return false
    if (policy.allowsAddress(parts.ip, parts.port)) return open(peer, 'tracker')
    refused.add(peer)
    progress.refusedPeers = refused.size
    return false
  }
  function isShut(peer: string, ip: string | undefined): boolean {
    return banned.has(peer) || aside.has(peer) || (ip !== undefined && banned.has(ip))
  }
  function shut(peer: string): void {
    const seed = webSeeds.get(peer)
    if (seed) seed.stop()
    else torrent?.removePeer(peer)
  }
  function ban(peer: string): void {
    banned.add(peer)
    const ip = splitPeer(peer)?.ip
    // Behind an address that only this machine or its network has there may be many peers.
    if (ip !== undefined && isPublicAddress(ip)) banned.add(ip)
    shut(peer)
    onBan(peer, wrong.get(peer) ?? 1)
  }
  function takeBack(): void {
    const back = [...aside]
    aside.clear()
    for (const peer of back) {
      const seed = webSeeds.get(peer)
      if (seed) seed.start()
      else connect(peer)
    }
  }
  function onRight(senders: ReadonlySet<string>): void {
    const [sender, other] = senders
    if (sender === undefined || other !== undefined) return
    proven.add(sender)
    takeBack()
  }
  function onWrong(senders: ReadonlySet<string>): void {
    progress.badPieces++
    const guilty = [...senders]
    const [first] = guilty
    if (first === undefined) return
    for (const peer of guilty) wrong.set(peer, (wrong.get(peer) ?? 0) + 1)
    if (guilty.length === 1) {
      ban(first)
      takeBack()
      return
    }
    const suspects = guilty.filter((peer) => !proven.has(peer))
    if (suspects.length === 0) {
      for (const peer of guilty) proven.delete(peer)
    } else if (suspects.length < guilty.length) {
      for (const peer of suspects) {
        strikes.set(peer, (strikes.get(peer) ?? 0) + 1)
        if ((strikes.get(peer) ?? 0) >= MAX_STRIKES) ban(peer)
      }
    } else {
      const trusted = suspects[Math.floor(Math.random() * suspects.length)]
      for (const peer of suspects) {
        if (peer === trusted) continue
        aside.add(peer)
        shut(peer)
      }
    }
  }

  if (torrent) torrent.addPeer = (peer) => typeof peer === 'string' && connect(peer)
  torrent?.on('wire', (wire: Wire, address?: string) => {
    const from = address ?? wire.peerId
    names.set(wire, from)
    // The library reconnects of its own accord, and who connected to us was named by nobody.
    if (isShut(from, splitPeer(from)?.ip)) return wire.destroy()
    seen.add(from)
    progress.peersSeen = seen.size
    wire.on('download', (bytes: number) => (progress.fromPeers += bytes))
  })
  return {
    add: (peer) => void connect(peer),
    addWebSeed(seed) {
      webSeeds.set(seed.name, seed)
      seed.start()
    },
    nameOf: (wire) => names.get(wire) ?? wire.peerId,
    onRight,
    onWrong,
  }
}

function splitPeer(peer: string): { ip: string; port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(peer)
  const ip = unmapped(match?.[1] ?? match?.[2] ?? '')
  const port = Number(match?.[3])
  return isIP(ip) !== 0 && port > 0 && port < 65_536 ? { ip, port } : undefined
}
