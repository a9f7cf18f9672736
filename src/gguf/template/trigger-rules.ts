import { printable } from '../text.ts'
import { childrenOf, visit, type Expression, type Node, type Statement } from './ast.ts'
import type { Evaluation } from './evaluate.ts'
import { shown, type Findings } from './finding.ts'
import { isMarkup, isProse } from './prose.ts'
import type { Value } from './values.ts'

/** Methods and filters that look for their argument in a text. */
const SEARCHES = new Set(
  'startswith endswith find rfind index rindex count split rsplit partition rpartition replace removeprefix removesuffix'.split(
    ' ',
  ),
)
const SEARCH_TESTS = new Set([
  'eq',
  'equalto',
  'ne',
  'in',
  'sameas',
  'lt',
  'le',
  'gt',
  'ge',
  'lessthan',
  'greaterthan',
])
const SELECTS = new Set(['select', 'reject', 'selectattr', 'rejectattr'])
const COMPARISONS = new Set(['==', '!=', '<', '>', '<=', '>=', 'in', 'not in'])
/** Lengths that templates ask for: whether there is anything at all, or how many parts. */
const PLAIN_LENGTH = 4

/**
 * Text conditions: a backdoor in a template waits for words that a person
 * writes, or for a day, and then adds its own. Markup of the model's own
 * protocol is asked for by many honest templates, so that it is told only
 * where what depends on it speaks in sentences.
 */
export function checkTriggers(body: readonly Statement[], evaluation: Evaluation, findings: Findings): void {
  const rules = new TriggerRules(evaluation, findings)
  visit(body, (node) => {
    if (node.kind === 'if') rules.branch(node.test, node.body, node.otherwise)
    if (node.kind === 'choice') rules.choice(node)
    rules.expression(node as Expression)
  })
}

class TriggerRules {
  readonly #evaluation: Evaluation
  readonly #findings: Findings

  constructor(evaluation: Evaluation, findings: Findings) {
    this.#evaluation = evaluation
    this.#findings = findings
  }

  #add(says: string): void {
    this.#findings.add('gguf_template_trigger', 'warn', says)
  }

  /** The words that an expression looks for in what a person wrote, of a kind. */
  #found(node: Expression): { words: string[]; markup: string[] } {
    const words: string[] = []
    const markup: string[] = []
    for (const each of this.#sought(node)) (isMarkup(each) ? markup : words).push(each)
    return { words, markup }
  }

  expression(node: Expression): void {
    const { words } = this.#found(node)
    if (words.length > 0)
      this.#add(`does something only where a message holds ${quoted(words)}: ${shown(node)}`)
    if (node.kind === 'binary' && COMPARISONS.has(node.operator)) {
      this.#clock(node)
      this.#length(node)
    }
  }

  /** Markup in a condition is the model's protocol, unless sentences hang on it. */
  branch(test: Expression, yes: readonly Statement[], no: readonly Statement[]): void {
    const { holds, lacks } = this.#markupIn(test, false)
    for (const [markup, body] of [
      [holds, yes],
      [lacks, no],
    ] as const)
      if (markup.length > 0)
        for (const sentence of sentencesIn(body))
          this.#add(
            `adds a text of its own where a message holds ${quoted(markup)}: '${printable(sentence, 80)}'`,
          )
  }

  choice({ test, yes, no }: Extract<Expression, { kind: 'choice' }>): void {
    this.branch(test, [{ kind: 'output', value: yes }], no === null ? [] : [{ kind: 'output', value: no }])
  }

  /** The markup that must be there, and that must not, for a test to hold. */
  #markupIn(test: Expression, negated: boolean): { holds: string[]; lacks: string[] } {
    const found = { holds: [] as string[], lacks: [] as string[] }
    const not =
      (test.kind === 'unary' && test.operator === 'not') ||
      (test.kind === 'binary' && (test.operator === 'not in' || test.operator === '!=')) ||
      (test.kind === 'test' && test.negated)
    const turned = negated !== not
    found[turned ? 'lacks' : 'holds'].push(...this.#found(test).markup)
    for (const child of childrenOf(test)) {
      const { holds, lacks } = this.#markupIn(child as Expression, turned)
      found.holds.push(...holds)
      found.lacks.push(...lacks)
    }
    return found
  }

  #sought(node: Expression): string[] {
    const { valueOf } = this.#evaluation
    switch (node.kind) {
      case 'binary': {
        if (!COMPARISONS.has(node.operator)) return []
        const [left, right] = [valueOf(node.left), valueOf(node.right)]
        return left.person === right.person ? [] : textsOf(left.person ? right : left)
      }
      case 'call':
        if (node.callee.kind !== 'member' || !SEARCHES.has(node.callee.name))
          return node.callee.kind === 'member' && node.callee.name === 'get'
            ? this.#looked(node.callee.object, node.args.positional[0])
            : []
        return this.#argument(valueOf(node.callee.object), node.args.positional)
      case 'filter': {
        const of = valueOf(node.operand)
        if (SEARCHES.has(node.name)) return this.#argument(of, node.args.positional)
        if (!SELECTS.has(node.name) || !(of.person || of.conversation)) return []
        return this.#selected(node.name, node.args.positional)
      }
      case 'test': {
        if (!SEARCH_TESTS.has(node.name)) return []
        return this.#argument(valueOf(node.operand), node.args.positional)
      }
      case 'index':
        return this.#looked(node.object, node.key)
      default:
        return []
    }
  }

  /** A person's words against fixed ones, whichever of the two is searched. */
  #argument(of: Value, args: readonly Expression[]): string[] {
    const [first] = args
    if (first === undefined) return []
    const argument = this.#evaluation.valueOf(first)
    if (of.person && !argument.person) return textsOf(argument)
    return argument.person && !of.person ? textsOf(of) : []
  }

  /** `{'word': …}[content]` */
  #looked(table: Expression, key: Expression | undefined): string[] {
    if (key === undefined || !this.#evaluation.valueOf(key).person) return []
    const { entries, items, consts } = this.#evaluation.valueOf(table)
    return entries !== null
      ? [...entries.keys()]
      : items === null
        ? textsOf({ ...this.#evaluation.valueOf(table), consts })
        : []
  }

  /** `selectattr('content', 'in', …)` and `select('equalto', …)`. */
  #selected(name: string, args: readonly Expression[]): string[] {
    const rest = name.endsWith('attr') ? args.slice(1) : args
    const [test, sought] = rest
    const attribute = name.endsWith('attr') ? args[0] : undefined
    const named = attribute === undefined ? ['content'] : this.#evaluation.valueOf(attribute).consts
    if (test === undefined || sought === undefined) return []
    if (!named.some((each) => /(?:^|\.)(?:content|text)$/.test(String(each)))) return []
    return textsOf(this.#evaluation.valueOf(sought))
  }

  /** A condition on the date waits for a day. */
  #clock(node: Extract<Expression, { kind: 'binary' }>): void {
    const [left, right] = [this.#evaluation.valueOf(node.left), this.#evaluation.valueOf(node.right)]
    if (left.clock === right.clock) return
    const other = left.clock ? right : left
    if (
      other.consts.some((each) => typeof each === 'number' || /\d/.test(String(each))) ||
      textsOf(other).length > 0
    )
      this.#add(`does something only at a certain time: ${shown(node)}`)
  }

  /** A condition on how long a message is, to the letter, is a trigger without words. */
  #length(node: Extract<Expression, { kind: 'binary' }>): void {
    if (node.operator !== '==' && node.operator !== '!=') return
    for (const [side, other] of [
      [node.left, node.right],
      [node.right, node.left],
    ] as const) {
      if (side.kind !== 'filter' || !['length', 'count', 'wordcount'].includes(side.name)) continue
      const of = this.#evaluation.valueOf(side.operand)
      const numbers = this.#evaluation.valueOf(other).consts.filter((each) => typeof each === 'number')
      if (of.person && numbers.some((each) => each > PLAIN_LENGTH))
        this.#add(`does something only where a message has a certain length: ${shown(node)}`)
    }
  }
}

/** Every fixed text in a value, also one by one in a list or dict; of one put together, a sign that it is not markup. */
function textsOf(value: Value): string[] {
  const found = value.consts.filter((each) => typeof each === 'string')
  for (const item of value.items ?? []) found.push(...textsOf(item))
  if (value.entries !== null) found.push(...value.entries.keys())
  if (value.each !== null && !value.outside) found.push(...textsOf(value.each))
  return found.filter((each) => each !== '')
}

function quoted(texts: readonly string[]): string {
  return [...new Set(texts)]
    .slice(0, 3)
    .map((each) => `'${printable(each, 40)}'`)
    .join(' or ')
}

/** Literal sentences that a block prints or sets, but for errors it raises. */
function sentencesIn(nodes: readonly Node[]): string[] {
  return nodes.flatMap((node) => {
    if (node.kind === 'text' || node.kind === 'string') return isProse(node.value) ? [node.value.trim()] : []
    if (node.kind === 'call' && node.callee.kind === 'name' && node.callee.name === 'raise_exception')
      return []
    return sentencesIn(childrenOf(node))
  })
}
