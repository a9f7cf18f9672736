type Done<Value = void> = (error: Error | null, value?: Value) => void

/**
 * A chunk store (abstract-chunk-store) of one Blob a piece: browsers keep
 * large Blobs on disk, and a file of them is made by reference, so that the
 * download is held once and outside the page's own memory.
 */
export class BlobStore {
  readonly chunkLength: number
  readonly #pieces = new Map<number, Blob>()

  constructor(chunkLength: number) {
    this.chunkLength = chunkLength
  }

  put(index: number, bytes: Uint8Array<ArrayBuffer>, done: Done): void {
    this.#pieces.set(index, new Blob([bytes]))
    queueMicrotask(() => done(null))
  }

  get(
    index: number,
    options: { offset?: number; length?: number } | null | Done<Uint8Array>,
    done?: Done<Uint8Array>,
  ): void {
    const answer = typeof options === 'function' ? options : done
    const range = typeof options === 'function' ? null : options
    if (answer === undefined) return
    const piece = this.#pieces.get(index)
    if (piece === undefined) {
      queueMicrotask(() => answer(new Error(`piece ${index} is not here`)))
      return
    }
    const from = range?.offset ?? 0
    const to = range?.length === undefined ? piece.size : from + range.length
    piece
      .slice(from, to)
      .arrayBuffer()
      .then(
        (buffer) => answer(null, new Uint8Array(buffer)),
        (error: unknown) => answer(error instanceof Error ? error : new Error(String(error))),
      )
  }

  close(done: Done): void {
    queueMicrotask(() => done(null))
  }

  destroy(done: Done): void {
    this.#pieces.clear()
    this.close(done)
  }

  /** The bytes of a file that begins at `offset` of the torrent, by reference. */
  file(offset: number, length: number): Blob {
    const parts: Blob[] = []
    for (let at = offset; at < offset + length;) {
      const index = Math.floor(at / this.chunkLength)
      const piece = this.#pieces.get(index)
      if (piece === undefined) throw new Error(`piece ${index} is not here`)
      const from = at - index * this.chunkLength
      const to = Math.min(piece.size, from + offset + length - at)
      parts.push(piece.slice(from, to))
      at += to - from
    }
    return new Blob(parts, { type: 'application/octet-stream' })
  }
}
