import type { ComponentChildren } from 'preact'
import { Panel, State } from './bits.tsx'
import type { Tone, Word } from './wording.ts'

/** Where a chamber stands: at the top, at the left below it, at the right below it. */
type Place = 'form' | 'integrity' | 'behaviour'
type ChamberState = 'pass' | 'fail' | 'skipped' | 'pending'

export interface Chamber {
  place: Place
  title: string
  /** What stands before the other chambers' number in the reading order. */
  number: number
  state: ChamberState
  word: Word
  sentence: string
}

interface ChambersProps {
  title: string
  code: ComponentChildren
  kind: string
  /** The first is set larger. */
  facts: { label: string; value: string }[]
  stamp: { word: string; class: string; spoken: string }
  /** What stands between the chambers. */
  centre: string
  /** In reading order. */
  chambers: [Chamber, Chamber, Chamber]
  note: { text: string; tone: Tone }
}

/** Three judges, joined, and the one word they come to. */
export function Chambers({ title, code, kind, facts, stamp, centre, chambers, note }: ChambersProps) {
  const passed = new Set(chambers.filter(({ state }) => state === 'pass').map(({ place }) => place))
  const linked = (a: Place, b: Place): string => (passed.has(a) && passed.has(b) ? 'link link-lit' : 'link')
  return (
    <Panel title={title} kind={`consensus ${kind}`} code={code}>
      <div class="magi">
        <svg class="magi-links" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
          <path class={linked('integrity', 'form')} d="M22 74 50 24" />
          <path class={linked('form', 'behaviour')} d="M50 24 78 74" />
          <path class={linked('integrity', 'behaviour')} d="M22 76H78" />
        </svg>
        <dl class="magi-facts">
          {facts.map(({ label, value }, index) => (
            <div class={index === 0 ? 'magi-code' : undefined} key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <p class={`stamp ${stamp.class}${stamp.word.length > 9 ? ' stamp-long' : ''}`}>
          <span class="sr">{stamp.spoken}: </span>
          {stamp.word}
        </p>
        <ol class="chambers" data-word={centre}>
          {chambers.map((chamber) => (
            <li class={`chamber chamber-${chamber.place} is-${chamber.state}`} key={chamber.place}>
              <div class="chamber-in">
                <p class="chamber-verdict">
                  <State word={chamber.word} />
                </p>
                <h3>
                  {chamber.title} <span aria-hidden="true">· {chamber.number}</span>
                </h3>
                <p class="chamber-sentence">{chamber.sentence}</p>
              </div>
            </li>
          ))}
        </ol>
      </div>
      <p class={`magi-note tone-${note.tone}`}>{note.text}</p>
    </Panel>
  )
}
