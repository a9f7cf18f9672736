import { setTimeout as wait } from 'node:timers/promises'

/** Holds a flow of bytes to a rate; `null` holds nothing. */
export class RateLimit {
  readonly bytesPerSecond: number | null
  readonly #perMs: number | null
  /** Bytes that may go at once. */
  #room: number
  #at = performance.now()

  constructor(bytesPerSecond: number | null) {
    this.bytesPerSecond = bytesPerSecond
    this.#perMs = bytesPerSecond === null ? null : bytesPerSecond / 1000
    this.#room = bytesPerSecond ?? 0
  }

  /** Takes so many bytes and answers 0, or answers in how many ms there may be room. */
  take(bytes: number): number {
    if (this.#perMs === null) return 0
    const now = performance.now()
    // A second's worth at most, but always enough for what is asked, or it would never come.
    const most = Math.max(this.#perMs * 1000, bytes)
    this.#room = Math.min(this.#room + (now - this.#at) * this.#perMs, most)
    this.#at = now
    if (this.#room < bytes) return Math.ceil((bytes - this.#room) / this.#perMs)
    this.#room -= bytes
    return 0
  }

  /** Waits until so many bytes may go. */
  async wait(bytes: number, signal: AbortSignal): Promise<void> {
    for (let ms = this.take(bytes); ms > 0; ms = this.take(bytes)) await wait(ms, undefined, { signal })
  }
}
