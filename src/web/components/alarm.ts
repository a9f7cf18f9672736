import type { ListingView } from '../../core/views.ts'
import { TIER_WORDS } from './wording.ts'

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
  if (quantisation.match === 'mislabelled') {
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
  if (model.consensus === 'REFUSED') return { word: 'Refused', what: reasons, todo: DELETE }
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
      what: ['Verifiers disagree about this file', ...reasons],
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

/** Where the broadcast comes from, as its left side says it. */
export function alarmSource(model: ListingView): string[] {
  return [`Listing ${model.id}`, `By @${model.uploader.handle} · ${TIER_WORDS[model.uploader.tier]}`]
}
