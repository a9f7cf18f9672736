import { formatBytes, formatDuration } from './format.ts'

const WINDOW_MS = 5_000

/** Speed over the last seconds and what it means for the rest. */
export class Pace {
  readonly #total: number
  #samples: { at: number; bytes: number }[]

  constructor(total: number, now: number) {
    this.#total = total
    this.#samples = [{ at: now, bytes: 0 }]
  }

  /** Takes that so many bytes are done at a time (ms). */
  add(bytes: number, now: number): void {
    this.#samples.push({ at: now, bytes })
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > WINDOW_MS) this.#samples.shift()
  }

  /** In thousandths of the whole, rounded down. */
  permille(bytes: number): number {
    return this.#total === 0 ? 1000 : Math.floor((1000 * bytes) / this.#total)
  }

  /** Percent, bytes, speed and time left in one line. */
  figures(bytes: number): string {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    const seconds = first === undefined || last === undefined ? 0 : (last.at - first.at) / 1000
    const speed = seconds === 0 ? 0 : ((last?.bytes ?? 0) - (first?.bytes ?? 0)) / seconds
    const left = speed === 0 ? '—' : formatDuration((this.#total - bytes) / speed)
    const percent = this.#total === 0 ? 100 : Math.floor((100 * bytes) / this.#total)
    return [
      `${percent} %`,
      `${formatBytes(bytes)} of ${formatBytes(this.#total)}`,
      speed === 0 ? 'speed —' : `${formatBytes(speed)}/s`,
      `${left} left`,
    ].join(' · ')
  }
}
