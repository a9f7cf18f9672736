import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { isQalError, QalError, type ErrorCode } from '../core/error.ts'
import type { AddressPolicy } from './addresses.ts'
import { checkedGet, type CheckedResponse } from './checked-http.ts'
import { retryAfterMs } from './retry-after.ts'

export interface HubQuestion {
  /** `organisation/name`. */
  repository: string
  /** 40 hexadecimal digits. */
  commit: string
  /** At most 500. */
  paths: readonly string[]
}

export interface HubOptions {
  /** The Hub's address, as `hubBase` gives it. */
  base: string
  policy: AddressPolicy
  signal?: AbortSignal
  /** For one exchange. */
  timeoutMs?: number
  /** The longest that a busy Hub is waited for, all in all. */
  patienceMs?: number
}

/** What the Hub says of a file at a commit. */
export type HubFileFacts =
  | { path: string; known: true; sha256: string; size_bytes: number }
  /** `git_only`: a small file that lies in git, whose id is a SHA-1 and proves nothing. */
  | { path: string; known: false; why: 'missing' | 'git_only' | 'no_file' }

export interface HubAnswer {
  /** As the Hub calls it now: another name where it was renamed. */
  repository: string
  files: HubFileFacts[]
}

const TIMEOUT_MS = 20_000
const PATIENCE_MS = 60_000
const MAX_TRIES = 4
/** Where a busy server does not say how long. */
const PAUSE_MS = 1_000
const MAX_PATHS = 500
/** An entry has a path of at most 1,024 characters, two digests and a few numbers. */
const MAX_ANSWER_BYTES = 4 * 2 ** 20

/** An entry of `POST /api/models/{repo}/paths-info/{revision}`; what is not needed is not looked at. */
const Entry = z.object({
  type: z.string().max(40),
  path: z.string().max(4_096),
  size: z.int().min(0),
  lfs: z.object({ oid: z.string().regex(/^(?:sha256:)?[0-9a-f]{64}$/), size: z.int().min(0) }).nullish(),
})

/**
 * Asks the Hub what it holds under these paths at a commit: SHA-256 and size of
 * each file in large-file storage (`lfs.oid`; Xet-backed files have it too).
 * One request, of this origin alone, held to the address policy, bounded in
 * size and time, tried again where the Hub says that it is busy.
 *
 * Throws, and then nothing is known: `swarm_hub_refused` (private, gated or not
 * there: it does not tell which), `swarm_hub_missing` (no such commit),
 * `swarm_hub_busy`, `swarm_hub_answer` (not in the Hub's shape),
 * `swarm_hub_unreachable`, `swarm_address_refused`.
 */
export async function askHub(question: HubQuestion, options: HubOptions): Promise<HubAnswer> {
  const { repository, commit, paths } = question
  if (paths.length === 0 || paths.length > MAX_PATHS)
    throw hubError('swarm_hub_answer', question, `expected 1 to ${MAX_PATHS} paths, got ${paths.length}`)
  const url = `${options.base}/api/models/${repository}/paths-info/${commit}`
  const response = await ask(url, question, options)
  const entries = readEntries(response, question)
  const name = /^\/api\/models\/([^/]+\/[^/]+)\/paths-info\//.exec(new URL(response.url).pathname)?.[1]
  return { repository: name ?? repository, files: paths.map((path) => factsOf(path, entries)) }
}

async function ask(url: string, question: HubQuestion, options: HubOptions): Promise<CheckedResponse> {
  const until = performance.now() + (options.patienceMs ?? PATIENCE_MS)
  for (let tries = 1; ; tries++) {
    const response = await exchange(url, question, options)
    const { status } = response
    if (status === 200) return response
    const busy = status === 429 || (status >= 500 && status <= 599)
    if (!busy) throw refusalOf(response, question)
    const pause = retryAfterMs(response.headers, Date.now()) ?? PAUSE_MS * 2 ** (tries - 1)
    if (tries >= MAX_TRIES || performance.now() + pause > until)
      throw hubError(
        'swarm_hub_busy',
        question,
        status === 429
          ? `it has answered too many requests (429) and wants ${Math.ceil(pause / 1000)} s`
          : `it answers with status ${status}`,
      )
    await wait(pause, undefined, options.signal ? { signal: options.signal } : {})
  }
}

async function exchange(url: string, question: HubQuestion, options: HubOptions): Promise<CheckedResponse> {
  try {
    return await checkedGet(url, {
      policy: options.policy,
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      sameOrigin: true,
      headers: { accept: 'application/json' },
      post: { body: JSON.stringify({ paths: question.paths }), type: 'application/json' },
      ...(options.signal && { signal: options.signal }),
    })
  } catch (error) {
    options.signal?.throwIfAborted()
    if (!isQalError(error) || error.code === 'swarm_address_refused') throw error
    const code = error.code === 'swarm_http_too_large' ? 'swarm_hub_answer' : 'swarm_hub_unreachable'
    throw hubError(code, question, error.facts.found ?? error.message, error)
  }
}

/** The Hub's errors: `x-error-code`, and `{error: …}`; 401 stands for all that a visitor may not know. */
function refusalOf({ status, headers, body }: CheckedResponse, question: HubQuestion): QalError {
  const code = String(headers['x-error-code'] ?? '')
  const said = saidOf(headers['x-error-message'], body)
  if (code === 'RevisionNotFound') return hubError('swarm_hub_missing', question, 'it has no such commit')
  if (code === 'GatedRepo')
    return hubError('swarm_hub_refused', question, 'the repository is gated: only who is let in may ask')
  if (code === 'RepoNotFound' || status === 401 || status === 403)
    return hubError('swarm_hub_refused', question, 'the repository is private, gated or not there')
  if (status === 404) return hubError('swarm_hub_missing', question, 'it has nothing there')
  return hubError('swarm_hub_answer', question, `it answers with status ${status}${said}`)
}

function saidOf(header: string | string[] | undefined, body: Uint8Array): string {
  let text = String(header ?? '')
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(body))
    const error = z.object({ error: z.string() }).safeParse(parsed)
    if (error.success) text = error.data.error
  } catch {
    // An error page in HTML says nothing that belongs in a report.
  }
  const printable = text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 120)
  return printable === '' ? '' : `: ${printable}`
}

function readEntries(response: CheckedResponse, question: HubQuestion): Map<string, z.infer<typeof Entry>> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(response.body))
  } catch (cause) {
    throw hubError('swarm_hub_answer', question, 'its answer is no JSON', cause)
  }
  const entries = z.array(Entry).max(MAX_PATHS).safeParse(value)
  if (!entries.success) {
    const at = entries.error.issues[0]?.path.join('.') || 'the whole'
    throw hubError('swarm_hub_answer', question, `its answer is not a list of files: ${at}`)
  }
  const byPath = new Map<string, z.infer<typeof Entry>>()
  for (const entry of entries.data) {
    // Two answers to one question are none.
    if (byPath.has(entry.path)) throw hubError('swarm_hub_answer', question, 'its answer names a file twice')
    byPath.set(entry.path, entry)
  }
  return byPath
}

function factsOf(path: string, entries: ReadonlyMap<string, z.infer<typeof Entry>>): HubFileFacts {
  const entry = entries.get(path)
  if (entry === undefined) return { path, known: false, why: 'missing' }
  if (entry.type !== 'file') return { path, known: false, why: 'no_file' }
  if (!entry.lfs) return { path, known: false, why: 'git_only' }
  // `lfs.size` is of the content; `pointerSize`, beside it, of the stub that git keeps.
  return { path, known: true, sha256: entry.lfs.oid.slice(-64), size_bytes: entry.lfs.size }
}

function hubError(
  code: ErrorCode,
  { repository, commit }: HubQuestion,
  why: string,
  cause?: unknown,
): QalError {
  return new QalError(code, `Cannot ask Hugging Face for ${repository} at ${commit.slice(0, 12)}: ${why}`, {
    subject: repository,
    found: why.slice(0, 200),
    ...(cause === undefined ? {} : { cause }),
  })
}
