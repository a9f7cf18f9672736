import { pieceSize, type Layout } from './layout.ts'

/** What peers are asked for at once. */
export const BLOCK_BYTES = 16_384

/** A piece being downloaded: its bytes so far, and of whom each block was asked. */
export interface OpenPiece<Source> {
  readonly index: number
  readonly bytes: Uint8Array
  /** Who was asked for each block and has not answered. */
  readonly asked: Source[][]
  readonly got: boolean[]
  missing: number
  /** Blocks that nobody was asked for yet. */
  unasked: number
  /** No earlier block is unasked. */
  cursor: number
  /** Who sent its blocks. */
  readonly senders: Set<string>
}

export interface BlockRequest<Source> {
  piece: OpenPiece<Source>
  block: number
  /** Within the piece. */
  offset: number
  length: number
  /** In the space that pieces divide. */
  start: number
}

export interface PlanOptions {
  layout: Layout
  /** Pieces to have in the end. */
  wanted: Iterable<number>
  /** Memory for a piece that is opened, or undefined while there is none. */
  takeMemory: () => Uint8Array | undefined
}

/** Asked of more than one only when nothing else is left to ask for. */
const MAX_ASKED = 2
/** So many pieces are drawn, and the rarest of them taken. */
const SAMPLE = 48

const State = { unwanted: 0, todo: 1, open: 2, done: 3 } as const

/**
 * Which block to ask of whom. Few pieces are open at a time, whatever number of
 * peers there is: that bounds the memory, and a piece whose blocks come from
 * one peer tells who sent a wrong one. At the end, or while the slow hold all
 * memory, blocks are asked of a second peer too.
 */
export class PiecePlan<Source> {
  readonly #options: PlanOptions
  readonly #state: Uint8Array
  readonly #open = new Map<number, OpenPiece<Source>>()
  readonly #current = new Map<Source, OpenPiece<Source>>()
  /** No piece below it is to do. */
  #low = 0
  #left = 0
  /** Blocks in open pieces that nobody was asked for. */
  #unasked = 0

  constructor(options: PlanOptions) {
    this.#options = options
    const { pieceLength, totalBytes } = options.layout
    this.#state = new Uint8Array(Math.ceil(totalBytes / pieceLength))
    for (const index of options.wanted) {
      if (this.#state[index] === State.unwanted) this.#left++
      this.#state[index] = State.todo
    }
  }

  /** Wanted pieces that are not done. */
  get left(): number {
    return this.#left
  }

  /** Bytes of pieces in progress. */
  get openBytes(): number {
    let blocks = 0
    for (const { got, missing } of this.#open.values()) blocks += got.length - missing
    return blocks * BLOCK_BYTES
  }

  isMissing(index: number): boolean {
    return this.#state[index] === State.todo || this.#state[index] === State.open
  }

  /** Says whether a source has anything that is missing. */
  someMissing(has: (index: number) => boolean): boolean {
    for (let index = 0; index < this.#state.length; index++)
      if (this.isMissing(index) && has(index)) return true
    return false
  }

  /** The next block for a source; `rarity`, where the order matters to others, counts who has a piece. */
  next(
    source: Source,
    has: (index: number) => boolean,
    rarity?: (index: number) => number,
  ): BlockRequest<Source> | undefined {
    const current = this.#current.get(source)
    if (current && current.unasked > 0) return this.#ask(current, source)
    const index = this.#pick(has, rarity)
    const fresh = index === undefined ? undefined : this.#openPiece(index)
    if (fresh) {
      this.#current.set(source, fresh)
      return this.#ask(fresh, source)
    }
    if (this.#unasked > 0)
      for (const piece of this.#open.values())
        if (piece.unasked > 0 && has(piece.index)) return this.#ask(piece, source)
    return this.#askAgain(source, has)
  }

  /**
   * Blocks that follow each other, for a source that takes whole ranges: those
   * of neighbouring pieces that nobody began, else what is missing in
   * neighbouring ones that somebody did.
   */
  nextRange(source: Source, maxBytes: number): BlockRequest<Source>[] {
    const { pieceLength } = this.#options.layout
    const run: BlockRequest<Source>[] = []
    let index = this.#pick(() => true)
    for (
      let bytes = pieceLength;
      index !== undefined && this.#state[index] === State.todo;
      bytes += pieceLength
    ) {
      if (run.length > 0 && bytes > maxBytes) break
      const piece = this.#openPiece(index)
      if (!piece) break
      while (piece.unasked > 0) {
        const request = this.#ask(piece, source)
        if (request) run.push(request)
      }
      index++
    }
    if (run.length > 0) return run
    const first = this.next(source, () => true)
    if (!first) return run
    run.push(first)
    const again = (first.piece.asked[first.block]?.length ?? 0) > 1
    let { piece, block } = first
    for (let bytes = first.length; ;) {
      block++
      // What a range that broke off left is asked for together again, not piece by piece.
      const following = block < piece.asked.length ? piece : this.#open.get(piece.index + 1)
      if (!following || (following !== piece && (again || bytes >= maxBytes))) break
      if (following !== piece) [piece, block] = [following, 0]
      const asked = piece.asked[block]
      if (!asked || piece.got[block] || asked.includes(source)) break
      if (asked.length > 0 && (!again || asked.length >= MAX_ASKED)) break
      this.#countAsked(piece, block)
      asked.push(source)
      const request = this.#request(piece, block)
      bytes += request.length
      run.push(request)
    }
    return run
  }

  /**
   * Takes a part of a block as it arrives, `at` bytes after the block's start. A
   * block that is there already stays: its piece may be being hashed.
   */
  put(
    { piece, block, offset }: BlockRequest<Source>,
    bytes: Uint8Array,
    { at, sender }: { at: number; sender: string },
  ): void {
    if (!this.isOpen(piece) || piece.got[block]) return
    // Even of a block that somebody else then finishes.
    piece.senders.add(sender)
    piece.bytes.set(bytes, offset + at)
  }

  /** The whole block has been put; says whether it was wanted, and who else was asked for it. */
  got({ piece, block }: BlockRequest<Source>, source: Source): { fresh: boolean; others: Source[] } {
    const asked = piece.asked[block] ?? []
    const others = asked.filter((other) => other !== source)
    if (!this.isOpen(piece) || piece.got[block]) {
      piece.asked[block] = others
      return { fresh: false, others: [] }
    }
    if (asked.length === 0) this.#countAsked(piece, block)
    piece.asked[block] = []
    piece.got[block] = true
    piece.missing--
    return { fresh: true, others }
  }

  /** A source will not send a block it was asked for. */
  lost({ piece, block }: Pick<BlockRequest<Source>, 'piece' | 'block'>, source: Source): void {
    const asked = piece.asked[block]
    const at = asked?.indexOf(source) ?? -1
    if (!asked || at === -1) return
    asked.splice(at, 1)
    if (asked.length > 0 || piece.got[block] || this.#open.get(piece.index) !== piece) return
    piece.unasked++
    piece.cursor = Math.min(piece.cursor, block)
    this.#unasked++
  }

  /** Says whether a piece is open, and is this very attempt at it. */
  isOpen(piece: OpenPiece<Source>): boolean {
    return this.#open.get(piece.index) === piece
  }

  /** A piece is there and right; it need not have been open. */
  done(index: number): void {
    this.#close(index)
    if (this.#state[index] === State.todo || this.#state[index] === State.open) this.#left--
    this.#state[index] = State.done
  }

  /** A piece was wrong: it is to do again. */
  failed(index: number): void {
    this.#close(index)
    this.#state[index] = State.todo
    this.#low = Math.min(this.#low, index)
  }

  forget(source: Source): void {
    this.#current.delete(source)
  }

  #close(index: number): void {
    const piece = this.#open.get(index)
    if (!piece) return
    this.#unasked -= piece.unasked
    this.#open.delete(index)
    for (const [source, current] of this.#current) if (current === piece) this.#current.delete(source)
  }

  #ask(piece: OpenPiece<Source>, source: Source): BlockRequest<Source> | undefined {
    for (let block = piece.cursor; block < piece.asked.length; block++) {
      const asked = piece.asked[block]
      if (!asked || asked.length > 0 || piece.got[block]) continue
      piece.cursor = block + 1
      this.#countAsked(piece, block)
      asked.push(source)
      return this.#request(piece, block)
    }
    return undefined
  }

  #countAsked(piece: OpenPiece<Source>, block: number): void {
    if (piece.got[block] || (piece.asked[block]?.length ?? 0) > 0) return
    piece.unasked--
    this.#unasked--
  }

  #askAgain(source: Source, has: (index: number) => boolean): BlockRequest<Source> | undefined {
    for (const piece of this.#open.values()) {
      if (piece.missing === 0 || !has(piece.index)) continue
      for (const [block, asked] of piece.asked.entries()) {
        if (piece.got[block] || asked.length >= MAX_ASKED || asked.includes(source)) continue
        asked.push(source)
        return this.#request(piece, block)
      }
    }
    return undefined
  }

  #request(piece: OpenPiece<Source>, block: number): BlockRequest<Source> {
    const offset = block * BLOCK_BYTES
    const start = piece.index * this.#options.layout.pieceLength + offset
    return { piece, block, offset, length: Math.min(BLOCK_BYTES, piece.bytes.length - offset), start }
  }

  #openPiece(index: number): OpenPiece<Source> | undefined {
    const memory = this.#options.takeMemory()
    if (!memory) return undefined
    const bytes = memory.subarray(0, pieceSize(this.#options.layout, index))
    const blocks = Math.ceil(bytes.length / BLOCK_BYTES)
    const piece: OpenPiece<Source> = {
      index,
      bytes,
      asked: Array.from({ length: blocks }, () => []),
      got: Array<boolean>(blocks).fill(false),
      missing: blocks,
      unasked: blocks,
      cursor: 0,
      senders: new Set(),
    }
    this.#unasked += blocks
    this.#open.set(index, piece)
    this.#state[index] = State.open
    return piece
  }

  #pick(has: (index: number) => boolean, rarity?: (index: number) => number): number | undefined {
    while (this.#low < this.#state.length && this.#state[this.#low] !== State.todo) this.#low++
    const fits = (index: number) => this.#state[index] === State.todo && has(index)
    if (rarity) {
      const drawn = this.#sample(fits, rarity)
      if (drawn !== undefined) return drawn
    }
    for (let index = this.#low; index < this.#state.length; index++) if (fits(index)) return index
    return undefined
  }

  #sample(fits: (index: number) => boolean, rarity: (index: number) => number): number | undefined {
    const span = this.#state.length - this.#low
    let best: number | undefined
    let least = Number.POSITIVE_INFINITY
    for (let draw = 0; draw < SAMPLE; draw++) {
      const index = this.#low + Math.floor(Math.random() * span)
      if (!fits(index)) continue
      const count = rarity(index)
      if (count < least) [best, least] = [index, count]
    }
    return best
  }
}
