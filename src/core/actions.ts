import type { EventType, StoredEvent } from './events.ts'

/** What moderators, admins, the operator and the rules did: all of it is public. */
export const ACTIONS = [
  'policy_set',
  'role_granted',
  'role_revoked',
  'member_banned',
  'member_unbanned',
  'listing_published',
  'review_decided',
  'decision_undone',
  'reports_decided',
  'report_counted',
  'comment_hidden',
  'appeal_dismissed',
  'text_erased',
  'superseded',
  'verification_requested',
] as const satisfies readonly EventType[]
export type ActionType = (typeof ACTIONS)[number]

const KNOWN: ReadonlySet<string> = new Set(ACTIONS)

/** Whether an event belongs among the public actions: done by a role, a rule or the operator, not by members for themselves. */
export function isAction({ type, authority }: Pick<StoredEvent, 'type' | 'authority'>): boolean {
  return KNOWN.has(type) && (authority.as !== 'self' || type === 'decision_undone')
}
