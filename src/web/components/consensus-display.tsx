import type { Judges } from '../../core/events.ts'
import { formatBytes } from '../islands/format.ts'
import type { ModelItem } from '../page-types.ts'
import { Minute } from './bits.tsx'
import { Chambers, type Chamber } from './chambers.tsx'
import { CONSENSUS_TONES, grantedLatest, judgeSentence, judgesPassed, VERDICT_WORDS } from './wording.ts'

/** What each judge is asked, for readers who meet the panel first. */
export const JUDGE_QUESTIONS: Record<keyof Judges, string> = {
  integrity: 'Are these the bytes that were published?',
  form: 'Is the file what its label says, tensor by tensor?',
  behaviour: 'Does it load and generate, inside a sandbox?',
}

/** The hero: three judges, joined, and the one word they come to. */
export function ConsensusDisplay({ model }: { model: ModelItem }) {
  const { verification, consensus } = model
  const granted = grantedLatest(model.verifications)
  const last = granted.at(-1)
  const chamber = (judge: keyof Judges, index: number): Chamber => ({
    place: judge,
    title: judge,
    number: index + 1,
    state: verification[judge],
    word: VERDICT_WORDS[verification[judge]],
    sentence: judgeSentence(model, judge),
  })
  return (
    <Chambers
      title="Verification"
      kind={`consensus-${consensus.toLowerCase()}`}
      code={
        last === undefined ? (
          'no verifier yet'
        ) : (
          <>
            verifier {last.by_handle} / <Minute at={last.at} />
          </>
        )
      }
      facts={[
        { label: 'Code', value: model.id.slice(-6) },
        { label: 'Size', value: formatBytes(model.size_bytes) },
        { label: 'Judges passed', value: `${judgesPassed(verification)} of 3` },
        { label: 'Verifiers', value: verifiersWord(granted.length, consensus) },
      ]}
      stamp={{ word: consensus, class: `stamp-${consensus.toLowerCase()}`, spoken: 'Consensus' }}
      centre="Consensus"
      chambers={[chamber('integrity', 0), chamber('form', 1), chamber('behaviour', 2)]}
      note={{ text: meaningOf(model), tone: CONSENSUS_TONES[consensus] }}
    />
  )
}

function verifiersWord(count: number, consensus: ModelItem['consensus']): string {
  if (count === 0) return 'none yet'
  if (consensus === 'SPLIT') return `${count}, they disagree`
  return `${count} of ${count} agree`
}

function meaningOf({ consensus, verification }: ModelItem): string {
  switch (consensus) {
    case 'VERIFIED':
      return verification.behaviour === 'pass'
        ? 'The bytes, the label and a sandboxed run were all checked by someone other than the uploader.'
        : 'The bytes and the label were checked by someone other than the uploader; it was not run (2 of 3).'
    case 'REFUSED':
      return 'A judge failed this file and every verifier agrees.'
    case 'SPLIT':
      return 'Verifiers disagree: nothing here counts until they agree or a moderator decides.'
    case 'PENDING':
    default:
      return 'Not verified. Until integrity and form have passed, check the file yourself before you run it.'
  }
}
