import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'

/**
 * Which pieces a download had finished: a byte for each. It tells the next run
 * where to look, and proves nothing: what it names is read and hashed again.
 * Written after the piece's own bytes, so that whatever ends the process, at
 * most the piece of that moment is fetched twice.
 */
export class PieceJournal {
  readonly #handle: number
  /** One for each piece that was finished before; null where there was no journal of this torrent's size. */
  readonly finished: Uint8Array | null

  constructor(path: string, pieces: number) {
    this.#handle = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644)
    const found = readFileSync(this.#handle)
    this.finished = found.length === pieces ? found : null
    if (found.length !== pieces) writeSync(this.#handle, new Uint8Array(pieces), 0, pieces, 0)
  }

  mark(index: number, finished: boolean): void {
    writeSync(this.#handle, Uint8Array.of(finished ? 1 : 0), 0, 1, index)
  }

  close(): void {
    closeSync(this.#handle)
  }
}
