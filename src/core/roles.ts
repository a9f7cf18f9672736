import type { Authority, Role } from './events.ts'
import { isBanned, wasBanned } from './bans.ts'
import type { SiteState } from './state.ts'

/** The roles a member holds now; none while they are banned (T18), nor where the site's stream has an event that this version does not know (T1). */
export function rolesOf(site: SiteState, member: string): Role[] {
  if (site.unknown || isBanned(site, member)) return []
  return site.grants
    .filter((grant) => grant.member === member && grant.until === null)
    .map((grant) => grant.role)
}

/**
 * Whether the authority an event records held when it was appended (T2): the
 * named role was granted to that member at that position of the site's stream.
 * Nothing later is looked at, so that a role taken away does not rewrite what
 * was rightly decided.
 */
export function authorityHeld(
  site: SiteState,
  member: string,
  authority: Authority,
  allowed: readonly Role[],
): boolean {
  // An unknown event of the site may have taken any role away (T1).
  if (site.unknown) return false
  if (authority.as !== 'role' || !allowed.includes(authority.role) || authority.site_seq > site.seq)
    return false
  if (wasBanned(site, member, authority.site_seq)) return false
  return site.grants.some(
    (grant) =>
      grant.member === member &&
      grant.role === authority.role &&
      grant.from <= authority.site_seq &&
      (grant.until === null || grant.until > authority.site_seq),
  )
}

/** Whether somebody acted as a moderator or admin, and not on their own listing (T10). */
export function moderates(
  act: { by: string; authority: Authority },
  uploader: string,
  site: SiteState,
): boolean {
  return act.by !== uploader && authorityHeld(site, act.by, act.authority, ['moderator', 'admin'])
}
