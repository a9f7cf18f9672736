import type { ListingView } from '../../core/views.ts'
import { grantedLatest, JUDGES, TIER_WORDS } from './wording.ts'

/** What an emergency broadcast says: one word, what happened, what to do. */
export interface Alarm {
  word: string
  what: string[]
  todo: string
}

const DELETE = 'Do not run this file. If you have it, delete it, and stop seeding it.'

/** Whether a listing's page must open with an emergency broadcast, and what it says. */
export function alarmOf(model: ListingView): Alarm | null {
  const reasons = model.status_reasons
  if (model.status === 'removed') return { word: 'Removed', what: reasons, todo: DELETE }
  const { quantisation, signature } = model
  // Tensors of other bytes say nothing of this label: that listing is refused instead.
  if (quantisation.match === 'mislabelled' && model.verification.integrity !== 'fail') {
    const is = quantisation.proven[0]
    return {
      word: 'Mislabelled',
      what: [
        `The label says ${quantisation.claimed ?? 'nothing'}; the tensors are ${is ?? 'something else'}`,
        ...reasons,
      ],
      todo: 'Do not use it under this label: quality, size and memory needs are not what it says. Choose another listing, or ask the uploader to submit it under its true name.',
    }
  }
  if (model.consensus === 'REFUSED')
    return { word: 'Refused', what: [...failings(model), ...reasons], todo: DELETE }
  if (signature.state === 'bad' || signature.state === 'revoked')
    return {
      word: signature.state === 'bad' ? 'Bad signature' : 'Key revoked',
      what: [
        signature.state === 'bad'
          ? 'The signature does not belong to this file'
          : 'The key that signed this file was revoked as compromised',
        ...reasons,
      ],
      todo: `${DELETE} Wait for a listing signed by the uploader’s present key.`,
    }
  if (model.status === 'rejected') return { word: 'Rejected', what: reasons, todo: DELETE }
  if (model.consensus === 'SPLIT')
    return {
      word: 'Split',
      what: ['Verifiers disagree about this file', ...failings(model), ...reasons],
      todo: 'Do not run this file until the verifiers agree or a moderator decides.',
    }
  if (model.status === 'suspended')
    return {
      word: 'Suspended',
      what: reasons,
      todo: 'Do not run this file until a moderator has looked at the reports.',
    }
  return null
}

/** Why verifiers refused the file, each reason once: approval by a reviewer does not say it. */
function failings({ verifications, status_reasons }: ListingView): string[] {
  const said = grantedLatest(verifications)
    .filter(({ judges }) => JUDGES.some((judge) => judges[judge] === 'fail'))
    .flatMap(({ judges, recommendation, summary }) =>
      recommendation.reasons.length > 0
        ? recommendation.reasons
        : JUDGES.filter((judge) => judges[judge] === 'fail').map((judge) => summary[judge]),
    )
  return [...new Set(said)].filter((reason) => reason !== '' && !status_reasons.includes(reason))
}

/** Where the broadcast comes from, as its left side says it. */
export function alarmSource(model: ListingView): string[] {
  return [`Listing ${model.id}`, `By @${model.uploader.handle} · ${TIER_WORDS[model.uploader.tier]}`]
}
