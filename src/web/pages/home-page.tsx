import type { Judges } from '../../core/events.ts'
import { JUDGE_QUESTIONS } from '../components/consensus-display.tsx'
import { Facets } from '../components/facets.tsx'
import { Layout } from '../components/layout.tsx'
import { ListingRows } from '../components/listing-row.tsx'
import { listingParams, listingUrl } from '../components/listing-url.ts'
import { JUDGES, TIER_WORDS } from '../components/wording.ts'
import { formatCount } from '../islands/format.ts'
import type { ListingPageProps, ListingQuery } from '../page-types.ts'

const SORT_WORDS: Record<ListingQuery['sort'], string> = {
  new: 'Newest',
  seeders: 'Seeders',
  downloads: 'Downloads',
  rating: 'Rating',
  size: 'Size',
  name: 'Name',
}

/** The listing: what the index proves in one sentence, then dense rows with facets. */
export function HomePage(props: ListingPageProps) {
  const { context, query, items, total, pages, facets } = props
  const narrowed = query.q !== '' || query.tag !== null || query.quant !== null || query.tier !== null
  const first = query.page === 1 && !narrowed
  const { q: _, ...keep } = listingParams(query)
  return (
    <Layout
      context={context}
      title={narrowed ? heading(query, total) : context.siteName}
      description="The torrent index for open-weight AI models in which every badge is computed from public evidence: downloaded, hashed, proven tensor by tensor and run in a sandbox."
      canonical={listingUrl(query, { page: query.page })}
      search={{ q: query.q, keep }}
    >
      {first ? <Hero /> : null}
      <div class="listing">
        <Facets query={query} facets={facets} />
        <section class="results" aria-labelledby="results-title">
          <div class="bar">
            {first ? (
              <h2 class="label" id="results-title">
                {heading(query, total)}
              </h2>
            ) : (
              <h1 class="label" id="results-title">
                {heading(query, total)}
              </h1>
            )}
            <button type="button" class="button button-small facets-open" popovertarget="facets">
              Filters
            </button>
            <nav class="sorts" aria-label="Sort">
              <span class="label">Sort</span>
              {(Object.keys(SORT_WORDS) as ListingQuery['sort'][]).map((sort) => (
                <a
                  key={sort}
                  href={listingUrl(query, { sort })}
                  aria-current={query.sort === sort ? 'true' : undefined}
                >
                  {SORT_WORDS[sort]}
                </a>
              ))}
            </nav>
          </div>
          {narrowed ? <Chosen query={query} /> : null}
          {items.length === 0 ? (
            <Empty narrowed={narrowed} demo={context.demo && total === 0} />
          ) : (
            <ListingRows items={items} />
          )}
          <Pages query={query} pages={pages} />
        </section>
      </div>
    </Layout>
  )
}

function heading({ q }: ListingQuery, total: number): string {
  const models = `${formatCount(total)} ${total === 1 ? 'model' : 'models'}`
  return q === '' ? models : `${models} for “${q}”`
}

/** The title card: set in an L, as a title card is. */
function Hero() {
  return (
    <section class="hero" aria-labelledby="hero-title">
      <h1 class="hero-title" id="hero-title">
        <span class="hero-a">No badge</span> <span class="hero-b">without</span>{' '}
        <span class="hero-c">evidence</span>
      </h1>
      <p class="hero-say">
        A torrent index for open-weight AI models. <b>VERIFIED</b> means that someone other than the uploader
        downloaded the file and put it before three judges, and that anyone can{' '}
        <a href="/ledger/">repeat it from the public record</a>.
      </p>
      <ol class="hero-judges">
        {JUDGES.map((judge, index) => (
          <HeroJudge judge={judge} number={index + 1} key={judge} />
        ))}
      </ol>
    </section>
  )
}

function HeroJudge({ judge, number }: { judge: keyof Judges; number: number }) {
  return (
    <li class="hero-judge">
      <div>
        <b>
          {judge} <span aria-hidden="true">· {number}</span>
        </b>
        {JUDGE_QUESTIONS[judge]}
      </div>
    </li>
  )
}

function Chosen({ query }: { query: ListingQuery }) {
  const chosen = [
    query.q === '' ? null : { word: `“${query.q}”`, href: listingUrl(query, { q: '' }) },
    query.tier === null ? null : { word: TIER_WORDS[query.tier], href: listingUrl(query, { tier: null }) },
    query.quant === null ? null : { word: query.quant, href: listingUrl(query, { quant: null }) },
    query.tag === null ? null : { word: `tag ${query.tag}`, href: listingUrl(query, { tag: null }) },
  ].filter((each) => each !== null)
  return (
    <p class="chosen">
      {chosen.map(({ word, href }) => (
        <a href={href} key={word}>
          <span class="sr">Remove the filter </span>
          {word} <span aria-hidden="true">×</span>
        </a>
      ))}
      <a href="/" class="chosen-all">
        Clear all
      </a>
    </p>
  )
}

function Empty({ narrowed, demo }: { narrowed: boolean; demo: boolean }) {
  return (
    <div class="empty">
      <p class="empty-word">{narrowed ? 'No match' : 'Nothing listed yet'}</p>
      {narrowed ? (
        <p>
          No published listing fits. <a href="/">Show all models</a>, or take a filter away.
        </p>
      ) : demo ? (
        <p>
          The demo is being made: models are written, seeded and verified on this machine; they appear here
          within half a minute. Reload to see them.
        </p>
      ) : (
        <p>
          This index is empty. <a href="/submit">Submit the first model</a>; it appears here once a reviewer
          has approved it.
        </p>
      )}
    </div>
  )
}

function Pages({ query, pages }: { query: ListingQuery; pages: number }) {
  if (pages <= 1) return null
  const near = [...new Set([1, query.page - 1, query.page, query.page + 1, pages])].filter(
    (page) => page >= 1 && page <= pages,
  )
  return (
    <nav class="pages" aria-label="Pages">
      {query.page > 1 ? (
        <a href={listingUrl(query, { page: query.page - 1 })} rel="prev">
          Previous
        </a>
      ) : null}
      {near.map((page, index) => (
        <>
          {index > 0 && page - (near[index - 1] ?? 0) > 1 ? <span aria-hidden="true">…</span> : null}
          <a
            href={listingUrl(query, { page })}
            aria-current={page === query.page ? 'page' : undefined}
            aria-label={`Page ${page}`}
            key={page}
          >
            {page}
          </a>
        </>
      ))}
      {query.page < pages ? (
        <a href={listingUrl(query, { page: query.page + 1 })} rel="next">
          Next
        </a>
      ) : null}
    </nav>
  )
}
