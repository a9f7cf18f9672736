import type { ModelItem } from '../page-types.ts'
import { Panel } from './bits.tsx'
import { grantedLatest } from './wording.ts'

/** Approve or reject, with the verifiers' reasons already in the rejection. */
export function ReviewBox({ model }: { model: ModelItem }) {
  return (
    <Panel title="Review" code="T7 · T10" kind="wide review">
      <ReviewForms model={model} />
    </Panel>
  )
}

export function ReviewForms({ model }: { model: ModelItem }) {
  const advice = grantedLatest(model.verifications)
  // What speaks for it must not stand as the reason against it.
  const against = advice.filter(({ recommendation }) => recommendation.decision !== 'approve')
  const reasons = [...new Set(against.flatMap(({ recommendation }) => recommendation.reasons))]
  const action = `/models/${model.id}/review`
  return (
    <div class="review-forms">
      <p class="review-advice">
        {advice.length === 0
          ? 'No verifier has recommended anything yet.'
          : advice.map(({ by, by_handle, recommendation }) => (
              <span key={by}>
                @{by_handle} recommends to <b>{recommendation.decision}</b>
                {recommendation.reasons.length > 0 ? `: ${recommendation.reasons.join('; ')}` : ''}.
              </span>
            ))}
      </p>
      <form method="post" action={action} class="review-approve">
        <input type="hidden" name="decision" value="approve" />
        <input type="hidden" name="seen_seq" value={model.seq} />
        <label for={`approve-${model.id}`}>Note with the approval (optional)</label>
        <input id={`approve-${model.id}`} name="reason" maxLength={4000} />
        <button type="submit" class="button button-ok">
          Approve<span class="sr"> {model.model}</span>
        </button>
      </form>
      <form method="post" action={action} class="review-reject">
        <input type="hidden" name="decision" value="reject" />
        <input type="hidden" name="seen_seq" value={model.seq} />
        <label for={`reject-${model.id}`}>
          Reason for the rejection<span class="field-need"> required</span>
        </label>
        <textarea
          id={`reject-${model.id}`}
          name="reason"
          rows={3}
          required
          maxLength={4000}
          value={reasons.join('\n')}
        />
        <button type="submit" class="button button-bad">
          Reject<span class="sr"> {model.model}</span>
        </button>
      </form>
    </div>
  )
}
