import type { Expression } from './ast.ts'
import { figure, LONG_TEXT } from './bounds.ts'
import type { Evaluation } from './evaluate.ts'
import { shown, type Findings } from './finding.ts'
import { inside } from './values.ts'

/** Texts and lists that are made of themselves several times over: thirty doublings fill any memory. */
export class GrowthRules {
  readonly #evaluation: Evaluation
  readonly #findings: Findings
  /** By what is set to a multiple of itself, how many times as long it has become. */
  readonly #longer = new Map<string, number>()

  constructor(evaluation: Evaluation, findings: Findings) {
    this.#evaluation = evaluation
    this.#findings = findings
  }

  /** `{% set x = x ~ x %}` doubles in every round. */
  look(target: Expression, value: Expression, looped: boolean): void {
    const { number, outside, computed, consts } = this.#evaluation.valueOf(value)
    const isNumber =
      !outside &&
      computed === null &&
      !consts.some((each) => typeof each === 'string') &&
      inside(this.#evaluation.valueOf(value)) === null
    if (isNumber && (number !== 'no' || consts.length > 0)) return
    const copies = copiesOf(target, shown(target, 200), value)
    if (copies < 2) return
    const name = shown(target, 200)
    const times = (this.#longer.get(name) ?? 1) * copies
    this.#longer.set(name, times)
    if (!looped && times > LONG_TEXT)
      this.#findings.add(
        'gguf_template_loop',
        'reject',
        `makes a text ${times === Infinity ? 'endlessly' : figure(times)} times as long, line by line: ${shown(value)}`,
      )
    if (looped)
      this.#findings.add(
        'gguf_template_loop',
        'reject',
        `makes a text ${copies === Infinity ? 'several' : copies} times as long in every round of a loop: ${shown(value)}`,
      )
  }
}

/** How many times as long as `target`, which prints as `printed`, a value is that is made of it. */
function copiesOf(target: Expression, printed: string, value: Expression): number {
  const of = (part: Expression) => copiesOf(target, printed, part)
  if (value.kind === target.kind && shown(value, 200) === printed) return 1
  switch (value.kind) {
    case 'binary': {
      const [left, right] = [of(value.left), of(value.right)]
      if (value.operator === '+' || value.operator === '~') return left + right
      if (value.operator === '*' || value.operator === '%') return left + right > 0 ? Infinity : 0
      return value.operator === 'and' || value.operator === 'or' ? Math.max(left, right) : 0
    }
    case 'choice':
      return Math.max(of(value.yes), value.no === null ? 0 : of(value.no))
    case 'list':
      return value.items.reduce((sum, item) => sum + of(item), 0)
    case 'filter':
      return copiesInCall(value.name, value.operand, value.args.positional, of)
    case 'call':
      return value.callee.kind === 'member'
        ? copiesInCall(value.callee.name, value.callee.object, value.args.positional, of)
        : 0
    default:
      return 0
  }
}

/** Filters and methods that put their arguments into the text. */
const FILLING = new Set(['join', 'replace', 'format', 'default', 'd', 'center', 'indent'])

function copiesInCall(
  name: string,
  operand: Expression,
  args: readonly Expression[],
  of: (part: Expression) => number,
): number {
  const own = of(operand)
  const [from, to] = args
  // Replacing 'a' by 'aa' doubles too.
  if (name === 'replace' && own > 0 && from?.kind === 'string' && to?.kind === 'string')
    return from.value !== '' && to.value.split(from.value).length > 2 ? Infinity : own
  return own + (FILLING.has(name) ? args.reduce((sum, each) => sum + of(each), 0) : 0)
}
