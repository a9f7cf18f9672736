/** A mean rating as filled stars and its number. */
export function Stars({ centi }: { centi: number }) {
  const mean = (centi / 100).toFixed(2)
  return (
    <span class="stars">
      <svg viewBox="0 0 88 16" width="88" height="16" aria-hidden="true">
        {[0, 1, 2, 3, 4].map((index) => {
          const filled = Math.min(1, Math.max(0, centi / 100 - index))
          return (
            <svg x={index * 18} width="16" height="16" viewBox="0 0 16 16" key={index}>
              <use href="#i-star" class="star-off" />
              <svg width={16 * filled} height="16" viewBox={`0 0 ${16 * filled} 16`}>
                {filled === 0 ? null : <use href="#i-star" class="star-on" width="16" height="16" />}
              </svg>
            </svg>
          )
        })}
      </svg>
      <b>{mean}</b>
      <span class="sr"> of 5 stars</span>
    </span>
  )
}
