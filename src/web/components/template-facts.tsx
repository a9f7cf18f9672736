import type { TemplateRecorded } from '../../core/events.ts'
import { formatCount } from '../islands/format.ts'
import type { ModelItem, TemplateUseView } from '../page-types.ts'
import { Day, Missing, State } from './bits.tsx'
import type { Word } from './wording.ts'

const STATE_WORDS: Record<TemplateRecorded['state'], Word> = {
  clean: { text: 'No findings', tone: 'ok' },
  warn: { text: 'Has findings: read the report', tone: 'warn' },
  reject: { text: 'Hostile: read the report', tone: 'bad' },
}

/** The chat templates of a file: what was found in each, and where else its very bytes stand. */
export function TemplateFacts({ model, uses }: { model: ModelItem; uses: TemplateUseView[] }) {
  const { templates } = model
  // Other bytes were read than those that are listed.
  if (templates === null || model.verification.integrity === 'fail') return <Missing word="not read yet" />
  if (templates.length === 0) return <>None in the file</>
  return (
    <ul class="templates">
      {templates.map((template) => (
        <li key={template.name}>
          {templates.length > 1 ? <b>{template.name}: </b> : null}
          <State word={STATE_WORDS[template.state]} small />
          <code class="template-hash" title={`SHA-256 ${template.sha256}`}>
            {template.sha256.slice(0, 12)}…
          </code>
          <TemplateUse model={model} use={uses.find(({ sha256 }) => sha256 === template.sha256)} />
        </li>
      ))}
    </ul>
  )
}

function TemplateUse({ model, use }: { model: ModelItem; use: TemplateUseView | undefined }) {
  if (use === undefined) return null
  const { listings, uploaders, refused, first } = use
  const theirs = model.provenance.some(({ step, state }) => step === 'publisher' && state === 'proved')
  return (
    <span class="template-use">
      {theirs ? 'The publisher’s own, as the whole file is. ' : null}
      {listings === 0
        ? 'In no other listing.'
        : `In ${count(listings, 'other listing')} of ${count(uploaders, 'member')}.`}{' '}
      {first === null ? null : first.id === model.id ? (
        'First seen here.'
      ) : (
        <>
          First seen on <Day at={first.at} /> in <a href={`/models/${first.id}`}>another listing</a>.
        </>
      )}
      {refused === 0 ? null : ` Also in ${count(refused, 'listing')} that was refused or taken down.`}
    </span>
  )
}

function count(n: number, what: string): string {
  return `${formatCount(n)} ${what}${n === 1 ? '' : 's'}`
}
