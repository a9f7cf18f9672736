import { QalError } from '../core/error.ts'
import type { CheckedHead } from './checked-http.ts'
import { retryAfterMs } from './retry-after.ts'

/** An answer that is not the bytes asked for. */
export class WebAnswerError extends QalError {
  /** In ms; null where nothing was said, `never` where asking again is no use. */
  readonly again: number | 'never' | null

  constructor(url: string, why: string, again: number | 'never' | null = null) {
    super('swarm_web_seed_failed', `Cannot read from web seed ${url.slice(0, 200)}: ${why}`, { found: why })
    this.again = again
  }
}

/** What was asked of a web seed. */
export interface WantedRange {
  /** Where it was asked first. */
  url: string
  /** In the file. */
  from: number
  length: number
  /** Of the whole file, as the torrent says. */
  size: number
}

/**
 * Looks at a web seed's answer before its body is read: whether it is exactly the
 * range asked for, of a file of the right size, and neither a page of HTML nor
 * encoded. Throws `WebAnswerError`, which says when asking again may help.
 */
export function checkWebAnswer(head: CheckedHead, { url, from, length, size }: WantedRange): void {
  const { status, headers } = head
  if (status === 429 || status === 503)
    throw new WebAnswerError(url, `it is busy (${status})`, retryAfterMs(headers, Date.now()))
  // Behind a redirect a refusal is most often of a signature that has expired: it is made anew.
  if ((status === 403 || status === 401 || status === 410) && head.url !== url)
    throw new WebAnswerError(url, `the address it redirects to answers with status ${status}`)
  if (status >= 500) throw new WebAnswerError(url, `it answers with status ${status}`)
  const whole = status === 200 && from === 0 && length === size
  if (status !== 206 && !whole)
    throw new WebAnswerError(url, `it answers a range with status ${status}`, 'never')
  const type = (headers['content-type'] ?? '').toLowerCase()
  // A page that says «not found» with status 200 or 206; a torrent may hold a page of its own.
  const isPage = /^(?:text\/html|application\/xhtml)/.test(type) && !/\.x?html?$/i.test(new URL(url).pathname)
  if (isPage || type.startsWith('multipart/'))
    throw new WebAnswerError(url, `it answers with ${type.split(';')[0] ?? ''}`, 'never')
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity')
    throw new WebAnswerError(url, `it encodes its answer as ${encoding.slice(0, 20)}`, 'never')
  if (status === 206) checkRange(headers['content-range'] ?? '', { url, from, length, size })
  const told = headers['content-length']
  if (told !== undefined && Number(told) !== length)
    throw new WebAnswerError(url, `expected ${length} bytes, it announces ${told.slice(0, 20)}`, 'never')
}

function checkRange(text: string, { url, from, length, size }: WantedRange): void {
  const [, first, last, total] = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/.exec(text.trim()) ?? []
  if (total !== undefined && total !== '*' && Number(total) !== size)
    throw new WebAnswerError(url, `its file has ${total} bytes, the torrent's ${size}`, 'never')
  if (Number(first) !== from || Number(last) !== from + length - 1) {
    const found = text === '' ? 'none' : text.slice(0, 60).replaceAll(/[^\x20-\x7e]/g, '?')
    throw new WebAnswerError(url, `expected the range ${from}-${from + length - 1}, got ${found}`, 'never')
  }
}
