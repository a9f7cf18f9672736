import type { VNode } from 'preact'
import { renderToString } from 'preact-render-to-string'

/** A whole HTML document from a page's component. */
export function renderPage<Props>(page: VNode<Props>): string {
  return `<!doctype html>${renderToString(page)}`
}
