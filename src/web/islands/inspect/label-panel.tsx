import type { Inspection, Quantisation } from '../../../gguf/index.ts'
import { Missing, Panel, State } from '../../components/bits.tsx'
import { BitsRail, MatchRail } from '../../components/rails.tsx'
import type { Word } from '../../components/wording.ts'
import { formatCount } from '../format.ts'
import { SafeText } from './safe-text.tsx'

const MATCHES: Record<Quantisation['match'], Word> = {
  exact: { text: 'The label is proven', tone: 'ok' },
  variant: { text: 'A custom mix of what the label says', tone: 'warn' },
  mislabelled: { text: 'The label is wrong', tone: 'bad' },
  unknown: { text: 'Nothing is proven', tone: 'warn' },
}

/** The tensors may fit, but of a refused file nothing looks good. */
const OTHERWISE_REFUSED: Word = { text: 'The tensors fit, but the file is refused', tone: 'warn' }

/** What was claimed, what the tensors say, and the bar of each type. */
export function LabelPanel({
  inspection,
  quantisation,
}: {
  inspection: Inspection
  quantisation: Quantisation
}) {
  const { claimed, proven, match, matched, total, bits_per_weight, reason } = quantisation
  return (
    <Panel title="Label proof" code={`${bits_per_weight.toFixed(2)} bits per weight`} id="label-proof">
      <p class="proof-word">
        <State
          word={inspection.verdict === 'reject' && match === 'exact' ? OTHERWISE_REFUSED : MATCHES[match]}
        />
      </p>
      <dl class="facts">
        <dt>Label</dt>
        <dd>
          {claimed === null ? <Missing word="no label claimed" /> : <SafeText text={claimed} limit={60} />}
        </dd>
        <dt>Tensors say</dt>
        <dd>{proven.length > 0 ? proven.join(' or ') : <Missing word="no recipe matches them all" />}</dd>
        <dt>Match</dt>
        <dd>
          {formatCount(matched)} of {formatCount(total)} tensors
          <MatchRail
            matched={matched}
            total={Math.max(1, total)}
            proven={match === 'exact' && inspection.verdict !== 'reject'}
          />
        </dd>
        <dt>Weight</dt>
        <dd>
          {bits_per_weight.toFixed(2)} bits
          <BitsRail bits={bits_per_weight} />
        </dd>
        <dt>Parameters</dt>
        <dd>
          {inspection.parameters === null ? <Missing word="not read" /> : formatCount(inspection.parameters)}
        </dd>
        <dt>Why</dt>
        <dd>
          <SafeText text={reason} limit={400} />
        </dd>
      </dl>
      <TypeBars quantisation={quantisation} />
    </Panel>
  )
}

/** Tensors of each type as bars, most first. */
function TypeBars({ quantisation }: { quantisation: Quantisation }) {
  const types = Object.entries(quantisation.tensor_types).toSorted(([, a], [, b]) => b - a)
  return (
    <table class="type-bars">
      <caption class="sr">Tensors of each type</caption>
      <tbody>
        {types.map(([type, count]) => (
          <tr key={type}>
            <th scope="row" class="mono">
              {type}
            </th>
            <td class="mono right">{formatCount(count)}</td>
            <td class="type-bar" aria-hidden="true">
              <svg width="100%" height="9">
                <rect class="rail-off" width="100%" height="9" />
                <rect
                  class="rail-info"
                  width={`${Math.floor((1000 * count) / Math.max(1, quantisation.total)) / 10}%`}
                  height="9"
                />
              </svg>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
