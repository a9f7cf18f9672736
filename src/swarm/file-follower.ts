import { createHash } from 'node:crypto'
import { pieceSize, piecesOf, type Layout, type LayoutFile } from './layout.ts'
import type { PieceMemory, PieceThreads } from './piece-threads.ts'

export type FileDigests = Partial<Record<Algorithm, string>>
export type Algorithm = 'sha256' | 'md5'

export interface FollowerOptions {
  layout: Layout
  /** Numbers of the files to follow. */
  files: readonly number[]
  algorithms: readonly Algorithm[]
  threads: PieceThreads
  /** Says whether a piece is there and right. */
  has: (index: number) => boolean
  /** Memory was given back. */
  onMemory: () => void
}

/** One file's part in one piece. */
interface Step {
  file: number
  index: number
  from: number
  to: number
  last: boolean
}

interface Held {
  memory: PieceMemory
  /** Digests that are being fed from it. */
  feeding: number
  passed: boolean
}

/** Enough that no thread waits for the next. */
const MAX_FEEDING = 4
/** Steps that are looked at for what has to be read back. */
const LOOK_AHEAD = 4
/** Of all memory, while a piece is missed that comes before: it needs room too. */
const MAX_HELD = 0.75

/**
 * Works out whole-file digests while a torrent arrives: they follow the pieces
 * from the first byte on without a gap. A piece that comes in its turn, or soon
 * before it, is taken from memory, and what is slower to hash than to fetch slows
 * the download down; a piece that came long before its turn is read back from
 * the disk, once.
 */
export class FileFollower {
  readonly #options: FollowerOptions
  readonly #steps: Generator<Step, void>
  /** The next few, in their order. */
  readonly #ahead: Step[] = []
  readonly #held = new Map<number, Held>()
  readonly #loading = new Set<number>()
  readonly #digests = new Map<number, FileDigests>()
  readonly #finished = Promise.withResolvers<Map<number, FileDigests>>()
  #feeding = 0
  /** So far, over all files. */
  hashedBytes = 0
  readBackBytes = 0

  constructor(options: FollowerOptions) {
    this.#options = options
    const { layout, files, algorithms } = options
    const all = files.flatMap((number) => {
      const file = layout.files[number]
      return file ? [{ number, file }] : []
    })
    for (const { number, file } of all)
      if (file.size === 0)
        this.#digests.set(
          number,
          Object.fromEntries(algorithms.map((name) => [name, createHash(name).digest('hex')])),
        )
    this.#steps = steps(layout, algorithms.length === 0 ? [] : all)
    this.#lookAhead()
    // Nobody may be waiting when it fails.
    this.#finished.promise.catch(() => undefined)
  }

  /** The digests by number of the file, when the last byte has been hashed. */
  get finished(): Promise<Map<number, FileDigests>> {
    return this.#finished.promise
  }

  /** Offers the memory of a right piece: true where it is kept, and given back later. */
  offer(index: number, memory: PieceMemory): boolean {
    const { threads } = this.#options
    const [step] = this.#ahead
    const ahead = index - (step?.index ?? Number.POSITIVE_INFINITY)
    const isNear = ahead === 0 || (ahead > 0 && ahead < threads.size && this.#hasRoom())
    if (!isNear || this.#held.has(index) || this.#loading.has(index)) return false
    this.#held.set(index, { memory, feeding: 0, passed: false })
    this.advance()
    return true
  }

  /** Goes on as far as there are pieces, and memory to read them back. */
  advance(): void {
    const { has } = this.#options
    for (
      let [step] = this.#ahead;
      step && this.#feeding < MAX_FEEDING && has(step.index);
      [step] = this.#ahead
    ) {
      const held = this.#held.get(step.index)
      if (!held) break
      this.#feed(step, held)
    }
    for (const { index } of this.#ahead) if (has(index)) this.#load(index)
    while (!this.#hasRoom() && this.#dropLast());
    if (this.#ahead.length === 0 && this.#feeding === 0) this.#finished.resolve(this.#digests)
  }

  #lookAhead(): void {
    while (this.#ahead.length < LOOK_AHEAD) {
      const next = this.#steps.next().value
      if (!next) return
      this.#ahead.push(next)
    }
  }

  /** Nothing more is held than leaves room for a piece that is missed. */
  #hasRoom(): boolean {
    const [step] = this.#ahead
    if (!step || this.#options.has(step.index)) return true
    return this.#held.size < this.#options.threads.size * MAX_HELD
  }

  #dropLast(): boolean {
    let last = -1
    for (const [index, { feeding }] of this.#held) if (feeding === 0 && index > last) last = index
    const held = this.#held.get(last)
    if (!held) return false
    this.#giveBack(last, held)
    return true
  }

  #feed(step: Step, held: Held): void {
    this.#ahead.shift()
    this.#lookAhead()
    held.feeding++
    held.passed = this.#ahead[0]?.index !== step.index
    this.#feeding++
    this.#run(async () => {
      const { threads, algorithms } = this.#options
      await Promise.all(
        algorithms.map(async (algorithm) => {
          const { digest } = await threads.feed(held.memory, { ...step, algorithm })
          if (digest !== null)
            this.#digests.set(step.file, { ...this.#digests.get(step.file), [algorithm]: digest })
        }),
      )
      this.hashedBytes += step.to - step.from
      this.#feeding--
      held.feeding--
      if (held.passed && held.feeding === 0) this.#giveBack(step.index, held)
    })
  }

  #load(index: number): void {
    if (this.#held.has(index) || this.#loading.has(index)) return
    const { threads, layout } = this.#options
    const isNext = index === this.#ahead[0]?.index
    const memory = threads.take(isNext ? 0 : 1)
    if (!memory) return
    this.#loading.add(index)
    this.#run(async () => {
      const { verdict } = await threads.load(memory, index)
      if (verdict !== 'good') throw new Error(`piece ${index} is no longer on the disk`)
      this.#loading.delete(index)
      this.readBackBytes += pieceSize(layout, index)
      this.#held.set(index, { memory, feeding: 0, passed: false })
    })
  }

  #giveBack(index: number, held: Held): void {
    this.#held.delete(index)
    this.#options.threads.give(held.memory)
    this.#options.onMemory()
  }

  #run(work: () => Promise<void>): void {
    work().then(
      () => this.advance(),
      (error: unknown) => this.#finished.reject(error),
    )
  }
}

function* steps(layout: Layout, files: { number: number; file: LayoutFile }[]): Generator<Step, void> {
  const { pieceLength } = layout
  for (const { number, file } of files.toSorted((a, b) => a.file.offset - b.file.offset)) {
    const range = piecesOf(layout, file)
    if (!range) continue
    const end = file.offset + file.size
    for (let index = range[0]; index <= range[1]; index++) {
      const start = index * pieceLength
      const from = Math.max(file.offset - start, 0)
      const to = Math.min(end - start, pieceLength)
      yield { file: number, index, from, to, last: index === range[1] }
    }
  }
}
