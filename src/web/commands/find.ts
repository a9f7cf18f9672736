import type { ListingView } from '../../core/views.ts'
import type { AppDeps } from '../deps.ts'
import { notFound } from '../problem.ts'

/** The listing of that id, as of now; throws `http_not_found`. */
export async function findListing(
  deps: Pick<AppDeps, 'catalogue' | 'ledger'>,
  id: string,
): Promise<ListingView> {
  await deps.catalogue.catchUp(deps.ledger)
  const view = deps.catalogue.listing(id.toUpperCase())
  if (!view) throw notFound(`listing ${id}`)
  return view
}
