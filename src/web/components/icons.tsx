import type { JSX } from 'preact'
import type { Tier } from '../../core/views.ts'
import type { Tone } from './wording.ts'

/** Every symbol, drawn by us on a grid of 16; the sprite stands once in each page. */
const SHAPES = {
  star: <path d="M8 .8 10.2 5.7 15.5 6.2 11.5 9.8 12.7 15 8 12.3 3.3 15 4.5 9.8.5 6.2 5.8 5.7Z" />,
  diamond: <path d="M8 .5 15 8 8 15.5 1 8Z" />,
  disc: <circle cx="8" cy="8" r="6.4" />,
  ring: <path fill-rule="evenodd" d="M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Zm0 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z" />,
  block: <path d="M2 2H14V14H2Z" />,
  check: <path d="M6.2 13.6 1 8.4 3.2 6.2 6.2 9.2 12.8 2.4 15 4.6Z" />,
  cross: (
    <path d="M3.4 1.2 8 5.8 12.6 1.2 14.8 3.4 10.2 8 14.8 12.6 12.6 14.8 8 10.2 3.4 14.8 1.2 12.6 5.8 8 1.2 3.4Z" />
  ),
  alert: <path fill-rule="evenodd" d="M8 .8 15.8 15H.2ZM7 5.6V10.4H9V5.6ZM7 11.6V13.4H9V11.6Z" />,
  dash: <path d="M2 6.6H14V9.4H2Z" />,
  clock: (
    <path fill-rule="evenodd" d="M3 1H13V3.4L9.6 8 13 12.6V15H3V12.6L6.4 8 3 3.4ZM5.2 3 8 6.8 10.8 3Z" />
  ),
} satisfies Record<string, JSX.Element>

export type IconName = keyof typeof SHAPES

/** The symbols' definitions, once in each page. */
export function IconSprite() {
  return (
    <svg class="sprite" aria-hidden="true" width="0" height="0">
      <defs>
        {Object.entries(SHAPES).map(([name, shape]) => (
          <symbol id={`i-${name}`} viewBox="0 0 16 16" key={name}>
            {shape}
          </symbol>
        ))}
        <symbol id="i-hex" viewBox="0 0 38 42">
          <path d="M19 0 38 10.5V31.5L19 42 0 31.5V10.5Z" />
        </symbol>
      </defs>
    </svg>
  )
}

/** A symbol for sighted readers; the word for it must stand beside it. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" aria-hidden="true" width="16" height="16">
      <use href={`#i-${name}`} />
    </svg>
  )
}

const TIER_ICONS: Record<Tier, IconName> = {
  official: 'star',
  trusted: 'diamond',
  community: 'disc',
  unverified: 'ring',
}

/** The symbol of a tone, so that no state is told by colour alone. */
export const TONE_ICONS: Record<Tone, IconName> = {
  ok: 'check',
  warn: 'alert',
  bad: 'cross',
  info: 'disc',
  quiet: 'dash',
}

export function tierIcon(tier: Tier): IconName {
  return TIER_ICONS[tier]
}

/** A hexagon badge: shape and symbol; the word stands beside it. */
export function Hex({ of, icon }: { of: Tier | 'hidden'; icon: IconName }) {
  return (
    <svg class={`hex hex-${of}`} viewBox="0 0 38 42" width="38" height="42" aria-hidden="true">
      <use href="#i-hex" class="hex-face" />
      <use href={`#i-${icon}`} class="hex-sign" x="11" y="13" width="16" height="16" />
    </svg>
  )
}
