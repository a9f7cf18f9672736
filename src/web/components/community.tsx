import { formatCount } from '../islands/format.ts'
import type { ModelPageProps } from '../page-types.ts'
import { Minute, Missing, Panel } from './bits.tsx'
import { Stars } from './stars.tsx'
import { REPORT_WORDS } from './wording.ts'

type CommunityProps = Pick<ModelPageProps, 'context' | 'model' | 'texts' | 'may'>

/** Ratings, comments and reports, and the forms for those who may. */
export function Community({ context, model, texts, may }: CommunityProps) {
  const { community } = model
  return (
    <>
      <Panel title="Comments" code={`${formatCount(community.comments.length)} so far`} id="comments">
        {community.comments.length === 0 ? (
          <p>
            <Missing word="no comments yet" />
          </p>
        ) : (
          <ol class="comments">
            {community.comments.map((comment, index) => (
              <li key={`${comment.by}-${comment.at}`}>
                <p class="comment-by">
                  <a href={`/members/${comment.by_handle}`}>@{comment.by_handle}</a>{' '}
                  <Minute at={comment.at} />
                </p>
                <Prose html={texts.comments_html[index] ?? null} />
              </li>
            ))}
          </ol>
        )}
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
      </Panel>
      <div class="column">
        <Panel title="Ratings" code={`${formatCount(community.ratings)} by distinct members`} id="ratings">
          <p class="rating-line">
            {community.rating_centi === null ? (
              <Missing word="no ratings yet" />
            ) : (
              <Stars centi={community.rating_centi} />
            )}
            {community.ratings === 0 ? null : (
              <span>
                {community.works === 0
                  ? 'nobody has said that it works yet'
                  : `${formatCount(community.works)} say it works as described`}
              </span>
            )}
          </p>
          {may.rate ? <RatingForm id={model.id} /> : <SignInFirst context={context} to="rate" />}
        </Panel>
        <Panel title="Report" code="T12" id="report">
          {may.report ? (
            <ReportForm id={model.id} />
          ) : (
            <SignInFirst context={context} to="report a problem" />
          )}
        </Panel>
      </div>
    </>
  )
}

/** Markdown made safe by the server; a dash where it was erased. */
export function Prose({ html }: { html: string | null }) {
  if (html === null)
    return (
      <p>
        <Missing word="text erased" />
      </p>
    )
  return <div class="prose" dangerouslySetInnerHTML={{ __html: html }} />
}

function SignInFirst({ context, to }: { context: CommunityProps['context']; to: string }) {
  if (context.member !== null)
    return (
      <p class="quiet-text">
        You cannot {to} here: nobody judges their own listing, and a member’s word counts once.
      </p>
    )
  return (
    <p class="quiet-text">
      <a href={`/sign-in?next=${encodeURIComponent(context.path)}`}>Sign in</a> to {to}.
    </p>
  )
}

function RatingForm({ id }: { id: string }) {
  return (
    <form method="post" action={`/models/${id}/ratings`} class="stack">
      <fieldset class="choices">
        <legend>Quality</legend>
        {[1, 2, 3, 4, 5].map((stars) => (
          <label key={stars}>
            <input type="radio" name="stars" value={stars} required />
            {stars}
            <span class="sr"> {stars === 1 ? 'star' : 'stars'}</span>
          </label>
        ))}
      </fieldset>
      <fieldset class="choices">
        <legend>Works as described</legend>
        <label>
          <input type="radio" name="works" value="true" /> Yes
        </label>
        <label>
          <input type="radio" name="works" value="false" /> No
        </label>
        <label>
          <input type="radio" name="works" value="" checked /> Not tried
        </label>
      </fieldset>
      <button type="submit" class="button button-small">
        Rate
      </button>
    </form>
  )
}

function ReportForm({ id }: { id: string }) {
  return (
    <form method="post" action={`/models/${id}/reports`} class="stack">
      <label for="category">What is wrong</label>
      <select id="category" name="category" required>
        <option value="">Choose</option>
        {Object.entries(REPORT_WORDS).map(([value, word]) => (
          <option value={value} key={value}>
            {word}
          </option>
        ))}
      </select>
      <label for="report-text">What did you see, and how can it be repeated?</label>
      <textarea id="report-text" name="text" rows={3} maxLength={8000} required />
      <p class="quiet-text">
        The record counts you as one person without naming you. Three open reports hide a listing until a
        moderator decides.
      </p>
      <button type="submit" class="button button-small button-bad">
        Report
      </button>
    </form>
  )
}
