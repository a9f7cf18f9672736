import { Prose } from '../components/community.tsx'
import { Layout } from '../components/layout.tsx'
import { PageTitle } from '../components/page-title.tsx'
import type { DocumentPageProps } from '../page-types.ts'

/** A text page, such as the rules or the guide. */
export function DocumentPage({ context, title, html, chapters }: DocumentPageProps) {
  return (
    <Layout
      context={context}
      title={title}
      description={`${title} of ${context.siteName}`}
      canonical={context.path}
    >
      <PageTitle word={title} />
      <div class="document">
        <nav class="contents" aria-label={`Chapters of ${title}`}>
          <ol>
            {chapters.map(({ id, text }) => (
              <li key={id}>
                <a href={`#${id}`}>{text}</a>
              </li>
            ))}
          </ol>
        </nav>
        <Prose html={html} />
      </div>
    </Layout>
  )
}
