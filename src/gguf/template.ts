import type { HashProvider } from '../torrent/hash-provider.ts'
import { verdictOf, type Finding } from './finding.ts'
import { isTemplateKey, type GgufHeader } from './header.ts'
import { lintSource } from './template/lint.ts'

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
  return lintSource(source).findings.map(({ code, severity, says }) => ({
    code,
    severity,
    message: `The template "${name}" ${says}`,
  }))
}
