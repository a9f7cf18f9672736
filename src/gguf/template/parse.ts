import { parse, tokenize } from '@huggingface/jinja'
import { printable } from '../text.ts'
import type { Statement } from './ast.ts'
import { fromLibrary, type RawNode } from './from-library.ts'
import { adapt, excessOf, type TemplateToken } from './tokens.ts'

/** In characters. The longest that llama.cpp ships has 17,000. */
export const MAX_TEMPLATE_LENGTH = 262_144
/** The longest that llama.cpp ships has 4,700. */
const MAX_TOKENS = 50_000
/** Steps from the root to a leaf; of the templates that llama.cpp ships the deepest has 28. */
const MAX_DEPTH = 200
/** The library looks at every run of spaces from each of its places. */
const LONG_SPACE = /\s{129,}/g

export type ParsedTemplate =
  | { ok: true; body: Statement[] }
  /** `code` says whether the text is beyond the bounds or no template that can be read. */
  | { ok: false; code: 'gguf_template_size' | 'gguf_template_depth' | 'gguf_template_parse'; reason: string }

/**
 * Parses a template to a tree, never to run it. Work is bounded before the
 * library's recursive parser sees anything: length, tokens and depth.
 */
export function parseTemplate(source: string): ParsedTemplate {
  if (source.length > MAX_TEMPLATE_LENGTH)
    return refused('gguf_template_size', `is ${source.length} characters long, over ${MAX_TEMPLATE_LENGTH}`)
  const differs = generationTrick(source)
  if (differs !== null) return refused('gguf_template_parse', differs)
  try {
    const tokens = tokenize(source.replace(LONG_SPACE, (space) => space.slice(0, 128))) as TemplateToken[]
    if (tokens.length > MAX_TOKENS)
      return refused('gguf_template_size', `holds ${tokens.length} tokens, over ${MAX_TOKENS}`)
    const adapted = adapt(tokens)
    const excess = excessOf(adapted.tokens)
    if (excess !== null) return refused('gguf_template_depth', excess)
    const body = fromLibrary(parse(adapted.tokens as Parameters<typeof parse>[0]) as RawNode, {
      maxDepth: MAX_DEPTH,
      recursive: adapted.recursive,
    })
    if (body === null) return refused('gguf_template_depth', `is nested deeper than ${MAX_DEPTH} levels`)
    return { ok: true, body }
  } catch (error) {
    // The library throws SyntaxError, Error and, at the end of input, TypeError.
    if (error instanceof RangeError)
      return refused('gguf_template_depth', 'is nested too deeply to be parsed')
    const said = error instanceof TypeError ? 'it ends too early' : (error as Error).message
    return refused('gguf_template_parse', `cannot be parsed: ${printable(said, 160)}`)
  }
}

function refused(code: Extract<ParsedTemplate, { ok: false }>['code'], reason: string): ParsedTemplate {
  return { ok: false, code, reason }
}

/**
 * The library takes `{% generation %}` tags out of the text before it reads it,
 * so that the pieces around one may join to a tag that other readers do not see.
 */
function generationTrick(source: string): string | null {
  const tags = /\{%-?[ \t\n\r]{0,40}(?:end)?generation[ \t\n\r]{0,40}-?%\}/g
  for (const { index } of source.matchAll(tags))
    if (
      source
        .slice(Math.max(0, index - 200), index)
        .trimEnd()
        .endsWith('{')
    )
      return 'hides a tag around a generation tag'
  return null
}
