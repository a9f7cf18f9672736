import { Missing, Panel } from '../components/bits.tsx'
import { JobLine } from '../components/job-line.tsx'
import { Layout } from '../components/layout.tsx'
import { ListingRow, ListingRows } from '../components/listing-row.tsx'
import { PageTitle } from '../components/page-title.tsx'
import { ReviewForms } from '../components/review-box.tsx'
import { formatCount } from '../islands/format.ts'
import type { QueuePageProps } from '../page-types.ts'

type Pending = QueuePageProps['pending'][number]

/** The queue: what waits, how far its verification is, and the decisions for those who may. */
export function QueuePage({ context, mayReview, pending, decided, attention }: QueuePageProps) {
  return (
    <Layout
      context={context}
      title="Queue"
      description="Listings that wait for verification and review, with the real state of each job."
      canonical="/queue"
      scripts={['queue']}
    >
      <PageTitle
        word="Queue"
        say="Verifiers download every submission over BitTorrent, check it and run it; reviewers see what they found before they decide."
      />
      <div class="stacked" data-island="queue">
        {attention === null ? null : (
          <Panel title="Reports and appeals" code={`${formatCount(attention.length)} open, oldest first`}>
            {attention.length === 0 ? (
              <p>
                <Missing word="nothing is reported or appealed" />
              </p>
            ) : (
              <ListingRows items={attention} />
            )}
          </Panel>
        )}
        <Panel title="Waiting" code={`${formatCount(pending.length)} in line, oldest first`}>
          {pending.length === 0 ? (
            <div class="empty">
              <p class="empty-word">Nothing waits</p>
              <p>
                Every submission is decided. <a href="/submit">Submit a model</a>.
              </p>
            </div>
          ) : (
            <ol class="rows queue">
              {pending.map((entry) => (
                <QueueEntry entry={entry} mayReview={mayReview} key={entry.model.id} />
              ))}
            </ol>
          )}
        </Panel>
        <Panel title="Decided" code="newest first">
          {decided.length === 0 ? (
            <p>
              <Missing word="nothing decided yet" />
            </p>
          ) : (
            <ListingRows items={decided} />
          )}
        </Panel>
      </div>
    </Layout>
  )
}

function QueueEntry({ entry, mayReview }: { entry: Pending; mayReview: boolean }) {
  return (
    <li class="queue-entry">
      <ol class="rows">
        <ListingRow model={entry.model} />
      </ol>
      <JobLine model={entry.model} job={entry.job} />
      {mayReview ? (
        <details class="queue-review">
          <summary>
            Decide<span class="sr"> on {entry.model.model}</span>
          </summary>
          <ReviewForms model={entry.model} />
        </details>
      ) : null}
    </li>
  )
}
