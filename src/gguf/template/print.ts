import type { Arguments, Expression } from './ast.ts'

function list(items: readonly Expression[]): string {
  return items.map(printExpression).join(', ')
}

function printArguments({ positional, named, spread }: Arguments): string {
  return [
    ...positional.map(printExpression),
    ...named.map(({ name, value }) => `${name}=${printExpression(value)}`),
    ...spread.map((value) => `*${printExpression(value)}`),
  ].join(', ')
}

function withArguments(name: string, args: Arguments): string {
  const printed = printArguments(args)
  return printed === '' ? name : `${name}(${printed})`
}

/** A part that binds less tightly than what stands around it gets brackets. */
function inner(node: Expression): string {
  const printed = printExpression(node)
  return ['binary', 'unary', 'choice', 'test'].includes(node.kind) ? `(${printed})` : printed
}

/** An expression as a template writes it, always in the same way: for messages, and for comparing two templates. */
export function printExpression(node: Expression): string {
  switch (node.kind) {
    case 'string':
      return quoted(node.value)
    case 'number':
      return String(node.value)
    case 'name':
      return node.name
    case 'list':
      return `[${list(node.items)}]`
    case 'dict':
      return `{${node.entries.map(([key, value]) => `${printExpression(key)}: ${printExpression(value)}`).join(', ')}}`
    case 'member':
      return `${inner(node.object)}.${node.name}`
    case 'index':
      return `${inner(node.object)}[${printExpression(node.key)}]`
    case 'slice': {
      const [start, stop, step] = [node.start, node.stop, node.step].map((part) =>
        part === null ? '' : printExpression(part),
      )
      return `${inner(node.object)}[${start}:${stop}${step === '' ? '' : `:${step}`}]`
    }
    case 'call':
      return `${inner(node.callee)}(${printArguments(node.args)})`
    case 'filter':
      return `${inner(node.operand)}|${withArguments(node.name, node.args)}`
    case 'test':
      return `${inner(node.operand)} is ${node.negated ? 'not ' : ''}${withArguments(node.name, node.args)}`
    case 'unary':
      return `${node.operator} ${inner(node.operand)}`
    case 'binary':
      return `${inner(node.left)} ${node.operator} ${inner(node.right)}`
    default:
      return `${inner(node.yes)} if ${inner(node.test)}${node.no === null ? '' : ` else ${inner(node.no)}`}`
  }
}

/** A string as a template writes it. */
export function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n').replaceAll('\t', '\\t')}'`
}

/** The name that an expression takes its value from, through fields, items, filters and methods; null where there is none. */
export function rootOf(node: Expression): string | null {
  switch (node.kind) {
    case 'name':
      return node.name
    case 'member':
    case 'index':
    case 'slice':
      return rootOf(node.object)
    case 'filter':
      return rootOf(node.operand)
    case 'call':
      return node.callee.kind === 'member' ? rootOf(node.callee.object) : null
    case 'choice':
      return rootOf(node.yes)
    default:
      return null
  }
}
