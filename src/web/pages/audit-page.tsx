import { Minute, Missing, Panel } from '../components/bits.tsx'
import { Layout } from '../components/layout.tsx'
import { PageTitle } from '../components/page-title.tsx'
import { formatCount } from '../islands/format.ts'
import type { AuditPageProps } from '../page-types.ts'

/** Every action of moderators, admins, the operator and the rules, newest first. */
export function AuditPage({ context, actions, page, pages, total }: AuditPageProps) {
  return (
    <Layout
      context={context}
      title="Audit"
      description="Every action of moderators, admins, the operator and the rules of this site."
      {...(page === 1 ? { canonical: '/audit' } : {})}
    >
      <PageTitle
        word="Audit"
        say="What was decided here, by whom and by what right. Who reported something is in no record."
      />
      <Panel title="Actions" code={`${formatCount(total)} in all`}>
        {actions.length === 0 ? (
          <p>
            <Missing word="nothing was decided yet" />
          </p>
        ) : (
          <div class="scroll">
            <table class="audit">
              <thead>
                <tr>
                  <th scope="col">When</th>
                  <th scope="col">Who</th>
                  <th scope="col">What</th>
                  <th scope="col">On</th>
                  <th scope="col">Why</th>
                </tr>
              </thead>
              <tbody>
                {actions.map((action) => (
                  <tr key={action.id}>
                    <td>
                      <Minute at={action.at} />
                    </td>
                    <td>
                      {action.by === null ? action.right : <a href={`/members/${action.by}`}>@{action.by}</a>}
                      {action.by === null ? null : <span class="quiet-text"> {action.right}</span>}
                    </td>
                    <td>{action.what}</td>
                    <td>
                      {action.on === null ? (
                        <Missing word="the site" />
                      ) : (
                        <a href={action.on.url}>{action.on.name}</a>
                      )}
                    </td>
                    <td>{action.why ?? <Missing word="no reason given" />}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {pages === 1 ? null : (
          <nav class="pages" aria-label="Pages of actions">
            {page > 1 ? (
              <a href={`/audit?page=${page - 1}`} rel="prev">
                Newer
              </a>
            ) : null}
            <span>
              Page {formatCount(page)} of {formatCount(pages)}
            </span>
            {page < pages ? (
              <a href={`/audit?page=${page + 1}`} rel="next">
                Older
              </a>
            ) : null}
          </nav>
        )}
      </Panel>
      <p class="quiet-text">
        Replay it yourself: <code>bin/qal audit {context.baseUrl}</code> computes every badge from{' '}
        <a href="/ledger/">the ledger</a> and compares.
      </p>
    </Layout>
  )
}
