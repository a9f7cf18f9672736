import type { HashState, KnownState } from '../inspect/state.ts'
import type { ModelReport, TorrentRefusal, TorrentReport } from '../inspect/report.ts'
import type { Note } from './notes.ts'
import type { MadeTorrent } from './torrent-maker.ts'

/** What the panel above the form shows. */
export interface LocalState {
  phase: 'idle' | 'reading' | 'failed' | 'read'
  /** Why a file could not be read. */
  failure: string
  /** What was left aside of what was dropped. */
  aside: string | null
  model: ModelReport | null
  torrent: TorrentReport | TorrentRefusal | null
  hash: HashState
  /** Names of the fields that were filled in. */
  filled: string[]
  /** The torrent made here, and where it can be saved from. */
  made: (MadeTorrent & { url: string; attached: boolean }) | null
  /** Why none could be made. */
  notMade: string | null
  /** Listings of the same bytes, and of the same torrent. */
  known: KnownState
  knownTorrent: KnownState
  notes: Note[]
}

export const NOTHING: LocalState = {
  phase: 'idle',
  failure: '',
  aside: null,
  model: null,
  torrent: null,
  hash: { phase: 'none' },
  filled: [],
  made: null,
  notMade: null,
  known: { phase: 'none' },
  knownTorrent: { phase: 'none' },
  notes: [],
}

export interface LocalActions {
  take(files: File[]): void
  cancel(): void
}
