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
  const rule = /^T\d{1,2}(?= )/.exec(tokens[index + 1]?.content ?? '')?.[0]
  if (rule !== undefined && (env as { rules?: boolean } | undefined)?.rules)
    tokens[index]?.attrSet('id', rule)
  return self.renderToken(tokens, index, options)
}

/** A document of ours: headings of numbered rules can be linked to. */
export function renderDocument(source: string): string {
  return markdown.render(source, { rules: true })
}

/** Markdown from a stranger as HTML that is safe on a page: no raw HTML, no pictures, links marked. */
export function renderMarkdown(source: string): string {
  return markdown.render(source, {})
}
