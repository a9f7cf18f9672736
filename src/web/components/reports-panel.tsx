import type { ModelPageProps } from '../page-types.ts'
import { Minute, Missing, Panel, State } from './bits.tsx'
import { REPORT_WORDS } from './wording.ts'
import type { Word } from './wording.ts'

const STATES: Record<'open' | 'upheld' | 'dismissed', Word> = {
  open: { text: 'Open', tone: 'warn' },
  upheld: { text: 'Upheld', tone: 'bad' },
  dismissed: { text: 'Dismissed', tone: 'quiet' },
}

interface ReportsProps {
  model: ModelPageProps['model']
  reports: NonNullable<ModelPageProps['reports']>
  mayDecide: boolean
}

/** What was reported, for moderators: each report with its words, its evidence and what became of it (T12). */
export function ReportsPanel({ model, reports, mayDecide }: ReportsProps) {
  const open = reports.filter(({ state }) => state === 'open')
  return (
    <Panel title="Reports" code={`${open.length} open of ${reports.length}`} kind="wide" id="reports">
      {reports.length === 0 ? (
        <p>
          <Missing word="nothing was reported" />
        </p>
      ) : null}
      {reports.map((report) => (
        <article key={report.seq} class="report">
          <p>
            <State word={STATES[report.state]} small /> <b>{REPORT_WORDS[report.category]}</b> ·{' '}
            <Minute at={report.at} /> ·{' '}
            {report.counts
              ? 'counts towards hiding the listing'
              : 'does not count: a new account, no proved identity, a report dismissed of late, or banned'}
          </p>
          {report.evidence === null ? null : (
            <p class="mono">
              Their file: SHA-256 {report.evidence.sha256}, {report.evidence.size_bytes} bytes. Verifiers look
              again.
            </p>
          )}
          {report.text_html === null ? (
            <p>
              <Missing word="its text was erased" />
            </p>
          ) : (
            <div class="prose" dangerouslySetInnerHTML={{ __html: report.text_html }} />
          )}
          {mayDecide && report.state === 'open' ? (
            <Decide model={model} reports={[report.seq]} words={['Uphold', 'Dismiss']} />
          ) : null}
        </article>
      ))}
      {mayDecide && open.length > 1 ? (
        <Decide model={model} reports={null} words={['Uphold all open', 'Dismiss all open']} />
      ) : null}
    </Panel>
  )
}

function Decide({
  model,
  reports,
  words: [uphold, dismiss],
}: {
  model: ModelPageProps['model']
  reports: number[] | null
  words: [string, string]
}) {
  return (
    <form method="post" action={`/models/${model.id}/reports/decisions`} class="decide">
      {reports?.map((seq) => (
        <input type="hidden" name="reports" value={seq} key={seq} />
      ))}
      <input type="hidden" name="seen_seq" value={model.seq} />
      <button type="submit" name="upheld" value="true" class="button button-small button-bad">
        {uphold}
      </button>
      <button type="submit" name="upheld" value="false" class="button button-small">
        {dismiss}
      </button>
    </form>
  )
}
