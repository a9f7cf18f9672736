/** How many tensors match, as a bar. */
export function MatchRail({ matched, total, proven }: { matched: number; total: number; proven: boolean }) {
  return (
    <svg class="rail" width="100%" height="12" aria-hidden="true">
      <rect class="rail-off" width="100%" height="12" />
      <rect
        class={proven ? 'rail-on' : 'rail-part'}
        width={`${Math.floor((1000 * matched) / total) / 10}%`}
        height="12"
      />
    </svg>
  )
}

const MARKS = [2, 4, 8, 16, 32]

function place(bits: number): string {
  return `${(Math.log2(Math.min(32, Math.max(1, bits))) / 5) * 100}%`
}

/** Bits a weight on a logarithmic rule from 1 to 32. */
export function BitsRail({ bits }: { bits: number }) {
  return (
    <svg class="rail rail-bits" width="100%" height="30" aria-hidden="true">
      <rect class="rail-off" width="100%" height="12" />
      <rect class="rail-info" width={place(bits)} height="12" />
      {MARKS.map((mark) => (
        <g key={mark}>
          <rect class="rail-tick" x={place(mark)} width="1" height="15" transform="translate(-1 0)" />
          <text class="rail-mark" x={place(mark)} y="27" text-anchor={mark === 32 ? 'end' : 'middle'}>
            {mark}
          </text>
        </g>
      ))}
    </svg>
  )
}
