import { setTimeout as wait } from 'node:timers/promises'
import { isQalError, type QalError } from '../core/error.ts'
import type { AddressPolicy } from './addresses.ts'
import { checkedGet } from './checked-http.ts'
import { checkWebAnswer, WebAnswerError } from './web-answer.ts'

export interface WebFile {
  /** Where the file is; asked anew for each range, never an address that it once redirected to. */
  url: string
  /** In bytes, as the torrent says. */
  size: number
  policy: AddressPolicy
  signal: AbortSignal
  /** Bytes a second below which a request is given up; 64 KiB where nothing is said. */
  slowest?: number
  /** The first pause before a failed request is made again, doubled each time. */
  pauseMs?: number
}

const MAX_URL_LENGTH = 8_192
const MAX_TRIES = 4
const PAUSE_MS = 1_000
/** A server that wants to be left alone for longer is given up until it is asked again. */
const MAX_PAUSE_MS = 5 * 60_000
const IDLE_MS = 30_000
/** A request may take as long as it takes at this speed, and so much besides. */
const SLOWEST_BYTES_PER_SECOND = 65_536
const ALLOWANCE_MS = 60_000

/**
 * Reads ranges of one file from the web (BEP 19). Signed addresses that a CDN
 * hands out are bound to the range they were asked for and expire, so every
 * request begins at the file's own URL, and each hop is held to the address
 * policy. An answer counts only where it is exactly the bytes asked for: not a
 * page of HTML, another range, a file of another size, a short or endless body.
 *
 * What may pass is asked again a few times: a busy server (429, 503) when it
 * says, refusals behind a redirect (an expired signature) and faults after
 * growing pauses. All requests of a file wait while its server wants to be left
 * alone. Throws `swarm_web_seed_failed`, or what `checkedGet` throws.
 */
export class WebFileReader {
  readonly #file: WebFile
  /** `performance.now()` before which nothing is asked. */
  #notBefore = 0

  constructor(file: WebFile) {
    this.#file = file
  }

  async read(from: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    let at = 0
    await this.stream(from, length, (chunk) => {
      bytes.set(chunk, at)
      at += chunk.length
    })
    return bytes
  }

  /** Hands a range over as it arrives; what is asked again begins after what has been handed over. */
  async stream(
    from: number,
    length: number,
    onChunk: (chunk: Uint8Array) => Promise<void> | void,
  ): Promise<void> {
    let done = 0
    for (let tries = 1; ; tries++) {
      await this.#hold()
      try {
        await this.#ask(from + done, length - done, (chunk) => {
          done += chunk.length
          return onChunk(chunk)
        })
        return
      } catch (error) {
        this.#file.signal.throwIfAborted()
        if (!isQalError(error) || tries >= MAX_TRIES) throw error
        const pause = this.#pauseAfter(error, tries)
        if (pause === null || pause > MAX_PAUSE_MS) throw error
        this.#notBefore = Math.max(this.#notBefore, performance.now() + pause)
      }
    }
  }

  async #hold(): Promise<void> {
    for (let left = this.#left(); left > 0; left = this.#left())
      await wait(left, undefined, { signal: this.#file.signal })
  }

  #left(): number {
    return Math.ceil(this.#notBefore - performance.now())
  }

  /** How long to wait before the same request is made again; null for what will not be better then. */
  #pauseAfter(error: QalError, tries: number): number | null {
    const doubled = (this.#file.pauseMs ?? PAUSE_MS) * 2 ** (tries - 1)
    if (error instanceof WebAnswerError) return error.again === 'never' ? null : (error.again ?? doubled)
    return error.code === 'swarm_http_failed' ? doubled : null
  }

  async #ask(
    from: number,
    length: number,
    onChunk: (chunk: Uint8Array) => Promise<void> | void,
  ): Promise<void> {
    const { url, size, policy, signal, slowest = SLOWEST_BYTES_PER_SECOND } = this.#file
    let received = 0
    await checkedGet(url, {
      policy,
      signal,
      maxBytes: length,
      timeoutMs: ALLOWANCE_MS + Math.ceil((length / slowest) * 1_000),
      idleTimeoutMs: IDLE_MS,
      maxUrlLength: MAX_URL_LENGTH,
      headers: { range: `bytes=${from}-${from + length - 1}` },
      onHead: (head) => checkWebAnswer(head, { url, from, length, size }),
      onChunk(chunk) {
        received += chunk.length
        return onChunk(chunk)
      },
    })
    if (received !== length) throw new WebAnswerError(url, `expected ${length} bytes, got ${received}`)
  }
}
