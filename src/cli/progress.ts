import { humanBytes } from './output.ts'

const REDRAW_MS = 100
const BAR_CHARS = 24

export interface Progress {
  /** So many bytes are done, of so many. */
  update(doneBytes: number, totalBytes: number): void
  /** Wipes the bar. */
  end(): void
}

/**
 * A progress bar with speed and time left on stderr, only where that is a
 * terminal; elsewhere it stays silent, so that logs and pipes stay clean.
 */
export function startProgress(
  label: string,
  stream: { isTTY?: boolean; write(text: string): unknown } = process.stderr,
): Progress {
  if (stream.isTTY !== true) return { update: () => undefined, end: () => undefined }
  const started = performance.now()
  let drawn = -Infinity
  return {
    update: (done, total) => {
      const now = performance.now()
      if (now - drawn < REDRAW_MS && done < total) return
      drawn = now
      stream.write(`\r\x1b[K${progressLine(label, done, total, (now - started) / 1000)}`)
    },
    end: () => {
      stream.write('\r\x1b[K')
    },
  }
}

/** The bar's text after so many seconds. */
export function progressLine(label: string, done: number, total: number, seconds: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const filled = Math.round(share * BAR_CHARS)
  const bar = '#'.repeat(filled) + '-'.repeat(BAR_CHARS - filled)
  const speed = seconds > 0 ? done / seconds : 0
  const left = speed > 0 ? clock(Math.ceil((total - done) / speed)) : '--:--'
  return `${label} [${bar}] ${String(Math.floor(share * 100)).padStart(3)} %  ${humanBytes(done)} of ${humanBytes(total)}  ${humanBytes(Math.round(speed))}/s  ${left} left`
}

function clock(seconds: number): string {
  const hours = Math.floor(seconds / 3600)
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return hours > 0 ? `${hours}:${rest}` : rest
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
