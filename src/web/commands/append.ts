import { ulid } from 'ulid'
import type { Authority, EventData, EventType, NewEvent, StoredEvent, StreamName } from '../../core/events.ts'
import { isQalError } from '../../core/error.ts'
import { CURRENT_VERSION } from '../../core/events.ts'
import { EventId, type MemberId } from '../../core/ids.ts'
import type { AppDeps } from '../deps.ts'

export interface Act {
  by: MemberId | null
  authority: Authority
}

/** A new event of now, with an id of its own. */
export function newEvent<Type extends EventType>(
  deps: Pick<AppDeps, 'now'>,
  act: Act,
  type: Type,
  data: EventData[Type],
): NewEvent {
  const now = deps.now()
  return {
    v: CURRENT_VERSION,
    type,
    id: EventId.parse(ulid(now.getTime())),
    at: now.toISOString(),
    by: act.by,
    authority: act.authority,
    data,
  } as NewEvent
}

const MAX_TRIES = 50

/**
 * Appends events that hold whatever else happened to their stream meanwhile,
 * such as a comment: a conflict is met by asking again at its new end.
 */
export async function appendAtEnd(
  deps: Pick<AppDeps, 'ledger' | 'catalogue' | 'changed'>,
  listing: string,
  events: readonly [NewEvent, ...NewEvent[]],
): Promise<StoredEvent[]> {
  for (let tries = 1; ; tries++) {
    const seq = deps.catalogue.listingState(listing)?.seq ?? 0
    try {
      return await append(deps, `listing/${listing}`, seq, events)
    } catch (error) {
      if (!isQalError(error) || error.code !== 'ledger_conflict' || tries >= MAX_TRIES) throw error
      await deps.catalogue.catchUp(deps.ledger)
    }
  }
}

/** Appends and lets the catalogue follow, so that who wrote reads their write. */
export async function append(
  deps: Pick<AppDeps, 'ledger' | 'catalogue' | 'changed'>,
  stream: StreamName,
  expected: number,
  events: readonly [NewEvent, ...NewEvent[]],
): Promise<StoredEvent[]> {
  const stored = await deps.ledger.append(stream, expected, events)
  await deps.catalogue.catchUp(deps.ledger)
  deps.changed?.()
  return stored
}
