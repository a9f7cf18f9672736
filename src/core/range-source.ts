import type { ByteSource } from './byte-source.ts'
import { QalError } from './error.ts'

/** The head of an answer, before its body is read. */
export interface RangeHead {
  status: number
  header(name: string): string | null
}

export interface RangeRequest {
  headers: Record<string, string>
  /** A longer body is an error. */
  maxBytes: number
  /** Called with the head of the last answer, redirects followed; what it throws ends the exchange before the body is read. */
  onHead: (head: RangeHead) => void
}

/** Asks for one range of one file and returns the body, however the platform does that. */
export type RequestRange = (request: RangeRequest) => Promise<Uint8Array>

export interface RangeSourceOptions {
  /** How much to read to begin with, since the size is only learnt with an answer; most headers end within it. */
  firstBytes?: number
  /**
   * Whether to send If-Range, so that a server with another file by now need not
   * send a part of it. Across origins a browser would first ask for permission
   * with a request of its own, so there the answers are only compared.
   */
  conditional?: boolean
}

/** A file on a web server, read by ranges. */
export interface RangeSource extends ByteSource {
  /** Requests made so far, and bytes received by them. */
  readonly requests: number
  readonly bytesReceived: number
}

const FIRST_BYTES = 512 * 1024
/** One request; larger reads are several. */
const MAX_REQUEST_BYTES = 8 * 1024 * 1024

/** What tells one state of a file from another. */
interface Identity {
  size: number
  etag: string | null
  modified: string | null
}

/**
 * Opens a file on a web server that answers ranges (RFC 9110, 14). Every answer
 * must be a 206 with exactly the range asked for and a body of exactly its
 * length, of a file whose size, ETag and date are those of the first answer: a
 * file that changes while it is read is an error, not a mixture of two. A server
 * that ignores ranges is refused before its body is read. Throws
 * `http_range_refused`, `http_range_ignored`, `http_range_wrong`,
 * `http_range_changed`, and what `request` throws.
 */
export async function openRangeSource(
  request: RequestRange,
  { firstBytes = FIRST_BYTES, conditional = true }: RangeSourceOptions = {},
): Promise<RangeSource> {
  let requests = 0
  let bytesReceived = 0
  const ask = async (from: number, length: number, known: Identity | null) => {
    let identity: Identity | null = null
    requests += 1
    const body = await request({
      headers: {
        range: `bytes=${from}-${from + length - 1}`,
        ...(conditional && known !== null ? conditionOf(known) : {}),
      },
      maxBytes: length,
      onHead: (head) => {
        identity = checkHead(head, { from, length, known })
      },
    })
    bytesReceived += body.length
    const found = identity as Identity | null
    if (found === null) throw new TypeError('Cannot read a range: the answer had no head')
    const wanted = Math.min(length, found.size - from)
    if (body.length !== wanted) throw wrong(`${wanted} bytes`, `${body.length} bytes`)
    return { body, identity: found }
  }
  const { body, identity } = await ask(0, firstBytes, null)
  // A copy of our own: what a platform hands out may be a view of something it uses again.
  const first = new Uint8Array(body)
  const { size } = identity
  return {
    size,
    get requests() {
      return requests
    },
    get bytesReceived() {
      return bytesReceived
    },
    async read(offset, length) {
      if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || offset + length > size)
        throw new RangeError(`Cannot read ${length} bytes at ${offset} of ${size}`)
      const end = offset + length
      if (end <= first.length) return first.slice(offset, end)
      const bytes = new Uint8Array(length)
      let at = offset
      if (at < first.length) {
        bytes.set(first.subarray(at))
        at = first.length
      }
      while (at < end) {
        const part = await ask(at, Math.min(MAX_REQUEST_BYTES, end - at), identity)
        bytes.set(part.body, at - offset)
        at += part.body.length
      }
      return bytes
    },
  }
}

/** If-Range takes a strong validator alone; a date is one where it is old enough, which the server judges. */
function conditionOf({ etag, modified }: Identity): Record<string, string> {
  if (etag !== null && !etag.startsWith('W/')) return { 'if-range': etag }
  return modified === null ? {} : { 'if-range': modified }
}

const MAX_VALIDATOR_LENGTH = 1_024

function checkHead(
  head: RangeHead,
  { from, length, known }: { from: number; length: number; known: Identity | null },
): Identity {
  if (head.status === 200)
    // Asked with If-Range, a server answers so where the file is another by now.
    throw known === null
      ? new QalError(
          'http_range_ignored',
          'Cannot read a part of the file: the server only sends all of it',
          {
            expected: 'status 206',
            found: 'status 200',
          },
        )
      : changed('status 206', 'status 200, the whole of what may be another file')
  if (head.status !== 206)
    throw new QalError('http_range_refused', `Cannot read the file: the server answers ${head.status}`, {
      expected: 'status 206',
      found: `status ${head.status}`,
    })
  const coding = head.header('content-encoding')
  if (coding !== null && coding.trim().toLowerCase() !== 'identity')
    throw wrong('bytes as they are stored', `a content coding of ${coding.slice(0, 40)}`)
  const range = head.header('content-range')
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/i.exec(range?.trim() ?? '')
  if (match === null)
    throw wrong(
      'a Content-Range with the size of the file',
      range === null ? 'none that can be read' : range.slice(0, 80),
    )
  const [start, end, size] = match.slice(1).map(Number) as [number, number, number]
  if (!Number.isSafeInteger(size) || start !== from || end !== Math.min(from + length, size) - 1)
    throw wrong(`bytes ${from}-${from + length - 1}`, (range ?? '').slice(0, 80))
  const identity = {
    size,
    etag: head.header('etag')?.slice(0, MAX_VALIDATOR_LENGTH) ?? null,
    modified: head.header('last-modified')?.slice(0, MAX_VALIDATOR_LENGTH) ?? null,
  }
  if (known !== null)
    for (const name of ['size', 'etag', 'modified'] as const)
      if (identity[name] !== known[name])
        throw changed(`${name} ${known[name]}`.slice(0, 120), `${name} ${identity[name]}`.slice(0, 120))
  return identity
}

function wrong(expected: string, found: string): QalError {
  return new QalError(
    'http_range_wrong',
    `Cannot read a part of the file: expected ${expected}, got ${found}`,
    {
      expected,
      found,
    },
  )
}

function changed(expected: string, found: string): QalError {
  return new QalError(
    'http_range_changed',
    `Cannot read the file: it changed while it was read, expected ${expected}, got ${found}`,
    { expected, found },
  )
}

/** As much of `fetch` as is used here, in browsers and in Node. */
export type FetchLike = (
  url: string,
  init: { headers: Record<string, string> },
) => Promise<{
  status: number
  headers: { get(name: string): string | null }
  body: {
    getReader(): {
      read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>
      cancel(reason?: unknown): Promise<void>
    }
    cancel(reason?: unknown): Promise<void>
  } | null
}>

/** Asks by `fetch`, which follows redirects itself; the body is read no further than it should be long. */
export function requestByFetch(url: string, get: FetchLike): RequestRange {
  return async ({ headers, maxBytes, onHead }) => {
    const { status, headers: answered, body } = await get(url, { headers })
    try {
      onHead({ status, header: (name) => answered.get(name) })
    } catch (error) {
      await body?.cancel()
      throw error
    }
    const bytes = new Uint8Array(maxBytes)
    let length = 0
    const reader = body?.getReader()
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true }
      if (done || value === undefined) return bytes.subarray(0, length)
      if (length + value.length > maxBytes) {
        await reader?.cancel()
        throw wrong(`at most ${maxBytes} bytes`, 'more')
      }
      bytes.set(value, length)
      length += value.length
    }
  }
}
