import { checkAmounts } from './amount-rules.ts'
import type { Statement } from './ast.ts'
import { checkCode } from './code-rules.ts'
import { evaluate } from './evaluate.ts'
import { Findings, type TemplateFinding } from './finding.ts'
import { checkLoops } from './loop-rules.ts'
import { parseTemplate } from './parse.ts'
import { checkLoads, checkUnparsed } from './raw-rules.ts'
import { checkHiddenText, checkPlainWords, checkWords } from './text-rules.ts'
import { checkTriggers } from './trigger-rules.ts'

export interface LintedTemplate {
  findings: TemplateFinding[]
  /** Null where the text could not be parsed. */
  body: Statement[] | null
}

/**
 * Looks through one template without running it: what it may reach, how long it
 * may run, what it hides, and what it waits for. What cannot be parsed is a
 * finding itself, and is looked through as text.
 */
export function lintSource(source: string): LintedTemplate {
  const findings = new Findings()
  const parsed = parseTemplate(source)
  if (!parsed.ok && parsed.code === 'gguf_template_size') {
    findings.add(parsed.code, 'reject', parsed.reason)
    return { findings: findings.all, body: null }
  }
  checkLoads(source, findings)
  checkHiddenText(source, findings)
  if (!parsed.ok) {
    findings.add(parsed.code, parsed.code === 'gguf_template_depth' ? 'reject' : 'warn', parsed.reason)
    checkUnparsed(source, findings)
    checkPlainWords(source, findings)
    return { findings: findings.all, body: null }
  }
  if (!lookThrough(parsed.body, findings)) {
    findings.add('gguf_template_size', 'reject', 'is too large or too entangled to be looked through')
    checkUnparsed(source, findings)
    checkPlainWords(source, findings)
  }
  return { findings: findings.all, body: parsed.body }
}

/** More than any template has: the largest that llama.cpp ships has 25. */
const MAX_MACROS = 500

/** Whether the tree could be looked through within the bounds. */
function lookThrough(body: readonly Statement[], findings: Findings): boolean {
  try {
    const evaluation = evaluate(body)
    if (evaluation === null || evaluation.macros.size > MAX_MACROS) return false
    checkCode(body, evaluation, findings)
    checkLoops(body, evaluation, findings)
    checkAmounts(body, evaluation, findings)
    checkTriggers(body, evaluation, findings)
    checkWords(body, evaluation, findings)
    return true
  } catch (error) {
    // Macros that call each other in a long row, each at the depth that one may have.
    if (error instanceof RangeError) return false
    throw error
  }
}
