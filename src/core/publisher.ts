import type { Verification } from './consensus.ts'
import type { ListingState } from './state.ts'
import type { PublisherView } from './views.ts'

/**
 * What is known of the publisher's own file (T13): the latest word of each
 * granted verifier on the file that the source names, at its commit. One that
 * differs wins; equal is only what has the listed SHA-256 and size. That no
 * hub answered says nothing, either way.
 */
export function publisherOf(listing: ListingState, verifications: readonly Verification[]): PublisherView {
  const { submitted } = listing
  const source = submitted?.source
  if (!submitted || !source || source.repository === null) return { ...NOTHING, state: 'none' }
  const { repository, commit, path } = source
  if (commit === null) return { ...NOTHING, state: 'unpinned' }
  if (path === null) return { ...NOTHING, state: 'no_path' }
  const asked = verifications.flatMap(({ at, data: { publisher, sha256 } }) =>
    publisher !== null &&
    publisher.repository === repository &&
    publisher.commit === commit &&
    publisher.path === path
      ? [{ ...publisher, at, found: sha256 }]
      : [],
  )
  const differs = asked.findLast(({ state }) => state === 'differs')
  const equal = asked.findLast(
    ({ state, sha256, size_bytes, found }) =>
      state === 'equal' &&
      sha256 === submitted.sha256 &&
      found === submitted.sha256 &&
      size_bytes === submitted.size_bytes,
  )
  const last = differs ?? equal ?? asked.at(-1)
  if (last === undefined) return { ...NOTHING, state: 'unasked' }
  const { hub, renamed_to, sha256, reason, at } = last
  return {
    state: last === equal || last === differs ? last.state : 'unknown',
    hub,
    renamed_to,
    sha256,
    reason,
    at,
  }
}

const NOTHING = { hub: null, renamed_to: null, sha256: null, reason: null, at: null } as const
