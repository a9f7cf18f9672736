import { isBanned } from '../../core/bans.ts'
import { rolesOf } from '../../core/roles.ts'
import { MemberId } from '../../core/ids.ts'
import type { MemberView } from '../../core/views.ts'
import { isQalError } from '../../core/error.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { forbidden, InputError, notFound } from '../problem.ts'
import { append, newEvent } from './append.ts'
import { asModerator, self } from './people.ts'
import { countReportsOf } from './reports.ts'
import { reasonText } from './review.ts'

const MAX_TRIES = 20

/** Endorses another member, once (T4e). */
export async function endorse(deps: AppDeps, actor: Actor, handle: string): Promise<void> {
  const { member, state } = await other(deps, actor, handle, 'endorse')
  if (state.endorsers.includes(actor.member)) return
  await append(deps, `member/${member.id}`, state.seq, [newEvent(deps, self(actor), 'member_endorsed', {})])
}

export async function withdrawEndorsement(deps: AppDeps, actor: Actor, handle: string): Promise<void> {
  const { member, state } = await other(deps, actor, handle, 'endorse')
  if (!state.endorsers.includes(actor.member)) throw notFound('an endorsement of yours')
  await append(deps, `member/${member.id}`, state.seq, [
    newEvent(deps, self(actor), 'endorsement_withdrawn', {}),
  ])
}

/**
 * Bans a member, or lifts the ban (T18). Who holds a role is banned by admins
 * alone. Their reports stop counting at once; where that was cut short, saying
 * it again finishes it.
 */
export async function setBan(
  deps: AppDeps,
  actor: Actor,
  handle: string,
  input: { banned: boolean; reason: string },
): Promise<void> {
  const { member } = await other(deps, actor, handle, 'ban')
  const id = MemberId.parse(member.id)
  const reason = input.banned ? await reasonText(deps, input.reason) : null
  if (input.banned && reason === null)
    throw new InputError([{ field: 'reason', expected: 'a reason that the member sees' }])
  for (let tries = 1; ; tries++) {
    const act = asModerator(deps, actor, null, 'ban members')
    const site = deps.catalogue.site()
    if (isBanned(site, id) === input.banned) break
    if (input.banned && rolesOf(site, id).length > 0 && act.authority.role !== 'admin')
      throw forbidden(
        `Cannot ban @${member.handle}: who holds a role is banned by admins alone (T18)`,
        'an admin',
      )
    const event = input.banned
      ? newEvent(deps, act, 'member_banned', { member: id, reason })
      : newEvent(deps, act, 'member_unbanned', { member: id })
    try {
      await append(deps, 'site', site.seq, [event])
      break
    } catch (error) {
      if (!isQalError(error) || error.code !== 'ledger_conflict' || tries >= MAX_TRIES) throw error
      await deps.catalogue.catchUp(deps.ledger)
    }
  }
  await countReportsOf(deps, id, !input.banned)
}

async function other(
  deps: AppDeps,
  actor: Actor,
  handle: string,
  action: string,
): Promise<{ member: MemberView; state: NonNullable<ReturnType<AppDeps['catalogue']['memberState']>> }> {
  await deps.catalogue.catchUp(deps.ledger)
  const member = deps.catalogue.memberByHandle(handle.replace(/^@/, '').toLowerCase())
  const state = member && deps.catalogue.memberState(member.id)
  if (!member || !state) throw notFound(`member @${handle}`)
  if (member.id === actor.member) throw forbidden(`Cannot ${action} yourself`, 'another member')
  return { member, state }
}
