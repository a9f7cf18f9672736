import type { Role } from '../../core/events.ts'
import type { MemberId } from '../../core/ids.ts'
import type { ListingView, MemberView } from '../../core/views.ts'
import { heldRole } from '../actor.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { forbidden, notFound } from '../problem.ts'
import type { Act } from './append.ts'
import { findListing } from './find.ts'

/** The member who acts; throws `http_not_found` where the record has none of that id. */
export function memberOf(deps: Pick<AppDeps, 'catalogue'>, actor: Actor): MemberView {
  const member = deps.catalogue.member(actor.member)
  if (!member) throw notFound(`member ${actor.member}`)
  return member
}

/** As the member themselves. */
export function self(actor: Actor): Act {
  return { by: actor.member, authority: { as: 'self' } }
}

/** A listing that the actor did not upload; throws `http_forbidden` for their own (T10). */
export async function othersListing(
  deps: AppDeps,
  actor: Actor,
  id: string,
  action: string,
): Promise<{ listing: ListingView; member: MemberView }> {
  const listing = await findListing(deps, id)
  const member = memberOf(deps, actor)
  if (listing.uploader.id === actor.member)
    throw forbidden(`Cannot ${action} your own listing`, 'a listing of another member')
  return { listing, member }
}

/** An admin acts as one: who holds a role is banned by admins alone (T18). */
const MODERATORS: readonly Role[] = ['admin', 'moderator']

/** By what right somebody moderates a listing, nobody their own (T10); throws `http_forbidden`. */
export function asModerator(
  deps: Pick<AppDeps, 'catalogue'>,
  actor: Actor,
  listing: Pick<ListingView, 'uploader'> | null,
  action: string,
): { by: MemberId; authority: NonNullable<ReturnType<typeof heldRole>> } {
  const role = heldRole(deps, memberOf(deps, actor), MODERATORS)
  if (role === null)
    throw forbidden(`Cannot ${action}: only moderators and admins may (T10)`, 'the role moderator')
  if (listing?.uploader.id === actor.member)
    throw forbidden(`Cannot ${action} on your own listing (T10)`, 'a listing of another member')
  return { by: actor.member, authority: role }
}
