import type { ComponentChildren } from 'preact'

interface BroadcastProps {
  word: string
  from: string[]
  children: ComponentChildren
}

/** The emergency broadcast: the whole width, hazard stripes, one word. Only for danger. */
export function Broadcast({ word, from, children }: BroadcastProps) {
  return (
    <section class="broadcast" role="alert" aria-label={`Warning: ${word}`}>
      <div class="broadcast-in">
        <p class="broadcast-from">
          {from.map((line) => (
            <span key={line}>{line}</span>
          ))}
        </p>
        <p class={`broadcast-word${word.length > 9 ? ' broadcast-long' : ''}`}>{word}</p>
        <div class="broadcast-why">{children}</div>
      </div>
    </section>
  )
}
