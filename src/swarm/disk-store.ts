import { open, type FileHandle } from 'node:fs/promises'
import { callbackify } from 'node:util'
import { partsFinder, pieceSize, type Layout } from './layout.ts'

/** A chunk store as webtorrent takes one: the pieces of a torrent by number. */
export interface ChunkStore {
  readonly chunkLength: number
  put(index: number, bytes: Uint8Array, callback?: (error: Error | null) => void): void
  get(index: number, options: GetOptions | GetCallback | null | undefined, callback?: GetCallback): void
  close(callback?: (error: Error | null) => void): void
  destroy(callback?: (error: Error | null) => void): void
}
interface GetOptions {
  offset?: number
  length?: number
}
type GetCallback = (error: Error | null, bytes?: Uint8Array) => void

/**
 * Pieces read from files at paths that we choose: the library's own store makes
 * paths from the torrent, opens what it seeds for writing and wants pad files on
 * the disk. Pad bytes read as zeros. Nothing is ever changed; files are opened
 * when first needed.
 */
export function diskStore(layout: Layout, pathOf: (index: number) => string): ChunkStore {
  const handles = new Map<number, Promise<FileHandle>>()
  const partsOf = partsFinder(layout)
  let closed = false

  function handle(index: number): Promise<FileHandle> {
    if (closed) return Promise.reject(new Error('the store is closed'))
    let found = handles.get(index)
    if (!found) {
      found = open(pathOf(index), 'r')
      handles.set(index, found)
      // A file that is not there yet may be there next time.
      found.catch(() => handles.delete(index))
    }
    return found
  }

  async function read(index: number, { offset = 0, length }: GetOptions): Promise<Uint8Array> {
    const whole = pieceSize(layout, index)
    const size = length ?? whole - offset
    if (offset < 0 || size < 0 || offset + size > whole) throw new RangeError('outside the piece')
    const bytes = new Uint8Array(size)
    for (const part of partsOf(index * layout.pieceLength + offset, size)) {
      const file = await handle(part.file)
      const { bytesRead } = await file.read(bytes, part.from, part.size, part.position)
      if (bytesRead !== part.size) throw new Error('the file is shorter than the torrent says')
    }
    return bytes
  }

  async function close(): Promise<void> {
    closed = true
    const opened = await Promise.allSettled(handles.values())
    handles.clear()
    for (const one of opened) if (one.status === 'fulfilled') await one.value.close()
  }

  const [readThen, closeThen] = [callbackify(read), callbackify(close)]
  return {
    chunkLength: layout.pieceLength,
    put: (_index, _bytes, callback = ignore) => callback(new Error('the store is read-only')),
    get(index, options, callback = ignore) {
      if (typeof options === 'function') readThen(index, {}, options)
      else readThen(index, options ?? {}, callback)
    },
    close: (callback = ignore) => closeThen(callback),
    destroy: (callback = ignore) => closeThen(callback),
  }
}

function ignore(): void {}
