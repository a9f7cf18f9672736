import { childrenOf, type Expression, type Node, type Statement } from './ast.ts'
import { parseTemplate } from './parse.ts'
import { printExpression } from './print.ts'

/** What one template has and the other has not, each as often as it stands there more; at most 50 of a kind. */
export interface TemplateParts {
  /** Texts outside of tags, and literals. */
  texts: string[]
  /** Of `if`, `elif`, `x if y`, and of loops with a filter. */
  conditions: string[]
  /** Loops, assignments, macros and what is printed that is no text. */
  statements: string[]
}

/**
 * How a template differs from another: not at all, in white space and comments
 * alone, in what is listed, or in a way that cannot be said because one of them
 * cannot be parsed.
 */
export interface TemplateDifference {
  state: 'identical' | 'layout' | 'differs' | 'unreadable'
  added: TemplateParts
  removed: TemplateParts
}

const MAX_LISTED = 50

const noParts = (): TemplateParts => ({ texts: [], conditions: [], statements: [] })

/** Compares a template with the one it should be, by their trees. */
export function compareTemplates(ours: string, theirs: string): TemplateDifference {
  if (ours === theirs) return { state: 'identical', added: noParts(), removed: noParts() }
  const [mine, upstream] = [parseTemplate(ours), parseTemplate(theirs)]
  if (!mine.ok || !upstream.ok) return { state: 'unreadable', added: noParts(), removed: noParts() }
  if (linesOf(mine.body).join('\n') === linesOf(upstream.body).join('\n'))
    return { state: 'layout', added: noParts(), removed: noParts() }
  const [a, b] = [partsOf(mine.body), partsOf(upstream.body)]
  return { state: 'differs', added: less(a, b), removed: less(b, a) }
}

/** Runs of white space are one space, and what stands at the ends is nothing. */
function plain(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

/** A template line by line, without comments, and white space in one way. */
function linesOf(body: readonly Statement[]): string[] {
  return body.flatMap((node) => {
    switch (node.kind) {
      case 'comment':
        return []
      case 'text':
        return plain(node.value) === '' ? [] : [plain(node.value)]
      default: {
        const inner = 'body' in node ? ['{', ...linesOf(node.body), '}'] : []
        const otherwise =
          'otherwise' in node && node.otherwise.length > 0 ? ['else {', ...linesOf(node.otherwise), '}'] : []
        return [headOf(node), ...inner, ...otherwise]
      }
    }
  })
}

function printed(node: Expression): string {
  return printExpression(spaced(node))
}

/** The same expression with white space in its texts in one way. */
function spaced(node: Expression): Expression {
  if (node.kind === 'string') return { kind: 'string', value: plain(node.value) }
  const copy = { ...node } as Record<string, unknown>
  for (const [key, value] of Object.entries(copy)) copy[key] = spacedField(value)
  return copy as Expression
}

function spacedField(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(spacedField)
  if (typeof value !== 'object' || value === null) return value
  if ('kind' in value) return spaced(value as Expression)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, spacedField(each)]))
}

/** What a statement says before its body. */
function headOf(node: Statement): string {
  switch (node.kind) {
    case 'output':
      return printed(node.value)
    case 'if':
      return `if ${printed(node.test)}`
    case 'for':
      return `for ${node.targets.join(', ')} in ${printed(node.iterable)}${node.recursive ? ' recursive' : ''}`
    case 'set':
      return `set ${printed(node.target)}${node.value === null ? '' : ` = ${printed(node.value)}`}`
    case 'macro':
      return `macro ${node.name}(${node.parameters.map(({ name, default: given }) => (given === null ? name : `${name}=${printed(given)}`)).join(', ')})`
    case 'call_block':
      return `call ${printed(node.call)}`
    case 'filter_block':
      return `filter ${printed({ kind: 'call', callee: { kind: 'name', name: node.name }, args: node.args })}`
    default:
      return node.kind
  }
}

function partsOf(body: readonly Statement[]): TemplateParts {
  const parts = noParts()
  const walk = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      if (node.kind === 'text' || node.kind === 'string') {
        if (plain(node.value) !== '') parts.texts.push(plain(node.value))
      } else if (node.kind === 'if' || node.kind === 'choice') parts.conditions.push(printed(node.test))
      else if (
        node.kind === 'for' ||
        node.kind === 'set' ||
        node.kind === 'macro' ||
        node.kind === 'call_block'
      )
        parts.statements.push(headOf(node))
      else if (node.kind === 'output' && node.value.kind !== 'string') parts.statements.push(headOf(node))
      walk(childrenOf(node))
    }
  }
  walk(body)
  return parts
}

function less(a: TemplateParts, b: TemplateParts): TemplateParts {
  return {
    texts: lessOf(a.texts, b.texts),
    conditions: lessOf(a.conditions, b.conditions),
    statements: lessOf(a.statements, b.statements),
  }
}

/** What is in `a` more often than in `b`. */
function lessOf(a: readonly string[], b: readonly string[]): string[] {
  const left = new Map<string, number>()
  for (const each of b) left.set(each, (left.get(each) ?? 0) + 1)
  const more: string[] = []
  for (const each of a) {
    const count = left.get(each) ?? 0
    if (count > 0) left.set(each, count - 1)
    else if (more.length < MAX_LISTED) more.push(each)
  }
  return more
}
