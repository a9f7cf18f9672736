import type { HashProvider } from '../torrent/hash-provider.ts'
import { verdictOf, type Finding } from './finding.ts'
import { arrayItem, isTemplateKey, type GgufHeader } from './header.ts'
import type { AgainstUpstream } from './template/against-upstream.ts'
import { templateName } from './template/name.ts'
import type { UpstreamTemplates } from './template/upstream.ts'
import { printable } from './text.ts'

/** What is known of a file's chat templates. */
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
  /** How they differ from the publisher's; null where none were given to compare with. */
  upstream: UpstreamSummary | null
}

export interface UpstreamSummary {
  from: string
  /** By key of this file. */
  templates: Record<string, AgainstUpstream['difference']>
  /** Names of the publisher's that this file has no template of. */
  missing: string[]
}

export type TemplateState = 'clean' | 'warn' | 'reject'

/** More than any model has; the ledger's record holds as many. */
const MAX_TEMPLATES = 8
/** Where converters list the names of the templates beside the default one. */
const NAMES_KEY = 'tokenizer.chat_templates'

/** Hashes of bytes; this folder computes none itself, so that it runs anywhere. */
export type TemplateHashes = Pick<HashProvider, 'sha256'>

export interface TemplateOptions {
  hashes?: TemplateHashes | undefined
  upstream?: UpstreamTemplates | undefined
}

/** Lints and hashes every chat template of a file, and compares each with its publisher's. */
export async function lintTemplates(
  header: Pick<GgufHeader, 'metadata'>,
  { hashes, upstream }: TemplateOptions = {},
): Promise<TemplateSummary> {
  const summary: TemplateSummary = {
    present: false,
    keys: [],
    length: 0,
    sha256: {},
    state: {},
    findings: [],
    upstream: upstream === undefined ? null : { from: upstream.from, templates: {}, missing: [] },
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
    const { findings, difference } = await lintOne(key, value.value, upstream)
    const found = findings.map((finding) => ({ ...finding, offset: value.offset }))
    summary.findings.push(...found)
    summary.state[key] = stateOf(found)
    if (summary.upstream !== null && difference !== null) summary.upstream.templates[key] = difference
    if (hashes !== undefined && value.bytes !== undefined)
      summary.sha256[key] = hex(await hashes.sha256(value.bytes))
  }
  summary.findings.push(...checkNames(header, summary.keys))
  if (summary.upstream !== null && upstream !== undefined) {
    const names = new Set(summary.keys.map(templateName))
    summary.upstream.missing = [...upstream.templates.keys()].filter((name) => !names.has(name))
  }
  return summary
}

/** The linter and its parser are loaded where there is a template to look at. */
async function lintOne(
  key: string,
  source: string,
  upstream: UpstreamTemplates | undefined,
): Promise<{ findings: Finding[]; difference: AgainstUpstream['difference'] | null }> {
  const { lintSource } = await import('./template/lint.ts')
  const linted = lintSource(source)
  let found = linted.findings
  let difference: AgainstUpstream['difference'] | null = null
  if (upstream !== undefined) {
    const { againstUpstream } = await import('./template/against-upstream.ts')
    const compared = againstUpstream(templateName(key), source, linted.findings, upstream)
    found = compared.findings
    difference = compared.difference
  }
  const findings = found.map(({ code, severity, says }): Finding => ({
    code,
    severity,
    message: `The template "${key}" ${says}`,
  }))
  return { findings, difference }
}

/** A template that the list of names leaves out is one that whoever reads the list does not see. */
function checkNames({ metadata }: Pick<GgufHeader, 'metadata'>, keys: readonly string[]): Finding[] {
  const value = metadata.get(NAMES_KEY)
  if (value === undefined) return []
  const add = (message: string): Finding[] => [
    { code: 'gguf_template_names', severity: 'warn', message, offset: value.offset },
  ]
  if (value.type !== 'array' || value.of !== 'string') return add(`"${NAMES_KEY}" is not a list of names`)
  const listed = new Set(
    Array.from({ length: Math.min(value.length, 64) }, (_, i) => String(arrayItem(value, i))),
  )
  listed.add('default')
  const held = new Set(['default', ...keys.map(templateName)])
  return [
    ...[...held.difference(listed)].flatMap((name) =>
      add(`"${NAMES_KEY}" does not list the template "${printable(name, 40)}"`),
    ),
    ...[...listed.difference(held)]
      .slice(0, 3)
      .flatMap((name) =>
        add(`"${NAMES_KEY}" lists the template "${printable(name, 40)}", which the file does not hold`),
      ),
  ]
}

function stateOf(findings: readonly Finding[]): TemplateState {
  const verdict = verdictOf(findings)
  return verdict === 'accept' ? 'clean' : verdict === 'mislabelled' ? 'warn' : verdict
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
