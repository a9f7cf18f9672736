import { memorySize, type MemoryNeeds } from '../../../gguf/index.ts'
import { Panel } from '../../components/bits.tsx'
import { MemoryFacts } from '../../components/memory-needs.tsx'

/** What it takes to run, and which sizes of memory hold it. */
export function NeedsPanel({ memory }: { memory: MemoryNeeds }) {
  return (
    <Panel title="Needs" code={`weights ${memorySize(memory.weights_bytes)}`} id="needs">
      <MemoryFacts memory={memory} />
    </Panel>
  )
}
