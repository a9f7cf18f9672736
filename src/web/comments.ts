import { commentsOf } from '../core/community.ts'
import type { CommentView, ListingView } from '../core/views.ts'
import { getText } from '../store/texts.ts'
import type { AppDeps } from './deps.ts'
import { renderMarkdown } from './markdown.ts'

/** First comments on a page, each with the beginning of what was answered. */
export const THREADS_A_PAGE = 20
/** Answers below a first comment; the rest are on the thread's own pages, so that no thread makes a page long. */
export const REPLIES_A_THREAD = 10
/** Answers on a page of one thread. */
const REPLIES_A_PAGE = 50

/** A comment as it is shown: with its author's handle, and its text where that is there and shown. */
export interface CommentItem extends CommentView {
  by_handle: string
  markdown: string | null
  /** Safe HTML. */
  html: string | null
}

export interface CommentPage {
  /** Newest first; replies in the order they were written, of which there are `more` beside those given. */
  threads: { first: CommentItem; replies: CommentItem[]; more: number }[]
  total: number
  page: number
  pages: number
  /** The one thread that the pages are of, by its first comment; null where they are of all. */
  thread: number | null
}

/** One page of a listing's comments, or of the replies of one thread; pages beyond the last are empty. */
export async function commentPage(
  view: Pick<ListingView, 'id'>,
  { page, thread = null }: { page: number; thread?: number | null },
  deps: Pick<AppDeps, 'catalogue' | 'blobs'>,
): Promise<CommentPage> {
  const state = deps.catalogue.listingState(view.id)
  const all = state === null ? [] : commentsOf(state, deps.catalogue.site())
  const replies = Map.groupBy(
    all.filter(({ reply_to }) => reply_to !== null),
    ({ reply_to }) => reply_to,
  )
  const repliesOf = ({ seq }: CommentView): CommentView[] =>
    (replies.get(seq) ?? []).filter(({ state: shown }) => shown !== 'withdrawn')
  // What was withdrawn stays only where somebody answered it.
  const firsts = all.filter(
    ({ reply_to, state: shown, seq }) =>
      reply_to === null && (shown !== 'withdrawn' || replies.has(seq)) && (thread === null || seq === thread),
  )
  const whole = thread === null ? null : (firsts[0] ?? null)
  const [items, size] = whole === null ? [firsts, THREADS_A_PAGE] : [repliesOf(whole), REPLIES_A_PAGE]
  const from = (page - 1) * size
  const shownOf = (first: CommentView): CommentView[] =>
    whole === null ? repliesOf(first).slice(0, REPLIES_A_THREAD) : repliesOf(first).slice(from, from + size)
  const onPage = whole === null ? firsts.toReversed().slice(from, from + size) : [whole]
  return {
    threads: await Promise.all(
      onPage.map(async (first) => {
        const shown = shownOf(first)
        return {
          first: await itemOf(first, deps),
          replies: await Promise.all(shown.map((reply) => itemOf(reply, deps))),
          more: whole === null ? repliesOf(first).length - shown.length : 0,
        }
      }),
    ),
    total: all.filter(({ state: shown }) => shown !== 'withdrawn').length,
    page,
    pages: Math.max(1, Math.ceil(items.length / size)),
    thread: whole?.seq ?? null,
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
