import { printable } from '../text.ts'
import { compareTemplates, type TemplateDifference, type TemplateParts } from './compare.ts'
import type { TemplateFinding } from './finding.ts'
import { lintSource } from './lint.ts'
import { isProse } from './prose.ts'
import type { UpstreamTemplates } from './upstream.ts'

/** A template beside its publisher's; `absent` where the publisher has none of this name. */
export type UpstreamState = TemplateDifference['state'] | 'absent'

export interface AgainstUpstream {
  difference: Omit<TemplateDifference, 'state'> & { state: UpstreamState }
  findings: TemplateFinding[]
}

const NONE: TemplateParts = { texts: [], conditions: [], statements: [] }
const MAX_QUOTED = 3

/**
 * Compares one template with its publisher's of the same name. What was found in
 * both is the model's own and only told; what the publisher's does not have is warned of.
 */
export function againstUpstream(
  name: string,
  source: string,
  found: readonly TemplateFinding[],
  upstream: UpstreamTemplates,
): AgainstUpstream {
  const theirs = upstream.templates.get(name)
  const from = `"${printable(upstream.from, 80)}"`
  if (theirs === undefined)
    return {
      difference: { state: 'absent', added: NONE, removed: NONE },
      findings: [...found, warning(`is not in ${from}, which has none called "${printable(name, 40)}"`)],
    }
  const difference = compareTemplates(source, theirs)
  const known = new Set(lintSource(theirs).findings.map(({ says }) => says))
  const findings = found.map((finding): TemplateFinding =>
    finding.severity === 'warn' && known.has(finding.says)
      ? { ...finding, severity: 'info', says: `${finding.says}, as the one in ${from} does` }
      : finding,
  )
  return { difference, findings: [...findings, ...told(difference, from)] }
}

function warning(says: string): TemplateFinding {
  return { code: 'gguf_template_upstream', severity: 'warn', says }
}

function told({ state, added, removed }: TemplateDifference, from: string): TemplateFinding[] {
  if (state === 'identical')
    return [
      { code: 'gguf_template_upstream', severity: 'info', says: `is the one in ${from}, to the letter` },
    ]
  if (state === 'layout')
    return [
      {
        code: 'gguf_template_upstream',
        severity: 'info',
        says: `is the one in ${from} but for white space and comments`,
      },
    ]
  if (state === 'unreadable')
    return [
      warning(`is not the one in ${from}, and cannot be compared, since one of the two cannot be parsed`),
    ]
  const counts = [...counted(added, 'added'), ...counted(removed, 'removed')]
  return [
    warning(`differs from the one in ${from}: ${counts.join(', ') || 'the same parts in another order'}`),
    ...added.texts
      .filter(isProse)
      .slice(0, MAX_QUOTED)
      .map((text): TemplateFinding => ({
        code: 'gguf_template_instruction',
        severity: 'warn',
        says: `says what the one in ${from} does not: '${printable(text, 120)}'`,
      })),
    ...added.conditions
      .slice(0, MAX_QUOTED)
      .map((test) => warning(`asks what the one in ${from} does not: ${printable(test, 120)}`)),
  ]
}

function counted({ texts, conditions, statements }: TemplateParts, how: string): string[] {
  return (
    [
      ['text', texts.length],
      ['condition', conditions.length],
      ['statement', statements.length],
    ] as const
  ).flatMap(([what, n]) => (n === 0 ? [] : [`${n} ${what}${n === 1 ? '' : 's'} ${how}`]))
}
