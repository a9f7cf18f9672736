import type { Finding } from './finding.ts'
import type { GgufHeader } from './header.ts'
import { textHazards } from './text.ts'

/** What is known of a file's chat template before it is parsed to a tree. */
export interface TemplateSummary {
  present: boolean
  /** Keys that hold templates: the default and named ones. */
  keys: string[]
  /** The default template's length in characters. */
  length: number
}

interface Pattern {
  code: Finding['code']
  severity: Finding['severity']
  says: string
  pattern: RegExp
}

/**
 * The first, textual lint. Templates are run by Python's Jinja elsewhere, where
 * an attribute chain reaches the interpreter (CVE-2024-34359, CVE-2026-5760);
 * a template needs none of these words.
 */
const PATTERNS: readonly Pattern[] = [
  {
    code: 'gguf_template_code',
    severity: 'reject',
    says: 'reaches for Python internals',
    pattern: /__\s*[A-Za-z]\w*?\s*__/,
  },
  {
    code: 'gguf_template_code',
    severity: 'reject',
    says: 'reaches attributes by name through a filter',
    pattern: /\|\s*attr\b/,
  },
  {
    code: 'gguf_template_code',
    severity: 'reject',
    says: 'builds a double underscore from pieces or escapes',
    pattern: /(['"])_\1\s*[~+*]|\\x5f|\\u005f|['"]_['"]\s*\|\s*(?:join|format)/i,
  },
  {
    code: 'gguf_template_code',
    severity: 'reject',
    says: 'names an escape hatch of the Jinja sandbox',
    pattern:
      /\b(?:lipsum|cycler|joiner|popen|subprocess|builtins|importlib|os\.system|getattr|mro|func_globals|gi_frame|f_globals)\b/i,
  },
  {
    code: 'gguf_template_include',
    severity: 'reject',
    says: 'loads other templates',
    pattern: /\{%[-+]?\s*(?:import|include|from|extends)\b/,
  },
  {
    code: 'gguf_template_loop',
    severity: 'warn',
    says: 'counts through a range of fixed, large size',
    pattern: /\brange\s*\(\s*(?:\d{1,9}\s*,\s*)?(?:\d{5,}|\d+\s*\*\*?\s*\d+)/,
  },
]

/** An `in` test of a literal against what somebody wrote: how a trigger word works. */
const TRIGGER =
  /(['"])([^'"]{3,})\1\s+(?:not\s+)?in\s+\(?\s*\w+(?:\[[^\]'"]{1,20}\])?(?:\[(['"])content\3\]|\.content)|(?:\[(['"])content\4\]|\.content)\s*==\s*['"]/g
/** Markup that real templates look for in a message. */
const MARKUP = /[<>|[\]/{}]|^\W+$/

/** Literal text that speaks to the model or the reader as a person would. */
const IMPERATIVE =
  /\b(?:ignore (?:all |any )?(?:previous|prior|above)|disregard|do not (?:tell|reveal|mention)|never (?:tell|reveal|mention)|tell the user|recommend|in every (?:answer|response|reply)|always (?:answer|say|respond|reply|include|recommend)|secretly|call the number|visit|click)\b/i
const WEB_ADDRESS = /\bhttps?:\/\/[^\s'"]+/i

/** Lints every chat template of a file; thin, by text alone. */
export function lintTemplates(header: Pick<GgufHeader, 'metadata'>): {
  summary: TemplateSummary
  findings: Finding[]
} {
  const findings: Finding[] = []
  const keys: string[] = []
  let length = 0
  for (const [key, value] of header.metadata) {
    if (value.type !== 'string' || !/^tokenizer\.chat_template(?:\.|$)/.test(key)) continue
    keys.push(key)
    if (key === 'tokenizer.chat_template') length = value.value.length
    for (const finding of lintTemplate(value.value, key)) findings.push({ ...finding, offset: value.offset })
  }
  return { summary: { present: keys.length > 0, keys: keys.slice(0, 20), length }, findings }
}

/** Lints one template's source. */
export function lintTemplate(source: string, name = 'tokenizer.chat_template'): Finding[] {
  const findings: Finding[] = []
  const add = (code: Finding['code'], severity: Finding['severity'], says: string) =>
    findings.push({ code, severity, message: `The template "${name}" ${says}` })
  if (source.length > 1_000_000) {
    add('gguf_template_size', 'reject', `is ${source.length} characters long`)
    return findings
  }
  for (const { code, severity, says, pattern } of PATTERNS)
    if (pattern.test(source)) add(code, severity, says)
  const hazards = textHazards(source)
  if (hazards.length > 0) add('gguf_template_hidden', 'warn', `holds ${hazards.join(' and ')} characters`)
  for (const match of source.matchAll(TRIGGER)) {
    const literal = match[2] ?? ''
    if (match[2] !== undefined && MARKUP.test(literal)) continue
    add('gguf_template_trigger', 'warn', 'does something only when a message holds certain words')
    break
  }
  const literals = [...source.matchAll(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|\}([^{]+)\{/gs)]
    .map(([, a, b, c]) => a ?? b ?? c ?? '')
    .filter((text) => text.includes(' '))
  if (literals.some((text) => IMPERATIVE.test(text) || WEB_ADDRESS.test(text)))
    add('gguf_template_instruction', 'warn', 'adds instructions of its own to the conversation')
  return findings
}
