import type { ModelPageProps } from '../page-types.ts'
import { Panel } from './bits.tsx'
import { Supersede } from './owner-panel.tsx'
import { WebSeedForms } from './web-seed-forms.tsx'

/** What moderators may do beside approving and rejecting: restore, remove, take back, answer an appeal. */
export function ModeratorBox({
  model,
  may,
  appealText,
}: Pick<ModelPageProps, 'model' | 'may' | 'appealText'>) {
  const review = `/models/${model.id}/review`
  const hidden = ['suspended', 'rejected', 'removed'].includes(model.status)
  return (
    <Panel title="Moderation" code="T10 · T12 · T18" kind="wide" id="moderation">
      {may.moderate && model.appeal?.state === 'open' ? (
        <div class="appeal">
          <p>
            <b>The uploader appeals:</b> {appealText ?? '— the text was erased'}
          </p>
          <form method="post" action={`/models/${model.id}/appeals/dismissal`} class="stack">
            <input type="hidden" name="seen_seq" value={model.seq} />
            <label for="appeal-answer">
              Answer, if the decision stands<span class="field-need"> required</span>
            </label>
            <textarea id="appeal-answer" name="reason" rows={2} required maxLength={4000} />
            <button type="submit" class="button button-small">
              Dismiss the appeal
            </button>
          </form>
        </div>
      ) : null}
      <div class="owner-acts">
        {may.undo && model.review !== null ? (
          <form method="post" action={`${review}/undo`}>
            <input type="hidden" name="seen_seq" value={model.seq} />
            <button type="submit" class="button button-small">
              Take back: {model.review.decision} by @{model.review.by_handle}
            </button>
          </form>
        ) : null}
        {may.moderate && hidden ? (
          <form method="post" action={review} class="stack">
            <input type="hidden" name="decision" value="restore" />
            <input type="hidden" name="seen_seq" value={model.seq} />
            <label for="restore-note">Note (optional)</label>
            <input id="restore-note" name="reason" maxLength={4000} />
            <button type="submit" class="button button-small button-ok">
              Restore, and dismiss its open reports
            </button>
          </form>
        ) : null}
        {may.moderate && model.status !== 'removed' && model.status !== 'withdrawn' ? (
          <details>
            <summary>Remove</summary>
            <form method="post" action={review} class="stack">
              <input type="hidden" name="decision" value="remove" />
              <input type="hidden" name="seen_seq" value={model.seq} />
              <label for="remove-reason">
                Reason that the uploader sees<span class="field-need"> required</span>
              </label>
              <textarea id="remove-reason" name="reason" rows={2} required maxLength={4000} />
              <button type="submit" class="button button-small button-bad">
                Remove
              </button>
            </form>
          </details>
        ) : null}
        {may.moderate && !model.verification_wanted && !hidden ? (
          <form method="post" action={`/models/${model.id}/verifications/request`}>
            <button type="submit" class="button button-small">
              Ask for a new verification
            </button>
          </form>
        ) : null}
        {may.moderate ? <WebSeedForms model={model} /> : null}
        {may.moderate ? <Supersede model={model} /> : null}
      </div>
    </Panel>
  )
}
