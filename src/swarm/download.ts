import { statSync } from 'node:fs'
import { QalError } from '../core/error.ts'
import { NODE_BYTES, pieceLayerRoot } from '../torrent/merkle.ts'
import type { Metainfo } from '../torrent/metainfo.ts'
import { DiskSync } from './disk-sync.ts'
import { FileFollower, type Algorithm, type FileDigests } from './file-follower.ts'
import { layoutOf, partsFinder, pieceCount, piecesFor, pieceSize, type Layout } from './layout.ts'
import { nodeHashes } from './node-hashes.ts'
import type { PieceJournal } from './piece-journal.ts'
import { PiecePlan, type BlockRequest, type OpenPiece } from './piece-plan.ts'
import { pieceRules, type PieceRule } from './piece-rules.ts'
import { PieceThreads, type PieceMemory } from './piece-threads.ts'
import type { FilePlace } from './piece-thread.ts'

/** Who sends blocks: a peer or a web seed. */
export interface BlockSource {
  /** `ip:port` or URL. */
  readonly name: string
  /** Somebody else sent what it was asked for. */
  cancel(request: BlockRequest<BlockSource>): void
}

export interface DownloadOptions {
  metainfo: Metainfo
  /** Where each file lies, by its number; null for one that no wanted piece touches. */
  places: readonly (FilePlace | null)[]
  /** Numbers of the files to have. */
  wanted: readonly number[]
  /** Whole-file digests to work out. */
  algorithms: readonly Algorithm[]
  journal: PieceJournal
  /** A piece is right and on the disk; no senders where it was there before. */
  onRight: (index: number, senders: ReadonlySet<string>) => void
  onWrong: (senders: ReadonlySet<string>) => void
  /** There may be something to ask for again. */
  onRoom: () => void
}

/**
 * The pieces of one download, whoever sends them: checks each as it is complete,
 * in any order, by SHA-1 and by its v2 node, before it is written or counts;
 * then follows whole-file digests along.
 */
export class Download {
  readonly layout: Layout
  readonly plan: PiecePlan<BlockSource>
  /** Of the wanted pieces, pad bytes included. */
  readonly totalBytes: number
  readonly #options: DownloadOptions
  readonly #rules: (index: number) => PieceRule
  readonly #threads: PieceThreads
  readonly #follower: FileFollower
  readonly #sync: DiskSync
  readonly #done: Uint8Array
  /** Of open pieces, whose bytes are a view of it. */
  readonly #memories = new Map<ArrayBufferLike, PieceMemory>()
  /** v2 nodes of files whose layer did not come with the torrent. */
  readonly #layers = new Map<number, Uint8Array>()
  readonly #failed = Promise.withResolvers<never>()
  readonly #partsOf: ReturnType<typeof partsFinder>
  readonly #wantedPieces: number[]
  #complete = Promise.withResolvers<void>()
  #doneBytes = 0
  #waiting: (() => void)[] = []
  /** Pieces read again at the start, in bytes. */
  recheckedBytes = 0

  constructor(options: DownloadOptions) {
    this.#options = options
    const { metainfo, places, wanted } = options
    this.layout = layoutOf(metainfo)
    this.#partsOf = partsFinder(this.layout)
    this.#rules = pieceRules(metainfo)
    this.#wantedPieces = piecesFor(this.layout, wanted)
    this.totalBytes = this.#wantedPieces.reduce((sum, index) => sum + pieceSize(this.layout, index), 0)
    this.#done = new Uint8Array(pieceCount(this.layout))
    this.#threads = new PieceThreads({ layout: this.layout, places })
    this.#sync = new DiskSync(places)
    this.plan = new PiecePlan({
      layout: this.layout,
      wanted: this.#wantedPieces,
      // One is left for what has to be read back.
      takeMemory: () => {
        const memory = this.#threads.take(1)
        if (memory) this.#memories.set(memory.bytes.buffer, memory)
        return memory?.bytes
      },
    })
    this.#follower = new FileFollower({
      layout: this.layout,
      files: wanted,
      algorithms: options.algorithms,
      threads: this.#threads,
      has: (index) => this.#done[index] === 1,
      onMemory: () => this.#room(),
    })
    this.#failed.promise.catch(() => undefined)
    if (this.plan.left === 0) this.#complete.resolve()
  }

  get doneBytes(): number {
    return this.#doneBytes
  }

  /** Followed by whole-file digests. */
  get hashedBytes(): number {
    return this.#follower.hashedBytes
  }

  /** Read from the disk a second time, for a digest that came later than its piece. */
  get readBackBytes(): number {
    return this.#follower.readBackBytes
  }

  /** Which pieces are there, as peers tell each other (BEP 3). */
  bitfield(): Uint8Array {
    const bits = new Uint8Array(Math.ceil(this.#done.length / 8))
    for (const [index, done] of this.#done.entries())
      bits[index >> 3] = (bits[index >> 3] ?? 0) | (done << (7 - (index & 7)))
    return bits
  }

  /** Reads and checks what is there already, each byte once. */
  async recheck(onProgress: (checkedBytes: number, ofBytes: number) => void): Promise<void> {
    const candidates = this.#candidates()
    const total = candidates.reduce((sum, index) => sum + pieceSize(this.layout, index), 0)
    if (candidates.length === 0) return
    const { promise: all, resolve } = Promise.withResolvers<void>()
    let left = candidates.length
    for (const index of candidates) {
      const memory = await this.#orFailure(this.#memory())
      this.#guard(async () => {
        await this.#recheckPiece(index, memory)
        this.recheckedBytes += pieceSize(this.layout, index)
        onProgress(this.recheckedBytes, total)
        if (--left === 0) resolve()
      })
    }
    await this.#orFailure(all)
  }

  /** Takes a part of a block. */
  put(
    request: BlockRequest<BlockSource>,
    bytes: Uint8Array,
    { at, source }: { at: number; source: BlockSource },
  ): void {
    this.plan.put(request, bytes, { at, sender: source.name })
  }

  /** A block is complete; the sources that need not send it any more are told so. */
  got(request: BlockRequest<BlockSource>, source: BlockSource): void {
    const { fresh, others } = this.plan.got(request, source)
    for (const other of others) other.cancel(request)
    if (fresh && request.piece.missing === 0) this.#checkPiece(request.piece)
  }

  /** A source will not send what it was asked for. */
  lost(requests: readonly BlockRequest<BlockSource>[], source: BlockSource): void {
    for (const request of requests) this.plan.lost(request, source)
    if (requests.length > 0) this.#options.onRoom()
  }

  /** Resolves with the digests when everything wanted is there, right and safe on the disk. */
  async finish(): Promise<Map<number, FileDigests>> {
    await this.#orFailure(this.#complete.promise)
    const digests = await this.#orFailure(this.#follower.finished)
    await this.#checkRoots()
    await this.#sync.finish()
    return digests
  }

  async close(): Promise<void> {
    await this.#threads.close()
    await this.#sync.close()
  }

  /** Pieces that may be there: of files that lie under their names, and those that an earlier run finished. */
  #candidates(): number[] {
    const { journal, places } = this.#options
    // Without a journal whatever was written is looked at.
    const written = places.map((place) =>
      place ? (statSync(place.path, { throwIfNoEntry: false })?.size ?? 0) : 0,
    )
    return this.#wantedPieces.filter((index) => {
      const parts = this.#partsOf(index * this.layout.pieceLength, pieceSize(this.layout, index))
      if (parts.some(({ file }) => places[file]?.kept === true) || journal.finished?.[index] === 1)
        return true
      return (
        journal.finished === null &&
        parts.every(({ file, position, size }) => position + size <= (written[file] ?? 0))
      )
    })
  }

  #files(index: number): number[] {
    return this.#partsOf(index * this.layout.pieceLength, pieceSize(this.layout, index)).map(
      ({ file }) => file,
    )
  }

  #orFailure<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([this.#failed.promise, promise])
  }

  async #recheckPiece(index: number, memory: PieceMemory): Promise<void> {
    const rule = this.#rules(index)
    const { verdict, node } = await this.#threads.check(memory, index, { rule, load: true })
    if (verdict === 'good') {
      this.#right(index, { memory, node, rule, senders: new Set() })
      return
    }
    this.#giveBack(memory)
    if (verdict === 'v2' && rule.sha1) throw contradiction(this.layout, index)
    this.#options.journal.mark(index, false)
    const files = this.#files(index)
    const [file] = files
    // A piece that no other file has a part in says that this file is another one.
    if (
      verdict !== 'absent' &&
      file !== undefined &&
      files.every((each) => this.#options.places[each]?.kept === true)
    )
      throw targetDiffers(this.layout.files[file]?.path ?? '')
  }

  #checkPiece(piece: OpenPiece<BlockSource>): void {
    const memory = this.#memories.get(piece.bytes.buffer)
    if (!memory) throw new Error(`piece ${piece.index} has no memory`)
    const { index, senders } = piece
    const rule = this.#rules(index)
    this.#guard(async () => {
      const { verdict, node } = await this.#threads.check(memory, index, { rule, load: false })
      if (verdict === 'good') {
        this.#sync.wrote(this.#files(index), piece.bytes.length)
        this.#right(index, { memory, node, rule, senders })
        return
      }
      if (verdict === 'v2' && rule.sha1) throw contradiction(this.layout, index)
      const kept = this.#files(index).find((file) => this.#options.places[file]?.kept === true)
      if (verdict === 'conflict') throw targetDiffers(this.layout.files[kept ?? 0]?.path ?? '')
      this.plan.failed(index)
      this.#giveBack(memory)
      this.#options.onWrong(senders)
    })
  }

  #right(
    index: number,
    found: { memory: PieceMemory; node: Uint8Array | null; rule: PieceRule; senders: ReadonlySet<string> },
  ): void {
    const { memory, node, rule, senders } = found
    this.#done[index] = 1
    this.#doneBytes += pieceSize(this.layout, index)
    this.#options.journal.mark(index, true)
    this.plan.done(index)
    if (rule.v2?.node === null && node) this.#keepNode(rule.v2, node)
    if (!this.#follower.offer(index, memory)) this.#giveBack(memory)
    this.#options.onRight(index, senders)
    this.#follower.advance()
    if (this.plan.left === 0) this.#complete.resolve()
  }

  #keepNode({ file, nth }: { file: number; nth: number }, node: Uint8Array): void {
    const size = this.layout.files[file]?.size ?? 0
    const layer =
      this.#layers.get(file) ?? new Uint8Array(Math.ceil(size / this.layout.pieceLength) * NODE_BYTES)
    this.#layers.set(file, layer)
    layer.set(node, nth * NODE_BYTES)
  }

  /** Metadata from peers has no piece layers: each file's nodes are folded up to the root that it does have. */
  async #checkRoots(): Promise<void> {
    for (const [file, layer] of this.#layers) {
      const root = await pieceLayerRoot(layer, this.layout.pieceLength, nodeHashes)
      if (root.toHex() !== this.#options.metainfo.files[file]?.pieces_root)
        throw contradiction(this.layout, null)
    }
  }

  #giveBack(memory: PieceMemory): void {
    this.#threads.give(memory)
    this.#room()
  }

  #room(): void {
    this.#waiting.shift()?.()
    this.#follower.advance()
    this.#options.onRoom()
  }

  async #memory(): Promise<PieceMemory> {
    for (;;) {
      const memory = this.#threads.take(1)
      if (memory) return memory
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.push(resolve)
      await this.#orFailure(promise)
    }
  }

  #guard(work: () => Promise<void>): void {
    work().catch(this.#failed.reject)
  }
}

function contradiction({ infoHash }: Layout, index: number | null): QalError {
  const where = index === null ? 'a file' : `piece ${index}`
  return new QalError(
    'swarm_hybrid_contradiction',
    `Cannot trust ${infoHash}: ${where} has the SHA-1 that its torrent names and not the SHA-256, so the torrent says two things`,
    { subject: infoHash, expected: 'bytes that have both hashes', found: where, exit: 4 },
  )
}

function targetDiffers(path: string): QalError {
  return new QalError(
    'swarm_target_differs',
    `Cannot put ${path} there: a file of this name and size is there already, with other content`,
    { field: path, expected: 'no such file, or the same', found: 'another', exit: 2 },
  )
}
