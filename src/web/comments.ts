import { commentsOf } from '../core/community.ts'
import type { CommentView, ListingView } from '../core/views.ts'
import { getText } from '../store/texts.ts'
import type { AppDeps } from './deps.ts'
import { renderMarkdown } from './markdown.ts'

/** First comments on a page, each with all its replies. */
export const THREADS_A_PAGE = 20

/** A comment as it is shown: with its author's handle, and its text where that is there and shown. */
export interface CommentItem extends CommentView {
  by_handle: string
  markdown: string | null
  /** Safe HTML. */
  html: string | null
}

export interface CommentPage {
  /** Newest first; replies in the order they were written. */
  threads: { first: CommentItem; replies: CommentItem[] }[]
  total: number
  page: number
  pages: number
}

/** One page of a listing's comments; pages beyond the last are empty. */
export async function commentPage(
  view: Pick<ListingView, 'id'>,
  page: number,
  deps: Pick<AppDeps, 'catalogue' | 'blobs'>,
): Promise<CommentPage> {
  const state = deps.catalogue.listingState(view.id)
  const all = state === null ? [] : commentsOf(state, deps.catalogue.site())
  const replies = Map.groupBy(
    all.filter(({ reply_to }) => reply_to !== null),
    ({ reply_to }) => reply_to,
  )
  // What was withdrawn stays only where somebody answered it.
  const firsts = all.filter(
    ({ reply_to, state: shown, seq }) => reply_to === null && (shown !== 'withdrawn' || replies.has(seq)),
  )
  const from = (page - 1) * THREADS_A_PAGE
  const onPage = firsts.toReversed().slice(from, from + THREADS_A_PAGE)
  return {
    threads: await Promise.all(
      onPage.map(async (first) => ({
        first: await itemOf(first, deps),
        replies: await Promise.all(
          (replies.get(first.seq) ?? [])
            .filter(({ state: shown }) => shown !== 'withdrawn')
            .map((reply) => itemOf(reply, deps)),
        ),
      })),
    ),
    total: all.filter(({ state: shown }) => shown !== 'withdrawn').length,
    page,
    pages: Math.max(1, Math.ceil(firsts.length / THREADS_A_PAGE)),
  }
}

async function itemOf(
  comment: CommentView,
  deps: Pick<AppDeps, 'catalogue' | 'blobs'>,
): Promise<CommentItem> {
  const markdown = comment.text === null ? null : await getText(deps.blobs, comment.text)
  return {
    ...comment,
    by_handle: deps.catalogue.member(comment.by)?.handle ?? comment.by,
    markdown,
    html: markdown === null ? null : renderMarkdown(markdown),
  }
}
