import { open, type FileHandle } from 'node:fs/promises'
import { callbackify } from 'node:util'
import type { Layout } from './layout.ts'

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
 * Pieces in files at paths that we choose: the library's own store makes paths
 * from the torrent, opens what it seeds for writing and wants pad files on the
 * disk. Pad bytes read as zeros and are not written. Files are opened when
 * first needed; `write: false` never changes or makes one.
 */
export function diskStore(
  layout: Layout,
  pathOf: (index: number) => string,
  { write }: { write: boolean },
): ChunkStore {
  const handles = new Map<number, Promise<FileHandle>>()
  let closed = false

  function handle(index: number): Promise<FileHandle> {
    if (closed) return Promise.reject(new Error('the store is closed'))
    let found = handles.get(index)
    if (!found) {
      found = openFile(pathOf(index), write)
      handles.set(index, found)
      // A file that is not there yet may be there next time.
      found.catch(() => handles.delete(index))
    }
    return found
  }

  // An empty file has no place among the pieces.
  const places = layout.files
    .map((file, index) => ({ index, start: file.offset, end: file.offset + file.size }))
    .filter(({ start, end }) => end > start)
    .toSorted((a, b) => a.start - b.start)

  async function eachPart(
    start: number,
    length: number,
    part: (file: FileHandle, position: number, from: number, size: number) => Promise<void>,
  ): Promise<void> {
    for (let at = firstAfter(places, start); at < places.length; at++) {
      const place = places[at]
      if (!place || place.start >= start + length) return
      const from = Math.max(start, place.start)
      const to = Math.min(start + length, place.end)
      await part(await handle(place.index), from - place.start, from - start, to - from)
    }
  }

  async function read(index: number, { offset = 0, length }: GetOptions): Promise<Uint8Array> {
    const pieceStart = index * layout.pieceLength
    const pieceSize = Math.min(layout.pieceLength, layout.totalBytes - pieceStart)
    const size = length ?? pieceSize - offset
    if (offset < 0 || size < 0 || offset + size > pieceSize) throw new RangeError('outside the piece')
    const bytes = new Uint8Array(size)
    await eachPart(pieceStart + offset, size, async (file, position, from, wanted) => {
      const { bytesRead } = await file.read(bytes, from, wanted, position)
      if (bytesRead !== wanted) throw new Error('the file is shorter than the torrent says')
    })
    return bytes
  }

  async function put(index: number, bytes: Uint8Array): Promise<void> {
    if (!write) throw new Error('the store is read-only')
    await eachPart(index * layout.pieceLength, bytes.length, async (file, position, from, size) => {
      await file.write(bytes, from, size, position)
    })
  }

  async function close(): Promise<void> {
    closed = true
    const opened = await Promise.allSettled(handles.values())
    handles.clear()
    for (const one of opened) {
      if (one.status !== 'fulfilled') continue
      // What is reported as downloaded must survive a power cut.
      if (write) await one.value.sync()
      await one.value.close()
    }
  }

  const [putThen, readThen, closeThen] = [callbackify(put), callbackify(read), callbackify(close)]
  return {
    chunkLength: layout.pieceLength,
    put: (index, bytes, callback = ignore) => putThen(index, bytes, callback),
    get(index, options, callback = ignore) {
      if (typeof options === 'function') readThen(index, {}, options)
      else readThen(index, options ?? {}, callback)
    },
    close: (callback = ignore) => closeThen(callback),
    destroy: (callback = ignore) => closeThen(callback),
  }
}

async function openFile(path: string, write: boolean): Promise<FileHandle> {
  if (!write) return open(path, 'r')
  try {
    return await open(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return open(path, 'wx+')
  }
}

/** Index of the first place that ends after a byte. */
function firstAfter(places: readonly { end: number }[], byte: number): number {
  let [low, high] = [0, places.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((places[middle]?.end ?? 0) > byte) high = middle
    else low = middle + 1
  }
  return low
}

function ignore(): void {}
