const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** Bytes in decimal units with three significant digits, as model pages elsewhere count: `4.92 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit] ?? 'B'}`
}

/** A whole number with commas between thousands. */
export function formatCount(count: number): string {
  return String(Math.trunc(count)).replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',')
}

/** Seconds in the two largest units that matter: `1 h 04 min`, `3 min 20 s`, `8 s`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '—'
  const whole = Math.max(0, Math.round(seconds))
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor((whole % 3600) / 60)
  const rest = String(whole % 60)
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, '0')} min`
  return minutes > 0 ? `${minutes} min ${rest.padStart(2, '0')} s` : `${rest} s`
}

/** The day of an ISO time. */
export function formatDay(iso: string): string {
  return iso.slice(0, 10)
}

/** Day and minute of an ISO time in UTC. */
export function formatMinute(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`
}

/** A parameter count as names carry it: `70.6B`, `1.1M`. */
export function formatParameters(count: number): string {
  const scales = [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'K'],
  ] as const
  for (const [scale, letter] of scales)
    if (count >= scale) return `${(count / scale).toPrecision(3).replace(/\.0+$/, '')}${letter}`
  return String(count)
}
