import { isQalError } from '../../../core/error.ts'
import { Cancelled } from '../hasher.ts'
import { Pace } from '../pace.ts'
import { groupFiles } from '../inspect/group-files.ts'
import { identify } from '../inspect/identify.ts'
import { Reader } from '../inspect/reader.ts'
import type { FileDigests, Report } from '../inspect/report.ts'
import type { KnownState } from '../inspect/state.ts'
import { valuesOfModel, valuesOfTorrent, type FormValues } from './fill.ts'
import { notesOf } from './notes.ts'
import { NOTHING, type LocalActions, type LocalState } from './state.ts'
import { makeTorrent, type Made } from './torrent-maker.ts'

/** The form, as far as this needs it. */
export interface FilledForm {
  /** What a field says now. */
  value(name: string): string
  /** Fills fields that are empty or were filled by us, and says which. */
  fill(values: FormValues): string[]
  /** Puts a .torrent into the form's own field, but never over one that a person chose there; whether it did. */
  attach(file: File): boolean
  trackers: readonly string[]
}

/** Reads what is dropped, fills the form from it, and says what does not fit. */
export class Filler implements LocalActions {
  state: LocalState = NOTHING
  readonly #form: FilledForm
  readonly #changed: (state: LocalState) => void
  readonly #reader = new Reader()
  #modelFiles: File[] = []
  #digests: FileDigests[] | null = null
  #roots: readonly (string | null)[] | null = null
  #mine = new AbortController()
  #hashing = new AbortController()

  constructor(form: FilledForm, changed: (state: LocalState) => void) {
    this.#form = form
    this.#changed = changed
  }

  take(files: File[]): void {
    if (files.length > 0) void this.#take(files)
  }

  cancel(): void {
    this.#hashing.abort()
  }

  /** Reads a .torrent that was chosen in the form's own field; null where it was taken out again. */
  async chosen(file: File | null): Promise<void> {
    const made = this.state.made && { ...this.state.made, attached: false }
    this.#set({ made, ...(file === null ? { torrent: null, knownTorrent: { phase: 'none' } } : {}) })
    if (file === null) return
    const report = await this.#read([file])
    if (report !== null) await this.#torrent(report, null)
  }

  /** Looks again at what the form says now. */
  review(): void {
    this.#set({})
  }

  /** Proves the label anew when the form claims another. */
  async claim(): Promise<void> {
    if (this.state.model === null) return
    const report = await this.#read(this.#modelFiles)
    if (report?.kind === 'model') this.#set({ model: report })
  }

  async #take(files: File[]): Promise<void> {
    this.#mine.abort()
    this.#mine = new AbortController()
    const { signal } = this.#mine
    const groups = groupFiles(files)
    let model: File[] | null = null
    let torrents = 0
    const aside: string[] = []
    this.#set({ phase: 'reading', failure: '', aside: null })
    for (const group of groups) {
      const report = await this.#read(group)
      if (signal.aborted || report === null) return
      if (report.kind !== 'model') {
        torrents += 1
        if (torrents > 1) aside.push(group[0]?.name ?? '')
        else await this.#torrent(report, group[0] ?? null)
      } else if (model === null) {
        model = group
        this.#begin(report, group)
      } else aside.push(group[0]?.name ?? '')
    }
    this.#set({
      phase: 'read',
      aside:
        aside.length === 0
          ? null
          : `Left aside: ${aside.slice(0, 5).join(', ').slice(0, 300)}. A listing is one torrent of one model.`,
    })
    if (model !== null) await this.#hash(model, signal)
  }

  #begin(report: Extract<Report, { kind: 'model' }>, files: File[]): void {
    this.#hashing.abort()
    this.#modelFiles = files
    this.#digests = null
    this.#roots = null
    if (this.state.made !== null) URL.revokeObjectURL(this.state.made.url)
    this.#set({
      model: report,
      hash: { phase: 'none' },
      known: { phase: 'none' },
      made: null,
      notMade: null,
      filled: [],
    })
    this.#fill(valuesOfModel(report))
  }

  async #torrent(report: Report, file: File | null): Promise<void> {
    if (report.kind === 'model') {
      // It was chosen as a .torrent and is none by its name or its bytes.
      this.#set({ torrent: null, phase: 'failed', failure: 'this is no .torrent' })
      return
    }
    this.#set({ phase: 'read', torrent: report, knownTorrent: { phase: 'none' } })
    if (report.kind === 'torrent-refused') return
    if (file !== null) this.#form.attach(file)
    this.#fill(valuesOfTorrent(report))
    const { info_hash, info_hash_v2 } = report.torrent
    const knownTorrent = await ask(info_hash_v2 ?? info_hash ?? '', 'info-hash')
    if (this.state.torrent === report) this.#set({ knownTorrent })
  }

  async #read(files: File[]): Promise<Report | null> {
    const quantisation = this.#form.value('quantisation').trim()
    const claimed = files === this.#modelFiles && quantisation !== '' ? quantisation : undefined
    try {
      return await this.#reader.read(files, { label: claimed, signal: this.#mine.signal })
    } catch (error) {
      if (!(error instanceof Cancelled)) this.#set({ phase: 'failed', failure: reasonOf(error) })
      return null
    }
  }

  async #hash(files: File[], signal: AbortSignal): Promise<void> {
    this.#hashing = new AbortController()
    const mine = this.#hashing
    const total = files.reduce((sum, { size }) => sum + size, 0)
    const pace = new Pace(total, performance.now())
    const show = (bytes: number): void => {
      pace.add(bytes, performance.now())
      this.#set({ hash: { phase: 'running', permille: pace.permille(bytes), figures: pace.figures(bytes) } })
    }
    show(0)
    try {
      const made = await makeTorrent(
        { files, trackers: [...this.#form.trackers] },
        { signal: AbortSignal.any([signal, mine.signal]), progress: show },
      )
      await this.#hashed(made, signal)
    } catch (error) {
      if (signal.aborted || this.#hashing !== mine) return
      this.#set({
        hash:
          error instanceof Cancelled ? { phase: 'cancelled' } : { phase: 'failed', message: reasonOf(error) },
      })
    }
  }

  async #hashed({ digests, roots, torrent, refused }: Made, signal: AbortSignal): Promise<void> {
    this.#digests = digests
    this.#roots = roots
    const [first] = digests
    if (first === undefined) return
    this.#set({ hash: { phase: 'done', digests }, ...this.#keep(torrent), notMade: refused?.message ?? null })
    this.#fill({ size_bytes: String(first.size), sha256: first.sha256, md5: first.md5 })
    const known = await ask(first.sha256, 'sha256')
    if (!signal.aborted) this.#set({ known })
  }

  /** Offers the torrent that was made, and attaches it where the form has none. */
  #keep(torrent: Made['torrent']): Partial<LocalState> {
    if (torrent === null || this.state.torrent?.kind === 'torrent') return { made: null }
    const file = new File([torrent.bytes], `${torrent.name}.torrent`, { type: 'application/x-bittorrent' })
    const url = URL.createObjectURL(file)
    return { made: { ...torrent, url, attached: this.#form.attach(file) } }
  }

  #fill(values: FormValues): void {
    const filled = this.#form.fill(values)
    this.#set({ filled: [...new Set([...this.state.filled, ...filled])] })
  }

  #set(change: Partial<LocalState>): void {
    const state = { ...this.state, ...change }
    const { model, torrent } = state
    const notes = notesOf({
      model,
      torrent: torrent?.kind === 'torrent' ? torrent : null,
      digests: this.#digests,
      roots: this.#roots,
      name: this.#form.value('name').trim(),
      quantisation: this.#form.value('quantisation').trim(),
      trackers: this.#form.trackers,
    })
    this.state = { ...state, notes }
    this.#changed(this.state)
  }
}

async function ask(hash: string, of: 'sha256' | 'info-hash'): Promise<KnownState> {
  try {
    return { phase: 'answered', found: [await identify(hash, { of })] }
  } catch (error) {
    return {
      phase: 'failed',
      message: error instanceof TypeError ? 'there is no connection' : reasonOf(error),
    }
  }
}

function reasonOf(error: unknown): string {
  if (isQalError(error)) return `${error.message} (${error.code})`
  return error instanceof Error ? error.message : String(error)
}
