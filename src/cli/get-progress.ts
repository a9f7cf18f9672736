import type { FetchProblem } from '../swarm/fetch-errors.ts'
import type { FetchState } from '../swarm/fetch-run.ts'
import { humanBytes, safeLine } from './output.ts'
import { clock, drawBar } from './progress.ts'

export interface GetProgress {
  update(state: FetchState): void
  /** Another step than the download. */
  step(label: string, done: number, total: number): void
  /** A line of its own, which stays. */
  say(line: string): void
  /** A tracker, web seed or peer that could not be used; each once for each reason. */
  problem(problem: FetchProblem): void
  end(): void
}

type Terminal = { isTTY?: boolean; columns?: number; write(text: string): unknown }

const REDRAW_MS = 200
/** Where no line can be drawn over: now and then, so that a log shows that it goes on. */
const LINE_EVERY_MS = 15_000
/** The speed is that of the last so many ms. */
const SPEED_OVER_MS = 5_000

/** Shows on stderr how a download goes: one line that is drawn over in a terminal, plain lines now and then elsewhere. */
export function startGetProgress(
  stream: Terminal = process.stderr,
  now = () => performance.now(),
): GetProgress {
  const tty = stream.isTTY === true
  const told = new Set<string>()
  const samples: { at: number; done: number }[] = []
  let drawn = -Infinity
  let shown = ''

  function wipe(): void {
    if (tty && shown !== '') stream.write('\r\x1b[K')
    shown = ''
  }
  function show(line: string, label: string): void {
    const at = now()
    const changed = label !== shown
    if (!changed && at - drawn < (tty ? REDRAW_MS : LINE_EVERY_MS)) return
    drawn = at
    shown = label
    stream.write(tty ? `\r\x1b[K${fit(line, stream.columns)}` : `${line}\n`)
  }
  function say(line: string): void {
    wipe()
    stream.write(`${line}\n`)
  }

  return {
    update(state) {
      const { label, done, total } = stepOf(state)
      const at = now()
      if (samples.at(-1)?.done !== done || samples.length === 0) samples.push({ at, done })
      while (samples.length > 2 && at - (samples[0]?.at ?? at) > SPEED_OVER_MS) samples.shift()
      const [first] = samples
      // Another step begins again from nothing.
      if (first && first.done > done) samples.splice(0, samples.length, { at, done })
      const speed = first && at > first.at ? Math.max(0, ((done - first.done) / (at - first.at)) * 1000) : 0
      show(getLine({ ...state, label, done, total, speed }), label)
    },
    step: (label, done, total) => show(`${label} ${percent(done, total)}`, label),
    say,
    problem({ url, code, message }) {
      const key = `${url} ${code}`
      if (told.has(key)) return
      told.add(key)
      say(safeLine(message).slice(0, 300))
    },
    end: wipe,
  }
}

function stepOf({ checking, downloaded, hashed, totalBytes }: FetchState): {
  label: string
  done: number
  total: number
} {
  if (totalBytes === 0) return { label: 'Asking peers what it is', done: 0, total: 0 }
  if (checking) return { label: 'Checking what is here', done: checking.done, total: checking.total }
  if (downloaded >= totalBytes) return { label: 'Verifying', done: hashed, total: totalBytes }
  return { label: 'Downloading', done: downloaded, total: totalBytes }
}

/** One line's text. */
export function getLine(
  state: Pick<FetchState, 'peers' | 'fromWebSeeds' | 'hashed' | 'totalBytes'> & {
    label: string
    done: number
    total: number
    speed: number
  },
): string {
  const { label, done, total, speed, peers, fromWebSeeds, hashed, totalBytes } = state
  const from = `${peers} ${peers === 1 ? 'peer' : 'peers'}${fromWebSeeds > 0 ? ' and the web' : ''}`
  if (total === 0) return `${label}  ${from}`
  const left = speed > 0 ? `${clock(Math.ceil((total - done) / speed))} left` : '--:-- left'
  const parts = [`${humanBytes(done)} of ${humanBytes(total)}`, `${humanBytes(Math.round(speed))}/s`, left]
  if (label === 'Downloading') parts.push(from, `verified ${percent(hashed, totalBytes)}`)
  return `${label} ${drawBar(done / total, 16)} ${percent(done, total)}  ${parts.join('  ')}`
}

function percent(done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  return `${String(Math.floor(share * 100)).padStart(3)} %`
}

/** A line that wraps could not be drawn over. */
function fit(line: string, columns = Number.POSITIVE_INFINITY): string {
  return line.length < columns ? line : line.slice(0, Math.max(0, columns - 1))
}
