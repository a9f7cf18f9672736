import type { IdentifyMatch } from '../../page-types.ts'
import type { Identified } from './identify.ts'
import type { FileDigests, FileFacts, Report } from './report.ts'

/** How far the hashing of the shown file has come. */
export type HashState =
  | { phase: 'none' }
  | { phase: 'running'; permille: number; figures: string }
  | { phase: 'cancelled' }
  | { phase: 'failed'; message: string }
  | { phase: 'done'; digests: FileDigests[] }

/** What the site said of the hashes; `found` has one entry a file, or one for a torrent. */
export type KnownState =
  | { phase: 'none' }
  | { phase: 'asking' }
  | { phase: 'failed'; message: string }
  | { phase: 'answered'; found: Identified[] }

export interface InspectState {
  phase: 'idle' | 'reading' | 'failed' | 'read'
  /** What was dropped, by what is read as one. */
  groups: FileFacts[][]
  /** Which of them is shown. */
  shown: number
  report: Report | null
  failure: string
  /** What the file was sold as; empty where nobody said. */
  label: string
  /** What is wrong with it. */
  labelProblem: string | null
  hash: HashState
  known: KnownState
}

export const IDLE: InspectState = {
  phase: 'idle',
  groups: [],
  shown: 0,
  report: null,
  failure: '',
  label: '',
  labelProblem: null,
  hash: { phase: 'none' },
  known: { phase: 'none' },
}

/** What a visitor may do. */
export interface InspectActions {
  take(files: File[]): void
  show(group: number): void
  claim(label: string): void
  cancel(): void
  hashAgain(): void
  askAgain(): void
}

/** Whether a listing says that its file must not be used. */
export function isRefusedMatch({ status, consensus }: IdentifyMatch): boolean {
  return (
    status === 'rejected' ||
    status === 'suspended' ||
    status === 'removed' ||
    consensus === 'REFUSED' ||
    consensus === 'SPLIT'
  )
}

/** Every listing that was found, each once. */
export function matchesOf(known: KnownState): IdentifyMatch[] {
  if (known.phase !== 'answered') return []
  const byId = new Map<string, IdentifyMatch>()
  for (const each of known.found)
    if (each.state === 'known')
      for (const match of each.matches) byId.set(match.id, byId.get(match.id) ?? match)
  return [...byId.values()]
}

/** Listings that have every one of these files: a model of several shards is only then that listing. */
export function wholeMatches(known: KnownState): IdentifyMatch[] {
  if (known.phase !== 'answered') return []
  return matchesOf(known).filter(({ id }) =>
    known.found.every((each) => each.state === 'known' && each.matches.some((match) => match.id === id)),
  )
}
