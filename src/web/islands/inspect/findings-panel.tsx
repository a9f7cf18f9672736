import type { Finding } from '../../../gguf/index.ts'
import { Panel, State } from '../../components/bits.tsx'
import { formatCount } from '../format.ts'
import { SafeText } from './safe-text.tsx'
import { SEVERITIES } from './verdict.ts'

/** Everything that was found, the worst first, each with its code and the rule behind it. */
export function FindingsPanel({ findings }: { findings: readonly Finding[] }) {
  return (
    <Panel
      title="Findings"
      code={findings.length === 0 ? 'none' : `${formatCount(findings.length)}, the worst first`}
      kind="findings-panel"
      id="findings"
    >
      {findings.length === 0 ? (
        <p>
          <State word={{ text: 'Nothing was found against this file', tone: 'ok' }} />
        </p>
      ) : (
        <ol class="findings">
          {findings.map((finding, index) => (
            <li class={`finding finding-${finding.severity}`} key={index}>
              <p class="finding-head">
                <State word={SEVERITIES[finding.severity]} />
                <code>{finding.code}</code>
                {finding.offset === undefined ? null : (
                  <span class="quiet-text mono">at byte {formatCount(finding.offset)}</span>
                )}
              </p>
              <p>
                <SafeText text={finding.message} limit={600} />
              </p>
              {finding.rule === undefined ? null : (
                <p class="quiet-text">
                  The rule: {finding.rule}
                  {finding.cites === undefined ? '' : ` (${finding.cites.join(', ')})`}
                </p>
              )}
            </li>
          ))}
        </ol>
      )}
    </Panel>
  )
}
