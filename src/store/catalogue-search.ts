import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { ListingView, Tier } from '../core/views.ts'
import type { CataloguePage, CatalogueQuery, CatalogueSort } from './catalogue.ts'

const MAX_Q_LENGTH = 200
const MAX_TERMS = 12
const MAX_PER_PAGE = 1_000_000
const DEFAULT_PER_PAGE = 50
const MAX_FACET_VALUES = 60
/** Counts kept until something changes them: everybody's first page asks for the same. */
const MAX_KEPT_COUNTS = 256

const ORDER: Record<CatalogueSort, string> = {
  new: 'l.at DESC, l.id DESC',
  seeders: 'l.seeders DESC, l.id DESC',
  downloads: 'l.downloads DESC, l.id DESC',
  name: 'l.name_key, l.id DESC',
  size: 'l.size DESC, l.id DESC',
  rating: 'l.rating DESC, l.id DESC',
}

const TIERS: readonly Tier[] = ['official', 'trusted', 'community', 'unverified']

type Counts = Pick<CataloguePage, 'total' | 'facets'>

export interface Search {
  search(query: CatalogueQuery): CataloguePage
}

/** The part of the catalogue that answers searches. */
export function createSearch(db: DatabaseSync): Search {
  const getView = db.prepare('SELECT view FROM documents WHERE n = ?')
  const getCounted = db.prepare("SELECT value FROM meta WHERE key = 'counted'")
  const kept = new Map<string, Counts>()
  let keptOf: unknown

  function countsOf(filters: Filters): Counts {
    const counted = getCounted.get()?.['value']
    if (counted !== keptOf) kept.clear()
    keptOf = counted
    const key = JSON.stringify(filters)
    let counts = kept.get(key)
    if (counts === undefined) {
      counts = count(db, filters)
      if (kept.size >= MAX_KEPT_COUNTS) kept.clear()
      kept.set(key, counts)
    }
    return counts
  }

  return {
    search(query) {
      const filters = filtersOf(query)
      if (filters.match === '') return { items: [], total: 0, facets: { tier: [], quant: [], tag: [] } }
      const { total, facets } = countsOf(filters)
      const perPage = whole(query.perPage, DEFAULT_PER_PAGE, MAX_PER_PAGE)
      const offset = (whole(query.page, 1, MAX_PER_PAGE) - 1) * perPage
      if (offset >= total) return { items: [], total, facets: structuredClone(facets) }
      const { from, where, values } = hitsOf(filters)
      const own = ownFilters(filters)
      const sort = ORDER[query.sort ?? 'new'] ?? ORDER.new
      const rows = db
        .prepare(
          `SELECT l.n AS n FROM ${from} WHERE ${[where, ...own.sql].join(' AND ')} ORDER BY ${sort} LIMIT ? OFFSET ?`,
        )
        .all(...values, ...own.values, perPage, offset) as { n: number }[]
      const items = rows.map(({ n }) => JSON.parse((getView.get(n) as { view: string }).view) as ListingView)
      return { items, total, facets: structuredClone(facets) }
    },
  }
}

interface Filters {
  /** What FTS5 is asked; null for everything, '' where nothing can match. */
  match: string | null
  status: string
  uploader: string | null
  tier: string | null
  quant: string | null
  tag: string | null
}

function filtersOf({ q, status, uploader, tier, quant, tag }: CatalogueQuery): Filters {
  return {
    match: matchOf(q ?? ''),
    status: status ?? 'published',
    uploader: uploader ?? null,
    tier: tier ?? null,
    quant: quant ?? null,
    tag: tag ?? null,
  }
}

/** A visitor's words as a query in the language of FTS5: each a quoted phrase of which the last word may go on, so that nothing in it is an operator. */
export function matchOf(q: string): string | null {
  const words = q.slice(0, MAX_Q_LENGTH).normalize('NFKC').trim()
  if (words === '') return null
  return words
    .split(/[\s\p{Cc}]+/u)
    .filter((word) => /[\p{L}\p{N}]/u.test(word))
    .slice(0, MAX_TERMS)
    .map((word) => `"${word.replaceAll('"', '""')}"*`)
    .join(' ')
}

/** The listings that a search is about, before the filters that facets offer. */
function hitsOf({ match, status, uploader }: Filters): {
  from: string
  where: string
  values: SQLInputValue[]
} {
  const sql: string[] = []
  const values: SQLInputValue[] = []
  if (match !== null) {
    sql.push('words MATCH ?')
    values.push(match)
  }
  // The unary plus keeps the planner from walking an index when the words have chosen the rows already.
  const column = match === null ? 'l.status' : '+l.status'
  if (status === 'all') sql.push(`${column} IS NOT NULL`)
  else {
    sql.push(`${column} = ?`)
    values.push(status)
  }
  if (uploader !== null) {
    sql.push('l.uploader = ?')
    values.push(uploader)
  }
  // What a published one takes the place of is left out (T13); among a member's own it stays.
  if (status === 'published' && uploader === null)
    sql.push(
      `(l.superseded_by IS NULL OR NOT EXISTS (
         SELECT 1 FROM listings s WHERE s.id = l.superseded_by AND s.status = 'published'))`,
    )
  const from = match === null ? 'listings l' : 'words CROSS JOIN listings l ON l.n = words.rowid'
  return { from, where: sql.join(' AND '), values }
}

/** The filters that facets offer, as SQL; `1` where one is not set. */
function ownFilters({ tier, quant, tag }: Filters): {
  sql: [string, string, string]
  values: SQLInputValue[]
} {
  return {
    sql: [
      tier === null ? '1' : '+l.tier = ?',
      quant === null ? '1' : '+l.quant IS ?',
      tag === null ? '1' : 'EXISTS (SELECT 1 FROM tags g WHERE g.n = l.n AND g.tag = ?)',
    ],
    values: [tier, quant, tag].filter((value) => value !== null),
  }
}

function count(db: DatabaseSync, filters: Filters): Counts {
  const { from, where, values } = hitsOf(filters)
  const own = ownFilters(filters)
  const [tier, quant, tag] = own.sql
  const rows = db
    .prepare(
      `WITH hits AS MATERIALIZED (
         SELECT l.n AS n, l.tier AS tier, l.quant AS quant, ${tier} AS in_tier, ${quant} AS in_quant, ${tag} AS in_tag
         FROM ${from} WHERE ${where}
       )
       SELECT 'total' AS facet, '' AS value, count(*) AS count FROM hits WHERE in_tier AND in_quant AND in_tag
       UNION ALL SELECT 'tier', tier, count(*) FROM hits WHERE in_quant AND in_tag GROUP BY tier
       UNION ALL SELECT * FROM (
         SELECT 'quant', quant, count(*) AS c FROM hits WHERE in_tier AND in_tag AND quant IS NOT NULL
         GROUP BY quant ORDER BY c DESC, quant LIMIT ${MAX_FACET_VALUES})
       UNION ALL SELECT * FROM (
         SELECT 'tag', g.tag, count(*) AS c FROM hits JOIN tags g USING (n) WHERE in_tier AND in_quant
         GROUP BY g.tag ORDER BY c DESC, g.tag LIMIT ${MAX_FACET_VALUES})`,
    )
    // The own filters stand in the select list, before the condition.
    .all(...own.values, ...values) as { facet: string; value: string; count: number }[]
  const facet = (name: string) =>
    rows.filter((row) => row.facet === name).map((row) => ({ value: row.value, count: row.count }))
  const tiers = new Map(facet('tier').map((row) => [row.value, row.count]))
  return {
    total: rows.find((row) => row.facet === 'total')?.count ?? 0,
    facets: {
      tier: TIERS.flatMap((value) => (tiers.has(value) ? [{ value, count: tiers.get(value) ?? 0 }] : [])),
      quant: facet('quant'),
      tag: facet('tag'),
    },
  }
}

function whole(value: number | undefined, otherwise: number, max: number): number {
  if (value === undefined || Number.isNaN(value)) return otherwise
  return Math.min(Math.max(1, Math.trunc(value)), max)
}
