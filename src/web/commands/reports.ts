import type { ReportCategory } from '../../core/community-events.ts'
import { Sha256 } from '../../core/ids.ts'
import { reportsOf } from '../../core/reports.ts'
import type { MemberView } from '../../core/views.ts'
import { putText } from '../../store/texts.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { hmac } from '../hmac.ts'
import { InputError } from '../problem.ts'
import { append, appendAtEnd, newEvent } from './append.ts'
import { findListing } from './find.ts'
import { asModerator, othersListing } from './people.ts'
import { reasonText, sameAsSeen } from './review.ts'

const DAY_MS = 86_400_000

export interface ReportInput {
  category: ReportCategory
  text: string
  evidence?: { sha256: string; size_bytes: number } | undefined
}

/**
 * Reports a listing. The report names no one: the reporter is blinded by the
 * site's secret. Whether it counts towards suspension is decided now, by a
 * proved identity, the account's age and what became of earlier reports (T12).
 */
export async function report(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: ReportInput,
): Promise<{ counts: boolean; why_not: string | null }> {
  const { listing, member } = await othersListing(deps, actor, id, 'report')
  const { evidence } = input
  if (evidence?.sha256 === listing.sha256)
    throw new InputError([
      { field: 'evidence.sha256', expected: 'the digest of another file than the listed one' },
    ])
  const why_not = await whyNotCounted(deps, member)
  await appendAtEnd(deps, listing.id, [
    newEvent(deps, { by: null, authority: { as: 'self' } }, 'reported', {
      category: input.category,
      reporter: await reporterCode(deps, listing.id, member.id),
      counts: why_not === null,
      text: await putText(deps.blobs, input.text, deps.random(16)),
      evidence: evidence ? { ...evidence, sha256: Sha256.parse(evidence.sha256) } : null,
    }),
  ])
  return { counts: why_not === null, why_not }
}

/** Decides on the reports named, or on all that are open (T12). */
export async function decideReports(
  deps: AppDeps,
  actor: Actor,
  id: string,
  input: { upheld: boolean; reports?: number[] | undefined; reason: string; seen_seq?: number | undefined },
): Promise<void> {
  const listing = await findListing(deps, id)
  const act = asModerator(deps, actor, listing, 'decide on reports')
  const state = deps.catalogue.listingState(listing.id)
  const open = new Set(
    (state === null ? [] : reportsOf(state, deps.catalogue.site())).flatMap(({ state: now, seq }) =>
      now === 'open' ? seq : [],
    ),
  )
  if (open.size === 0 || input.reports?.some((seq) => !open.has(seq)))
    throw new InputError([
      { field: 'reports', expected: `open reports of this listing: ${[...open].join(', ') || 'none'}` },
    ])
  await append(deps, `listing/${listing.id}`, sameAsSeen(listing, input.seen_seq), [
    newEvent(deps, act, 'reports_decided', {
      upheld: input.upheld,
      reports: input.reports ?? null,
      reason: await reasonText(deps, input.reason),
    }),
  ])
}

/**
 * Makes all reports of a member count no longer, or again as they first did:
 * only the site can tell whose they are (T18). Doing it twice changes nothing.
 */
export async function countReportsOf(deps: AppDeps, member: string, counted: boolean): Promise<void> {
  for (const { listing, reporter } of deps.catalogue.reporters()) {
    if ((await reporterCode(deps, listing, member)) !== reporter) continue
    const found = deps.catalogue.listingState(listing)?.reports.find((each) => each.reporter === reporter)
    if (found === undefined) continue
    const counts = counted && (await firstCounted(deps, listing, found.seq))
    if (counts === found.counts) continue
    await appendAtEnd(deps, listing, [
      newEvent(deps, { by: null, authority: { as: 'rule', rule: 'T18' } }, 'report_counted', {
        report: found.seq,
        counts,
      }),
    ])
  }
}

async function firstCounted(deps: AppDeps, listing: string, seq: number): Promise<boolean> {
  const [event] = await deps.ledger.readStream(`listing/${listing}`, seq - 1)
  return event?.type === 'reported' && event.data['counts'] === true
}

async function whyNotCounted(deps: AppDeps, member: MemberView): Promise<string | null> {
  const { account_age_days, dismissed_days } = deps.catalogue.site().policy.reports
  const now = deps.now().getTime()
  if (member.identity.length === 0) return 'you have proved no identity'
  if (now - Date.parse(member.joined_at) < account_age_days * DAY_MS)
    return `your account is younger than ${account_age_days} days`
  const since = new Date(now - dismissed_days * DAY_MS).toISOString()
  for (const { listing, reporter } of deps.catalogue.reporters(since))
    if ((await reporterCode(deps, listing, member.id)) === reporter)
      return `a report of yours was dismissed in the last ${dismissed_days} days`
  return null
}

/** HMAC(site secret, listing ‖ member): tells two reports by one person from reports by two, and nothing else. */
async function reporterCode(deps: Pick<AppDeps, 'secret'>, listing: string, member: string): Promise<Sha256> {
  return Sha256.parse(await hmac(deps.secret, `${listing}${member}`))
}
