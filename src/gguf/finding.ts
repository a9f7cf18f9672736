import type { GgufCode } from './rules.ts'

/**
 * How bad a finding is: `info` is told, `warn` deserves a look, `mislabelled`
 * says a claim does not hold, `reject` that the file is broken or hostile.
 */
export type Severity = 'info' | 'warn' | 'mislabelled' | 'reject'

/** One thing found in a file, as `inspect` prints it. */
export interface Finding {
  code: GgufCode
  severity: Severity
  message: string
  /** In bytes from the file's start, where it has a place. */
  offset?: number
  /** The rule that was broken, and identifiers of the known attack. */
  rule?: string
  cites?: readonly string[]
}

export type Verdict = 'accept' | 'warn' | 'mislabelled' | 'reject'

/** The worst finding decides. */
export function verdictOf(findings: readonly Finding[]): Verdict {
  for (const severity of ['reject', 'mislabelled', 'warn'] as const)
    if (findings.some((finding) => finding.severity === severity)) return severity
  return 'accept'
}
