import type { ProvenanceStep } from '../../core/views.ts'
import { Day, Missing, Panel, State } from './bits.tsx'
import type { Word } from './wording.ts'

const STEP_WORDS: Record<ProvenanceStep['step'], string> = {
  publisher: 'Publisher',
  quantiser: 'Quantiser',
  mirror: 'Index',
  uploader: 'Uploader',
  verification: 'Verifier',
}

const CHAIN_WORDS: Record<ProvenanceStep['state'], Word> = {
  proved: { text: 'Proved', tone: 'ok' },
  claimed: { text: 'Claimed', tone: 'warn' },
  contradicted: { text: 'Contradicted', tone: 'bad' },
}

/** The source chain, drawn: each link a claim, its evidence and its state. */
export function SourceChain({ steps }: { steps: ProvenanceStep[] }) {
  return (
    <Panel title="Source chain" code="each link with its evidence" kind="wide">
      {steps.length === 0 ? (
        <p>
          <Missing word="nothing is known of where it comes from" />
        </p>
      ) : (
        <ol class="chain">
          {steps.map((step, index) => (
            <li class={`step step-${step.state}`} key={`${step.step}-${index}`}>
              <div class="step-in">
                <small>{STEP_WORDS[step.step]}</small>
                <b>{step.who}</b>
                <span class="step-what">
                  {step.what}
                  {step.at === null ? null : (
                    <>
                      {' '}
                      <Day at={step.at} />
                    </>
                  )}
                </span>
                <State word={CHAIN_WORDS[step.state]} small />
                <span class="step-evidence">{step.evidence}</span>
              </div>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  )
}
