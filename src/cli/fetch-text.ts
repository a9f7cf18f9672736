import { QalError } from '../core/error.ts'
import { safeLine } from './output.ts'

/** A models.json of 100,000 listings stays below this. */
export const MAX_DOCUMENT_BYTES = 512 * 1024 ** 2
const FETCH_TIMEOUT_MS = 60_000

/**
 * A document of a site as text. Throws `cli_fetch`, exit 1, where the web does
 * not answer, exit 4 where nothing is there or too much; `found` holds the status.
 */
export async function fetchText(url: string): Promise<string> {
  return Buffer.from(await fetchBytes(url, MAX_DOCUMENT_BYTES)).toString('utf8')
}

/** A file of a site, of at most so many bytes; throws as `fetchText` does. */
export async function fetchBytes(url: string, maxBytes: number): Promise<Uint8Array> {
  const response = await fetch(url, {
    headers: { accept: 'application/json, */*;q=0.5' },
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  }).catch((cause: unknown) => {
    throw failed(url, reasonOf(cause), { exit: 1, cause })
  })
  if (!response.ok)
    throw failed(url, `the server answers ${response.status}`, {
      exit: response.status === 404 ? 4 : 1,
      found: String(response.status),
    })
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > maxBytes) throw failed(url, `expected at most ${maxBytes} bytes, got more`, { exit: 4 })
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function failed(
  url: string,
  reason: string,
  facts: { exit: 1 | 4; found?: string; cause?: unknown },
): QalError {
  return new QalError('cli_fetch', `Cannot read ${safeLine(url)}: ${safeLine(reason)}`, {
    subject: url,
    ...facts,
  })
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  return cause.cause instanceof Error ? cause.cause.message : cause.message
}
