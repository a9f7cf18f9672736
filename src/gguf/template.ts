import type { HashProvider } from '../torrent/hash-provider.ts'
import { verdictOf, type Finding } from './finding.ts'
import { isTemplateKey, type GgufHeader } from './header.ts'
import { textHazards } from './text.ts'

/** What is known of a file's chat template before it is parsed to a tree. */
export interface TemplateSummary {
  present: boolean
  /** Keys that hold templates: the default and named ones; at most 8. */
  keys: string[]
  /** The default template's length in characters. */
  length: number
  /** By key, SHA-256 of the template's bytes as they stand in the file; empty where no hash was given. */
  sha256: Record<string, string>
  /** By key, the worst that was found. */
  state: Record<string, TemplateState>
  findings: Finding[]
}

export type TemplateState = 'clean' | 'warn' | 'reject'

/** More than any model has; the ledger's record holds as many. */
const MAX_TEMPLATES = 8

/** `default`, or what the template of a key is for, such as `tool_use`. */
export function templateName(key: string): string {
  return key.slice('tokenizer.chat_template.'.length) || 'default'
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

/** Hashes of bytes; this folder computes none itself, so that it runs anywhere. */
export type TemplateHashes = Pick<HashProvider, 'sha256'>

/** Lints and hashes every chat template of a file. */
export async function lintTemplates(
  header: Pick<GgufHeader, 'metadata'>,
  hashes?: TemplateHashes,
): Promise<TemplateSummary> {
  const summary: TemplateSummary = {
    present: false,
    keys: [],
    length: 0,
    sha256: {},
    state: {},
    findings: [],
  }
  for (const [key, value] of header.metadata) {
    if (value.type !== 'string' || !isTemplateKey(key)) continue
    summary.present = true
    if (key === 'tokenizer.chat_template') summary.length = value.value.length
    if (summary.keys.length === MAX_TEMPLATES) {
      summary.findings.push({
        code: 'gguf_template_count',
        severity: 'reject',
        message: `The file holds more than ${MAX_TEMPLATES} chat templates`,
        offset: value.offset,
      })
      break
    }
    summary.keys.push(key)
    const found = lintTemplate(value.value, key).map((finding) => ({ ...finding, offset: value.offset }))
    summary.findings.push(...found)
    summary.state[key] = stateOf(found)
    if (hashes !== undefined && value.bytes !== undefined)
      summary.sha256[key] = hex(await hashes.sha256(value.bytes))
  }
  return summary
}

function stateOf(findings: readonly Finding[]): TemplateState {
  const verdict = verdictOf(findings)
  return verdict === 'accept' ? 'clean' : verdict === 'mislabelled' ? 'warn' : verdict
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
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
