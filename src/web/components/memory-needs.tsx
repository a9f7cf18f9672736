import { contextName, deviceFits, memorySize, type DeviceFit, type MemoryNeeds } from '../../gguf/memory.ts'
import { Missing, Panel } from './bits.tsx'

/** Below this a conversation is soon over. */
const USUAL_CONTEXT = 8_192

/** What a model takes at each context length, and which sizes of memory hold it. */
export function MemoryFacts({ memory }: { memory: MemoryNeeds }) {
  const { contexts, unknown } = memory
  if (contexts.length === 0)
    return (
      <p>
        <Missing word={unknown ?? 'not known for this architecture'} />
      </p>
    )
  return (
    <>
      <ul class="fits" aria-label="Does it fit in a device’s memory?">
        {deviceFits(memory).map((fit) => (
          <Fit fit={fit} longest={contexts.at(-1)?.context ?? 0} key={fit.device_gb} />
        ))}
      </ul>
      <table class="needs-table">
        <thead>
          <tr>
            <th scope="col">Context</th>
            <th scope="col" class="right">
              Cache
            </th>
            <th scope="col" class="right">
              Compute
            </th>
            <th scope="col" class="right">
              In all
            </th>
          </tr>
        </thead>
        <tbody>
          {contexts.map(({ context, cache_bytes, compute_bytes, total_bytes }) => (
            <tr key={context}>
              <th scope="row">{contextName(context)}</th>
              <td class="right">{memorySize(cache_bytes)}</td>
              <td class="right">~{memorySize(compute_bytes)}</td>
              <td class="right">{memorySize(total_bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="quiet-text">
        Everything in one memory, as llama.cpp allocates it by default, with 1 GiB left free; devices count in
        GiB. Compute is an estimate.
      </p>
    </>
  )
}

function Fit({ fit: { device_gb, context }, longest }: { fit: DeviceFit; longest: number }) {
  const kind = context === null ? 'no' : context < Math.min(longest, USUAL_CONTEXT) ? 'tight' : 'yes'
  return (
    <li class={`fit fit-${kind}`}>
      <b>{device_gb} GB</b>
      <span>
        {context === null ? 'too small' : `${kind === 'tight' ? 'tight, ' : ''}${contextName(context)}`}
      </span>
    </li>
  )
}

/** What a listed model takes, computed from its header by a verifier: a fact, beside the uploader's own words. */
export function MemoryPanel({ memory }: { memory: MemoryNeeds | null }) {
  return (
    <Panel
      title="What it needs"
      code={memory === null ? 'not computed' : `weights ${memorySize(memory.weights_bytes)}, computed`}
      id="memory"
    >
      {memory === null ? (
        <p>
          <Missing word="not computed yet: no verifier has read the file" />
        </p>
      ) : (
        <MemoryFacts memory={memory} />
      )}
    </Panel>
  )
}
