import type { ComponentChildren } from 'preact'
import type { Tier } from '../../core/views.ts'
import { formatDay, formatMinute } from '../islands/format.ts'
import { Icon, TONE_ICONS, tierIcon } from './icons.tsx'
import { TIER_WORDS } from './wording.ts'
import type { Word } from './wording.ts'

/** A state as symbol, colour and word. */
export function State({ word, small = false }: { word: Word; small?: boolean }) {
  return (
    <span class={`state tone-${word.tone}${small ? ' state-small' : ''}`}>
      <Icon name={TONE_ICONS[word.tone]} />
      {word.text}
    </span>
  )
}

/** A tier as symbol and word. */
export function TierWord({ tier }: { tier: Tier }) {
  return (
    <span class={`tier tier-${tier}`}>
      <Icon name={tierIcon(tier)} />
      {TIER_WORDS[tier]}
    </span>
  )
}

/** The mark of listings that the site made itself to show how it works. */
export function DemoMark() {
  return <span class="mark mark-demo">Demo</span>
}

export function Day({ at }: { at: string }) {
  return (
    <time class="mono" datetime={at}>
      {formatDay(at)}
    </time>
  )
}

export function Minute({ at }: { at: string }) {
  return (
    <time class="mono" datetime={at}>
      {formatMinute(at)}
    </time>
  )
}

/** What is not known: a dash to see, words to hear. */
export function Missing({ word }: { word: string }) {
  return (
    <span class="missing">
      <span aria-hidden="true">— </span>
      {word}
    </span>
  )
}

/** A button that the copy island makes work; without it there is nothing to press. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  return (
    <button type="button" class="copy" data-copy={text} hidden>
      Copy<span class="sr"> {what}</span>
    </button>
  )
}

/** A digest or other long code: whole for copying, cut for the eye, and said to be a code. */
export function Code({ text, what }: { text: string; what: string }) {
  return (
    <span class="code">
      <code class="code-text">{text}</code>
      <CopyButton text={text} what={what} />
    </span>
  )
}

interface PanelProps {
  title: string
  /** The small code at the right of the chassis. */
  code?: ComponentChildren
  id?: string
  kind?: string
  children: ComponentChildren
}

/** The structural panel: a thin frame with its label attached as a chamfered tab. */
export function Panel({ title, code, id, kind, children }: PanelProps) {
  return (
    <section class={`panel${kind === undefined ? '' : ` ${kind}`}`} id={id}>
      <header class="panel-head">
        <h2 class="tab">{title}</h2>
        {code === undefined ? null : <span class="panel-code mono">{code}</span>}
      </header>
      {children}
    </section>
  )
}
