import type { Expression } from './ast.ts'
import type { Evaluation } from './evaluate.ts'
import type { Value } from './values.ts'

export interface Range {
  /** As far as it is fixed. */
  count: number
  /** Whether it may also count to what is not fixed: to what the size of the conversation, a message, or the caller says. */
  open: boolean
  person: boolean
  given: boolean
}

export function knownNumbers({ consts }: Value): number[] {
  return consts.filter((each) => typeof each === 'number')
}

function numbersOr(value: Value | undefined, otherwise: number): number[] {
  const known = value === undefined ? [] : knownNumbers(value)
  return known.length === 0 ? [otherwise] : known
}

/** What a call of `range`, by whatever name, counts through; null for anything else. */
export function rangeOf(node: Expression, { valueOf }: Evaluation): Range | null {
  if (node.kind !== 'call' || !valueOf(node.callee).functions.includes('range')) return null
  return rangeOfValues(node.args.positional.map(valueOf))
}

function rangeOfValues(values: readonly Value[]): Range {
  const [first, second, third] = values
  const [from, to] = second === undefined ? [undefined, first] : [first, second]
  const [starts, ends, steps] = [numbersOr(from, 0), numbersOr(to, 0), numbersOr(third, 1)]
  const up = Math.max(...ends) - Math.min(...starts)
  const down = Math.min(...steps) < 0 ? Math.max(...starts) - Math.min(...ends) : 0
  const given = values.some(
    ({ number, outside, computed }) => number === 'given' || outside || computed !== null,
  )
  return {
    count: Math.max(0, Math.ceil(Math.max(up, down) / Math.min(...steps.map((step) => Math.abs(step) || 1)))),
    open: given || values.some(({ number }) => number !== 'no'),
    person: values.some(({ person }) => person),
    given,
  }
}
