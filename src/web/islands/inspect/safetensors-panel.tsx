import type { Inspection } from '../../../gguf/index.ts'
import { Missing, Panel } from '../../components/bits.tsx'
import { formatCount } from '../format.ts'
import { SafeText } from './safe-text.tsx'

/** What a safetensors header says: how many tensors of which type, and its own words. */
export function SafetensorsPanel({ summary }: { summary: NonNullable<Inspection['safetensors']> }) {
  const words = Object.entries(summary.metadata)
  return (
    <Panel title="Safetensors" code="header read strictly" kind="wide" id="safetensors">
      <dl class="facts">
        {Object.entries(summary.dtypes).map(([type, count]) => [
          <dt key={type}>{type}</dt>,
          <dd key={`${type}-count`}>{formatCount(count)} tensors</dd>,
        ])}
        {words.length === 0 ? (
          <>
            <dt>Metadata</dt>
            <dd>
              <Missing word="none" />
            </dd>
          </>
        ) : null}
        {words.map(([key, value]) => [
          <dt key={`key-${key}`}>
            <SafeText text={key} limit={100} />
          </dt>,
          <dd key={`value-${key}`}>
            <SafeText text={value} limit={500} lines />
          </dd>,
        ])}
      </dl>
    </Panel>
  )
}
