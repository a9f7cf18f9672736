import type { NewEvent, StoredEvent, StreamName } from '../core/events.ts'

/**
 * The append-only record of everything that happened. The rules, each of which
 * the conformance suite (test/ledger.suite.ts) names:
 *
 * L1 An append names the sequence number it expects its stream to be at (0 for
 *    an empty one). At any other it throws `ledger_conflict` and nothing is stored.
 * L2 The events of one append are stored together or not at all, in the order given,
 *    numbered from expected + 1.
 * L3 An append is acknowledged (its promise resolves) only when the events are durable.
 * L4 Appending events whose ids are all stored already, with the same content, in the
 *    same stream, changes nothing and returns what is stored, whatever was expected.
 *    The same id with other content throws `ledger_conflict`.
 * L5 What is read is what was appended, byte for byte in canonical JSON (RFC 8785).
 * L6 `read` gives all events in the order of one growing position; two reads from
 *    the same cursor give the same events, and an event once seen never moves.
 * L7 Events are checked against their schema before anything is stored
 *    (`ledger_event_invalid`).
 * L8 After `close` every call throws `store_closed`.
 */
export interface Ledger {
  append(
    stream: StreamName,
    expected: number,
    events: readonly [NewEvent, ...NewEvent[]],
  ): Promise<StoredEvent[]>
  /** All events of a stream after `after`, in order; empty for a stream that is not there. */
  readStream(stream: StreamName, after?: number): Promise<StoredEvent[]>
  /** Up to `limit` events after the cursor, and the cursor to go on from. The first cursor is 0. */
  read(cursor: number, limit: number): Promise<{ events: StoredEvent[]; cursor: number }>
  /** The cursor behind the last event. Cheap: asked at every request. */
  head(): Promise<number>
  close(): Promise<void>
}
