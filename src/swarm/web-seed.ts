import type { Torrent } from 'webtorrent'
import WebConn from 'webtorrent/lib/webconn.js'
import type { AddressPolicy } from './addresses.ts'
import type { Layout } from './layout.ts'
import { WebFileReader } from './web-range.ts'

export interface WebSeedOptions {
  url: string
  layout: Layout
  policy: AddressPolicy
  signal: AbortSignal
  /** Called with each failure; the library asks again for the piece later. */
  onError: (error: unknown) => void
}

/**
 * A web seed (BEP 19) whose every request, redirects included, is held to the
 * address policy and to the bytes asked for. The library's own follows any
 * redirect, takes any amount and puts unescaped names into URLs.
 */
export class CheckedWebSeed extends WebConn {
  readonly #options: WebSeedOptions
  /** By path. */
  readonly #readers = new Map<string, WebFileReader>()

  constructor(torrent: Torrent, options: WebSeedOptions) {
    super(options.url, torrent)
    this.#options = options
  }

  override httpRequest(
    pieceIndex: number,
    offset: number,
    length: number,
    callback: (error: Error | null, bytes?: Uint8Array) => void,
  ): void {
    void this.#get(pieceIndex, offset, length, callback)
  }

  async #get(
    pieceIndex: number,
    offset: number,
    length: number,
    callback: (error: Error | null, bytes?: Uint8Array) => void,
  ): Promise<void> {
    let bytes: Uint8Array
    try {
      const start = pieceIndex * this.#options.layout.pieceLength + offset
      bytes = await readRange(this.#options, this.#readers, start, length)
    } catch (error) {
      this.#options.onError(error)
      callback(error instanceof Error ? error : new Error(String(error)))
      return
    }
    callback(null, bytes)
  }
}

async function readRange(
  options: WebSeedOptions,
  readers: Map<string, WebFileReader>,
  start: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  // What no file covers is padding: zeros that no server has.
  for (const file of options.layout.files) {
    const from = Math.max(start, file.offset)
    const to = Math.min(start + length, file.offset + file.size)
    if (from >= to) continue
    const reader = readers.get(file.path) ?? readerOf(options, file)
    readers.set(file.path, reader)
    bytes.set(await reader.read(from - file.offset, to - from), from - start)
  }
  return bytes
}

function readerOf(
  { url, layout, policy, signal }: WebSeedOptions,
  { path, size }: { path: string; size: number },
): WebFileReader {
  return new WebFileReader({ url: webSeedUrl(url, path, layout.single), size, policy, signal })
}

/** BEP 19: the URL itself for a single file, unless it ends in a slash; for a folder the path is added. */
export function webSeedUrl(url: string, path: string, single: boolean): string {
  if (single && !url.endsWith('/')) return url
  const escaped = path.split('/').map(encodeURIComponent).join('/')
  return `${url}${url.endsWith('/') ? '' : '/'}${escaped}`
}
