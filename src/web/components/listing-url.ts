import type { ListingQuery } from '../page-types.ts'

/** The address of the listing for a query with some parts changed; a change of anything but the page begins at page 1. */
export function listingUrl(query: ListingQuery, changes: Partial<ListingQuery> = {}): string {
  const next = { ...query, page: 1, ...changes }
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(listingParams(next))) params.set(name, value)
  if (next.page > 1) params.set('page', String(next.page))
  const text = params.toString()
  return text === '' ? '/' : `/?${text}`
}

/** A query's parts that are not the defaults, without the page. */
export function listingParams(query: ListingQuery): Record<string, string> {
  const params: Record<string, string> = {}
  if (query.q !== '') params['q'] = query.q
  if (query.tier !== null) params['tier'] = query.tier
  if (query.quant !== null) params['quant'] = query.quant
  if (query.tag !== null) params['tag'] = query.tag
  if (query.sort !== 'new') params['sort'] = query.sort
  return params
}
