/** A token of `@huggingface/jinja`, whose types do not resolve here. */
export interface TemplateToken {
  value: string
  type: string
}

/** What the library makes of `x is name(argument)`, which it cannot parse: a filter of this name. */
export const TEST_PREFIX = 'is '
export const NEGATED_TEST_PREFIX = 'is not '

/** Deeper than any template goes, and far from what a browser's stack bears. */
const MAX_BRACKETS = 100
const MAX_BLOCKS = 200

const OPEN = new Set<string>(['OpenParen', 'OpenSquareBracket', 'OpenCurlyBracket'])
const CLOSE = new Set<string>(['CloseParen', 'CloseSquareBracket', 'CloseCurlyBracket'])
const TAG = new Set<string>(['OpenStatement', 'OpenExpression', 'CloseStatement', 'CloseExpression'])
const NO_ARGUMENT = new Set(['and', 'or', 'not', 'else', 'if', 'is', 'in', 'recursive'])

/**
 * Rewrites what Jinja allows and the library's parser does not: tests with
 * arguments, `{% do %}`, `{%+ %}` and recursive loops, whose ordinals are told.
 */
export function adapt(tokens: readonly TemplateToken[]): {
  tokens: TemplateToken[]
  recursive: ReadonlySet<number>
} {
  const out: TemplateToken[] = []
  const recursive = new Set<number>()
  let loops = -1
  let statement = ''
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i]
    if (token === undefined) break
    const next = tokens[i + 1]
    if (token.type === 'OpenStatement') {
      const signed = next?.type === 'UnaryOperator' && next.value === '+'
      if (signed) i += 1
      statement = (signed ? tokens[i + 1] : next)?.value ?? ''
      if (statement === 'for') loops += 1
      if (statement === 'do') {
        i += 1
        out.push({ value: '{{', type: 'OpenExpression' })
      } else out.push(token)
      continue
    }
    if (token.type === 'CloseStatement' && statement === 'do') {
      out.push({ value: '}}', type: 'CloseExpression' })
      continue
    }
    if (token.value === '+' && isClosing(next) && token.type.endsWith('Operator')) continue
    if (isWord(token, 'recursive') && next?.type === 'CloseStatement' && statement === 'for') {
      recursive.add(loops)
      continue
    }
    const test = isWord(token, 'is') && tokens[i - 1]?.type !== 'Dot' ? testAt(tokens, i) : null
    if (test === null) {
      out.push(token)
      continue
    }
    out.push({ value: '|', type: 'Pipe' }, { value: test.name, type: 'Identifier' })
    if (test.bare) out.push({ value: '(', type: 'OpenParen' })
    out.push(...tokens.slice(test.from, test.until))
    if (test.bare) out.push({ value: ')', type: 'CloseParen' })
    i = test.until - 1
  }
  return { tokens: out, recursive }
}

function isWord(token: TemplateToken | undefined, word?: string): boolean {
  return token?.type === 'Identifier' && (word === undefined || token.value === word)
}

function isClosing(token: TemplateToken | undefined): boolean {
  return token?.type === 'CloseStatement' || token?.type === 'CloseExpression'
}

interface TestTokens {
  name: string
  /** Whether the argument stands without brackets. */
  bare: boolean
  from: number
  until: number
}

/** A test with an argument that begins at `is`; null where there is none. */
function testAt(tokens: readonly TemplateToken[], is: number): TestTokens | null {
  const negated = isWord(tokens[is + 1], 'not')
  const name = tokens[is + (negated ? 2 : 1)]
  const from = is + (negated ? 3 : 2)
  const first = tokens[from]
  if (name?.type !== 'Identifier' || first === undefined) return null
  const called = `${negated ? NEGATED_TEST_PREFIX : TEST_PREFIX}${name.value}`
  if (first.type === 'OpenParen') return { name: called, bare: false, from, until: closeOf(tokens, from) }
  const isValue =
    first.type === 'StringLiteral' ||
    first.type === 'NumericLiteral' ||
    first.type === 'OpenSquareBracket' ||
    first.type === 'OpenCurlyBracket' ||
    (first.type === 'Identifier' && !NO_ARGUMENT.has(first.value))
  if (!isValue) return null
  let until = OPEN.has(first.type) ? closeOf(tokens, from) : from + 1
  for (;;) {
    const type = tokens[until]?.type
    if (type === 'Dot') until += 2
    else if (type === 'OpenSquareBracket' || type === 'OpenParen') until = closeOf(tokens, until)
    else return { name: called, bare: true, from, until: Math.min(until, tokens.length) }
  }
}

/** One past the bracket that closes the one at `open`, or the end. */
function closeOf(tokens: readonly TemplateToken[], open: number): number {
  let depth = 0
  for (let i = open; i < tokens.length; i += 1) {
    const type = tokens[i]?.type ?? ''
    if (OPEN.has(type)) depth += 1
    else if (CLOSE.has(type)) depth -= 1
    else if (TAG.has(type)) return i
    if (depth === 0) return i + 1
  }
  return tokens.length
}

/** Why these tokens would take a recursive parser too deep; null where they do not. */
export function excessOf(tokens: readonly TemplateToken[]): string | null {
  const blocks: number[] = []
  // What adds to the depth at each open bracket: signs, negations, choices and calls of calls.
  let levels = [0]
  let sum = 0
  for (const [i, token] of tokens.entries()) {
    const { type, value } = token
    const before = tokens[i - 1]
    if (TAG.has(type)) {
      levels = [0]
      sum = 0
      if (type !== 'OpenStatement') continue
      enter(blocks, tokens, i)
      if (blocks.reduce((depth, each) => depth + each, 0) > MAX_BLOCKS)
        return `nests more than ${MAX_BLOCKS} blocks`
    } else if (OPEN.has(type)) {
      if (before?.type === 'CloseParen') sum += raise(levels)
      levels.push(1)
      sum += 1
    } else if (CLOSE.has(type)) sum -= (levels.length > 1 ? levels.pop() : 0) ?? 0
    else if (type === 'UnaryOperator' || value === 'not' || value === 'else') sum += raise(levels)
    else if (type === 'AdditiveBinaryOperator' && isSignPlace(before)) sum += raise(levels)
    if (sum > MAX_BRACKETS) return `nests more than ${MAX_BRACKETS} levels within one expression`
  }
  return null
}

function raise(levels: number[]): number {
  levels.push((levels.pop() ?? 0) + 1)
  return 1
}

function isSignPlace(before: TemplateToken | undefined): boolean {
  return before === undefined || before.type.endsWith('Operator') || TAG.has(before.type)
}

const BEGINS = new Set(['if', 'for', 'macro', 'call', 'filter'])
const ENDS = new Set(['endif', 'endfor', 'endmacro', 'endcall', 'endfilter', 'endset'])

/** Follows one statement in the depths of the blocks that are open; an `elif` is a block within the one before. */
function enter(blocks: number[], tokens: readonly TemplateToken[], open: number): void {
  const word = tokens[open + 1]?.value ?? ''
  if (word === 'elif') blocks.push((blocks.pop() ?? 0) + 1)
  else if (BEGINS.has(word) || (word === 'set' && isBlockSet(tokens, open))) blocks.push(1)
  else if (ENDS.has(word)) blocks.pop()
}

function isBlockSet(tokens: readonly TemplateToken[], open: number): boolean {
  for (let i = open + 2; i < tokens.length; i += 1) {
    const type = tokens[i]?.type
    if (type === 'Equals') return false
    if (type === 'CloseStatement') return true
  }
  return false
}
