import type { ModelPageProps } from '../page-types.ts'
import { Panel } from './bits.tsx'

/** What was reported, for moderators: each report with its words, counted or not (T12). */
export function ReportsPanel({ reports }: { reports: NonNullable<ModelPageProps['reports']> }) {
  return (
    <Panel title="Reports" code={`${reports.length} so far`} kind="wide">
      {reports.length === 0 ? <p>— nothing was reported</p> : null}
      {reports.map(({ category, at, counts, text_html }) => (
        <article key={at}>
          <p>
            <b>{category.replaceAll('_', ' ')}</b> ·{' '}
            <time dateTime={at}>{at.slice(0, 16).replace('T', ' ')} UTC</time> ·{' '}
            {counts
              ? 'counts towards hiding the listing'
              : 'does not count: the account was new or had no proved identity'}
          </p>
          {text_html === null ? (
            <p>— its text was erased</p>
          ) : (
            <div class="prose" dangerouslySetInnerHTML={{ __html: text_html }} />
          )}
        </article>
      ))}
    </Panel>
  )
}
