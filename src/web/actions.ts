import type { ActionType } from '../core/actions.ts'
import {
  streamKind,
  subjectOf,
  type Authority,
  type EventData,
  type QalEvent,
  type StoredEvent,
} from '../core/events.ts'
import { lift } from '../core/lift.ts'
import { getText } from '../store/texts.ts'
import type { AppDeps } from './deps.ts'
import type { AuditPageProps } from './page-types.ts'
import { modelUrl } from './present.ts'

const PER_PAGE = 50

type Action = AuditPageProps['actions'][number]

/** One page of what was done by roles, rules and the operator, newest first. */
export async function actionPage(
  page: number,
  deps: AppDeps,
): Promise<Pick<AuditPageProps, 'actions' | 'total' | 'page' | 'pages'>> {
  await deps.catalogue.catchUp(deps.ledger)
  const { events, total } = deps.catalogue.actions((page - 1) * PER_PAGE, PER_PAGE)
  const actions = await Promise.all(events.map((event) => actionOf(event, deps)))
  return { actions, total, page, pages: Math.max(1, Math.ceil(total / PER_PAGE)) }
}

async function actionOf(stored: StoredEvent, deps: AppDeps): Promise<Action> {
  const event = lift(stored)
  const reason = event !== null && 'reason' in event.data ? event.data.reason : null
  const isText = typeof reason === 'string' && /^[0-9a-f]{64}$/.test(reason)
  return {
    id: stored.id,
    at: stored.at,
    by: stored.by === null ? null : (deps.catalogue.member(stored.by)?.handle ?? stored.by),
    right: rightOf(stored.authority),
    what: event === null ? stored.type.replaceAll('_', ' ') : whatOf(event),
    on: subjectIn(stored, event, deps),
    why: isText ? await getText(deps.blobs, reason) : typeof reason === 'string' ? reason : null,
  }
}

function rightOf(authority: Authority): string {
  if (authority.as === 'role') return `as ${authority.role}`
  if (authority.as === 'rule') return `rule ${authority.rule}`
  return authority.as === 'operator' ? 'the operator' : 'for themselves'
}

/** Each action in words. */
const WORDS: { [Type in ActionType]: (data: EventData[Type]) => string } = {
  policy_set: ({ policy }) => `set the policy, version ${policy.version}`,
  role_granted: ({ role }) => `granted the role ${role}`,
  role_revoked: ({ role }) => `revoked the role ${role}`,
  member_banned: () => 'banned',
  member_unbanned: () => 'lifted the ban',
  listing_published: () => 'published at once',
  review_decided: ({ decision }) => `decided: ${decision}`,
  decision_undone: () => 'took a decision back',
  reports_decided: ({ upheld, reports }) =>
    `${upheld ? 'upheld' : 'dismissed'} ${reports === null ? 'all open reports' : `${reports.length} of the reports`}`,
  report_counted: ({ counts }) => (counts ? 'let a report count again' : 'let a report no longer count'),
  comment_hidden: ({ hidden }) => (hidden ? 'hid a comment' : 'showed a comment again'),
  appeal_dismissed: () => 'dismissed the appeal',
  text_erased: () => 'erased a text',
  superseded: ({ by }) => (by === null ? 'took back that it is outdated' : 'said that it is outdated'),
  verification_requested: () => 'asked for a new verification',
}

function whatOf(event: QalEvent): string {
  const words = Object.hasOwn(WORDS, event.type)
    ? (WORDS[event.type as ActionType] as (data: unknown) => string)
    : null
  return words === null ? event.type.replaceAll('_', ' ') : words(event.data)
}

function subjectIn(stored: StoredEvent, event: QalEvent | null, deps: AppDeps): Action['on'] {
  if (streamKind(stored.stream) === 'listing') {
    const listing = deps.catalogue.listing(subjectOf(stored.stream))
    return listing && { name: listing.model, url: modelUrl(listing) }
  }
  const member =
    event !== null && 'member' in event.data
      ? deps.catalogue.member(event.data.member)
      : streamKind(stored.stream) === 'member'
        ? deps.catalogue.member(subjectOf(stored.stream))
        : null
  return member && { name: `@${member.handle}`, url: `/members/${member.handle}` }
}
