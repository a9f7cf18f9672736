import { useState } from 'preact/hooks'
import { Panel } from '../../components/bits.tsx'
import { formatCount } from '../format.ts'
import { Paged } from './paged.tsx'
import type { MetadataRow } from './report.ts'
import { SafeText } from './safe-text.tsx'

/** Every key of the header, searchable; long arrays are cut, with how much is left out. */
export function MetadataPanel({ rows }: { rows: readonly MetadataRow[] }) {
  const [query, ask] = useState('')
  const words = query.trim().toLowerCase()
  const found =
    words === ''
      ? rows
      : rows.filter(
          ({ key, text }) => key.toLowerCase().includes(words) || text.toLowerCase().includes(words),
        )
  return (
    <Panel title="Metadata" code={`${formatCount(rows.length)} keys`} kind="wide" id="metadata">
      <div class="table-tools">
        <label for="metadata-search">Find</label>
        <input
          id="metadata-search"
          type="search"
          value={query}
          maxLength={200}
          autocomplete="off"
          spellcheck={false}
          placeholder="a key or a value"
          onInput={(event) => ask(event.currentTarget.value)}
        />
      </div>
      <Paged rows={found} noun="keys" filter={words}>
        {(shown) => (
          <div class="scroll" tabIndex={0} role="region" aria-label="Metadata">
            <table class="files rows metadata">
              <thead>
                <tr>
                  <th scope="col">Key</th>
                  <th scope="col">Type</th>
                  <th scope="col">Value</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((row, index) => (
                  <tr key={index}>
                    <th scope="row" class="mono">
                      <SafeText text={row.key} limit={512} />
                    </th>
                    <td class="mono quiet-text">{row.type}</td>
                    <td class="metadata-value">
                      <SafeText text={row.text} limit={4_000} lines />
                      {row.cut === null ? null : (
                        <span class="quiet-text">
                          {' '}
                          … and {formatCount(row.cut.left)} more {row.cut.unit}
                        </span>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Paged>
    </Panel>
  )
}
