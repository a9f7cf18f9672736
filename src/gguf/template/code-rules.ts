import { printable } from '../text.ts'
import { childrenOf, type Arguments, type Expression, type Node, type Statement } from './ast.ts'
import type { Evaluation } from './evaluate.ts'
import { shown, type Findings } from './finding.ts'
import {
  ATTRIBUTE_FILTERS,
  attributeHazard,
  ESCAPE_HATCHES,
  FILTERS,
  FRAMEWORK_NAMES,
  FUNCTIONS,
  internalsIn,
  INTERPRETER_FUNCTIONS,
  LOOP_ATTRIBUTES,
  METHODS,
  TESTS,
} from './names.ts'
import { endsOfValue, type Value } from './values.ts'

/** How an expression is used: a function may be called, or asked whether it is there, and nothing else. */
type Use = 'value' | 'called' | 'tested'

/**
 * A template formats text (CVE-2024-34359, CVE-2026-5760): it may use the
 * filters, tests, functions and methods that real ones use, and reach fields by
 * names that are known not to be the interpreter's own.
 */
export function checkCode(body: readonly Statement[], evaluation: Evaluation, findings: Findings): void {
  new CodeRules(evaluation, findings).nodes(body)
}

class CodeRules {
  readonly #evaluation: Evaluation
  readonly #findings: Findings

  constructor(evaluation: Evaluation, findings: Findings) {
    this.#evaluation = evaluation
    this.#findings = findings
  }

  #reject(says: string): void {
    this.#findings.add('gguf_template_code', 'reject', says)
  }

  #unknown(says: string): void {
    this.#findings.add('gguf_template_unknown', 'warn', says)
  }

  nodes(nodes: readonly Node[]): void {
    for (const node of nodes) this.#node(node, 'value')
  }

  #node(node: Node, use: Use): void {
    switch (node.kind) {
      case 'name':
        this.#name(node, use)
        break
      case 'string':
        this.#text(node.value, () => 'names')
        break
      case 'member':
        this.#member(node, use)
        return
      case 'index':
        this.#index(node)
        break
      case 'call':
        this.#call(node)
        return
      case 'filter':
        this.#filter(node.name, node.args, this.#evaluation.valueOf(node.operand), node)
        break
      case 'filter_block':
        this.#filter(node.name, node.args, null, null)
        break
      case 'test':
        if (!TESTS.has(node.name)) this.#unknown(`tests with "${printable(node.name, 40)}", which is unknown`)
        this.#node(
          node.operand,
          ['defined', 'undefined', 'callable'].includes(node.name) ? 'tested' : 'value',
        )
        this.nodes([...node.args.positional, ...node.args.spread])
        this.#named(node.args)
        return
      case 'set':
        this.#set(node)
        return
      case 'macro':
        for (const { name } of node.parameters) this.#assigned(name)
        break
      case 'for':
        for (const target of node.targets) this.#assigned(target)
        break
      default:
    }
    if (node.kind === 'binary' || node.kind === 'filter') this.#folded(node)
    this.nodes(childrenOf(node))
  }

  #text(text: string, does: () => string): void {
    const name = internalsIn(text)
    if (name !== null) this.#reject(`${does()} Python's internals: '${printable(name, 40)}'`)
  }

  /** What an expression comes to is looked at as if it had been written. */
  #folded(node: Expression): void {
    for (const each of this.#evaluation.valueOf(node).consts)
      if (typeof each === 'string') this.#text(each, () => `puts together, in ${shown(node, 60)},`)
  }

  #assigned(name: string): void {
    if (internalsIn(name) !== null) this.#reject(`gives a value to ${printable(name, 40)}`)
  }

  #set({ target, value, body }: Extract<Statement, { kind: 'set' }>): void {
    if (target.kind === 'name') this.#assigned(target.name)
    else if (target.kind === 'list') this.nodes(target.items.filter(({ kind }) => kind !== 'name'))
    else this.#node(target, 'value')
    // A function under another name is followed by its value, and may be called by it.
    if (value !== null) this.#node(value, value.kind === 'name' ? 'called' : 'value')
    this.nodes(body)
  }

  #name({ name }: { name: string }, use: Use): void {
    if (internalsIn(name) !== null) this.#reject(`names Python's internals: ${printable(name, 40)}`)
    const ours = this.#evaluation.assigned.has(name)
    if (!ours && ESCAPE_HATCHES.has(name)) this.#reject(`uses ${name}, a way out of Jinja's sandbox`)
    else if (!ours && FRAMEWORK_NAMES.has(name) && use !== 'tested')
      this.#findings.add('gguf_template_code', 'warn', `uses ${name}, which web servers hand to templates`)
    if (use === 'value' && !ours && FUNCTIONS.has(name)) this.#reject(`uses the function ${name} as a value`)
    if (use === 'value' && this.#evaluation.macros.has(name))
      this.#unknown(`uses the macro ${name} as a value`)
  }

  #member(node: Extract<Expression, { kind: 'member' }>, use: Use): void {
    const { object, name } = node
    this.#attribute(name, node)
    const of = this.#evaluation.valueOf(object)
    if (of.functions.length > 0 && !of.outside)
      this.#reject(
        `takes an attribute of the function ${of.functions[0]?.replace('macro ', '')}: ${shown(node)}`,
      )
    if (of.shape === 'loop' && !LOOP_ATTRIBUTES.has(name))
      this.#unknown(`asks the loop for "${printable(name, 40)}"`)
    if (use === 'value' && of.consts.length > 0 && !of.outside && of.entries === null && METHODS.has(name))
      this.#reject(`takes a method of a text as a value: ${shown(node)}`)
    this.#node(object, 'value')
  }

  #attribute(name: string, node: Expression): void {
    const hazard = attributeHazard(name)
    if (hazard === 'internals') this.#reject(`reaches for Python's internals: ${shown(node)}`)
    else if (hazard === 'private' && !this.#isOwnField(node))
      this.#findings.add('gguf_template_dynamic', 'warn', `reaches for a private attribute: ${shown(node)}`)
  }

  /** A field of a namespace that the template itself made. */
  #isOwnField(node: Expression): boolean {
    return node.kind === 'member' && this.#evaluation.valueOf(node.object).shape === 'namespace'
  }

  #index(node: Extract<Expression, { kind: 'index' }>): void {
    const key = this.#evaluation.valueOf(node.key)
    for (const each of key.consts)
      if (typeof each === 'string') {
        const hazard = attributeHazard(each)
        if (hazard === 'internals')
          this.#reject(
            `reaches for Python's internals by a name: ${shown(node)} with '${printable(each, 40)}'`,
          )
        else if (hazard === 'private')
          this.#findings.add(
            'gguf_template_dynamic',
            'warn',
            `reaches for a private attribute: ${shown(node)}`,
          )
      }
    if (isOpenName(key))
      this.#findings.add(
        'gguf_template_dynamic',
        'reject',
        `reaches for an attribute whose name it puts together, which may be any: ${shown(node)}`,
      )
    if (key.functions.length > 0) this.#reject(`uses a function as a key: ${shown(node)}`)
    if (this.#namesInARow(node) > 2)
      this.#findings.add(
        'gguf_template_dynamic',
        'warn',
        `takes three names in a row from its input: ${shown(node)}`,
      )
  }

  /** How many keys from outside follow each other: one or two pick from tables, a chain walks objects. */
  #namesInARow(node: Expression): number {
    if (node.kind !== 'index') return 0
    const { outside, number } = this.#evaluation.valueOf(node.key)
    return outside && number === 'no' ? 1 + this.#namesInARow(node.object) : 0
  }

  #call(node: Extract<Expression, { kind: 'call' }>): void {
    const { callee, args } = node
    if (callee.kind === 'name') this.#callByName(callee.name, node)
    else if (callee.kind === 'member') this.#callMethod(callee)
    else if (callee.kind === 'index' && this.#namesMethods(callee))
      this.#unknown(`calls a method by its name: ${shown(node)}`)
    else this.#reject(`calls what it computes: ${shown(node)}`)
    this.#node(callee, 'called')
    this.nodes([...args.positional, ...args.spread])
    this.#named(args)
    this.#folded(node)
  }

  #named({ named }: Arguments): void {
    for (const { name, value } of named) {
      if (internalsIn(name) !== null || /^__|__$/.test(name))
        this.#reject(`names Python's internals as an argument: ${printable(name, 40)}`)
      this.#node(value, 'value')
    }
  }

  #callByName(name: string, node: Expression): void {
    const { assigned, macros, valueOf } = this.#evaluation
    if (macros.has(name) || (!assigned.has(name) && (FUNCTIONS.has(name) || ESCAPE_HATCHES.has(name)))) return
    const value = valueOf((node as Extract<Expression, { kind: 'call' }>).callee)
    if (assigned.has(name) && value.functions.length > 0 && !value.outside) return
    // A recursive loop, which the rules of loops look at.
    if (value.shape === 'loop') return
    if (!assigned.has(name) && INTERPRETER_FUNCTIONS.has(name))
      this.#reject(`calls Python's ${name}: ${shown(node)}`)
    else this.#unknown(`calls an unknown function: ${shown(node)}`)
  }

  #namesMethods({ key }: Extract<Expression, { kind: 'index' }>): boolean {
    const { consts, outside, computed } = this.#evaluation.valueOf(key)
    return (
      !outside && computed === null && consts.length > 0 && consts.every((each) => METHODS.has(String(each)))
    )
  }

  #callMethod(callee: Extract<Expression, { kind: 'member' }>): void {
    const { name, object } = callee
    if (!METHODS.has(name) && attributeHazard(name) === null) {
      const of = this.#evaluation.valueOf(object)
      if (INTERPRETER_FUNCTIONS.has(name)) this.#reject(`calls ${shown(callee)}`)
      else if (of.functions.length === 0) this.#unknown(`calls the unknown method ${shown(callee)}`)
    }
    if (name === 'format') this.#format(object)
  }

  /** `'{0.__class__}'.format(x)` reaches attributes by a text; `'{:999999999}'` fills memory. */
  #format(object: Expression): void {
    const of = this.#evaluation.valueOf(object)
    if (of.outside || of.computed !== null)
      this.#findings.add(
        'gguf_template_dynamic',
        'warn',
        `formats with a text that is not fixed: ${shown(object)}`,
      )
    for (const each of of.consts)
      if (typeof each === 'string' && /\{[^{}]*[.[][^{}]*\}/.test(each.replaceAll(/\{\{|\}\}/g, '')))
        this.#reject(`formats with a text that reaches attributes: '${printable(each, 60)}'`)
  }

  #filter(name: string, args: Arguments, of: Value | null, node: Expression | null): void {
    if (name === 'attr')
      this.#reject(`reaches attributes through the filter attr${node === null ? '' : `: ${shown(node)}`}`)
    else if (!FILTERS.has(name)) this.#unknown(`uses the filter "${printable(name, 40)}", which is unknown`)
    if (of !== null && of.functions.length > 0 && !of.outside)
      this.#reject(`uses a function as a value: ${node === null ? name : shown(node)}`)
    for (const { name: key } of args.named)
      if (internalsIn(key) !== null)
        this.#reject(`names Python's internals as an argument: ${printable(key, 40)}`)
    if (!ATTRIBUTE_FILTERS.has(name)) return
    const first = args.positional[0]
    const attribute =
      args.named.find(({ name: key }) => key === 'attribute')?.value ??
      (name === 'map' || name === 'join' ? undefined : first)
    if (attribute !== undefined) this.#attributeArgument(name, attribute)
    if (name === 'map' && first !== undefined) this.#applied(first)
    if (name.endsWith('attr') && args.positional[1] !== undefined) this.#appliedTest(args.positional[1])
  }

  #attributeArgument(filter: string, attribute: Expression): void {
    const value = this.#evaluation.valueOf(attribute)
    for (const each of value.consts)
      for (const part of String(each).split('.'))
        if (attributeHazard(part) !== null)
          this.#reject(`reaches for Python's internals through ${filter}: '${printable(String(each), 60)}'`)
    if (value.outside || value.computed !== null)
      this.#findings.add(
        'gguf_template_dynamic',
        'reject',
        `names an attribute that is not fixed to ${filter}: ${shown(attribute)}`,
      )
  }

  /** `map('upper')` applies a filter by its name. */
  #applied(filter: Expression): void {
    const { consts, outside, computed } = this.#evaluation.valueOf(filter)
    for (const each of consts) {
      if (each === 'attr') this.#reject('reaches attributes through map and the filter attr')
      else if (!FILTERS.has(String(each)))
        this.#unknown(`maps with the filter "${printable(String(each), 40)}", which is unknown`)
    }
    if (outside || computed !== null)
      this.#findings.add(
        'gguf_template_dynamic',
        'reject',
        `maps with a filter whose name is not fixed: ${shown(filter)}`,
      )
  }

  #appliedTest(test: Expression): void {
    for (const each of this.#evaluation.valueOf(test).consts)
      if (!TESTS.has(String(each)) && !/^[=!<>]=?$/.test(String(each)))
        this.#unknown(`tests with "${printable(String(each), 40)}", which is unknown`)
  }
}

/** Whether a key may be a name that was put together and may begin and end with an underscore. */
function isOpenName(key: Value): boolean {
  if (key.computed === null) return false
  const { start, end } = endsOfValue({ ...key, outside: false, items: null, each: null })
  return !start && !end
}
