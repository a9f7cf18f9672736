import type { ListingEvent, QalEvent, StoredEvent, StreamName } from './events.ts'
import { streamKind, subjectOf } from './events.ts'
import { QalError } from './error.ts'
import { lift } from './lift.ts'
import { emptyListing, reduceListing } from './fold-listing.ts'
import { DEFAULT_POLICY } from './policy.ts'
import { authorityHeld, rolesOf } from './roles.ts'
import type { ListingState, MemberState, SiteState, World } from './state.ts'

export type StreamState = SiteState | MemberState | ListingState

export function emptyWorld(): World {
  return { site: emptySite(), members: new Map(), listings: new Map() }
}

/** The state of a stream before its first event. */
export function emptyState(stream: StreamName): StreamState {
  const kind = streamKind(stream)
  if (kind === 'site') return emptySite()
  return kind === 'member' ? emptyMember(subjectOf(stream)) : emptyListing(subjectOf(stream))
}

/**
 * Takes one event into its stream's state, in place. Within a stream the
 * sequence number decides: an event that was taken already changes nothing,
 * a gap throws `ledger_gap`. A type this version does not know marks the
 * subject as unknown, which no projection shows as good.
 */
export function reduce(state: StreamState, stored: StoredEvent): void {
  if (stored.seq <= state.seq) return
  if (stored.seq !== state.seq + 1)
    throw new QalError(
      'ledger_gap',
      `Cannot fold ${stored.stream}: expected event ${state.seq + 1}, got ${stored.seq}`,
      {
        subject: stored.stream,
      },
    )
  state.seq = stored.seq
  const event = lift(stored)
  if (event === null) {
    state.unknown = true
    return
  }
  const kind = streamKind(event.stream)
  if (kind === 'site') reduceSite(state as SiteState, event)
  else if (kind === 'member') reduceMember(state as MemberState, event)
  else reduceListing(state as ListingState, event as ListingEvent)
}

/** Takes an event into a world, in place. */
export function foldInto(world: World, event: StoredEvent): void {
  reduce(stateIn(world, event.stream), event)
}

/** The state of a stream in a world, made empty where it is not there yet. */
export function stateIn(world: World, stream: StreamName): StreamState {
  if (stream === 'site') return world.site
  const id = subjectOf(stream)
  const all: Map<string, StreamState> = streamKind(stream) === 'member' ? world.members : world.listings
  let state = all.get(id)
  if (state === undefined) {
    state = emptyState(stream)
    all.set(id, state)
  }
  return state
}

/** Folds a whole ledger. Within a stream events must come in their order; between streams any order gives the same world. */
export function fold(events: Iterable<StoredEvent>): World {
  const world = emptyWorld()
  for (const event of events) foldInto(world, event)
  return world
}

function emptySite(): SiteState {
  return { seq: 0, unknown: false, policy: DEFAULT_POLICY, policy_seq: 0, grants: [], bans: [] }
}

function emptyMember(id: string): MemberState {
  return { id, seq: 0, unknown: false, handle: '', joined_at: '', identity: [], keys: [], endorsers: [] }
}

/**
 * Only the operator and admins write here, and moderators ban (T2, T18). A grant
 * is looked at before it is taken, so that it cannot be its own authority.
 */
function reduceSite(state: SiteState, event: QalEvent): void {
  const { authority, by } = event
  const byAdmin = by !== null && authorityHeld(state, by, authority, ['admin'])
  const byOwner = authority.as === 'operator' || byAdmin
  if (event.type === 'member_banned' || event.type === 'member_unbanned') {
    const byModerator = by !== null && authorityHeld(state, by, authority, ['moderator'])
    if (byOwner || byModerator) reduceBan(state, event, byOwner)
    return
  }
  if (!byOwner) return
  if (event.type === 'policy_set') {
    state.policy = event.data.policy
    state.policy_seq = event.seq
  } else if (event.type === 'role_granted') {
    const { member, role } = event.data
    const held = state.grants.some(
      (grant) => grant.member === member && grant.role === role && grant.until === null,
    )
    if (!held) state.grants.push({ member, role, from: event.seq, until: null })
  } else if (event.type === 'role_revoked') {
    const { member, role } = event.data
    for (const grant of state.grants)
      if (grant.member === member && grant.role === role && grant.until === null) grant.until = event.seq
  }
}

/** Nobody bans themselves or lifts their own ban; who holds a role is banned by admins alone (T18). */
function reduceBan(
  state: SiteState,
  event: Extract<QalEvent, { type: 'member_banned' | 'member_unbanned' }>,
  byOwner: boolean,
): void {
  const { member } = event.data
  if (event.by === member) return
  const standing = state.bans.find((ban) => ban.member === member && ban.until === null)
  if (event.type === 'member_unbanned') {
    if (standing !== undefined) standing.until = event.seq
    return
  }
  if (standing !== undefined || (rolesOf(state, member).length > 0 && !byOwner)) return
  state.bans.push({
    member,
    by: event.by,
    at: event.at,
    reason: event.data.reason,
    from: event.seq,
    until: null,
  })
}

function reduceMember(state: MemberState, event: QalEvent): void {
  // What a member says of themselves only they say, or the operator or a rule for them (T2).
  const own = event.authority.as !== 'role' && (event.authority.as !== 'self' || event.by === state.id)
  if (!own && event.type !== 'member_endorsed' && event.type !== 'endorsement_withdrawn') return
  if (event.type === 'member_joined') {
    state.handle = event.data.handle
    // A new handle makes no younger account (T12).
    state.joined_at ||= event.at
  } else if (event.type === 'identity_proved') {
    const { kind } = event.data
    // Nobody proves who they are by saying so.
    if (event.authority.as !== 'self' && !state.identity.some((identity) => identity.kind === kind))
      state.identity.push({ kind, at: event.at })
  } else if (event.type === 'identity_withdrawn') {
    state.identity = state.identity.filter(({ kind }) => kind !== event.data.kind)
  } else if (event.type === 'key_registered') {
    const { fingerprint, public_key } = event.data
    if (!state.keys.some((key) => key.fingerprint === fingerprint))
      state.keys.push({
        fingerprint,
        public_key,
        registered_at: event.at,
        revoked_at: null,
        compromised: false,
      })
  } else if (event.type === 'key_revoked') {
    const key = state.keys.find(({ fingerprint }) => fingerprint === event.data.fingerprint)
    if (key) {
      key.revoked_at ??= event.at
      key.compromised ||= event.data.compromised
    }
  } else if (event.type === 'member_endorsed') {
    if (event.by !== null && event.by !== state.id && !state.endorsers.includes(event.by))
      state.endorsers.push(event.by)
  } else if (event.type === 'endorsement_withdrawn') {
    state.endorsers = state.endorsers.filter((endorser) => endorser !== event.by)
  }
}
