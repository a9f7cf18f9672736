import type { Torrent } from 'webtorrent'
import WebConn from 'webtorrent/lib/webconn.js'
import { QalError } from '../core/error.ts'
import type { AddressPolicy } from './addresses.ts'
import { checkedGet } from './checked-http.ts'
import type { Layout } from './layout.ts'

export interface WebSeedOptions {
  url: string
  layout: Layout
  policy: AddressPolicy
  signal: AbortSignal
  /** Called with each failure; the library asks again for the piece later. */
  onError: (error: unknown) => void
}

/** For one piece, so that a slow seed is given up and others can have it. */
const REQUEST_TIMEOUT_MS = 60_000
const MAX_URL_LENGTH = 8_192

/**
 * A web seed (BEP 19) whose every request, redirects included, is held to the
 * address policy and to the bytes asked for. The library's own follows any
 * redirect, takes any amount and puts unescaped names into URLs.
 */
export class CheckedWebSeed extends WebConn {
  readonly #options: WebSeedOptions

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
      bytes = await readRange(this.#options, pieceIndex * this.#options.layout.pieceLength + offset, length)
    } catch (error) {
      this.#options.onError(error)
      callback(error instanceof Error ? error : new Error(String(error)))
      return
    }
    callback(null, bytes)
  }
}

async function readRange(options: WebSeedOptions, start: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  const { files } = options.layout
  // What no file covers is padding: zeros that no server has.
  for (const file of files) {
    const from = Math.max(start, file.offset)
    const to = Math.min(start + length, file.offset + file.size)
    if (from >= to) continue
    bytes.set(await readFile(options, file, from - file.offset, to - from), from - start)
  }
  return bytes
}

async function readFile(
  { url, layout, policy, signal }: WebSeedOptions,
  file: { path: string; size: number },
  from: number,
  length: number,
): Promise<Uint8Array> {
  const answer = await checkedGet(webSeedUrl(url, file.path, layout.single), {
    policy,
    signal,
    maxBytes: length,
    timeoutMs: REQUEST_TIMEOUT_MS,
    maxUrlLength: MAX_URL_LENGTH,
    headers: { range: `bytes=${from}-${from + length - 1}` },
  })
  // A server without ranges answers 200 with the whole file, which is what was asked for only if that is all of it.
  const whole = answer.status === 200 && from === 0 && length === file.size
  if (!whole && answer.status !== 206)
    throw webSeedFailed(url, `it answers a range with status ${answer.status}`)
  if (answer.body.length !== length) {
    throw webSeedFailed(url, `expected ${length} bytes, got ${answer.body.length}`)
  }
  return answer.body
}

/** BEP 19: the URL itself for a single file, unless it ends in a slash; for a folder the path is added. */
function webSeedUrl(url: string, path: string, single: boolean): string {
  if (single && !url.endsWith('/')) return url
  const escaped = path.split('/').map(encodeURIComponent).join('/')
  return `${url}${url.endsWith('/') ? '' : '/'}${escaped}`
}

function webSeedFailed(url: string, why: string): QalError {
  return new QalError('swarm_web_seed_failed', `Cannot read from web seed ${url.slice(0, 200)}: ${why}`, {
    found: why,
  })
}
