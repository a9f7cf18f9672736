import { formatBytes, formatDuration } from './format.ts'

const WINDOW_MS = 5_000
const REDRAW_MS = 200

/** Progress with a speed over the last seconds, drawn at most five times a second. */
export class Meter {
  readonly #bar: HTMLProgressElement
  readonly #figures: HTMLElement
  readonly #total: number
  #samples: { at: number; bytes: number }[]
  #drawn = 0

  constructor(bar: HTMLProgressElement, figures: HTMLElement, total: number) {
    this.#bar = bar
    this.#figures = figures
    this.#total = total
    this.#samples = [{ at: performance.now(), bytes: 0 }]
    this.#draw(0, '')
  }

  /** Shows that so many bytes are done; `note` stands after the figures. */
  show(bytes: number, note = ''): void {
    const now = performance.now()
    if (now - this.#drawn < REDRAW_MS && bytes < this.#total) return
    this.#drawn = now
    this.#samples.push({ at: now, bytes })
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > WINDOW_MS) this.#samples.shift()
    this.#draw(bytes, note)
  }

  #draw(bytes: number, note: string): void {
    this.#bar.value = this.#total === 0 ? 1000 : Math.floor((1000 * bytes) / this.#total)
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    const seconds = first === undefined || last === undefined ? 0 : (last.at - first.at) / 1000
    const speed = seconds === 0 ? 0 : ((last?.bytes ?? 0) - (first?.bytes ?? 0)) / seconds
    const left = speed === 0 ? '—' : formatDuration((this.#total - bytes) / speed)
    const percent = this.#total === 0 ? 100 : Math.floor((100 * bytes) / this.#total)
    this.#figures.textContent = [
      `${percent} %`,
      `${formatBytes(bytes)} of ${formatBytes(this.#total)}`,
      speed === 0 ? 'speed —' : `${formatBytes(speed)}/s`,
      `${left} left`,
      ...(note === '' ? [] : [note]),
    ].join(' · ')
  }
}
