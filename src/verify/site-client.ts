import { z } from 'zod'
import { QalError } from '../core/error.ts'
import { ListedFile } from '../core/events.ts'
import type { JobProgress } from '../store/private.ts'
import type { VerificationReport } from '../core/report.ts'

const MAX_ANSWER_BYTES = 8 * 1024 * 1024

/** What a verifier needs of a claimed listing; the site says more. */
const ClaimedListing = z.object({
  id: z.string(),
  files: z.array(ListedFile),
  torrent_url: z.string().nullable(),
  info_hash: z.string().nullable(),
  info_hash_v2: z.string().nullable(),
  trackers: z.array(z.string()),
  web_seeds: z.array(z.string()),
  magnet: z.string().nullable(),
  quantisation: z.object({ claimed: z.string().nullable() }),
  signature: z.object({ blob: z.string().nullable(), fingerprint: z.string().nullable() }),
  uploader: z.object({ handle: z.string() }),
  source: z.object({
    repository: z.string().nullable(),
    commit: z.string().nullable(),
    // Sites of before version 3 of events name no file.
    path: z.string().nullable().default(null),
  }),
})
export type ClaimedListing = z.infer<typeof ClaimedListing>

/** A verifier's hands on a site: its public API, with a token of the scope verify. */
export class SiteClient {
  readonly #site: string
  readonly #token: string

  constructor(site: string, token: string) {
    this.#site = site.replace(/\/+$/, '')
    this.#token = token
  }

  /** The next job that nobody works on, but for those in `except`, and those in `last` only where there is no other; null where nothing waits. */
  async claim(except: readonly string[], last: readonly string[]): Promise<ClaimedListing | null> {
    const answer = await this.#json('POST', '/api/queue/claims', {
      except: except.slice(0, 1_000),
      last: last.slice(0, 1_000),
    })
    const { claim } = z.object({ claim: z.object({ listing: ClaimedListing }).nullable() }).parse(answer)
    return claim?.listing ?? null
  }

  /** Keeps the claim alive; throws where another verifier has it now. */
  async heartbeat(listing: string, progress: JobProgress): Promise<void> {
    await this.#json('POST', '/api/queue/claims', { listing, ...progress })
  }

  /** Gives a claim back without a verdict. */
  async release(listing: string): Promise<void> {
    await this.#json('POST', '/api/queue/claims', { listing, release: true })
  }

  async report(listing: string, report: VerificationReport): Promise<void> {
    await this.#json('POST', `/api/models/${listing}/verifications`, report)
  }

  /** A file of the site as bytes; null where it is not there. */
  async file(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const response = await this.#fetch('GET', path)
    if (response.status === 404) return null
    return bytesOf(response)
  }

  async #json(method: string, path: string, body: object): Promise<unknown> {
    const response = await this.#fetch(method, path, body)
    return JSON.parse(new TextDecoder().decode(await bytesOf(response)))
  }

  async #fetch(method: string, path: string, body?: object): Promise<Response> {
    const response = await fetch(this.#site + path, {
      method,
      redirect: 'error',
      signal: AbortSignal.timeout(30_000),
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    if (response.ok || (response.status === 404 && method === 'GET')) return response
    const text = (await response.text()).slice(0, 500)
    if (response.status === 409)
      throw new QalError('verify_lease_lost', `Cannot go on: another verifier has the job now: ${text}`)
    throw new QalError(
      response.status < 500 ? 'verify_refused' : 'verify_site',
      `Cannot ${method} ${path}: the site answered ${response.status}: ${text}`,
    )
  }
}

async function bytesOf(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (bytes.length > MAX_ANSWER_BYTES)
    throw new QalError(
      'verify_site',
      `Cannot read the site: its answer has ${bytes.length} bytes, expected at most ${MAX_ANSWER_BYTES}`,
    )
  return bytes
}
