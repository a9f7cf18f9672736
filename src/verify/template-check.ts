import type { TemplateRecorded } from '../core/events.ts'
import { Sha256 } from '../core/ids.ts'
import type { Check } from '../core/report.ts'
import type { Inspection } from '../gguf/inspect.ts'
import { templateName } from '../gguf/template/name.ts'

type Templates = NonNullable<Inspection['template']>

/** What the record holds at most. */
const MAX_RECORDED = 8
const MAX_NAME = 64

/** The chat templates of a model by the hashes of their bytes, as the ledger records them. */
export function recordedTemplates({ sha256, state }: Templates): TemplateRecorded[] {
  return Object.entries(sha256)
    .slice(0, MAX_RECORDED)
    .map(([key, hash]) => ({
      name: templateName(key).slice(0, MAX_NAME),
      sha256: Sha256.parse(hash),
      state: state[key] ?? 'reject',
    }))
}

/**
 * Whether the chat template can be vouched for (T8). One that leads out of the
 * sandbox fails; one that waits for words, hides text or speaks for somebody is
 * skipped: a reviewer must read it, since no rule can tell what is meant. Null where there is none.
 */
export function templateCheck(path: string, template: Templates): Check | null {
  if (!template.present) return null
  const base = { id: 'template', path, figures: { templates: template.keys.length } }
  const worst =
    template.findings.find(({ severity }) => severity === 'reject') ??
    template.findings.find(({ severity }) => severity === 'warn')
  if (worst === undefined)
    return { ...base, verdict: 'pass', message: 'Nothing was found in the chat template' }
  return {
    ...base,
    verdict: worst.severity === 'reject' ? 'fail' : 'skipped',
    message: worst.message.slice(0, 500),
    found: worst.code,
  }
}
