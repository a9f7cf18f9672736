import { Pace } from './pace.ts'

const REDRAW_MS = 200

/** Progress with a speed over the last seconds, drawn at most five times a second. */
export class Meter {
  readonly #bar: HTMLProgressElement
  readonly #figures: HTMLElement
  readonly #total: number
  readonly #pace: Pace
  #drawn = 0

  constructor(bar: HTMLProgressElement, figures: HTMLElement, total: number) {
    this.#bar = bar
    this.#figures = figures
    this.#total = total
    this.#pace = new Pace(total, performance.now())
    this.#draw(0, '')
  }

  /** Shows that so many bytes are done; `note` stands after the figures. */
  show(bytes: number, note = ''): void {
    const now = performance.now()
    if (now - this.#drawn < REDRAW_MS && bytes < this.#total) return
    this.#drawn = now
    this.#pace.add(bytes, now)
    this.#draw(bytes, note)
  }

  #draw(bytes: number, note: string): void {
    this.#bar.value = this.#pace.permille(bytes)
    this.#figures.textContent = [this.#pace.figures(bytes), ...(note === '' ? [] : [note])].join(' · ')
  }
}
