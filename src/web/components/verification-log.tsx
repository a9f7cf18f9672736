import type { VerificationView } from '../../core/views.ts'
import { Code, Minute, Missing, Panel, State } from './bits.tsx'
import { JUDGES, VERDICT_WORDS } from './wording.ts'

/** Every verification, newest first, also those that move nothing. */
export function VerificationLog({ verifications }: { verifications: VerificationView[] }) {
  return (
    <Panel title="Verifications" code="newest first" kind="wide" id="verifications">
      {verifications.length === 0 ? (
        <p>
          <Missing word="none recorded yet" />
        </p>
      ) : (
        <ol class="log">
          {verifications.toReversed().map((verification) => (
            <li key={`${verification.by}-${verification.at}`}>
              <p class="log-head">
                <a href={`/members/${verification.by_handle}`}>@{verification.by_handle}</a>{' '}
                <Minute at={verification.at} />
                <span class="log-advice">recommends: {verification.recommendation.decision}</span>
                {verification.granted ? null : (
                  <State word={{ text: 'Not a granted verifier: counts for nothing', tone: 'quiet' }} small />
                )}
              </p>
              <dl class="log-judges">
                {JUDGES.map((judge) => (
                  <div key={judge}>
                    <dt>
                      {judge} <State word={VERDICT_WORDS[verification.judges[judge]]} small />
                    </dt>
                    <dd>
                      {verification.summary[judge] === '' ? (
                        <Missing word="no sentence" />
                      ) : (
                        verification.summary[judge]
                      )}
                    </dd>
                  </div>
                ))}
              </dl>
              {verification.recommendation.decision === 'approve' ? null : (
                <ul class="log-reasons">
                  {verification.recommendation.reasons.map((reason) => (
                    <li key={reason}>{reason}</li>
                  ))}
                </ul>
              )}
              <div class="log-report">
                <a href={`/reports/${verification.report}`}>Whole report</a>
                <Code text={verification.report} what="the report’s SHA-256" />
              </div>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  )
}
