import { webSeedUrl } from '../../core/fields.ts'
import { MAX_WEB_SEEDS, webSeedsOf } from '../../core/web-seeds.ts'
import { isQalError } from '../../core/error.ts'
import type { ListingView } from '../../core/views.ts'
import { webSeedProblem } from '../../torrent/urls.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { forbidden, InputError } from '../problem.ts'
import { type Act, appendAtEnd, newEvent } from './append.ts'
import { findListing } from './find.ts'
import { asModerator, self } from './people.ts'

/** Changes that one listing takes, so that nobody fills its stream with them. */
const MAX_CHANGES = 500

/**
 * Adds a web seed to a listing, by its uploader or a moderator (T16); one that
 * is there changes nothing. Where it leads is looked at now, and again by
 * whoever connects.
 */
export async function addWebSeed(
  deps: AppDeps,
  actor: Actor,
  id: string,
  { url }: { url: string },
): Promise<void> {
  const { listing, act } = await changing(deps, actor, id, 'add a web seed')
  const expected = webSeedProblem(url) ?? webSeedUrl.safeParse(url).error?.issues[0]?.message
  if (expected !== undefined) throw new InputError([{ field: 'url', expected }])
  if (listing.web_seeds.includes(url)) return
  if (listing.web_seeds.length >= MAX_WEB_SEEDS)
    throw new InputError([
      { field: 'url', expected: `at most ${MAX_WEB_SEEDS} web seeds: remove another first` },
    ])
  const state = deps.catalogue.listingState(listing.id)
  const closed = state === null ? [] : webSeedsOf(state, deps.catalogue.site()).closed
  if (act.authority.as === 'self' && closed.includes(url))
    throw forbidden('Cannot add this web seed: a moderator removed it (T16)', 'another URL, or a moderator')
  await checkReachable(deps, url)
  await appendAtEnd(deps, listing.id, [newEvent(deps, act, 'web_seed_added', { url })])
}

/** Removes a web seed from a listing (T16); one that is not there changes nothing. */
export async function removeWebSeed(
  deps: AppDeps,
  actor: Actor,
  id: string,
  { url }: { url: string },
): Promise<void> {
  const { listing, act } = await changing(deps, actor, id, 'remove a web seed')
  if (!listing.web_seeds.includes(url)) return
  await appendAtEnd(deps, listing.id, [newEvent(deps, act, 'web_seed_removed', { url })])
}

async function changing(
  deps: AppDeps,
  actor: Actor,
  id: string,
  action: string,
): Promise<{ listing: ListingView; act: Act }> {
  const listing = await findListing(deps, id)
  const own = listing.uploader.id === actor.member
  const act = own ? self(actor) : asModerator(deps, actor, listing, action)
  if (!['pending', 'published', 'suspended'].includes(listing.status))
    throw new InputError([{ field: 'listing', expected: `a listing that is not ${listing.status}` }])
  // A moderator must always be able to take something away.
  if (own && (deps.catalogue.listingState(listing.id)?.web_seeds.length ?? 0) >= MAX_CHANGES)
    throw new InputError([{ field: 'url', expected: `at most ${MAX_CHANGES} changes of one listing` }])
  return { listing, act }
}

async function checkReachable(deps: AppDeps, url: string): Promise<void> {
  try {
    await deps.checkAddress?.(url)
  } catch (error) {
    if (!isQalError(error)) throw error
    throw new InputError([{ field: 'url', expected: 'a host with public addresses' }])
  }
}
