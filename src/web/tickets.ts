import { sign, verify } from 'hono/jwt'
import type { z } from 'zod'
import { QalError } from '../core/error.ts'
import type { AppDeps } from './deps.ts'

type TicketDeps = Pick<AppDeps, 'secret' | 'now' | 'random' | 'private'>

/** What a ticket is for: one for one thing opens no other. */
export type TicketUse = 'terminal' | 'email' | 'handle' | 'github'

/** A signed text that somebody brings back; what it holds can be read by who has it, and not changed. */
export async function issueTicket(
  deps: TicketDeps,
  use: TicketUse,
  data: Record<string, unknown>,
  seconds: number,
): Promise<string> {
  const exp = Math.floor(deps.now().getTime() / 1000) + seconds
  return sign({ ...data, use, exp, jti: deps.random(16).toHex() }, deps.secret.toHex(), 'HS256')
}

/** What a ticket holds; throws `http_unauthorised` for one that is not ours, for something else, or over. */
export async function readTicket<Schema extends z.ZodType>(
  deps: TicketDeps,
  use: TicketUse,
  schema: Schema,
  text: string | undefined,
): Promise<{ data: z.infer<Schema>; jti: string; exp: number }> {
  try {
    const payload = await verify(text ?? '', deps.secret.toHex(), { alg: 'HS256', exp: false })
    const { use: found, exp, jti, ...rest } = payload
    const live = typeof exp === 'number' && exp * 1000 > deps.now().getTime()
    if (found === use && live && typeof jti === 'string') return { data: schema.parse(rest), jti, exp }
  } catch {
    // Whatever is wrong with it, the answer is the same.
  }
  throw new QalError(
    'http_unauthorised',
    'Cannot sign in: this link is not ours or has expired; ask for a new one',
  )
}

/** The same, and the ticket opens nothing again. */
export async function redeemTicket<Schema extends z.ZodType>(
  deps: TicketDeps,
  use: TicketUse,
  schema: Schema,
  text: string | undefined,
): Promise<z.infer<Schema>> {
  const { data, jti, exp } = await readTicket(deps, use, schema, text)
  if (!(await deps.private.useOnce(jti, new Date(exp * 1000).toISOString())))
    throw new QalError('http_unauthorised', 'Cannot sign in: this link was used already; ask for a new one')
  return data
}

/** A path of this site; anything else would be an open redirect. */
export function localPath(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])[\w\-./?=&%]*$/.test(next) ? next : '/'
}
