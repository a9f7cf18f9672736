import { printable } from '../text.ts'
import type { Expression } from './ast.ts'
import { printExpression } from './print.ts'

export type TemplateCode = `gguf_template_${string}`

/** What a rule found: `says` goes on from "The template …". */
export interface TemplateFinding {
  code: TemplateCode
  severity: 'info' | 'warn' | 'reject'
  says: string
}

const MAX_A_CODE = 5

/** Gathers findings: each sentence once, and of a code only the first few. */
export class Findings {
  readonly all: TemplateFinding[] = []
  readonly #seen = new Set<string>()
  readonly #counts = new Map<string, number>()

  add(code: TemplateCode, severity: TemplateFinding['severity'], says: string): void {
    if (this.#seen.has(says)) return
    const kind = `${code} ${severity}`
    const count = (this.#counts.get(kind) ?? 0) + 1
    if (count > MAX_A_CODE) return
    this.#seen.add(says)
    this.#counts.set(kind, count)
    this.all.push({ code, severity, says })
  }
}

/** An expression as it is quoted in a sentence. */
export function shown(node: Expression, limit = 80): string {
  return printable(printExpression(node), limit)
}
