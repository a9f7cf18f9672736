import { QalError } from '../../core/error.ts'
import type { ListingView } from '../../core/views.ts'
import type { JobProgress } from '../../store/private.ts'
import { heldRole } from '../actor.ts'
import type { Actor, AppDeps } from '../deps.ts'
import type { JobView } from '../page-types.ts'
import { forbidden } from '../problem.ts'

/** A lease is renewed by heartbeats; a verifier that falls silent loses it after this. */
const LEASE_MS = 60_000

/** As many as a reviewer's page shows. */
const MAX_SHOWN = 200

export interface QueueEntry {
  listing: ListingView
  job: JobView | null
}

/** Listings that wait for a reviewer, with where their verification stands. */
export async function queue(deps: AppDeps): Promise<QueueEntry[]> {
  const jobs = await jobsNow(deps)
  // Oldest first: who waits longest must not be buried by who submits most.
  const items = Iterator.from(deps.catalogue.listings('pending')).take(MAX_SHOWN).toArray()
  return items.map((listing) => ({ listing, job: jobs(listing.id) }))
}

/** Where the verification of one listing stands; null where there is none to do. */
export async function jobOf(deps: AppDeps, listing: string): Promise<QueueEntry['job']> {
  return (await jobsNow(deps))(listing)
}

async function jobsNow(deps: AppDeps): Promise<(listing: string) => QueueEntry['job']> {
  const leases = new Map(
    (await deps.private.leases(deps.now().toISOString())).map((lease) => [lease.job, lease]),
  )
  const waiting = new Set(deps.catalogue.pendingVerification().map(({ id }) => id))
  return (listing) => {
    if (!waiting.has(listing)) return null
    const lease = leases.get(listing)
    return lease
      ? {
          state: 'running',
          step: lease.progress?.step ?? 'claimed',
          fraction: lease.progress?.fraction ?? 0,
        }
      : { state: 'waiting', step: 'waiting for a verifier', fraction: 0 }
  }
}

export interface Claim {
  listing: ListingView
  lease_until: string
}

/** Takes the oldest job that nobody works on; null where there is none. A verifier never gets its own upload (T10). */
export async function claim(
  deps: AppDeps,
  actor: Actor,
  wishes: { except: ReadonlySet<string>; last: ReadonlySet<string> },
): Promise<Claim | null> {
  requireVerifier(deps, actor)
  const now = deps.now()
  const jobs = deps.catalogue.pendingVerification()
  // Whoever submits torrents without seeds must not hold up the others.
  const [first, later] = [
    jobs.filter(({ id }) => !wishes.last.has(id)),
    jobs.filter(({ id }) => wishes.last.has(id)),
  ]
  for (const listing of [...first, ...later]) {
    if (listing.uploader.id === actor.member || wishes.except.has(listing.id)) continue
    const until = new Date(now.getTime() + LEASE_MS).toISOString()
    if (await deps.private.lease(listing.id, actor.member, now.toISOString(), until, null))
      return { listing, lease_until: until }
  }
  return null
}

/** Keeps a claim alive and says where it stands; throws `ledger_conflict` where another has it. */
export async function heartbeat(
  deps: AppDeps,
  actor: Actor,
  listing: string,
  progress: JobProgress,
): Promise<string> {
  requireVerifier(deps, actor)
  const now = deps.now()
  const until = new Date(now.getTime() + LEASE_MS).toISOString()
  if (
    !(await deps.private.lease(listing, actor.member, now.toISOString(), until, {
      step: progress.step,
      fraction: progress.fraction,
    }))
  )
    throw new QalError(
      'ledger_conflict',
      `Cannot go on with ${listing}: another verifier has the lease now`,
      {
        subject: listing,
      },
    )
  return until
}

export function requireVerifier(
  deps: AppDeps,
  actor: Actor,
): { as: 'role'; role: 'verifier'; site_seq: number } {
  const member = deps.catalogue.member(actor.member)
  const role = member ? heldRole(deps, member, ['verifier']) : null
  if (role === null)
    throw forbidden('Cannot verify: only verifiers that an admin granted may (T10)', 'the role verifier')
  return { ...role, role: 'verifier' }
}
