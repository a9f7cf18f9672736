import type { QalEvent, StoredEvent } from './events.ts'
import { CURRENT_VERSION, EVENT_DATA, Envelope, streamKind } from './events.ts'
import { QalError } from './error.ts'

type Lifter = (data: Record<string, unknown>) => Record<string, unknown>

/**
 * How data of an old version becomes data of the next, by type and the version
 * it is lifted from. Events are never rewritten; only what reads them grows.
 */
const LIFTERS: Record<string, Record<number, Lifter>> = {}

/**
 * Brings a stored event to the shape this version knows; null for a type or a
 * version it does not know, which makes the event's subject unknown.
 */
export function lift(
  event: StoredEvent,
  lifters: Record<string, Record<number, Lifter>> = LIFTERS,
): QalEvent | null {
  if (event.v > CURRENT_VERSION) return null
  const known: Record<string, unknown> = EVENT_DATA[streamKind(event.stream)]
  if (!Object.hasOwn(known, event.type)) return null
  let { data } = event
  for (let v = event.v; v < CURRENT_VERSION; v++) data = lifters[event.type]?.[v]?.(data) ?? data
  return (data === event.data ? event : { ...event, v: CURRENT_VERSION, data }) as QalEvent
}

/**
 * Checks an event of unknown origin whole: envelope, stream, type and data.
 * Throws `ledger_event_invalid` that names the field.
 */
export function parseEvent(value: unknown): StoredEvent {
  const envelope = Envelope.safeParse(value)
  if (!envelope.success) throw invalid(envelope.error.issues[0])
  const event = envelope.data as StoredEvent
  const table: Record<
    string,
    { safeParse(data: unknown): { success: boolean; error?: { issues: Issue[] } } }
  > = EVENT_DATA[streamKind(event.stream)]
  const schema = Object.hasOwn(table, event.type) ? table[event.type] : undefined
  if (schema && event.v === CURRENT_VERSION) {
    const data = schema.safeParse(event.data)
    if (!data.success) throw invalid(data.error?.issues[0], 'data')
  }
  return event
}

interface Issue {
  path: PropertyKey[]
  message: string
}

function invalid(issue: Issue | undefined, under?: string): QalError {
  const path = [...(under ? [under] : []), ...(issue?.path ?? [])].map(String).join('.')
  return new QalError(
    'ledger_event_invalid',
    `Cannot take event: ${path || 'it'}: ${issue?.message ?? 'is no event'}`,
    {
      field: path,
      expected: issue?.message ?? 'an event',
      exit: 4,
    },
  )
}
