import { childrenOf, visit, type Expression, type Node } from './ast.ts'
import type { Evaluation } from './evaluate.ts'
import { shown, type Findings } from './finding.ts'
import type { Macro } from './own-names.ts'
import { rootOf } from './print.ts'

/** Macros that call themselves, over whatever way round. */
export function checkRecursion(evaluation: Evaluation, findings: Findings): void {
  const { macros } = evaluation
  const calls = new Map([...macros].map(([name, macro]) => [name, callsIn(macro, evaluation)]))
  for (const [name, macro] of macros) {
    const own = (calls.get(name) ?? []).filter(({ to }) => reaches(to, name, calls))
    if (own.length === 0) continue
    const parts = partsOf(macro)
    const endless = own.filter(({ node }) => !descends(node, parts))
    const [first] = endless
    if (first === undefined) continue
    const many = own.length > 1 || first.looped
    findings.add(
      'gguf_template_loop',
      many ? 'reject' : 'warn',
      `calls the macro ${name} from within itself without going down into what it was given${many ? ', more than once each time' : ''}: ${shown(first.node)}`,
    )
  }
}

interface MacroCall {
  to: string
  node: Extract<Expression, { kind: 'call' }>
  /** Whether it stands in a loop. */
  looped: boolean
}

function callsIn(macro: Macro, evaluation: Evaluation): MacroCall[] {
  const found: MacroCall[] = []
  const walk = (nodes: readonly Node[], looped: boolean): void => {
    for (const node of nodes) {
      if (node.kind === 'call')
        for (const name of evaluation.valueOf(node.callee).functions)
          if (name.startsWith('macro ')) found.push({ to: name.slice('macro '.length), node, looped })
      walk(childrenOf(node), looped || node.kind === 'for')
    }
  }
  walk(macro.body, false)
  return found
}

function reaches(from: string, to: string, calls: ReadonlyMap<string, readonly MacroCall[]>): boolean {
  const seen = new Set<string>()
  const open = [from]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === to) return true
    if (seen.has(name)) continue
    seen.add(name)
    for (const call of calls.get(name) ?? []) open.push(call.to)
  }
  return false
}

/** Names within a macro that hold a part of what it was given. */
function partsOf(macro: Macro): ReadonlySet<string> {
  const given = new Set(macro.parameters.map(({ name }) => name))
  const parts = new Set<string>()
  const isPart = (value: Expression): boolean => {
    const root = rootOf(value)
    return root !== null && (parts.has(root) || (given.has(root) && value.kind !== 'name' && goesInto(value)))
  }
  for (let round = 0; round < 3; round += 1)
    visit(macro.body, (node) => {
      if (node.kind === 'for') {
        const root = rootOf(node.iterable)
        if (root !== null && (parts.has(root) || given.has(root)))
          for (const target of node.targets) parts.add(target)
      }
      if (node.kind === 'set' && node.target.kind === 'name' && node.value !== null && isPart(node.value))
        parts.add(node.target.name)
    })
  return parts
}

/** Whether an expression takes a field or an item, and not the whole. */
function goesInto(value: Expression): boolean {
  switch (value.kind) {
    case 'member':
    case 'index':
    case 'slice':
      return true
    case 'filter':
      return ['items', 'first', 'last'].includes(value.name) || goesInto(value.operand)
    case 'list':
      return value.items.some(goesInto)
    case 'dict':
      return value.entries.some(([, each]) => goesInto(each))
    case 'call':
      return (
        value.callee.kind === 'member' &&
        (['get', 'pop'].includes(value.callee.name) || goesInto(value.callee.object))
      )
    case 'choice':
      return goesInto(value.yes) && (value.no === null || goesInto(value.no))
    default:
      return false
  }
}

function descends({ args }: MacroCall['node'], parts: ReadonlySet<string>): boolean {
  const all = [...args.positional, ...args.named.map(({ value }) => value)]
  const isPart = (value: Expression): boolean => {
    if (value.kind === 'list') return value.items.some(isPart)
    if (value.kind === 'dict') return value.entries.some(([, each]) => isPart(each))
    const root = rootOf(value)
    return root !== null && (parts.has(root) || goesInto(value))
  }
  return all.some(isPart)
}
