import { setTimeout as wait } from 'node:timers/promises'
import type { AddressPolicy } from './addresses.ts'
import type { BlockSource, Download } from './download.ts'
import { partsFinder, type FilePart } from './layout.ts'
import type { BlockRequest } from './piece-plan.ts'
import type { RateLimit } from './rate-limit.ts'
import { WebFileReader } from './web-range.ts'

export interface WebSeedOptions {
  url: string
  download: Download
  policy: AddressPolicy
  limit: RateLimit
  /** Each failure; it is asked again later. */
  onError: (error: unknown) => void
  /** Content received, wrong bytes included. */
  onBytes: (count: number) => void
}

/** Large ranges, as each may cost redirects to an address that is bound to it. */
const RANGE_BYTES = 16 * 2 ** 20
const CONNECTIONS = 4
/** Bytes a second, where no limit of ours makes it slower. */
const SLOWEST = 65_536
const RETRY_FIRST_MS = 10_000
const RETRY_LONGEST_MS = 5 * 60_000

/**
 * A web seed (BEP 19): ranges of the torrent's files over HTTP. Every request,
 * redirects included, is held to the address policy and to the bytes asked for.
 */
export class WebSeed implements BlockSource {
  readonly name: string
  readonly #options: WebSeedOptions
  readonly #partsOf: (start: number, length: number) => FilePart[]
  /** By number of the file. */
  readonly #readers = new Map<number, WebFileReader>()
  #stop: AbortController | undefined
  #wake = Promise.withResolvers<void>()
  #failures = 0
  #notBefore = 0

  constructor(options: WebSeedOptions) {
    this.name = options.url
    this.#options = options
    this.#partsOf = partsFinder(options.download.layout)
  }

  /** Begins, or goes on after it was stopped. */
  start(): void {
    if (this.#stop) return
    this.#stop = new AbortController()
    this.#readers.clear()
    for (let connection = 0; connection < CONNECTIONS; connection++) void this.#work(this.#stop.signal)
  }

  stop(): void {
    this.#stop?.abort()
    this.#stop = undefined
    this.wake()
  }

  /** There may be something to ask for again. */
  wake(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers<void>()
  }

  /** What others sent is skipped when it comes. */
  cancel(): void {}

  async #work(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const rest = this.#notBefore - performance.now()
      if (rest > 0) await wait(rest, undefined, { signal: stop }).catch(() => undefined)
      const room = this.#wake.promise
      const requests = stop.aborted ? [] : this.#options.download.plan.nextRange(this, RANGE_BYTES)
      if (requests.length === 0) await room
      else await this.#fetch(requests, stop)
    }
  }

  async #fetch(requests: BlockRequest<BlockSource>[], stop: AbortSignal): Promise<void> {
    const { download, onError } = this.#options
    const blocks = new BlockFiller(requests, download, this)
    try {
      await this.#read(blocks, stop)
      this.#failures = 0
    } catch (error) {
      if (!stop.aborted) {
        this.#rest()
        onError(error)
      }
    } finally {
      download.lost(blocks.left(), this)
    }
  }

  /** It has been asked a few times by now: longer each time, as it may be down for long; all connections together. */
  #rest(): void {
    const now = performance.now()
    if (now < this.#notBefore) return
    this.#notBefore = now + Math.min(RETRY_FIRST_MS * 2 ** this.#failures++, RETRY_LONGEST_MS)
  }

  async #read(blocks: BlockFiller, stop: AbortSignal): Promise<void> {
    let at = 0
    for (const part of this.#partsOf(blocks.start, blocks.length)) {
      // What no file covers is padding: zeros that no server has.
      blocks.push(new Uint8Array(part.from - at))
      await this.#readPart(part, blocks, stop)
      at = part.from + part.size
    }
    blocks.push(new Uint8Array(blocks.length - at))
  }

  async #readPart(part: FilePart, blocks: BlockFiller, stop: AbortSignal): Promise<void> {
    const { limit, onBytes } = this.#options
    const reader = this.#readerOf(part.file, stop)
    await reader.stream(part.position, part.size, async (chunk) => {
      onBytes(chunk.length)
      blocks.push(chunk)
      await limit.wait(chunk.length, stop)
    })
  }

  #readerOf(number: number, signal: AbortSignal): WebFileReader {
    const known = this.#readers.get(number)
    if (known) return known
    const { url, download, policy, limit } = this.#options
    const file = download.layout.files[number]
    if (!file) throw new Error(`there is no file ${number}`)
    const reader = new WebFileReader({
      url: webSeedUrl(url, file.path, download.layout.single),
      size: file.size,
      policy,
      signal,
      ...(limit.bytesPerSecond !== null && {
        slowest: Math.min(SLOWEST, limit.bytesPerSecond / CONNECTIONS / 2),
      }),
    })
    this.#readers.set(number, reader)
    return reader
  }
}

/** Puts the bytes of a range into the blocks that it was asked for. */
class BlockFiller {
  /** Of the range, in the space that pieces divide. */
  readonly start: number
  readonly length: number
  readonly #requests: BlockRequest<BlockSource>[]
  readonly #download: Download
  readonly #source: BlockSource
  #turn = 0
  #filled = 0

  constructor(requests: BlockRequest<BlockSource>[], download: Download, source: BlockSource) {
    this.#requests = requests
    this.#download = download
    this.#source = source
    this.start = requests[0]?.start ?? 0
    this.length = requests.reduce((sum, { length }) => sum + length, 0)
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const request = this.#requests[this.#turn]
      if (!request) return
      const part = bytes.subarray(at, at + request.length - this.#filled)
      this.#download.put(request, part, { at: this.#filled, source: this.#source })
      this.#filled += part.length
      at += part.length
      if (this.#filled < request.length) return
      this.#turn++
      this.#filled = 0
      this.#download.got(request, this.#source)
    }
  }

  /** The blocks that did not come. */
  left(): BlockRequest<BlockSource>[] {
    return this.#requests.slice(this.#turn)
  }
}

/** BEP 19: the URL itself for a single file, unless it ends in a slash; for a folder the path is added. */
export function webSeedUrl(url: string, path: string, single: boolean): string {
  if (single && !url.endsWith('/')) return url
  const escaped = path.split('/').map(encodeURIComponent).join('/')
  return `${url}${url.endsWith('/') ? '' : '/'}${escaped}`
}
