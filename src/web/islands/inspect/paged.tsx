import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { formatCount } from '../format.ts'

const PER_PAGE = 100

interface PagedProps<Row> {
  rows: readonly Row[]
  /** What is counted, in the plural. */
  noun: string
  /** Begins at the first page again where this changes. */
  filter: string
  children: (rows: readonly Row[], first: number) => ComponentChildren
}

/** A long table a hundred rows at a time: thousands cost no more than the hundred that are seen. */
export function Paged<Row>({ rows, noun, filter, children }: PagedProps<Row>) {
  const [at, go] = useState({ filter, page: 0 })
  const pages = Math.max(1, Math.ceil(rows.length / PER_PAGE))
  const page = at.filter === filter ? Math.min(at.page, pages - 1) : 0
  const first = page * PER_PAGE
  const last = Math.min(rows.length, first + PER_PAGE)
  const turn = (to: number) => (
    <button
      type="button"
      class="button button-small"
      disabled={to < 0 || to >= pages}
      onClick={() => go({ filter, page: to })}
    >
      {to < page ? 'Previous' : 'Next'}
      <span class="sr"> {noun}</span>
    </button>
  )
  return (
    <>
      {children(rows.slice(first, last), first)}
      <div class="paged">
        <p class="quiet-text" role="status">
          {rows.length === 0
            ? `No ${noun}`
            : `${formatCount(first + 1)} to ${formatCount(last)} of ${formatCount(rows.length)} ${noun}`}
        </p>
        {pages === 1 ? null : (
          <div class="buttons">
            {turn(page - 1)}
            {turn(page + 1)}
          </div>
        )}
      </div>
    </>
  )
}
