import { ulid } from 'ulid'
import type { Authority, EventData, EventType, NewEvent, StoredEvent, StreamName } from '../../core/events.ts'
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
