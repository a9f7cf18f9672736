import { visit, type Expression, type Statement } from './ast.ts'
import {
  ENDLESS_ROUNDS,
  ENDLESS_TEXT,
  figure,
  HUGE_NUMBER,
  LARGE_NUMBER,
  LONG_TEXT,
  MANY_POWERS,
  MANY_ROUNDS,
} from './bounds.ts'
import type { Evaluation } from './evaluate.ts'
import { shown, type Findings } from './finding.ts'
import { knownNumbers, rangeOf } from './range.ts'
import type { Value } from './values.ts'

/** Numbers that decide how much is counted, computed or printed, wherever they stand. */
export function checkAmounts(body: readonly Statement[], evaluation: Evaluation, findings: Findings): void {
  new AmountRules(evaluation, findings).look(body)
}

class AmountRules {
  readonly #evaluation: Evaluation
  readonly #findings: Findings

  constructor(evaluation: Evaluation, findings: Findings) {
    this.#evaluation = evaluation
    this.#findings = findings
  }

  #add(severity: 'info' | 'warn' | 'reject', says: string): void {
    this.#findings.add('gguf_template_loop', severity, says)
  }

  look(body: readonly Statement[]): void {
    visit(body, (node) => {
      if (node.kind === 'call') this.#range(node)
      if (node.kind === 'binary') this.#product(node)
      if (node.kind === 'filter')
        this.#widths(node, node.args.positional.concat(node.args.named.map(({ value }) => value)))
      if (node.kind === 'call' && node.callee.kind === 'member')
        this.#widths(node, node.args.positional.concat(node.args.named.map(({ value }) => value)))
      if (node.kind === 'string') this.#format(node.value)
    })
  }

  #range(node: Extract<Expression, { kind: 'call' }>): void {
    const range = rangeOf(node, this.#evaluation)
    if (range === null) return
    if (range.count > MANY_ROUNDS)
      this.#add(
        range.count > ENDLESS_ROUNDS ? 'reject' : 'warn',
        `counts through ${figure(range.count)} numbers: ${shown(node)}`,
      )
    else if (range.person) this.#add('warn', `counts as far as a message says: ${shown(node)}`)
    else if (range.given) this.#add('info', `counts as far as its caller says: ${shown(node)}`)
  }

  #product(node: Extract<Expression, { kind: 'binary' }>): void {
    const value = this.#evaluation.valueOf(node)
    if (node.operator === '**') {
      const largest = Math.max(0, ...value.consts.map((each) => (typeof each === 'number' ? each : 0)))
      if (value.number !== 'no') this.#add('warn', `raises to a power that is not fixed: ${shown(node)}`)
      else if (largest > Number.MAX_SAFE_INTEGER)
        this.#add(
          'reject',
          `computes a number of ${largest === Infinity ? 'hundreds of' : Math.ceil(Math.log10(largest))} digits: ${shown(node)}`,
        )
      return
    }
    if (!['*', '~', '+'].includes(node.operator)) return
    if (value.number !== 'no') this.#largeFactor(node)
    if (value.size > LONG_TEXT)
      this.#add(
        value.size > ENDLESS_TEXT ? 'reject' : 'warn',
        `makes a text of ${figure(value.size)} characters: ${shown(node)}`,
      )
    else if (
      node.operator === '*' &&
      (value.computed !== null || value.each !== null) &&
      [node.left, node.right].some(
        (side) => isGiven(this.#evaluation.valueOf(side)) && this.#evaluation.valueOf(side).person,
      )
    )
      this.#add('warn', `repeats a text as often as a message says: ${shown(node)}`)
  }

  /** A number that is not fixed, times or plus one that is too large for anything. */
  #largeFactor(node: Extract<Expression, { kind: 'binary' }>): void {
    const sides = [node.left, node.right].map((side) => this.#evaluation.valueOf(side))
    const largest = Math.max(0, ...sides.flatMap(knownNumbers))
    if (largest > MANY_ROUNDS)
      this.#add(
        largest > ENDLESS_ROUNDS ? 'reject' : 'warn',
        `computes with ${figure(largest)}: ${shown(node)}`,
      )
    const open = factorsOf(node).filter(
      (factor) => knownNumbers(this.#evaluation.valueOf(factor)).length === 0,
    )
    if (node.operator === '*' && open.length >= MANY_POWERS)
      this.#add('warn', `multiplies ${open.length} numbers that are not fixed: ${shown(node)}`)
  }

  #widths(node: Expression, args: readonly Expression[]): void {
    for (const arg of args)
      for (const each of this.#evaluation.valueOf(arg).consts)
        if (typeof each === 'number' && Math.abs(each) > LARGE_NUMBER)
          this.#add(
            Math.abs(each) > HUGE_NUMBER ? 'reject' : 'warn',
            `asks for ${figure(each)} of something: ${shown(node)}`,
          )
  }

  /** `'%999999999d'` and `'{:>999999999}'`. */
  #format(text: string): void {
    for (const [field, width] of text.matchAll(/(?:%[-+ #0]*|\{[^{}:]{0,40}:[^{}\d]{0,3}0?)(\d{5,18})/g))
      this.#add(
        Number(width) > HUGE_NUMBER ? 'reject' : 'warn',
        `formats to a width of ${figure(Number(width))}: '${field}'`,
      )
  }
}

function factorsOf(node: Expression): Expression[] {
  return node.kind === 'binary' && node.operator === '*'
    ? [...factorsOf(node.left), ...factorsOf(node.right)]
    : [node]
}

function isGiven({ number, outside }: Value): boolean {
  return number === 'given' || outside
}
