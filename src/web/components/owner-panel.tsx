import type { ModelPageProps } from '../page-types.ts'
import { Panel } from './bits.tsx'
import { WebSeedForms } from './web-seed-forms.tsx'

/** What the uploader of a listing may do with it. */
export function OwnerPanel({ model, appealText }: Pick<ModelPageProps, 'model' | 'appealText'>) {
  const decided = ['rejected', 'suspended', 'removed'].includes(model.status)
  const alive = ['pending', 'published', 'suspended'].includes(model.status)
  const open = model.appeal?.state === 'open'
  return (
    <Panel title="Your listing" code="T7 · T18" kind="wide" id="yours">
      {model.appeal === null ? null : (
        <p>
          {open
            ? 'Your appeal waits for a moderator'
            : `Your appeal was ${model.appeal.state === 'decided' ? 'answered by a new decision' : 'dismissed'}`}
          {appealText === null ? '.' : `: “${appealText}”`}
        </p>
      )}
      {decided && !open ? (
        <form method="post" action={`/models/${model.id}/appeals`} class="stack">
          <label for="appeal">Appeal: why is the decision wrong?</label>
          <textarea id="appeal" name="text" rows={3} required maxLength={8000} />
          <button type="submit" class="button button-small">
            Appeal
          </button>
        </form>
      ) : null}
      <div class="owner-acts">
        {model.verification_wanted || !alive ? null : (
          <form method="post" action={`/models/${model.id}/verifications/request`}>
            <button type="submit" class="button button-small">
              Ask for a new verification
            </button>
          </form>
        )}
        <WebSeedForms model={model} />
        <Supersede model={model} />
        {alive ? (
          <details>
            <summary>Withdraw this listing</summary>
            <form method="post" action={`/models/${model.id}/withdrawal`} class="stack">
              <p>It leaves the listing for good; its page and its record stay.</p>
              <button type="submit" class="button button-small button-bad">
                Withdraw it
              </button>
            </form>
          </details>
        ) : null}
      </div>
    </Panel>
  )
}

/** By the uploader, or a moderator. */
export function Supersede({ model }: Pick<ModelPageProps, 'model'>) {
  if (model.superseded_by !== null)
    return (
      <form method="post" action={`/models/${model.id}/superseded`}>
        <input type="hidden" name="by" value="" />
        <button type="submit" class="button button-small">
          It is not outdated
        </button>
      </form>
    )
  return (
    <details>
      <summary>A newer listing takes its place</summary>
      <form method="post" action={`/models/${model.id}/superseded`} class="stack">
        <label for="superseded-by">Id of the newer listing, from its address</label>
        <input
          id="superseded-by"
          name="by"
          class="mono"
          required
          minLength={26}
          maxLength={26}
          pattern="[0-9A-Za-z]{26}"
          spellcheck={false}
        />
        <button type="submit" class="button button-small">
          Say so
        </button>
      </form>
    </details>
  )
}
