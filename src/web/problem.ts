import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ZodError } from 'zod'
import type { ErrorCode } from '../core/error.ts'
import { isQalError, QalError } from '../core/error.ts'
import { wanted } from './commands/wanted.ts'

/** A problem document (RFC 9457) that names the field and what was expected there. */
export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  code: string
  field?: string
  expected?: string
  found?: string
  /** The listing that has it already, for a duplicate. */
  existing?: { id: string; url: string }
  errors?: { field: string; expected: string }[]
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  http_bad_request: 400,
  http_unauthorised: 401,
  http_forbidden: 403,
  http_not_found: 404,
  http_method: 405,
  http_duplicate: 409,
  ledger_conflict: 409,
  http_too_large: 413,
  http_media_type: 415,
  http_rate: 429,
  http_mail: 503,
}

const TITLE: Record<number, string> = {
  400: 'The request cannot be read',
  401: 'Sign in first',
  403: 'You may not do this',
  404: 'Not here',
  405: 'This method is not for this address',
  409: 'It is there already, or has changed meanwhile',
  413: 'Too large',
  415: 'This content type is not taken',
  422: 'Something in it is wrong',
  429: 'Too many requests',
  503: 'Not possible at the moment',
  500: 'The site failed',
}

/** Turns any error into its problem document; what is not ours says nothing of its inside. */
export function problemOf(error: unknown): Problem {
  // The framework's own refusals, such as a form from another site.
  if (error instanceof HTTPException)
    return {
      type: 'about:blank',
      title: TITLE[error.status] ?? 'Refused',
      status: error.status,
      code: error.status === 403 ? 'http_forbidden' : 'http_bad_request',
      detail: error.message || 'Cannot take this request: forms are taken from the pages of this site only',
    }
  if (!isQalError(error))
    return {
      type: 'about:blank',
      title: TITLE[500] ?? '',
      status: 500,
      code: 'http_internal',
      detail: 'Something went wrong on our side; nothing was stored. Try again in a minute',
    }
  const status = STATUS[error.code] ?? (/^(?:store|ledger_gap)/.test(error.code) ? 500 : 422)
  const { field, expected, found } = error.facts
  return {
    type: 'about:blank',
    title: TITLE[status] ?? '',
    status,
    detail: error.message,
    code: error.code,
    ...(field === undefined ? {} : { field }),
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
    ...(error instanceof InputError ? { errors: error.errors } : {}),
    ...(error instanceof DuplicateError ? { existing: error.existing } : {}),
  }
}

export function problemResponse(error: unknown): Response {
  const problem = problemOf(error)
  return Response.json(problem, {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
  })
}

/** A body that did not fit its schema: the first field in `facts`, all of them in `errors`. */
export class InputError extends QalError {
  readonly errors: { field: string; expected: string }[]

  constructor(errors: { field: string; expected: string }[]) {
    const first = errors[0] ?? { field: '', expected: 'another value' }
    super('input_invalid', `Cannot take ${first.field || 'the body'}: expected ${first.expected}`, {
      field: first.field,
      expected: first.expected,
      exit: 4,
    })
    this.errors = errors
  }
}

export class DuplicateError extends QalError {
  readonly existing: { id: string; url: string }

  constructor(field: string, existing: { id: string; url: string }, action = 'submit') {
    super(
      'http_duplicate',
      `Cannot ${action}: the listing ${existing.id} has this ${field.replaceAll('_', ' ')} already`,
      {
        field,
        expected: 'one that neither a published listing nor another of yours has',
        subject: existing.id,
      },
    )
    this.existing = existing
  }
}

/** Names every field that a schema refused and what it wanted there. */
export function inputError(error: ZodError): InputError {
  return new InputError(
    error.issues.map((issue) => ({
      field:
        issue.code === 'unrecognized_keys'
          ? [...issue.path, issue.keys[0] ?? ''].join('.')
          : issue.path.join('.'),
      expected: issue.code === 'unrecognized_keys' ? 'no such field' : wanted(issue.message),
    })),
  )
}

export function notFound(what: string): QalError {
  return new QalError('http_not_found', `Cannot find ${what}`)
}

export function forbidden(message: string, expected: string): QalError {
  return new QalError('http_forbidden', message, { expected })
}

/** Whether the client asks for a page rather than JSON. */
export function wantsPage(c: Context): boolean {
  return !c.req.path.startsWith('/api/') && (c.req.header('accept') ?? '').includes('text/html')
}
