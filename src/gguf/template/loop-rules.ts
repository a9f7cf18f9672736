import { visit, type Expression, type Statement } from './ast.ts'
import { ENDLESS_POWERS, ENDLESS_ROUNDS, figure, MANY_OVER_SAME, MANY_POWERS, MANY_ROUNDS } from './bounds.ts'
import type { Evaluation } from './evaluate.ts'
import { shown, type Findings } from './finding.ts'
import { GrowthRules } from './growth-rules.ts'
import { rootOf } from './print.ts'
import { rangeOf } from './range.ts'
import { checkRecursion } from './recursion-rules.ts'
import type { Value } from './values.ts'

/** How often a piece of the template runs. */
interface Rounds {
  /** By loops of fixed length. */
  fixed: number
  /** What loops run over that is not part of what a loop around them runs over, each by its name. */
  over: readonly string[]
}

const ONCE: Rounds = { fixed: 1, over: [] }

/** Bounds by the text alone how long a template runs and how much it prints: what has no bound, or a large one, is told with its figures. */
export function checkLoops(body: readonly Statement[], evaluation: Evaluation, findings: Findings): void {
  const rules = new LoopRules(evaluation, findings)
  rules.statements(body, ONCE, [])
  checkRecursion(evaluation, findings)
}

class LoopRules {
  readonly #evaluation: Evaluation
  readonly #findings: Findings
  /** What the body of each macro costs, reckoned once. */
  readonly #costs = new Map<string, Rounds>()
  #most: Rounds = ONCE
  readonly #growth: GrowthRules

  constructor(evaluation: Evaluation, findings: Findings) {
    this.#evaluation = evaluation
    this.#findings = findings
    this.#growth = new GrowthRules(evaluation, findings)
  }

  #add(severity: 'info' | 'warn' | 'reject', says: string): void {
    this.#findings.add('gguf_template_loop', severity, says)
  }

  statements(body: readonly Statement[], rounds: Rounds, targets: readonly string[]): void {
    for (const statement of body) this.#statement(statement, rounds, targets)
  }

  #statement(statement: Statement, rounds: Rounds, targets: readonly string[]): void {
    this.#record(rounds)
    switch (statement.kind) {
      case 'for': {
        this.#calls(statement.iterable, rounds)
        const inner = this.#within(statement, rounds, targets)
        this.statements(statement.body, inner, [...targets, ...statement.targets, ...this.#taken(statement)])
        this.statements(statement.otherwise, rounds, targets)
        return
      }
      case 'if':
        this.#calls(statement.test, rounds)
        this.statements(statement.body, rounds, targets)
        this.statements(statement.otherwise, rounds, targets)
        return
      case 'set':
        if (statement.value !== null) this.#calls(statement.value, rounds)
        if (statement.value !== null)
          this.#growth.look(statement.target, statement.value, rounds.fixed > 1 || rounds.over.length > 0)
        this.statements(statement.body, rounds, targets)
        return
      case 'macro':
        return
      case 'output':
        this.#calls(statement.value, rounds)
        return
      case 'call_block':
        this.#calls(statement.call, rounds)
        this.statements(statement.body, rounds, targets)
        return
      case 'filter_block':
        this.statements(statement.body, rounds, targets)
        return
      default:
    }
  }

  /** Names within a loop that are set from what it runs over, and so hold a part of it. */
  #taken({ body, targets }: Extract<Statement, { kind: 'for' }>): string[] {
    const parts = new Set(targets)
    visit(body, (node) => {
      if (node.kind !== 'set' || node.target.kind !== 'name' || node.value === null) return
      const root = rootOf(node.value)
      if (root !== null && parts.has(root)) parts.add(node.target.name)
    })
    return [...parts]
  }

  #record(rounds: Rounds): void {
    this.#most = {
      fixed: Math.max(this.#most.fixed, rounds.fixed),
      over: rounds.over.length > this.#most.over.length ? rounds.over : this.#most.over,
    }
  }

  #within(
    { iterable, recursive }: Extract<Statement, { kind: 'for' }>,
    rounds: Rounds,
    targets: readonly string[],
  ): Rounds {
    if (recursive) this.#add('warn', `calls a loop from within itself: ${shown(iterable)}`)
    const value = this.#evaluation.valueOf(iterable)
    const fixed = this.#length(iterable, value)
    const root = rootOf(iterable)
    const part = root !== null && targets.includes(root)
    const over = sourceOf(iterable)
    const inner = {
      fixed: rounds.fixed * Math.max(1, fixed ?? 1),
      over: fixed === null && !part ? [...rounds.over, over] : rounds.over,
    }
    if (rounds.fixed > 1 && (fixed ?? 0) > 1)
      this.#tooMany(inner.fixed, `loops within each other: ${shown(iterable)}`)
    if (inner.over !== rounds.over) this.#tooDeep(inner.over, shown(iterable))
    return inner
  }

  #tooDeep(over: readonly string[], where: string): void {
    const same = over.filter((each) => each === over.at(-1)).length
    if (over.length < MANY_POWERS && same < MANY_OVER_SAME) return
    this.#add(
      over.length >= ENDLESS_POWERS || same >= MANY_POWERS ? 'reject' : 'warn',
      `runs ${over.length} loops over its input within each other, so n^${over.length} rounds: ${where}`,
    )
  }

  #tooMany(rounds: number, what: string): void {
    if (rounds > MANY_ROUNDS)
      this.#add(rounds > ENDLESS_ROUNDS ? 'reject' : 'warn', `goes ${figure(rounds)} rounds in ${what}`)
  }

  /** Rounds of a loop of fixed length; null where its input decides. */
  #length(iterable: Expression, value: Value): number | null {
    const node = iterable.kind === 'choice' ? iterable.yes : iterable
    const range = rangeOf(node, this.#evaluation)
    if (range !== null) return range.open ? null : range.count
    if (value.items !== null && !value.outside) return value.items.length
    if (value.entries !== null && !value.outside) return value.entries.size
    if (value.consts.length > 0 && !value.outside && value.computed === null && value.each === null)
      return Math.max(...value.consts.map((each) => String(each).length))
    return null
  }

  /** Macros that an expression calls cost what their bodies do, as often as it runs. */
  #calls(expression: Expression, rounds: Rounds): void {
    visit([expression], (node) => {
      if (node.kind !== 'call') return
      for (const name of this.#evaluation.valueOf(node.callee).functions) {
        if (!name.startsWith('macro ')) continue
        const cost = this.#costOf(name.slice('macro '.length))
        const fixed = rounds.fixed * cost.fixed
        const over = [...rounds.over, ...cost.over]
        this.#record({ fixed, over })
        if (rounds.fixed > 1 && cost.fixed > 1)
          this.#tooMany(fixed, `loops within each other, by ${shown(node)}`)
        if (over.length >= ENDLESS_POWERS)
          this.#add('warn', `runs ${over.length} loops over its input within each other, by ${shown(node)}`)
      }
    })
  }

  #costOf(name: string): Rounds {
    const known = this.#costs.get(name)
    if (known !== undefined) return known
    // A macro that calls itself is looked at by `recursion`.
    this.#costs.set(name, ONCE)
    const macro = this.#evaluation.macros.get(name)
    if (macro === undefined) return ONCE
    const above = this.#most
    this.#most = ONCE
    // What a macro is given is part of what its caller runs over.
    this.statements(
      macro.body,
      ONCE,
      macro.parameters.map(({ name: parameter }) => parameter),
    )
    const cost = this.#most
    this.#most = above
    this.#costs.set(name, cost)
    return cost
  }
}

/** What a loop runs over, by the first name in it. */
function sourceOf(iterable: Expression): string {
  let found = rootOf(iterable)
  if (found === null)
    visit([iterable], (node) => {
      if (node.kind === 'name' && node.name !== 'range') found ??= node.name
    })
  return found ?? ''
}
