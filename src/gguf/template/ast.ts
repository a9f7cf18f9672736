/**
 * A chat template as a tree, in this project's own terms: what the rules look
 * at, whichever library parsed it. Bounded in depth by `parseTemplate`.
 */

export interface NamedArgument {
  name: string
  value: Expression
}

/** Arguments of a call, filter or test. */
export interface Arguments {
  positional: Expression[]
  named: NamedArgument[]
  /** `*args` and `**kwargs`. */
  spread: Expression[]
}

export type Expression =
  | { kind: 'string'; value: string }
  | { kind: 'number'; value: number }
  | { kind: 'name'; name: string }
  | { kind: 'list'; items: Expression[] }
  | { kind: 'dict'; entries: [key: Expression, value: Expression][] }
  /** `object.name` */
  | { kind: 'member'; object: Expression; name: string }
  /** `object[key]` */
  | { kind: 'index'; object: Expression; key: Expression }
  | {
      kind: 'slice'
      object: Expression
      start: Expression | null
      stop: Expression | null
      step: Expression | null
    }
  | { kind: 'call'; callee: Expression; args: Arguments }
  | { kind: 'filter'; name: string; operand: Expression; args: Arguments }
  | { kind: 'test'; name: string; negated: boolean; operand: Expression; args: Arguments }
  | { kind: 'unary'; operator: string; operand: Expression }
  | { kind: 'binary'; operator: string; left: Expression; right: Expression }
  /** `yes if test else no`; without `else` nothing, or in a loop's head a filter of what it runs over. */
  | { kind: 'choice'; test: Expression; yes: Expression; no: Expression | null }

export interface Parameter {
  name: string
  default: Expression | null
}

export type Statement =
  /** Text outside of tags. */
  | { kind: 'text'; value: string }
  | { kind: 'comment'; value: string }
  /** `{{ value }}` */
  | { kind: 'output'; value: Expression }
  | { kind: 'if'; test: Expression; body: Statement[]; otherwise: Statement[] }
  | {
      kind: 'for'
      targets: string[]
      iterable: Expression
      recursive: boolean
      body: Statement[]
      otherwise: Statement[]
    }
  /** `{% set target = value %}`, or the body between `set` and `endset`. */
  | { kind: 'set'; target: Expression; value: Expression | null; body: Statement[] }
  | { kind: 'macro'; name: string; parameters: Parameter[]; body: Statement[] }
  /** `{% call macro() %}body{% endcall %}` */
  | { kind: 'call_block'; call: Expression; parameters: Parameter[]; body: Statement[] }
  | { kind: 'filter_block'; name: string; args: Arguments; body: Statement[] }
  | { kind: 'break' }
  | { kind: 'continue' }

export type Node = Expression | Statement

function ofArguments({ positional, named, spread }: Arguments): Expression[] {
  return [...positional, ...named.map(({ value }) => value), ...spread]
}

function ofParameters(parameters: readonly Parameter[]): Expression[] {
  return parameters.flatMap((parameter) => parameter.default ?? [])
}

/** The nodes right below a node, in the order they are written. */
export function childrenOf(node: Node): Node[] {
  switch (node.kind) {
    case 'list':
      return node.items
    case 'dict':
      return node.entries.flat()
    case 'member':
      return [node.object]
    case 'index':
      return [node.object, node.key]
    case 'slice':
      return [node.object, node.start, node.stop, node.step].filter((part) => part !== null)
    case 'call':
      return [node.callee, ...ofArguments(node.args)]
    case 'filter':
    case 'test':
      return [node.operand, ...ofArguments(node.args)]
    case 'unary':
      return [node.operand]
    case 'binary':
      return [node.left, node.right]
    case 'choice':
      return node.no === null ? [node.test, node.yes] : [node.test, node.yes, node.no]
    case 'output':
      return [node.value]
    case 'if':
      return [node.test, ...node.body, ...node.otherwise]
    case 'for':
      return [node.iterable, ...node.body, ...node.otherwise]
    case 'set':
      return [node.target, ...(node.value === null ? node.body : [node.value])]
    case 'macro':
      return [...ofParameters(node.parameters), ...node.body]
    case 'call_block':
      return [node.call, ...ofParameters(node.parameters), ...node.body]
    case 'filter_block':
      return [...ofArguments(node.args), ...node.body]
    default:
      return []
  }
}

/** Calls `look` on every node under these, parents first. */
export function visit(nodes: readonly Node[], look: (node: Node) => void): void {
  for (const node of nodes) {
    look(node)
    visit(childrenOf(node), look)
  }
}
