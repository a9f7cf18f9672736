import type { Judges } from '../../core/events.ts'
import { formatBytes } from '../islands/format.ts'
import type { ModelItem } from '../page-types.ts'
import { Minute, Panel, State } from './bits.tsx'
import {
  CONSENSUS_TONES,
  grantedLatest,
  judgeSentence,
  JUDGES,
  judgesPassed,
  VERDICT_WORDS,
} from './wording.ts'

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
  const linked = (a: keyof Judges, b: keyof Judges): string =>
    verification[a] === 'pass' && verification[b] === 'pass' ? 'link link-lit' : 'link'
  return (
    <Panel
      title="Verification"
      kind={`consensus consensus-${consensus.toLowerCase()}`}
      code={
        last === undefined ? (
          'no verifier yet'
        ) : (
          <>
            verifier {last.by_handle} / <Minute at={last.at} />
          </>
        )
      }
    >
      <div class="magi">
        <svg class="magi-links" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
          <path class={linked('integrity', 'form')} d="M22 74 50 24" />
          <path class={linked('form', 'behaviour')} d="M50 24 78 74" />
          <path class={linked('integrity', 'behaviour')} d="M22 76H78" />
        </svg>
        <dl class="magi-facts">
          <div class="magi-code">
            <dt>Code</dt>
            <dd>{model.id.slice(-6)}</dd>
          </div>
          <div>
            <dt>Size</dt>
            <dd>{formatBytes(model.size_bytes)}</dd>
          </div>
          <div>
            <dt>Judges passed</dt>
            <dd>{judgesPassed(verification)} of 3</dd>
          </div>
          <div>
            <dt>Verifiers</dt>
            <dd>{verifiersWord(granted.length, consensus)}</dd>
          </div>
        </dl>
        <p class={`stamp stamp-${consensus.toLowerCase()}`}>
          <span class="sr">Consensus: </span>
          {consensus}
        </p>
        <ol class="chambers">
          {JUDGES.map((judge, index) => (
            <li class={`chamber chamber-${judge} is-${verification[judge]}`} key={judge}>
              <div class="chamber-in">
                <p class="chamber-verdict">
                  <State word={VERDICT_WORDS[verification[judge]]} />
                </p>
                <h3>
                  {judge} <span aria-hidden="true">· {index + 1}</span>
                </h3>
                <p class="chamber-sentence">{judgeSentence(model, judge)}</p>
              </div>
            </li>
          ))}
        </ol>
      </div>
      <p class={`magi-note tone-${CONSENSUS_TONES[consensus]}`}>{meaningOf(model)}</p>
    </Panel>
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
