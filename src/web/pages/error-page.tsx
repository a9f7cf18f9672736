import { Layout } from '../components/layout.tsx'
import type { ErrorPageProps } from '../page-types.ts'

/** What went wrong, and where to go on. */
export function ErrorPage({ context, status, title, detail }: ErrorPageProps) {
  return (
    <Layout context={context} title={title} description={detail}>
      <div class="fault">
        <p class="fault-code" aria-hidden="true">
          {status}
        </p>
        <div>
          <h1 class="title title-m">{title}</h1>
          <p class="page-say">{detail}</p>
          <p class="buttons">
            <a class="button button-main" href="/">
              All models
            </a>
            <a class="button" href="/guide">
              Guide
            </a>
          </p>
        </div>
      </div>
    </Layout>
  )
}
