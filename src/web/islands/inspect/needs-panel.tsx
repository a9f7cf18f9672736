import type { MemoryNeeds } from '../../../gguf/index.ts'
import { Missing, Panel } from '../../components/bits.tsx'
import { formatBytes, formatCount } from '../format.ts'

/** What it takes to run: weights, and the cache at some context lengths. */
export function NeedsPanel({ memory }: { memory: MemoryNeeds }) {
  return (
    <Panel title="Needs" code="a lower bound" id="needs">
      <dl class="facts">
        <dt>Weights</dt>
        <dd>{formatBytes(memory.weights_bytes)}</dd>
        <dt>Cache</dt>
        <dd>
          {memory.kv_cache === null ? (
            <Missing word="no formula for this architecture" />
          ) : (
            memory.kv_cache.map(({ context, bytes }) => (
              <p key={context}>
                {formatBytes(bytes)} at {formatCount(context)} tokens
              </p>
            ))
          )}
        </dd>
      </dl>
    </Panel>
  )
}
