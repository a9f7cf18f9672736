import { contextName, deviceFits, type DeviceFit, type MemoryNeeds } from '../../../gguf/index.ts'
import { Missing, Panel } from '../../components/bits.tsx'
import { formatBytes } from '../format.ts'

/** Below this a conversation is soon over. */
const USUAL_CONTEXT = 8_192

/** What it takes to run, and which sizes of memory hold it. */
export function NeedsPanel({ memory }: { memory: MemoryNeeds }) {
  const { contexts, unknown, weights_bytes } = memory
  return (
    <Panel title="Needs" code={`weights ${formatBytes(weights_bytes)}`} id="needs">
      {contexts.length === 0 ? (
        <p>
          <Missing word={unknown ?? 'not known for this architecture'} />
        </p>
      ) : (
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
                  <td class="right">{formatBytes(cache_bytes)}</td>
                  <td class="right">~{formatBytes(compute_bytes)}</td>
                  <td class="right">{formatBytes(total_bytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p class="quiet-text">
            Everything in one memory, as llama.cpp allocates it by default, with 1 GiB left free. Compute is
            an estimate.
          </p>
        </>
      )}
    </Panel>
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
