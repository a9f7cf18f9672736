import { isIP } from 'node:net'
import type { Torrent, Wire } from 'webtorrent'
import { isPublicAddress, unmapped, type AddressPolicy } from './addresses.ts'
import type { FetchProgress } from './fetch-protocol.ts'

/** Who may be spoken to, and who no longer. */
export interface PeerGate {
  /** Tries a peer that a tracker or the caller named as `ip:port`. */
  add(peer: string): void
  /** Tries a web seed; `open` connects it, again after it was set aside. */
  addWebSeed(url: string, open: () => void): void
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
export function gatePeers(torrent: Torrent, policy: AddressPolicy, progress: FetchProgress): PeerGate {
  const open = torrent.addPeer.bind(torrent)
  const seen = new Set<string>()
  const refused = new Set<string>()
  const banned = new Set<string>()
  const aside = new Set<string>()
  const proven = new Set<string>()
  const strikes = new Map<string, number>()
  const webSeeds = new Map<string, () => void>()
  /** Who sent blocks of a piece since it last failed. */
  const senders = new Map<number, Set<string>>()

  function connect(peer: string): boolean {
    const parts = splitPeer(peer)
    if (!parts || torrent.destroyed || isShut(peer, parts.ip)) return false
    if (policy.allowsAddress(parts.ip, parts.port)) return open(peer, 'tracker')
    refused.add(peer)
    progress.refusedPeers = refused.size
    return false
  }
  function isShut(peer: string, ip: string | undefined): boolean {
    return banned.has(peer) || aside.has(peer) || (ip !== undefined && banned.has(ip))
  }
  function ban(peer: string): void {
    banned.add(peer)
    const ip = splitPeer(peer)?.ip
    // Behind an address that only this machine or its network has there may be many peers.
    if (ip !== undefined && isPublicAddress(ip)) banned.add(ip)
    torrent.removePeer(peer)
  }
  function takeBack(): void {
    const back = [...aside]
    aside.clear()
    for (const peer of back) {
      const reopen = webSeeds.get(peer)
      if (reopen) reopen()
      else connect(peer)
    }
  }
  function onRightPiece(index: number): void {
    const [sender, other] = senders.get(index) ?? []
    senders.delete(index)
    if (sender === undefined || other !== undefined) return
    proven.add(sender)
    takeBack()
  }
  function onWrongPiece(index: number): void {
    progress.badPieces++
    const guilty = [...(senders.get(index) ?? [])]
    senders.delete(index)
    const [first] = guilty
    if (first === undefined) return
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
        torrent.removePeer(peer)
      }
    }
  }

  torrent.addPeer = (peer) => typeof peer === 'string' && connect(peer)
  torrent.on('wire', (wire: Wire, address?: string) => {
    const from = wire.type === 'webSeed' ? webSeedOf(torrent, wire) : (address ?? wire.peerId)
    // The library reconnects of its own accord, and who connected to us was named by nobody.
    if (isShut(from, splitPeer(from)?.ip)) return wire.destroy()
    if (wire.type !== 'webSeed') {
      seen.add(from)
      progress.peersSeen = seen.size
    }
    wire.on('download', (bytes: number) => {
      if (wire.type === 'webSeed') progress.fromWebSeeds += bytes
      else progress.fromPeers += bytes
    })
    wire.on('piece', (index: number) => {
      const known = senders.get(index)
      if (known) known.add(from)
      else senders.set(index, new Set([from]))
    })
  })
  torrent.on('verified', onRightPiece)
  torrent.on('warning', (warning: Error) => {
    const index = /^Piece (\d+) failed verification/.exec(warning.message)?.[1]
    if (index !== undefined) onWrongPiece(Number(index))
  })
  return {
    add: (peer) => void connect(peer),
    addWebSeed(url, reopen) {
      webSeeds.set(url, reopen)
      reopen()
    },
  }
}

/** The URL under which the library keeps a web seed's connection. */
function webSeedOf(torrent: Torrent, wire: Wire): string {
  // oxlint-disable-next-line no-underscore-dangle -- nothing else tells which web seed a wire belongs to
  for (const [id, peer] of torrent._peers) if (peer.wire === wire) return id
  return 'web seed'
}

function splitPeer(peer: string): { ip: string; port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(peer)
  const ip = unmapped(match?.[1] ?? match?.[2] ?? '')
  const port = Number(match?.[3])
  return isIP(ip) !== 0 && port > 0 && port < 65_536 ? { ip, port } : undefined
}
