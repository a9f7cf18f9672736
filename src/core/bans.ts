import type { SiteState } from './state.ts'

/** Whether a member is banned now: what they rated, attested, endorsed and reported does not count (T18). */
export function isBanned(site: SiteState, member: string): boolean {
  return banOf(site, member) !== null
}

/** The ban that holds now; null where there is none. */
export function banOf(site: SiteState, member: string): SiteState['bans'][number] | null {
  return site.bans.find((ban) => ban.member === member && ban.until === null) ?? null
}

/** Whether a member was banned at a position of the site's stream, so that no role of theirs held there (T2). */
export function wasBanned(site: SiteState, member: string, siteSeq: number): boolean {
  return site.bans.some(
    (ban) => ban.member === member && ban.from <= siteSeq && (ban.until === null || ban.until > siteSeq),
  )
}
