import { formatCount } from '../islands/format.ts'
import type { ModelPageProps } from '../page-types.ts'
import { Attestations } from './attestations.tsx'
import { Missing, Panel } from './bits.tsx'
import { Comments } from './comments.tsx'
import { Stars } from './stars.tsx'
import { REPORT_WORDS } from './wording.ts'

type CommunityProps = Pick<ModelPageProps, 'context' | 'model' | 'comments' | 'may' | 'mine'>

/** Ratings, comments and reports, and the forms for those who may. */
export function Community({ context, model, comments, may, mine }: CommunityProps) {
  const { community } = model
  return (
    <>
      <Comments context={context} model={model} comments={comments} may={may} />
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
          {may.rate ? (
            <RatingForm id={model.id} mine={mine?.rating ?? null} />
          ) : (
            <SignInFirst context={context} to="rate" />
          )}
        </Panel>
        <Attestations context={context} model={model} may={may} mine={mine} />
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

/** Why there is no form here. */
export function SignInFirst({ context, to }: { context: CommunityProps['context']; to: string }) {
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

type Mine = NonNullable<ModelPageProps['mine']>['rating']

function RatingForm({ id, mine }: { id: string; mine: Mine }) {
  const works = mine === null || mine.works === null ? '' : String(mine.works)
  return (
    <>
      <form method="post" action={`/models/${id}/ratings`} class="stack">
        <fieldset class="choices">
          <legend>Quality</legend>
          {[1, 2, 3, 4, 5].map((stars) => (
            <label key={stars}>
              <input type="radio" name="stars" value={stars} required checked={mine?.stars === stars} />
              {stars}
              <span class="sr"> {stars === 1 ? 'star' : 'stars'}</span>
            </label>
          ))}
        </fieldset>
        <fieldset class="choices">
          <legend>Works as described</legend>
          <label>
            <input type="radio" name="works" value="true" checked={works === 'true'} /> Yes
          </label>
          <label>
            <input type="radio" name="works" value="false" checked={works === 'false'} /> No
          </label>
          <label>
            <input type="radio" name="works" value="" checked={works === ''} /> Not tried
          </label>
        </fieldset>
        <button type="submit" class="button button-small">
          {mine === null ? 'Rate' : 'Change your rating'}
        </button>
      </form>
      {mine === null ? null : (
        <form method="post" action={`/models/${id}/ratings/withdrawal`}>
          <button type="submit" class="quiet">
            Withdraw your rating
          </button>
        </form>
      )}
    </>
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
      <details>
        <summary>My file has another checksum</summary>
        <label for="evidence-sha256">Its SHA-256: verifiers then look again at once</label>
        <input
          id="evidence-sha256"
          name="evidence_sha256"
          class="mono"
          maxLength={64}
          pattern="[0-9a-fA-F]{64}"
          spellcheck={false}
          autocomplete="off"
        />
        <label for="evidence-size">Its size in bytes</label>
        <input id="evidence-size" name="evidence_size_bytes" type="number" min={0} />
      </details>
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
