import { useMemo, useState } from 'preact/hooks'
import type { Quantisation } from '../../../gguf/index.ts'
import { Panel } from '../../components/bits.tsx'
import { formatBytes, formatCount } from '../format.ts'
import { Paged } from './paged.tsx'
import type { FileFacts, HeaderTables, TensorRow } from './report.ts'
import { SafeText } from './safe-text.tsx'

type Order = 'file' | 'size' | 'name'

/** Every tensor behind the proof; those that differ from the label are marked and can be shown alone. */
export function TensorsPanel({
  tables,
  files,
  quantisation,
}: {
  tables: HeaderTables
  files: readonly FileFacts[]
  quantisation: Quantisation | null
}) {
  const [query, ask] = useState('')
  const [type, choose] = useState('')
  const [order, sort] = useState<Order>('file')
  const [only, differing] = useState(false)
  const { tensors, tensorCount } = tables
  const expected = useMemo(
    () => new Map((quantisation?.differs ?? []).map((each) => [each.tensor, each.expected])),
    [quantisation],
  )
  const words = query.trim().toLowerCase()
  const rows = useMemo(
    () =>
      sorted(
        tensors.filter(
          (tensor) =>
            (words === '' || tensor.name.toLowerCase().includes(words)) &&
            (type === '' || tensor.type === type) &&
            (!only || expected.has(tensor.name)),
        ),
        order,
      ),
    [tensors, words, type, order, only, expected],
  )
  const differ = quantisation === null ? 0 : quantisation.total - quantisation.matched
  return (
    <Panel title="Tensors" code={`${formatCount(tensorCount)} in all`} kind="wide" id="tensors">
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
          {Object.keys(quantisation?.tensor_types ?? {}).map((name) => (
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
        {expected.size === 0 ? null : (
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
      {differ > expected.size ? (
        <p class="quiet-text">
          {formatCount(differ)} tensors differ from the label; the first {formatCount(expected.size)} are
          marked.
        </p>
      ) : null}
      {tensorCount > tensors.length ? (
        <p class="quiet-text">Only the first {formatCount(tensors.length)} are shown.</p>
      ) : null}
      <Paged rows={rows} noun="tensors" filter={`${words} ${type} ${order} ${only}`}>
        {(shown) => (
          <div class="scroll" tabIndex={0} role="region" aria-label="Tensors">
            <table class="files rows tensors">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Type</th>
                  <th scope="col">Shape</th>
                  <th scope="col" class="right">
                    Weights
                  </th>
                  <th scope="col" class="right">
                    Size
                  </th>
                  <th scope="col" class="right">
                    At byte
                  </th>
                </tr>
              </thead>
              <tbody>
                {shown.map((tensor) => (
                  <Tensor
                    tensor={tensor}
                    file={files.length > 1 ? tensor.file + 1 : null}
                    expected={expected.get(tensor.name) ?? null}
                    key={`${tensor.file}/${tensor.offset}/${tensor.name}`}
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

function Tensor({
  tensor,
  file,
  expected,
}: {
  tensor: TensorRow
  file: number | null
  expected: string | null
}) {
  return (
    <tr class={expected === null ? undefined : 'tensor-differs'}>
      <th scope="row" class="mono">
        <SafeText text={tensor.name} limit={200} />
        {file === null ? null : <span class="quiet-text"> shard {file}</span>}
      </th>
      <td class="mono">
        {tensor.type}
        {expected === null ? null : <span class="tone-bad"> not {expected}</span>}
      </td>
      <td class="mono">{tensor.dims.map(String).join(' × ')}</td>
      <td class="mono right">{formatCount(tensor.elements)}</td>
      <td class="right">
        <span title={`${formatCount(tensor.bytes)} bytes`}>{formatBytes(tensor.bytes)}</span>
      </td>
      <td class="mono right">{formatCount(tensor.offset)}</td>
    </tr>
  )
}

function sorted(rows: TensorRow[], order: Order): TensorRow[] {
  if (order === 'size') return rows.toSorted((a, b) => b.bytes - a.bytes)
  if (order === 'name') return rows.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return rows
}
