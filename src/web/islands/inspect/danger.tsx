import { printable, type Inspection } from '../../../gguf/index.ts'
import { Broadcast } from '../../components/broadcast.tsx'
import { STATUS_WORDS } from '../../components/wording.ts'
import { isRefusedMatch, matchesOf, type KnownState } from './state.ts'
import { VERDICTS } from './verdict.ts'

const MAX_REASONS = 4

/** The emergency broadcast for a file that must not be used: by what is in it, or because the site refused these bytes. */
export function Danger({ inspection, known }: { inspection: Inspection | null; known: KnownState }) {
  const refused = matchesOf(known).filter(isRefusedMatch)
  const bad = inspection !== null && (inspection.verdict === 'reject' || inspection.verdict === 'mislabelled')
  if (!bad && refused.length === 0) return null
  const word = bad ? VERDICTS[inspection.verdict].word : 'Known bad'
  const reasons = bad
    ? inspection.findings
        .filter(({ severity }) => severity === 'reject' || severity === 'mislabelled')
        .map(({ message }) => printable(message, 300))
    : []
  return (
    <Broadcast
      word={word}
      from={['Inspect a file', ...(inspection?.file_name ? [printable(inspection.file_name, 80)] : [])]}
    >
      <ul>
        {reasons.slice(0, MAX_REASONS).map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
        {refused.slice(0, MAX_REASONS).map((match) => (
          <li key={match.id}>
            These are exactly the bytes of “{match.model}”, which stands as{' '}
            {STATUS_WORDS[match.status].text.toLowerCase()} and {match.consensus} here:{' '}
            <a href={match.url}>see why</a>
          </li>
        ))}
      </ul>
      <p>
        <strong>
          {bad && inspection.verdict === 'mislabelled'
            ? 'Do not pass it on under this name. If you were given it as something else, ask whoever gave it.'
            : 'Do not run or open this file with any program. Delete it, and ask whoever gave it to you.'}
        </strong>
      </p>
    </Broadcast>
  )
}
