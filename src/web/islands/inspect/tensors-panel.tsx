import { useMemo, useState } from 'preact/hooks'
import type { Inspection, TensorRow } from '../../../gguf/index.ts'
import { Missing, Panel, State } from '../../components/bits.tsx'
import { formatBytes, formatCount } from '../format.ts'
import { Paged } from './paged.tsx'
import { SafeText } from './safe-text.tsx'

type Order = 'file' | 'size' | 'name'

/** Every tensor behind the proof; those that differ from the label are marked and can be shown alone. */
export function TensorsPanel({
  inspection,
  tensors,
}: {
  inspection: Inspection
  tensors: readonly TensorRow[]
}) {
  const [query, ask] = useState('')
  const [type, choose] = useState('')
  const [order, sort] = useState<Order>('file')
  const [only, differing] = useState(false)
  const { quantisation, shards } = inspection
  const words = query.trim().toLowerCase()
  const rows = useMemo(
    () =>
      sorted(
        tensors.filter(
          (tensor) =>
            (words === '' || tensor.name.toLowerCase().includes(words)) &&
            (type === '' || tensor.type === type) &&
            (!only || tensor.matches === false),
        ),
        order,
      ),
    [tensors, words, type, order, only],
  )
  const types = useMemo(() => [...new Set(tensors.map((tensor) => tensor.type))], [tensors])
  const compared = quantisation?.compared_with ?? null
  return (
    <Panel title="Tensors" code={`${formatCount(inspection.tensors)} in all`} kind="wide" id="tensors">
      <div class="table-tools">
        <label for="tensor-search">Find</label>
        <input
          id="tensor-search"
          type="search"
          value={query}
          maxLength={200}
          autocomplete="off"
          spellcheck={false}
          placeholder="a tensor’s name"
          onInput={(event) => ask(event.currentTarget.value)}
        />
        <label for="tensor-type">Type</label>
        <select id="tensor-type" onChange={(event) => choose(event.currentTarget.value)}>
          <option value="">all</option>
          {types.map((name) => (
            <option value={name} key={name}>
              {name}
            </option>
          ))}
        </select>
        <label for="tensor-order">Order</label>
        <select id="tensor-order" onChange={(event) => sort(event.currentTarget.value as Order)}>
          <option value="file">as in the file</option>
          <option value="size">largest first</option>
          <option value="name">by name</option>
        </select>
        {!tensors.some(({ matches }) => matches === false) ? null : (
          <label class="tensor-only">
            <input
              type="checkbox"
              checked={only}
              onChange={(event) => differing(event.currentTarget.checked)}
            />
            only what differs from the label
          </label>
        )}
      </div>
      <p class="quiet-text">
        {compared === null
          ? 'There is no recipe to compare these with.'
          : `Beside the recipe of ${compared.file_type}${compared.imatrix ? ' with an importance matrix' : ''}: ${formatCount(quantisation?.matched ?? 0)} of ${formatCount(quantisation?.total ?? 0)} are as it wants them.`}
        {inspection.tensors > tensors.length
          ? ` Only the first ${formatCount(tensors.length)} are shown.`
          : ''}
      </p>
      <Paged rows={rows} noun="tensors" filter={`${words} ${type} ${order} ${only}`}>
        {(shown) => (
          <div class="scroll" tabIndex={0} role="region" aria-label="Tensors">
            <table class="files rows tensors">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Type</th>
                  <th scope="col">Recipe wants</th>
                  <th scope="col">Shape</th>
                  <th scope="col" class="right">
                    Weights
                  </th>
                  <th scope="col" class="right">
                    Size
                  </th>
                </tr>
              </thead>
              <tbody>
                {shown.map((tensor) => (
                  <Tensor
                    tensor={tensor}
                    shard={shards > 1 ? tensor.shard + 1 : null}
                    key={`${tensor.shard}/${tensor.name}`}
                  />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Paged>
    </Panel>
  )
}

function Tensor({ tensor, shard }: { tensor: TensorRow; shard: number | null }) {
  const { name, type, shape, bytes, expected, matches } = tensor
  return (
    <tr class={matches === false ? 'tensor-differs' : undefined}>
      <th scope="row" class="mono">
        <SafeText text={name} limit={200} />
        {shard === null ? null : <span class="quiet-text"> shard {shard}</span>}
      </th>
      <td class="mono">{type}</td>
      <td class="mono">
        {expected === null ? (
          <Missing word="nothing" />
        ) : matches === true ? (
          <State word={{ text: expected, tone: 'ok' }} />
        ) : (
          <State word={{ text: expected, tone: 'bad' }} />
        )}
      </td>
      <td class="mono">{shape.map(String).join(' × ')}</td>
      <td class="mono right">{formatCount(shape.reduce((product, each) => product * each, 1))}</td>
      <td class="right">
        <span title={`${formatCount(bytes)} bytes`}>{formatBytes(bytes)}</span>
      </td>
    </tr>
  )
}

function sorted(rows: TensorRow[], order: Order): TensorRow[] {
  if (order === 'size') return rows.toSorted((a, b) => b.bytes - a.bytes)
  if (order === 'name') return rows.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return rows
}
