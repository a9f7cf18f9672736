import type { CommentItem } from '../comments.ts'
import { formatCount } from '../islands/format.ts'
import type { ModelPageProps } from '../page-types.ts'
import { Minute, Missing, Panel } from './bits.tsx'
import { Prose, SignInFirst } from './community.tsx'

type CommentsProps = Pick<ModelPageProps, 'context' | 'model' | 'comments' | 'may'>

/** Threads of comments, newest first, with the forms for those who may. */
export function Comments(props: CommentsProps) {
  const { context, model, comments, may } = props
  return (
    <Panel title="Comments" code={`${formatCount(comments.total)} so far`} id="comments">
      {may.comment ? (
        <form method="post" action={`/models/${model.id}/comments`} class="stack">
          <label for="comment">Your comment (Markdown)</label>
          <textarea id="comment" name="text" rows={4} maxLength={8000} required />
          <button type="submit" class="button button-small">
            Comment
          </button>
        </form>
      ) : (
        <SignInFirst context={context} to="comment" />
      )}
      {comments.thread === null ? null : (
        <p>
          One thread. <a href={`${model.url}#comments`}>All comments</a>
        </p>
      )}
      {comments.threads.length === 0 ? (
        <p>
          <Missing word={comments.total === 0 ? 'no comments yet' : 'no comments on this page'} />
        </p>
      ) : (
        <ol class="comments">
          {comments.threads.map(({ first, replies, more }) => (
            <li key={first.seq} id={`comment-${first.seq}`}>
              <Comment {...props} comment={first} />
              {replies.length === 0 ? null : (
                <ol class="comments replies">
                  {replies.map((reply) => (
                    <li key={reply.seq} id={`comment-${reply.seq}`}>
                      <Comment {...props} comment={reply} />
                    </li>
                  ))}
                </ol>
              )}
              {more === 0 ? null : (
                <p class="comments-more">
                  <a href={`${model.url}?thread=${first.seq}#comments`}>
                    {formatCount(more)} more {more === 1 ? 'reply' : 'replies'}
                    <span class="sr"> to @{first.by_handle}</span>
                  </a>
                </p>
              )}
            </li>
          ))}
        </ol>
      )}
      <Pages {...props} />
    </Panel>
  )
}

function Comment({ context, model, may, comment }: CommentsProps & { comment: CommentItem }) {
  const own = context.member?.id === comment.by && comment.state !== 'withdrawn'
  return (
    <>
      <p class="comment-by">
        <a href={`/members/${comment.by_handle}`}>@{comment.by_handle}</a> <Minute at={comment.at} />
        {comment.edited_at === null ? null : (
          <span class="quiet-text">
            {' '}
            changed <Minute at={comment.edited_at} />
          </span>
        )}
      </p>
      {comment.state === 'shown' ? (
        <Prose html={comment.html} />
      ) : (
        <p>
          <Missing word={comment.state === 'hidden' ? 'hidden by a moderator' : 'withdrawn by its author'} />
        </p>
      )}
      <div class="comment-acts">
        {may.comment && comment.state === 'shown' ? (
          <details>
            <summary>
              Reply<span class="sr"> to @{comment.by_handle}</span>
            </summary>
            <form method="post" action={`/models/${model.id}/comments`} class="stack">
              <input type="hidden" name="reply_to" value={comment.seq} />
              <label for={`reply-${comment.seq}`}>Your reply (Markdown)</label>
              <textarea id={`reply-${comment.seq}`} name="text" rows={3} maxLength={8000} required />
              <button type="submit" class="button button-small">
                Reply
              </button>
            </form>
          </details>
        ) : null}
        {own ? (
          <details>
            <summary>
              Change<span class="sr"> your comment</span>
            </summary>
            <form method="post" action={`/models/${model.id}/comments/edit`} class="stack">
              <input type="hidden" name="comment" value={comment.seq} />
              <label for={`edit-${comment.seq}`}>Your comment (Markdown), within minutes of writing it</label>
              <textarea
                id={`edit-${comment.seq}`}
                name="text"
                rows={3}
                maxLength={8000}
                required
                value={comment.markdown ?? ''}
              />
              <button type="submit" class="button button-small">
                Change
              </button>
            </form>
            <form method="post" action={`/models/${model.id}/comments/withdrawal`} class="stack">
              <input type="hidden" name="comment" value={comment.seq} />
              <button type="submit" class="button button-small button-bad">
                Withdraw it and erase its text
              </button>
            </form>
          </details>
        ) : null}
        {may.moderate && comment.state !== 'withdrawn' ? (
          <form method="post" action={`/models/${model.id}/comments/hidden`} class="inline">
            <input type="hidden" name="comment" value={comment.seq} />
            <input type="hidden" name="hidden" value={String(comment.state === 'shown')} />
            <button type="submit" class="quiet">
              {comment.state === 'shown' ? 'Hide' : 'Show again'}
              <span class="sr"> the comment of @{comment.by_handle}</span>
            </button>
          </form>
        ) : null}
      </div>
    </>
  )
}

function Pages({ model, comments: { page, pages, thread } }: CommentsProps) {
  if (pages === 1) return null
  const to = (n: number): string =>
    `${model.url}?${thread === null ? '' : `thread=${thread}&`}comments=${n}#comments`
  // Threads stand newest first, the replies of one in the order they were written.
  const [before, after] = thread === null ? ['Newer', 'Older'] : ['Earlier', 'Later']
  return (
    <nav class="pages" aria-label="Pages of comments">
      {page > 1 ? (
        <a href={to(page - 1)} rel="prev">
          {before}
        </a>
      ) : null}
      <span>
        Page {formatCount(page)} of {formatCount(pages)}
      </span>
      {page < pages ? (
        <a href={to(page + 1)} rel="next">
          {after}
        </a>
      ) : null}
    </nav>
  )
}
