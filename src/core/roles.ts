import type { Authority, Role } from './events.ts'
import type { SiteState } from './state.ts'

/** The roles a member holds now. */
export function rolesOf(site: SiteState, member: string): Role[] {
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
  if (authority.as !== 'role' || !allowed.includes(authority.role) || authority.site_seq > site.seq)
    return false
  return site.grants.some(
    (grant) =>
      grant.member === member &&
      grant.role === authority.role &&
      grant.from <= authority.site_seq &&
      (grant.until === null || grant.until > authority.site_seq),
  )
}
