import type { QalEvent, Source, StoredEvent } from './events.ts'
import { CURRENT_VERSION, EVENT_DATA, Envelope, streamKind } from './events.ts'
import { QalError } from './error.ts'
import { DEFAULT_POLICY, type Policy } from './policy.ts'

type Lifter = (data: Record<string, unknown>) => Record<string, unknown>

/**
 * How data of an old version becomes data of the next, by type and the version
 * it is lifted from. Events are never rewritten; only what reads them grows.
 */
const LIFTERS: Record<string, Record<number, Lifter>> = {
  // What a site could not set before version 2 has its first defaults.
  policy_set: {
    1: (data) => {
      const old = data['policy'] as Partial<Policy>
      const { ratings, comments, reserved_handles, reports } = DEFAULT_POLICY
      const { dismissed_days } = reports
      return {
        policy: { ratings, comments, reserved_handles, ...old, reports: { dismissed_days, ...old.reports } },
      }
    },
  },
  // A source of before version 3 names a repository, but no file in it.
  listing_submitted: {
    2: (data) => ({ ...data, source: { ...(data['source'] as Partial<Source>), path: null } }),
  },
  // Verifiers of version 1 did not record which chat templates they saw, those before 3 asked no publisher.
  verification_recorded: {
    1: (data) => ({ ...data, templates: null }),
    2: (data) => ({ ...data, publisher: null }),
  },
  commented: { 1: (data) => ({ ...data, reply_to: null }) },
  reported: { 1: (data) => ({ ...data, evidence: null }) },
  reports_decided: { 1: (data) => ({ ...data, reports: null, reason: null }) },
}

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
  // An old event is held to today's shape too: what cannot be lifted to it is no event.
  const lifted = schema && lift(event)
  if (schema && lifted) {
    const data = schema.safeParse(lifted.data)
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
