import type { Finding, Inspection } from '../../../gguf/index.ts'
import { Missing, Panel, State } from '../../components/bits.tsx'
import { formatCount } from '../format.ts'
import { CopyCode } from './copy-code.tsx'
import type { TemplateText } from './report.ts'
import { SafeText } from './safe-text.tsx'
import { SEVERITIES } from './verdict.ts'

const MAX_LINES = 2_000

/** The chat template: what was found in it, and its text, which is only ever text. */
export function TemplatePanel({
  inspection,
  templates,
}: {
  inspection: Inspection
  templates: readonly TemplateText[]
}) {
  const { template, findings } = inspection
  const found = findings.filter(({ code }) => code.startsWith('gguf_template'))
  return (
    <Panel
      title="Chat template"
      code={
        template?.present === true
          ? `${formatCount(template.length)} characters`
          : template === null
            ? 'not read'
            : 'none'
      }
      kind="wide"
      id="template"
    >
      {template === null ? (
        <p>
          <Missing word="the file was refused before its template" />
        </p>
      ) : template.present ? (
        <>
          <TemplateState found={found} />
          {templates.map((each) => (
            <Template template={each} sha256={template.sha256[each.key] ?? null} key={each.key} />
          ))}
        </>
      ) : (
        <p>
          <Missing word="the file brings none" />
        </p>
      )}
    </Panel>
  )
}

function TemplateState({ found }: { found: readonly Finding[] }) {
  if (found.length === 0)
    return (
      <p class="proof-word">
        <State word={{ text: 'Nothing in it to object to', tone: 'ok' }} />
      </p>
    )
  return (
    <ul class="findings">
      {found.map((finding, index) => (
        <li class={`finding finding-${finding.severity}`} key={index}>
          <State word={SEVERITIES[finding.severity]} /> <SafeText text={finding.message} limit={400} />
        </li>
      ))}
    </ul>
  )
}

function Template({
  template: { key, text, cut },
  sha256,
}: {
  template: TemplateText
  sha256: string | null
}) {
  const lines = text.split('\n')
  return (
    <>
      {sha256 === null ? null : (
        <dl class="facts">
          <dt>
            SHA256 of {key === 'tokenizer.chat_template' ? 'its text' : <SafeText text={key} limit={80} />}
          </dt>
          <dd>
            <CopyCode text={sha256} what="the SHA-256 of the template" />
          </dd>
        </dl>
      )}
      <details class="template">
        <summary>
          Show <code>{key}</code>, {formatCount(lines.length)} {lines.length === 1 ? 'line' : 'lines'}, as
          text
        </summary>
        <ol class="template-text mono" tabIndex={0} aria-label={`The text of ${key}`}>
          {lines.slice(0, MAX_LINES).map((line, index) => (
            <li key={index}>
              <SafeText text={line} limit={4_000} />
            </li>
          ))}
        </ol>
        {lines.length > MAX_LINES || cut > 0 ? (
          <p class="quiet-text">
            Cut here: {formatCount(Math.max(0, lines.length - MAX_LINES))} more lines
            {cut === 0 ? '' : ` and ${formatCount(cut)} more characters`}.
          </p>
        ) : null}
      </details>
    </>
  )
}
