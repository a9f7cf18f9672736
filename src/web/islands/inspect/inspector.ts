import { readLabel } from '../../../gguf/index.ts'
import { Cancelled } from '../hasher.ts'
import { Pace } from '../pace.ts'
import { groupFiles } from './group-files.ts'
import { identify, type Identified } from './identify.ts'
import { Reader } from './reader.ts'
import type { Report } from './report.ts'
import { IDLE, type InspectActions, type InspectState } from './state.ts'

/** Reads, hashes and asks about what is dropped, and says after each step what is known. */
export class Inspector implements InspectActions {
  state: InspectState = IDLE
  readonly #changed: (state: InspectState) => void
  // Both workers start with the page, so that it goes on working without a network.
  readonly #reader = new Reader()
  readonly #hasher = new Reader()
  #files: File[][] = []
  #mine = new AbortController()
  #hashing = new AbortController()

  constructor(changed: (state: InspectState) => void) {
    this.#changed = changed
  }

  take(files: File[]): void {
    if (files.length === 0) return
    this.#files = groupFiles(files)
    const groups = this.#files.map((group) => group.map(({ name, size }) => ({ name, size })))
    this.#set({ groups })
    this.show(0)
  }

  show(shown: number): void {
    const files = this.#files[shown]
    if (files === undefined) return
    this.#mine.abort()
    this.#hashing.abort()
    this.#mine = new AbortController()
    this.#set({
      shown,
      phase: 'reading',
      report: null,
      failure: '',
      hash: { phase: 'none' },
      known: { phase: 'none' },
    })
    void this.#look(files, this.#mine.signal)
  }

  claim(text: string): void {
    const label = text.trim()
    if (label !== '' && readLabel(label).fileType === null) {
      this.#set({ label, labelProblem: 'Expected the name of a file type, such as Q4_K_M or F16' })
      return
    }
    this.#set({ label, labelProblem: null })
    const files = this.#files[this.state.shown]
    if (files !== undefined && this.state.report?.kind === 'model') void this.#read(files, this.#mine.signal)
  }

  cancel(): void {
    this.#hashing.abort()
  }

  hashAgain(): void {
    const files = this.#files[this.state.shown]
    if (files !== undefined) void this.#hash(files, this.#mine.signal)
  }

  askAgain(): void {
    const { report, hash } = this.state
    const { signal } = this.#mine
    if (report?.kind === 'torrent') void this.#ask(hashesOf(report), 'info-hash', signal)
    else if (hash.phase === 'done')
      void this.#ask(
        hash.digests.map(({ sha256 }) => sha256),
        'sha256',
        signal,
      )
  }

  async #look(files: File[], signal: AbortSignal): Promise<void> {
    const report = await this.#read(files, signal)
    if (report?.kind === 'torrent') await this.#ask(hashesOf(report), 'info-hash', signal)
    else if (report?.kind === 'model') await this.#hash(files, signal)
  }

  async #read(files: File[], signal: AbortSignal): Promise<Report | null> {
    const { label, labelProblem } = this.state
    const claim = label === '' || labelProblem !== null ? undefined : label
    try {
      const report = await this.#reader.read(files, { label: claim, signal })
      this.#set({ phase: 'read', report })
      return report
    } catch (error) {
      if (!(error instanceof Cancelled)) this.#set({ phase: 'failed', failure: reasonOf(error) })
      return null
    }
  }

  async #hash(files: File[], signal: AbortSignal): Promise<void> {
    const total = files.reduce((sum, { size }) => sum + size, 0)
    const pace = new Pace(total, performance.now())
    const show = (bytes: number): void => {
      pace.add(bytes, performance.now())
      this.#set({ hash: { phase: 'running', permille: pace.permille(bytes), figures: pace.figures(bytes) } })
    }
    this.#hashing.abort()
    const mine = new AbortController()
    this.#hashing = mine
    show(0)
    try {
      const digests = await this.#hasher.hash(files, {
        signal: AbortSignal.any([signal, mine.signal]),
        progress: show,
      })
      this.#set({ hash: { phase: 'done', digests } })
      await this.#ask(
        digests.map(({ sha256 }) => sha256),
        'sha256',
        signal,
      )
    } catch (error) {
      // Another file is shown by now.
      if (signal.aborted || this.#hashing !== mine) return
      this.#set({
        hash:
          error instanceof Cancelled ? { phase: 'cancelled' } : { phase: 'failed', message: reasonOf(error) },
      })
    }
  }

  async #ask(hashes: string[], of: 'sha256' | 'info-hash', signal: AbortSignal): Promise<void> {
    this.#set({ known: { phase: 'asking' } })
    try {
      const found: Identified[] = []
      for (const hash of hashes) found.push(await identify(hash, { of, signal }))
      if (!signal.aborted) this.#set({ known: { phase: 'answered', found } })
    } catch (error) {
      if (!signal.aborted) this.#set({ known: { phase: 'failed', message: reasonOf(error) } })
    }
  }

  #set(change: Partial<InspectState>): void {
    this.state = { ...this.state, ...change }
    this.#changed(this.state)
  }
}

function hashesOf({ torrent }: Extract<Report, { kind: 'torrent' }>): string[] {
  // One is enough: a listing has both of a hybrid.
  return [torrent.info_hash_v2 ?? torrent.info_hash ?? '']
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  // What fetch says where there is no network differs in every browser.
  return error instanceof TypeError ? 'there is no connection' : message
}
