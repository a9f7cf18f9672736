import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { QalError } from '../core/error.ts'
import { checkUrl, type AddressPolicy, type ResolvedAddress } from './addresses.ts'

export interface CheckedGetOptions {
  policy: AddressPolicy
  /** Larger answers are refused with `swarm_http_too_large`. */
  maxBytes: number
  /** For the whole exchange, redirects included. */
  timeoutMs: number
  headers?: Record<string, string>
  /** For a URL that we lengthened ourselves; a stranger's may have 2,048 characters. */
  maxUrlLength?: number
  signal?: AbortSignal
  /** Without a byte for so long: `swarm_http_failed`. */
  idleTimeoutMs?: number
  /** POSTs this instead; only redirects that keep the method (307, 308) are followed. */
  post?: { body: string; type: string }
  /** A redirect to another origin is refused: whoever is asked answers themselves. */
  sameOrigin?: boolean
  /** Looks at each answer's head, redirects left out; what it throws ends the exchange before the body is read. */
  onHead?: (head: CheckedHead) => void
  /** Takes the body as it arrives, each chunk when the one before is done with; the answer's own is empty then. */
  onChunk?: (chunk: Buffer) => Promise<void> | void
}

export interface CheckedHead {
  status: number
  headers: IncomingMessage['headers']
  /** Where the answer came from, after redirects. */
  url: string
}

export interface CheckedResponse extends CheckedHead {
  body: Uint8Array
}

const MAX_REDIRECTS = 5

/**
 * GETs (or POSTs to) an http(s) URL that a stranger chose. Every hop's host is resolved once,
 * checked against the policy and connected to at exactly the checked addresses,
 * so that neither a redirect nor a rebinding name leads inside. Throws
 * `swarm_address_refused`, `swarm_bad_url`, `swarm_host_unknown`,
 * `swarm_http_failed`, `swarm_http_too_large`; any status is returned.
 */
export async function checkedGet(url: string, options: CheckedGetOptions): Promise<CheckedResponse> {
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
  let next = url
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await getOnce(next, options, signal)
    const location = redirectOf(response, options)
    if (location === undefined) return response
    const to = resolveLocation(location, next)
    if (options.sameOrigin && new URL(to).origin !== new URL(next).origin)
      throw httpFailed(url, `it redirects to another host, ${shorten(new URL(to).origin)}`)
    next = to
  }
  throw httpFailed(url, `more than ${MAX_REDIRECTS} redirects`)
}

function redirectOf(
  { status, headers }: Pick<CheckedHead, 'status' | 'headers'>,
  { post }: CheckedGetOptions,
): string | undefined {
  const follows = post === undefined ? status >= 300 && status < 400 : status === 307 || status === 308
  return follows ? headers.location : undefined
}

/** A `lookup` for sockets that answers with the addresses that were checked, whatever DNS says by now. */
export function pinnedLookup(addresses: readonly ResolvedAddress[]): LookupFunction {
  return (_hostname, options, callback) => {
    const list = addresses.map(({ address, family }) => ({ address, family }))
    const [first] = list
    if (options.all) callback(null, list)
    else if (first) callback(null, first.address, first.family)
    else callback(new Error('no address'), '', 4)
  }
}

async function getOnce(
  url: string,
  options: CheckedGetOptions,
  signal: AbortSignal,
): Promise<CheckedResponse> {
  const checked = await checkUrl(options.policy, url, options.maxUrlLength)
  const { protocol } = checked.url
  if (protocol !== 'http:' && protocol !== 'https:') throw httpFailed(url, `the scheme is ${protocol}`)
  const request = (protocol === 'https:' ? httpsRequest : httpRequest)(checked.url, {
    method: options.post ? 'POST' : 'GET',
    headers: {
      'accept-encoding': 'identity',
      'user-agent': 'qal',
      ...(options.post && {
        'content-type': options.post.type,
        'content-length': Buffer.byteLength(options.post.body),
      }),
      ...options.headers,
    },
    ...(options.idleTimeoutMs !== undefined && { timeout: options.idleTimeoutMs }),
    lookup: pinnedLookup(checked.addresses),
    // A pooled connection would outlive the check that allowed it.
    agent: false,
    signal,
  })
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', reject).end(options.post?.body)
      request.once('timeout', () => request.destroy(new Error('no byte for too long')))
    })
    // A later error on the request (an abort after the answer) reaches the reader through the response.
    request.on('error', () => undefined)
    const head = { status: response.statusCode ?? 0, headers: response.headers, url }
    // A redirect's own text may be longer than the few bytes that were asked for.
    if (redirectOf(head, options) !== undefined) return { ...head, body: new Uint8Array() }
    options.onHead?.(head)
    return { ...head, body: await readAll(response, options, url) }
  } catch (cause) {
    if (cause instanceof QalError) throw cause
    throw httpFailed(url, signal.aborted ? 'it took too long or was stopped' : reason(cause), cause)
  } finally {
    request.destroy()
  }
}

async function readAll(
  response: IncomingMessage,
  { maxBytes, onChunk }: CheckedGetOptions,
  url: string,
): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) {
      throw new QalError(
        'swarm_http_too_large',
        `Cannot read ${shorten(url)}: expected at most ${maxBytes} bytes, got more`,
        { expected: `at most ${maxBytes} bytes`, found: `${size} bytes and more` },
      )
    }
    if (onChunk) await onChunk(chunk)
    else chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function resolveLocation(location: string, base: string): string {
  try {
    return new URL(location, base).href
  } catch (cause) {
    throw httpFailed(base, 'its redirect is not a URL', cause)
  }
}

function httpFailed(url: string, why: string, cause?: unknown): QalError {
  return new QalError('swarm_http_failed', `Cannot get ${shorten(url)}: ${why}`, { found: why, cause })
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown failure'
  // An AggregateError of several refused addresses has no message of its own.
  return cause.message || ((cause as NodeJS.ErrnoException).code ?? cause.name)
}

function shorten(url: string): string {
  return url.slice(0, 200).replace(/[^\x20-\x7e]/g, '?')
}
