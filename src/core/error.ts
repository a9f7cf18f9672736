/** Every refusal's code; the first part names the boundary that refused. */
export type ErrorCode =
  | `torrent_${string}`
  | `gguf_${string}`
  | `safetensors_${string}`
  | `sign_${string}`
  | `swarm_${string}`
  | `verify_${string}`
  | `store_${string}`
  | `ledger_${string}`
  | `http_${string}`
  | `cli_${string}`
  | `input_${string}`

/** What a program exits with, as DESIGN's command line says: 1 unexpected, 2 usage, 3 a claim that does not hold, 4 invalid or hostile input. */
export type ExitCode = 1 | 2 | 3 | 4

export interface QalErrorFacts {
  /** The field of the input that was wrong, as a path such as `files.0.sha256`. */
  field?: string
  /** What was expected there, in a few words. */
  expected?: string
  /** What was found, already made safe to print and shortened. */
  found?: string
  /** Where in the input, in bytes from its start. */
  offset?: number
  /** The listing, member or job that it concerns. */
  subject?: string
  exit?: ExitCode
  cause?: unknown
}

/**
 * The one error class. Message grammar: the action that failed, a colon, what
 * was found and what was wanted; a capital, no full stop.
 */
export class QalError extends Error {
  override readonly name = 'QalError'
  readonly code: ErrorCode
  readonly facts: QalErrorFacts

  constructor(code: ErrorCode, message: string, facts: QalErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = code
    this.facts = facts
  }
}

/** Says whether a value is a QalError, also one from another realm such as a worker. */
export function isQalError(value: unknown): value is QalError {
  return (
    value instanceof Error &&
    value.name === 'QalError' &&
    typeof (value as Partial<QalError>).code === 'string'
  )
}
