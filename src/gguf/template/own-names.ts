import { visit, type Statement } from './ast.ts'

export type Macro = Extract<Statement, { kind: 'macro' }>

/** The macros of a template, and all names that it gives a value to, anywhere. */
export function namesIn(body: readonly Statement[]): {
  macros: ReadonlyMap<string, Macro>
  assigned: ReadonlySet<string>
} {
  const macros = new Map<string, Macro>()
  const assigned = new Set<string>()
  visit(body, (node) => {
    if (node.kind === 'macro') {
      macros.set(node.name, node)
      assigned.add(node.name)
    }
    if (node.kind === 'macro' || node.kind === 'call_block')
      for (const { name } of node.parameters) assigned.add(name)
    if (node.kind === 'for') for (const target of node.targets) assigned.add(target)
    if (node.kind !== 'set') return
    for (const target of node.target.kind === 'list' ? node.target.items : [node.target])
      if (target.kind === 'name') assigned.add(target.name)
  })
  return { macros, assigned }
}
