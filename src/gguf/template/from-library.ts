import type { Arguments, Expression, Parameter, Statement } from './ast.ts'
import { NEGATED_TEST_PREFIX, TEST_PREFIX } from './tokens.ts'

/** A node of `@huggingface/jinja`, whose classes it does not export; told apart by `type`. */
export interface RawNode {
  type: string
}

interface Options {
  maxDepth: number
  /** Ordinals of the loops that are recursive, in the order they are written. */
  recursive: ReadonlySet<number>
}

/** Takes over the library's tree node by node; null where it is deeper than allowed. Throws on a node it does not know. */
export function fromLibrary(program: RawNode, options: Options): Statement[] | null {
  const reader = new TreeReader(options)
  try {
    return reader.body((program as unknown as { body: RawNode[] }).body, 0)
  } catch (error) {
    if (error instanceof TooDeep) return null
    throw error
  }
}

class TooDeep extends Error {}

/* oxlint-disable typescript/no-explicit-any -- the library's nodes have no exported types; each field is read once, here */
class TreeReader {
  readonly #options: Options
  #loops = -1

  constructor(options: Options) {
    this.#options = options
  }

  #deeper(depth: number): number {
    if (depth >= this.#options.maxDepth) throw new TooDeep()
    return depth + 1
  }

  body(nodes: readonly RawNode[], depth: number): Statement[] {
    return nodes.map((node) => this.#statement(node, this.#deeper(depth)))
  }

  #statement(raw: RawNode, depth: number): Statement {
    const node = raw as any
    switch (raw.type) {
      case 'Comment':
        return { kind: 'comment', value: String(node.value) }
      case 'If': {
        const test = this.#expression(node.test, depth)
        return {
          kind: 'if',
          test,
          body: this.body(node.body, depth),
          otherwise: this.body(node.alternate, depth),
        }
      }
      case 'For': {
        this.#loops += 1
        const recursive = this.#options.recursive.has(this.#loops)
        const targets = node.loopvar.type === 'TupleLiteral' ? node.loopvar.value : [node.loopvar]
        return {
          kind: 'for',
          targets: targets.map((target: RawNode) => this.#nameOf(target)),
          iterable: this.#expression(node.iterable, depth),
          recursive,
          body: this.body(node.body, depth),
          otherwise: this.body(node.defaultBlock, depth),
        }
      }
      case 'Set':
        return {
          kind: 'set',
          target: this.#expression(node.assignee, depth),
          value: this.#maybe(node.value, depth),
          body: this.body(node.body, depth),
        }
      case 'Macro':
        return {
          kind: 'macro',
          name: this.#nameOf(node.name),
          parameters: this.#parameters(node.args, depth),
          body: this.body(node.body, depth),
        }
      case 'CallStatement':
        return {
          kind: 'call_block',
          call: this.#expression(node.call, depth),
          parameters: this.#parameters(node.callerArgs ?? [], depth),
          body: this.body(node.body, depth),
        }
      case 'FilterStatement':
        return {
          kind: 'filter_block',
          ...this.#filter(node.filter, depth),
          body: this.body(node.body, depth),
        }
      case 'Break':
        return { kind: 'break' }
      case 'Continue':
        return { kind: 'continue' }
      case 'StringLiteral':
        return { kind: 'text', value: String(node.value) }
      default:
        return { kind: 'output', value: this.#expression(raw, depth) }
    }
  }

  #maybe(raw: RawNode | null | undefined, depth: number): Expression | null {
    return raw === null || raw === undefined ? null : this.#expression(raw, depth)
  }

  #expression(raw: RawNode, above: number): Expression {
    const depth = this.#deeper(above)
    const node = raw as any
    // A binary operator's token overwrites nothing, but the node says its own kind in `type`.
    switch (raw.type) {
      case 'StringLiteral':
        return { kind: 'string', value: String(node.value) }
      case 'IntegerLiteral':
      case 'FloatLiteral':
        return { kind: 'number', value: Number(node.value) }
      case 'Identifier':
        return { kind: 'name', name: String(node.value) }
      case 'ArrayLiteral':
      case 'TupleLiteral':
        return { kind: 'list', items: node.value.map((item: RawNode) => this.#expression(item, depth)) }
      case 'ObjectLiteral':
        return {
          kind: 'dict',
          entries: [...(node.value as Map<RawNode, RawNode>)].map(([key, value]) => [
            this.#expression(key, depth),
            this.#expression(value, depth),
          ]),
        }
      case 'MemberExpression':
        return this.#member(node, depth)
      case 'CallExpression':
        return {
          kind: 'call',
          callee: this.#expression(node.callee, depth),
          args: this.#arguments(node.args, depth),
        }
      case 'FilterExpression':
        return this.#filterOrTest(node, depth)
      case 'TestExpression':
        return {
          kind: 'test',
          name: this.#nameOf(node.test),
          negated: Boolean(node.negate),
          operand: this.#expression(node.operand, depth),
          args: { positional: [], named: [], spread: [] },
        }
      case 'UnaryExpression':
        return {
          kind: 'unary',
          operator: String(node.operator.value),
          operand: this.#expression(node.argument, depth),
        }
      case 'BinaryExpression':
        return {
          kind: 'binary',
          operator: String(node.operator.value),
          left: this.#expression(node.left, depth),
          right: this.#expression(node.right, depth),
        }
      case 'Ternary':
        return {
          kind: 'choice',
          test: this.#expression(node.condition, depth),
          yes: this.#expression(node.trueExpr, depth),
          no: this.#expression(node.falseExpr, depth),
        }
      case 'SelectExpression':
        return {
          kind: 'choice',
          test: this.#expression(node.test, depth),
          yes: this.#expression(node.lhs, depth),
          no: null,
        }
      default:
        throw new SyntaxError(`Unknown node: ${raw.type}`)
    }
  }

  #member(node: any, depth: number): Expression {
    const object = this.#expression(node.object, depth)
    if (node.property.type === 'SliceExpression')
      return {
        kind: 'slice',
        object,
        start: this.#maybe(node.property.start, depth),
        stop: this.#maybe(node.property.stop, depth),
        step: this.#maybe(node.property.step, depth),
      }
    if (node.computed || node.property.type !== 'Identifier')
      return { kind: 'index', object, key: this.#expression(node.property, depth) }
    return { kind: 'member', object, name: String(node.property.value) }
  }

  #filterOrTest(node: any, depth: number): Expression {
    const operand = this.#expression(node.operand, depth)
    const { name, args } = this.#filter(node.filter, depth)
    for (const [prefix, negated] of [
      [NEGATED_TEST_PREFIX, true],
      [TEST_PREFIX, false],
    ] as const)
      if (name.startsWith(prefix))
        return { kind: 'test', name: name.slice(prefix.length), negated, operand, args }
    return { kind: 'filter', name, operand, args }
  }

  #filter(raw: any, depth: number): { name: string; args: Arguments } {
    if (raw.type === 'CallExpression')
      return { name: this.#nameOf(raw.callee), args: this.#arguments(raw.args, depth) }
    return { name: this.#nameOf(raw), args: { positional: [], named: [], spread: [] } }
  }

  #arguments(raws: readonly any[], depth: number): Arguments {
    const args: Arguments = { positional: [], named: [], spread: [] }
    for (const raw of raws)
      if (raw.type === 'KeywordArgumentExpression')
        args.named.push({ name: this.#nameOf(raw.key), value: this.#expression(raw.value, depth) })
      else if (raw.type === 'SpreadExpression' || raw.type === 'KeywordSpreadExpression')
        args.spread.push(this.#expression(raw.argument, depth))
      else args.positional.push(this.#expression(raw, depth))
    return args
  }

  #parameters(raws: readonly any[], depth: number): Parameter[] {
    return raws.map((raw) =>
      raw.type === 'KeywordArgumentExpression'
        ? { name: this.#nameOf(raw.key), default: this.#expression(raw.value, depth) }
        : { name: this.#nameOf(raw), default: null },
    )
  }

  #nameOf(raw: any): string {
    if (raw.type !== 'Identifier') throw new SyntaxError(`Expected a name, found ${String(raw.type)}`)
    return String(raw.value)
  }
}
