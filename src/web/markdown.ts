import MarkdownIt from 'markdown-it'

// No raw HTML, no autolinking of bare text; the library itself refuses javascript:, vbscript:, file: and data: links.
const markdown = new MarkdownIt({ html: false, linkify: false })

const link = markdown.renderer.rules.link_open
markdown.renderer.rules.link_open = (tokens, index, options, env, self) => {
  tokens[index]?.attrSet('rel', 'nofollow noopener ugc')
  return link ? link(tokens, index, options, env, self) : self.renderToken(tokens, index, options)
}
// Pages make no third-party request: a picture becomes a link to it.
markdown.renderer.rules.image = (tokens, index) => {
  const token = tokens[index]
  const escape = markdown.utils.escapeHtml
  return `<a rel="nofollow noopener ugc" href="${escape(String(token?.attrGet('src') ?? ''))}">${escape(token?.content || 'picture')}</a>`
}

markdown.renderer.rules.heading_open = (tokens, index, options, env, self) => {
  const { chapters } = env as Partial<DocumentEnv>
  if (chapters !== undefined && tokens[index]?.tag === 'h2') {
    const text = tokens[index + 1]?.content ?? ''
    const id = /^T\d{1,2}(?= )/.exec(text)?.[0] ?? `section-${chapters.length + 1}`
    tokens[index].attrSet('id', id)
    chapters.push({ id, text })
  }
  return self.renderToken(tokens, index, options)
}

/** A chapter of a document: its heading, and where a link finds it. */
export interface Chapter {
  id: string
  text: string
}

/** What rendering a document leaves behind. */
type DocumentEnv = { chapters: Chapter[] }

/** A document of ours, a section a chapter; the headings of numbered rules are found by their number. */
export function renderDocument(source: string): { html: string; chapters: Chapter[] } {
  const env: DocumentEnv = { chapters: [] }
  const html = markdown
    .render(source, env)
    .split(/(?=<h2[ >])/)
    .map((section) => `<section>${section}</section>`)
    .join('')
  return { html, chapters: env.chapters }
}

/** Markdown from a stranger as HTML that is safe on a page: no raw HTML, no pictures, links marked. */
export function renderMarkdown(source: string): string {
  return markdown.render(source, {})
}
