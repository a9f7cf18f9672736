import type { Arguments, Expression, Statement } from './ast.ts'
import { evaluateCall } from './evaluate-call.ts'
import { evaluateFilter } from './evaluate-filter.ts'
import { binaryOf, numberOf, sliceOf } from './evaluate-operators.ts'
import { CONSTANTS, FUNCTIONS } from './names.ts'
import { namesIn, type Macro } from './own-names.ts'
import {
  aFunction,
  constant,
  COUNTED,
  elementOf,
  inside,
  join,
  dictOf,
  joinAll,
  listOf,
  NOTHING,
  OUTSIDE,
  text,
  TRUTH,
  type Value,
} from './values.ts'

/** What each expression of a template may be. */
export interface Evaluation {
  valueOf: (node: Expression) => Value
  macros: ReadonlyMap<string, Macro>
  /** Names that the template gives a value to, anywhere. */
  assigned: ReadonlySet<string>
}

/** Rounds until nothing changes; what still changes then is taken as unknown. */
const ROUNDS = 8
const WIDEN_FROM = 5
/** In looks at an expression; the largest template that llama.cpp ships takes 6,500. */
const MAX_WORK = 200_000

/** Names under which callers hand over the conversation. */
const CONVERSATION = new Set(['messages', 'message', 'conversation', 'conversations', 'history', 'chat'])
/** Names under which they hand over words that a person wrote. */
const WORDS = new Set([
  'prompt',
  'query',
  'question',
  'instruction',
  'input',
  'user_input',
  'user_message',
  'text',
])
/** Fields of a message, or of a part of one, that hold such words. */
const WORD_FIELDS = new Set([
  'content',
  'text',
  'prompt',
  'query',
  'question',
  'value',
  'body',
  'thinking',
  'reasoning_content',
])
/** Fields of a message that are messages, or say as much. */
const NESTED_FIELDS = new Set(['messages', 'message', 'conversation', 'history'])
const LOOP_NUMBERS = new Set(['index', 'index0', 'revindex', 'revindex0', 'length', 'depth', 'depth0'])

/**
 * Finds by abstract interpretation what every expression may be: all texts a
 * name may hold, whether it may hold what a person wrote, and so on. Takes no
 * notice of order or of conditions, so that it can only see too much. Null where
 * that would take more work than any real template does.
 */
export function evaluate(body: readonly Statement[]): Evaluation | null {
  const { macros, assigned } = namesIn(body)
  const evaluator = new Evaluator(macros, assigned)
  try {
    for (let round = 0; round < ROUNDS && evaluator.changed; round += 1) {
      evaluator.changed = false
      evaluator.widening = round >= WIDEN_FROM
      evaluator.statements(body)
    }
  } catch (error) {
    if (error instanceof TooMuch) return null
    throw error
  }
  return {
    valueOf: (node) => evaluator.values.get(node) ?? NOTHING,
    macros,
    assigned,
  }
}

class TooMuch extends Error {}

export class Evaluator {
  readonly values = new Map<Expression, Value>()
  readonly macros: ReadonlyMap<string, Macro>
  readonly assigned: ReadonlySet<string>
  readonly #env = new Map<string, Value>()
  /** Name of the macro whose body is read; '' outside of all. */
  #scope = ''
  #work = 0
  changed = true
  widening = false

  constructor(macros: ReadonlyMap<string, Macro>, assigned: ReadonlySet<string>) {
    this.macros = macros
    this.assigned = assigned
  }

  assign(name: string, value: Value, scope = this.#scope): void {
    const key = `${scope}\u0000${name}`
    const before = this.#env.get(key)
    const after = before === undefined ? value : join(before, value)
    if (after === before) return
    this.#env.set(key, this.widening && before !== undefined ? widened(after) : after)
    this.changed = true
  }

  lookup(name: string): Value {
    const own = this.#env.get(`${this.#scope}\u0000${name}`)
    const global = this.#scope === '' ? undefined : this.#env.get(`\u0000${name}`)
    if (own !== undefined && global !== undefined) return join(own, global)
    const found = own ?? global
    const outside = this.#outside(name)
    // A name that is set somewhere may still be the caller's where it is read.
    return found === undefined ? outside : CONVERSATION.has(name) ? join(found, outside) : found
  }

  #outside(name: string): Value {
    const fixed = CONSTANTS.get(name)
    if (fixed !== undefined) return constant(fixed)
    if (this.macros.has(name)) return aFunction(`macro ${name}`)
    if (this.assigned.has(name)) return CONVERSATION.has(name) ? { ...OUTSIDE, conversation: true } : NOTHING
    if (name === 'loop') return { ...NOTHING, shape: 'loop' }
    if (FUNCTIONS.has(name)) return aFunction(name)
    return { ...OUTSIDE, conversation: CONVERSATION.has(name), person: WORDS.has(name) }
  }

  statements(body: readonly Statement[]): void {
    for (const statement of body) this.#statement(statement)
  }

  #statement(statement: Statement): void {
    switch (statement.kind) {
      case 'output':
        this.value(statement.value)
        break
      case 'if':
        this.value(statement.test)
        this.statements(statement.body)
        this.statements(statement.otherwise)
        break
      case 'for':
        this.#bindTargets(statement.targets, this.#iterated(statement.iterable))
        this.statements(statement.body)
        this.statements(statement.otherwise)
        break
      case 'set':
        this.#set(statement)
        break
      case 'macro':
        this.#macro(statement)
        break
      case 'call_block':
        for (const { name } of statement.parameters) this.assign(name, OUTSIDE)
        this.value(statement.call)
        this.statements(statement.body)
        break
      case 'filter_block':
        this.arguments(statement.args)
        this.statements(statement.body)
        break
      default:
    }
  }

  /** What a loop runs over: `for x in xs if test` tests each. */
  #iterated(iterable: Expression): Value {
    return elementOf(this.value(iterable))
  }

  #bindTargets(targets: readonly string[], element: Value): void {
    if (targets.length === 1) this.assign(targets[0] ?? '', element)
    else
      for (const [i, target] of targets.entries())
        this.assign(target, element.items?.[i] ?? (element.outside ? element : (inside(element) ?? OUTSIDE)))
  }

  #set({ target, value, body }: Extract<Statement, { kind: 'set' }>): void {
    if (value === null) this.statements(body)
    const made = value === null ? this.bodyValue(body) : this.value(value)
    if (target.kind === 'name') {
      this.assign(target.name, made)
      if (value?.kind === 'call' && made.shape === 'namespace')
        for (const { name, value: field } of value.args.named)
          this.assign(`${target.name}.${name}`, this.known(field))
    } else if (target.kind === 'member' && target.object.kind === 'name') {
      this.value(target.object)
      this.assign(`${target.object.name}.${target.name}`, made)
    } else if (target.kind === 'list') {
      for (const [i, item] of target.items.entries())
        if (item.kind === 'name') this.assign(item.name, made.items?.[i] ?? elementOf(made))
    } else this.value(target)
  }

  #macro(macro: Macro): void {
    const above = this.#scope
    for (const { name, default: given } of macro.parameters)
      if (given !== null) this.assign(name, this.value(given), macro.name)
    this.#scope = macro.name
    this.statements(macro.body)
    this.#scope = above
  }

  /** Gives a macro's parameters what it is called with. */
  callMacro(name: string, args: Arguments, all: readonly Value[]): Value {
    const macro = this.macros.get(name)
    if (macro === undefined) return text(all)
    for (const [i, { name: parameter }] of macro.parameters.entries()) {
      const given = args.positional[i] ?? args.named.find((each) => each.name === parameter)?.value
      if (given !== undefined) this.assign(parameter, this.known(given), name)
      else if (args.spread.length > 0) this.assign(parameter, OUTSIDE, name)
    }
    return text(all)
  }

  /** What a block of statements prints, once they were looked at. */
  bodyValue(body: readonly Statement[]): Value {
    const parts: Value[] = []
    for (const statement of body) {
      if (statement.kind === 'comment') continue
      if (statement.kind === 'text') parts.push(constant(statement.value))
      else if (statement.kind === 'output') parts.push(this.known(statement.value))
      else return text(this.#printed(body))
    }
    return parts.length === 0 ? constant('') : parts.reduce((left, right) => binaryOf('~', left, right))
  }

  /** Everything that a block may print, in any order. */
  #printed(body: readonly Statement[]): Value[] {
    return body.flatMap((statement) => {
      if (statement.kind === 'text') return [constant(statement.value)]
      if (statement.kind === 'output') return [this.known(statement.value)]
      return [
        ...('body' in statement && statement.kind !== 'macro' ? this.#printed(statement.body) : []),
        ...('otherwise' in statement ? this.#printed(statement.otherwise) : []),
      ]
    })
  }

  arguments({ positional, named, spread }: Arguments): Value[] {
    return [...positional, ...named.map(({ value }) => value), ...spread].map((each) => this.value(each))
  }

  /** The value of what was looked at just before: to look twice at each level would take forever. */
  known(node: Expression): Value {
    return this.values.get(node) ?? NOTHING
  }

  value(node: Expression): Value {
    const value = this.#evaluate(node)
    this.#work += 1 + value.consts.length + 4 * (value.items?.length ?? value.entries?.size ?? 0)
    if (this.#work > MAX_WORK) throw new TooMuch()
    this.values.set(node, value)
    return value
  }

  #evaluate(node: Expression): Value {
    switch (node.kind) {
      case 'string':
      case 'number':
        return constant(node.value)
      case 'name':
        return this.lookup(node.name)
      case 'list':
        return listOf(node.items.map((item) => this.value(item)))
      case 'dict':
        return this.#dict(node.entries)
      case 'member':
        return this.#member(node)
      case 'index':
        return this.#index(this.value(node.object), this.value(node.key))
      case 'slice': {
        const [start, stop, step] = [node.start, node.stop, node.step].map((part) =>
          part === null ? null : this.value(part),
        )
        return sliceOf(this.value(node.object), {
          start: start ?? null,
          stop: stop ?? null,
          step: step ?? null,
        })
      }
      case 'call':
        return evaluateCall(this, node)
      case 'filter':
        return evaluateFilter(this, node)
      case 'test':
        this.value(node.operand)
        this.arguments(node.args)
        return TRUTH
      case 'unary': {
        const operand = this.value(node.operand)
        return node.operator === 'not'
          ? TRUTH
          : numberOf(operand, node.operator === '-' ? (n) => -n : (n) => n)
      }
      case 'binary':
        return binaryOf(node.operator, this.value(node.left), this.value(node.right))
      default: {
        this.value(node.test)
        const yes = this.value(node.yes)
        return node.no === null ? yes : join(yes, this.value(node.no))
      }
    }
  }

  #dict(pairs: readonly [Expression, Expression][]): Value {
    const entries = new Map<string, Value>()
    let open: Value | null = null
    for (const [key, value] of pairs) {
      const [k, v] = [this.value(key), this.value(value)]
      const known = k.consts.length === 1 && !k.outside && k.computed === null ? k.consts[0] : undefined
      if (known === undefined) open = open === null ? v : join(open, v)
      else entries.set(String(known), v)
    }
    return dictOf(entries, open)
  }

  #member({ object, name }: Extract<Expression, { kind: 'member' }>): Value {
    const of = this.value(object)
    const field = object.kind === 'name' ? this.#field(object.name, name) : undefined
    if (field !== undefined) return of.outside ? join(field, this.member(of, name)) : field
    return this.member(of, name)
  }

  #field(object: string, name: string): Value | undefined {
    return this.#env.get(`${this.#scope}\u0000${object}.${name}`) ?? this.#env.get(`\u0000${object}.${name}`)
  }

  /** A field by its name, written `.name` or `['name']`. */
  member(of: Value, name: string): Value {
    if (of.shape === 'loop') {
      if (LOOP_NUMBERS.has(name)) return COUNTED
      return name === 'first' || name === 'last' ? TRUTH : { ...OUTSIDE, conversation: true }
    }
    let found = of.entries?.get(name) ?? of.each ?? NOTHING
    if (of.outside || of.items !== null)
      found = join(found, {
        ...OUTSIDE,
        person: WORD_FIELDS.has(name),
        conversation: of.conversation && NESTED_FIELDS.has(name),
      })
    return found
  }

  #index(of: Value, key: Value): Value {
    const names = key.consts.filter((each): each is string => typeof each === 'string')
    let found = joinAll(names.map((name) => this.member(of, name)))
    const numbers = key.consts.filter((each): each is number => typeof each === 'number')
    const isNumber = numbers.length > 0 || key.number !== 'no'
    const known =
      of.items === null ? [] : numbers.map((n) => of.items?.[n < 0 ? n + of.items.length : n] ?? NOTHING)
    if (known.length > 0 && key.number === 'no') found = join(found, joinAll(known))
    else if (isNumber) found = join(found, elementOf({ ...of, entries: null }))
    if (key.outside || key.computed !== null || key.each !== null)
      found = join(
        found,
        join(inside(of) ?? NOTHING, {
          ...OUTSIDE,
          person: of.person || of.conversation,
          conversation: of.conversation,
        }),
      )
    return found
  }
}

/** What grows in every round may become anything of its kind. */
function widened(value: Value): Value {
  const strings = value.consts.some((each) => typeof each === 'string')
  const numbers = value.consts.some((each) => typeof each === 'number')
  return {
    ...value,
    computed: strings || value.computed !== null ? { start: false, end: false } : null,
    number: value.number === 'no' && numbers ? 'counted' : value.number,
    items: null,
    each: value.items === null ? value.each : inside(value),
  }
}
