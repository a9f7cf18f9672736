import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FilePlace } from './piece-thread.ts'

/** Written since the last flush before the next one starts. */
const FLUSH_EVERY_BYTES = 128 * 2 ** 20

/**
 * Has what was written put on the disk while the rest arrives, so that at the
 * end little is left to wait for: what is reported as downloaded must survive a
 * power cut.
 */
export class DiskSync {
  readonly #places: readonly (FilePlace | null)[]
  readonly #written = new Set<number>()
  #bytes = 0
  #flushing: Promise<void> | undefined

  constructor(places: readonly (FilePlace | null)[]) {
    this.#places = places
  }

  wrote(files: readonly number[], bytes: number): void {
    for (const file of files) if (this.#places[file]?.kept === false) this.#written.add(file)
    this.#bytes += bytes
    if (this.#bytes < FLUSH_EVERY_BYTES || this.#flushing) return
    this.#flushing = this.#flush().finally(() => (this.#flushing = undefined))
    // A disk that fails says so at the end, where it is waited for.
    this.#flushing.catch(() => undefined)
  }

  /** Waits until all of it is there. */
  async finish(): Promise<void> {
    await this.close()
    await this.#flush()
  }

  async close(): Promise<void> {
    await this.#flushing?.catch(() => undefined)
  }

  async #flush(): Promise<void> {
    const files = [...this.#written]
    this.#written.clear()
    this.#bytes = 0
    for (const file of files) {
      const place = this.#places[file]
      if (!place) continue
      try {
        const handle = await open(place.path, constants.O_RDWR | constants.O_NOFOLLOW)
        try {
          await handle.datasync()
        } finally {
          await handle.close()
        }
      } catch (error) {
        // Nothing may count as safe that is not: the next flush tries again.
        this.#written.add(file)
        throw error
      }
    }
  }
}
