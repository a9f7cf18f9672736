/* oxlint-disable no-underscore-dangle -- the library has no other hook for what is asked of whom */
import type { Torrent, Wire } from 'webtorrent'
import type { BlockSource, Download } from './download.ts'
import { BLOCK_BYTES, type BlockRequest } from './piece-plan.ts'
import type { RateLimit } from './rate-limit.ts'
import { readBlocks } from './wire-blocks.ts'

export interface WiresOptions {
  torrent: Torrent
  download: Download
  limit: RateLimit
  /** The name by which a wire's peer is known. */
  nameOf: (wire: Wire) => string
}

/** Requests that a peer is left with: for about a second at its speed. */
const MIN_PIPELINE = 8
const MAX_PIPELINE = 500
/** Of the pipeline, before it is filled up again. */
const REFILL_AT = 0.7

/**
 * Lets the download decide what the library's peers are asked for, in place of
 * the library's own choice, which keeps any number of pieces in memory, looks at
 * every piece for every block and hashes in the thread that speaks with peers.
 * The connections, handshakes, choking and uploads stay the library's.
 */
export class Wires {
  readonly #options: WiresOptions
  readonly #sources = new WeakMap<Wire, WireSource>()
  /** Had nothing that is missing, and nothing has changed since. */
  #dry = new WeakSet<Wire>()
  #filling = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: WiresOptions) {
    this.#options = options
    const { torrent } = options
    torrent.on('wire', (wire: Wire) => this.#read(wire))
    // The library calls these whenever a peer says something new.
    torrent._updateWire = (wire) => this.#fill(wire)
    torrent._updateWireInterest = (wire) => {
      this.#dry.delete(wire)
      this.#showInterest(wire)
    }
  }

  /** There may be something to ask for again. */
  wake(): void {
    this.#dry = new WeakSet()
    if (this.#filling) return
    this.#filling = true
    queueMicrotask(() => {
      this.#filling = false
      const { torrent } = this.#options
      if (torrent.destroyed) return
      for (const wire of torrent.wires.toSorted(() => Math.random() - 0.5)) this.#fill(wire)
    })
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  /** A piece is right: the library serves it, and its peers are told. */
  have(index: number): void {
    const { torrent } = this.#options
    if (torrent.destroyed || !torrent.ready) return
    torrent._markVerified(index)
    for (const wire of torrent.wires) wire.have(index)
  }

  #fill(wire: Wire): void {
    const { download, limit } = this.#options
    if (wire.destroyed || wire.peerChoking || !wire.amInterested || this.#dry.has(wire)) return
    const most = pipelineOf(wire)
    const source = this.#sourceOf(wire)
    const has = (index: number) => wire.peerPieces.get(index)
    const rarity = this.#rarity()
    while (wire.requests.length < most && !wire.destroyed) {
      const waitMs = limit.take(BLOCK_BYTES)
      if (waitMs > 0) return this.#later(waitMs)
      const request = download.plan.next(source, has, rarity)
      if (!request) {
        this.#dry.add(wire)
        if (wire.requests.length === 0 && !download.plan.someMissing(has)) wire.uninterested()
        return
      }
      if (!this.#ask(wire, source, request)) return
    }
  }

  /** False where the wire refuses at once. */
  #ask(wire: Wire, source: WireSource, request: BlockRequest<BlockSource>): boolean {
    const { download } = this.#options
    const { piece, offset, length } = request
    let refused = false
    source.asked.set(request.start, request)
    wire.request(piece.index, offset, length, (error) => {
      if (source.asked.get(request.start) === request) source.asked.delete(request.start)
      if (error) {
        refused = true
        download.lost([request], source)
        return
      }
      download.got(request, source)
      if (wire.requests.length < pipelineOf(wire) * REFILL_AT) this.#fill(wire)
    })
    return !refused
  }

  #sourceOf(wire: Wire): WireSource {
    let source = this.#sources.get(wire)
    if (!source) {
      source = new WireSource(wire, this.#options.nameOf(wire))
      this.#sources.set(wire, source)
      const made = source
      wire.once('close', () => this.#options.download.plan.forget(made))
    }
    return source
  }

  /** Bytes of a block that a peer is sending go straight into their piece. */
  #read(wire: Wire): void {
    const { download } = this.#options
    const { pieceLength } = download.layout
    readBlocks(wire, (index, offset, length) => {
      const source = this.#sourceOf(wire)
      const request = source.asked.get(index * pieceLength + offset)
      if (request?.length !== length) return null
      return (bytes, at) => download.put(request, bytes, { at, source })
    })
  }

  /** While everyone has everything the order harms nobody, and in order costs the least; else what few have comes first. */
  #rarity(): ((index: number) => number) | undefined {
    const { wires, pieces } = this.#options.torrent
    // The library takes who has not said anything yet for a seeder.
    if (wires.every(({ isSeeder, peerPieces }) => isSeeder && peerPieces.get(pieces.length - 1)))
      return undefined
    return (index) => wires.reduce((count, wire) => count + (wire.peerPieces.get(index) ? 1 : 0), 0)
  }

  #showInterest(wire: Wire): void {
    // Whether it has something left is looked at again when there is nothing to ask it for.
    if (wire.amInterested) return
    if (this.#options.download.plan.someMissing((index) => wire.peerPieces.get(index))) wire.interested()
  }

  #later(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.wake()
    }, ms)
  }
}

class WireSource implements BlockSource {
  readonly name: string
  /** By their start. */
  readonly asked = new Map<number, BlockRequest<BlockSource>>()
  readonly #wire: Wire

  constructor(wire: Wire, name: string) {
    this.#wire = wire
    this.name = name
  }

  cancel({ piece, offset, length }: BlockRequest<BlockSource>): void {
    this.#wire.cancel(piece.index, offset, length)
  }
}

function pipelineOf(wire: Wire): number {
  const asMany = Math.ceil(wire.downloadSpeed() / BLOCK_BYTES)
  // A peer may say how many it keeps (BEP 10).
  const { reqq } = wire.peerExtendedHandshake
  const most = typeof reqq === 'number' && reqq > 0 ? Math.min(reqq, MAX_PIPELINE) : MAX_PIPELINE
  return Math.min(Math.max(asMany, MIN_PIPELINE), most)
}
