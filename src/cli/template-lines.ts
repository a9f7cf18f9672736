import { printable, type TemplateSummary } from '../gguf/index.ts'

type Upstream = NonNullable<TemplateSummary['upstream']>
type Difference = Upstream['templates'][string]

const MAX_SHOWN = 5
const KEY = 'tokenizer.chat_template'

const STATES: Record<Difference['state'], string> = {
  identical: 'the same to the letter',
  layout: 'the same but for white space and comments',
  differs: 'differs',
  unreadable: 'cannot be compared',
  absent: 'not there',
}

function nameOf(key: string): string {
  return printable(key.slice(KEY.length + 1) || 'default', 40)
}

/** Rows of the report: each template with its hash, and how it stands to its publisher's. */
export function templateRows(template: TemplateSummary | null): [string, string | null][] {
  if (template === null) return [['template', null]]
  if (!template.present) return [['template', 'none'], ...upstreamRow(template)]
  return [
    ...template.keys.map((key, i): [string, string] => {
      const hash = template.sha256[key]
      const name = key === KEY ? `${template.length.toLocaleString('en')} characters` : nameOf(key)
      const state = template.state[key] === 'clean' ? 'nothing found in it' : 'see the findings'
      return [i === 0 ? 'template' : '', `${name}, ${state}${hash === undefined ? '' : `, SHA-256 ${hash}`}`]
    }),
    ...upstreamRow(template),
  ]
}

function upstreamRow({ upstream, keys }: TemplateSummary): [string, string][] {
  if (upstream === null) return []
  const said = keys.map((key) => {
    const state = STATES[upstream.templates[key]?.state ?? 'unreadable']
    return keys.length === 1 && key === KEY ? state : `${nameOf(key)} ${state}`
  })
  if (upstream.missing.length > 0)
    said.push(
      `without its ${upstream.missing
        .slice(0, MAX_SHOWN)
        .map((name) => printable(name, 40))
        .join(', ')}`,
    )
  return [['upstream', `${printable(upstream.from, 80)}: ${said.join('; ')}`]]
}

/** What a template has more, and less, than its publisher's. */
export function templateDifferenceLines(template: TemplateSummary | null): string[] {
  return Object.entries(template?.upstream?.templates ?? {}).flatMap(([key, { added, removed }]) => {
    const name = key === KEY ? '' : `${nameOf(key)}: `
    return [...linesOf(`${name}added`, added), ...linesOf(`${name}removed`, removed)]
  })
}

function linesOf(how: string, { texts, conditions, statements }: Difference['added']): string[] {
  return (
    [
      ['text', texts],
      ['condition', conditions],
      ['statement', statements],
    ] as const
  ).flatMap(([what, parts]) => {
    const lines = parts.slice(0, MAX_SHOWN).map((part) => `    ${how} ${what}: ${printable(part, 120)}`)
    const rest = parts.length - lines.length
    return rest > 0 ? [...lines, `    ${how} ${rest} more ${what}s`] : lines
  })
}
