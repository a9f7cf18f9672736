import { humanBytes } from './output.ts'

const REDRAW_MS = 100
const BAR_CHARS = 24
const MIN_BAR_CHARS = 5

export interface Progress {
  /** So many bytes are done, of so many. */
  update(doneBytes: number, totalBytes: number): void
  /** Wipes the bar. */
  end(): void
}

type Terminal = { isTTY?: boolean; columns?: number; write(text: string): unknown }

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/**
 * A progress bar with speed and time left on stderr, only where that is a
 * terminal; elsewhere it stays silent, so that logs and pipes stay clean. A
 * Ctrl-C wipes it before it ends the program.
 */
export function startProgress(label: string, stream: Terminal = process.stderr): Progress {
  if (stream.isTTY !== true) return { update: () => undefined, end: () => undefined }
  const started = performance.now()
  let drawn = -Infinity
  const end = (): void => {
    for (const signal of SIGNALS) process.off(signal, interrupted)
    stream.write('\r\x1b[K')
  }
  const interrupted = (signal: NodeJS.Signals): void => {
    end()
    // Ours was one listener too many for the signal to do what it always does; whoever else listens has it already.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
  }
  for (const signal of SIGNALS) process.on(signal, interrupted)
  return {
    update: (done, total) => {
      const now = performance.now()
      if (now - drawn < REDRAW_MS && done < total) return
      drawn = now
      const line = progressLine(label, done, total, (now - started) / 1000, stream.columns)
      stream.write(`\r\x1b[K${line}`)
    },
    end,
  }
}

/** The bar's text after so many seconds, no wider than the terminal: a line that wraps could not be drawn over. */
export function progressLine(
  label: string,
  done: number,
  total: number,
  seconds: number,
  columns = Number.POSITIVE_INFINITY,
): string {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const percent = `${String(Math.floor(share * 100)).padStart(3)} %`
  const speed = seconds > 0 ? done / seconds : 0
  const left = speed > 0 ? clock(Math.ceil((total - done) / speed)) : '--:--'
  const text = `${percent}  ${humanBytes(done)} of ${humanBytes(total)}  ${humanBytes(Math.round(speed))}/s  ${left} left`
  // One column stays free: some terminals wrap when the last one is written.
  const room = columns - 1 - `${label} [] ${text}`.length
  if (room >= MIN_BAR_CHARS) return `${label} ${drawBar(share, Math.min(BAR_CHARS, room))} ${text}`
  const short = `${label} ${percent}  ${left} left`
  return [`${label} ${text}`, short].find((line) => line.length < columns) ?? percent.trim()
}

/** Drawn with plain characters, so many of them between the brackets. */
export function drawBar(share: number, width: number): string {
  const filled = Math.round(share * width)
  return `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`
}

/** Seconds as `1:02:03` or `02:03`. */
export function clock(seconds: number): string {
  const hours = Math.floor(seconds / 3600)
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return hours > 0 ? `${hours}:${rest}` : rest
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
