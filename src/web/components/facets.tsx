import type { ListingPageProps } from '../page-types.ts'
import { formatCount } from '../islands/format.ts'
import { TierWord } from './bits.tsx'
import { listingUrl } from './listing-url.ts'

/** Facets as links: a chosen one takes itself away. On a phone they are a drawer that needs no script. */
export function Facets({ query, facets }: Pick<ListingPageProps, 'query' | 'facets'>) {
  return (
    <aside class="facets" id="facets" popover="auto" aria-label="Filters">
      <div class="facets-head">
        <b class="label">Filters</b>
        <button type="button" popovertarget="facets" popovertargetaction="hide">
          Close
        </button>
      </div>
      <FacetGroup title="Tier">
        {facets.tier.map(({ value, count }) => (
          <Facet
            key={value}
            on={query.tier === value}
            href={listingUrl(query, { tier: query.tier === value ? null : value })}
            count={count}
          >
            <TierWord tier={value} />
          </Facet>
        ))}
      </FacetGroup>
      <FacetGroup title="Quantisation">
        {facets.quant.map(({ value, count }) => (
          <Facet
            key={value}
            on={query.quant === value}
            href={listingUrl(query, { quant: query.quant === value ? null : value })}
            count={count}
          >
            {value}
          </Facet>
        ))}
      </FacetGroup>
      <FacetGroup title="Tag">
        {facets.tag.map(({ value, count }) => (
          <Facet
            key={value}
            on={query.tag === value}
            href={listingUrl(query, { tag: query.tag === value ? null : value })}
            count={count}
          >
            {value}
          </Facet>
        ))}
      </FacetGroup>
    </aside>
  )
}

function FacetGroup({ title, children }: { title: string; children: preact.JSX.Element[] }) {
  if (children.length === 0) return null
  return (
    <nav class="facet-group" aria-label={`Filter by ${title.toLowerCase()}`}>
      <h2 class="label">{title}</h2>
      <ul>{children}</ul>
    </nav>
  )
}

interface FacetProps {
  on: boolean
  href: string
  count: number
  children: preact.ComponentChildren
}

function Facet({ on, href, count, children }: FacetProps) {
  return (
    <li>
      <a class="facet" href={href} aria-current={on ? 'true' : undefined}>
        <span>
          {children}
          {on ? <span class="facet-off"> remove</span> : null}
        </span>
        <b>{formatCount(count)}</b>
      </a>
    </li>
  )
}
