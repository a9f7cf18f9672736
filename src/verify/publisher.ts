import { primaryFile } from '../core/files.ts'
import { isQalError } from '../core/error.ts'
import type { ListedFile, PublisherRecorded, Source } from '../core/events.ts'
import type { Check } from '../core/report.ts'
import type { HubAnswer, HubFileFacts, HubQuestion } from '../swarm/hub.ts'
import { printable } from '../torrent/refuse.ts'
import type { FileDigests } from './digest-files.ts'

/** The publisher's hub, as a verifier reaches it. */
export interface Hub {
  /** Its address, as reports name it. */
  base: string
  /** Throws `swarm_…` where nothing is learnt. */
  ask(question: HubQuestion, signal?: AbortSignal): Promise<HubAnswer>
}

export type PublisherClaim = Pick<Source, 'repository' | 'commit' | 'path'>

/** What the hub said, before it is compared; or why it was not asked. */
export type PublisherWord =
  | { asked: false; why: string | null }
  | {
      asked: true
      hub: string
      claim: { repository: string; commit: string; path: string }
      /** Where each file of the listing is in the repository. */
      places: { file: ListedFile; path: string }[]
      answer: HubAnswer | { reason: string }
    }

/** As many as one question takes; models are split into far fewer. */
const MAX_PARTS = 500

/** Asks the hub for what the source names (T13); never throws: a hub that does not tell is an answer. */
export async function askPublisher(
  claim: PublisherClaim | undefined,
  files: readonly ListedFile[],
  hub: Hub | undefined,
  signal?: AbortSignal,
): Promise<PublisherWord> {
  const { repository = null, commit = null, path = null } = claim ?? {}
  if (repository === null) return { asked: false, why: null }
  if (commit === null) return { asked: false, why: 'the source pins no commit, and a branch can change' }
  if (path === null)
    return { asked: false, why: 'the source does not say which file of the repository it is' }
  if (hub === undefined) return { asked: false, why: 'this verifier asks no publisher' }
  const places = placesOf(files, path)
  const asked = { asked: true, hub: hub.base, claim: { repository, commit, path }, places } as const
  // Names of dots alone would be steps in the hub's own address.
  if (
    places.length === 0 ||
    places.length > MAX_PARTS ||
    repository.split('/').some((name) => /^\.+$/.test(name))
  )
    return { ...asked, answer: { reason: 'the source cannot be asked for' } }
  try {
    const answer = await hub.ask({ repository, commit, paths: places.map((place) => place.path) }, signal)
    return { ...asked, answer }
  } catch (error) {
    return { ...asked, answer: { reason: reasonOf(error) } }
  }
}

function reasonOf(error: unknown): string {
  if (!isQalError(error)) return 'it was not reached'
  return error.code === 'swarm_address_refused'
    ? 'its address is not one that this verifier may reach'
    : (error.facts.found ?? error.message)
}

/** The model itself; of a split one every part, which lie beside the first under their own names. */
function placesOf(files: readonly ListedFile[], path: string): { file: ListedFile; path: string }[] {
  const primary = primaryFile(files)
  if (primary === undefined) return []
  if (primary.role !== 'shard') return [{ file: primary, path }]
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  return files
    .filter(({ role }) => role === 'shard')
    .map((file) => ({ file, path: file === primary ? path : folder + baseName(file.path) }))
    .toSorted((a, b) => Number(b.file === primary) - Number(a.file === primary))
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Compares what the hub said with what was downloaded: a check for each file, and what the ledger keeps. */
export function comparePublisher(
  word: PublisherWord,
  digests: ReadonlyMap<string, FileDigests>,
): { checks: Check[]; recorded: PublisherRecorded | null } {
  if (!word.asked) {
    const checks = word.why === null ? [] : [skipped(`The publisher’s digest was not asked for: ${word.why}`)]
    return { checks, recorded: null }
  }
  const { hub, claim, places, answer } = word
  if ('reason' in answer) {
    const reason = answer.reason.slice(0, 300)
    const checks = [skipped(`The publisher’s digest is unknown: ${reason}`)]
    return { checks, recorded: { state: 'unknown', hub, ...claim, ...UNKNOWN, reason } }
  }
  const facts = new Map(answer.files.map((file) => [file.path, file]))
  const checks = places.map(({ file, path }) =>
    compareFile({ file, path, found: digests.get(file.path), known: facts.get(path) }, word.claim, hub),
  )
  const worst =
    checks.find(({ verdict }) => verdict === 'fail') ?? checks.find(({ verdict }) => verdict !== 'pass')
  const first = facts.get(claim.path)
  return {
    checks,
    recorded: {
      state: worst === undefined ? 'equal' : worst.verdict === 'fail' ? 'differs' : 'unknown',
      hub,
      ...claim,
      renamed_to: answer.repository === claim.repository ? null : answer.repository,
      ...(first?.known ? { sha256: first.sha256, size_bytes: first.size_bytes } : NO_DIGEST),
      reason: worst?.message.slice(0, 300) ?? null,
    } as PublisherRecorded,
  }
}

const NO_DIGEST = { sha256: null, size_bytes: null } as const
const UNKNOWN = { renamed_to: null, ...NO_DIGEST } as const

interface Compared {
  file: ListedFile
  /** In the repository. */
  path: string
  found: FileDigests | undefined
  known: HubFileFacts | undefined
}

function compareFile(
  { file, path, found, known }: Compared,
  { repository, commit }: { repository: string; commit: string },
  hub: string,
): Check {
  const name = printable(file.path)
  const there = `${printable(path)} of ${repository} at commit ${commit.slice(0, 12)}`
  if (known === undefined || !known.known)
    return skipped(`The publisher’s digest of ${name} is unknown: ${WHY[known?.why ?? 'missing']}`, file.path)
  if (found === undefined)
    return skipped(`${name} was not compared with the publisher’s: it is not there`, file.path)
  const check = { id: 'publisher_digest', path: file.path, expected: known.sha256, found: found.sha256 }
  if (known.sha256 !== found.sha256)
    return {
      ...check,
      verdict: 'fail',
      message: `${name} is not ${there}: expected SHA-256 ${known.sha256}, got ${found.sha256}`.slice(0, 500),
    }
  if (known.size_bytes !== found.size_bytes)
    return {
      ...check,
      verdict: 'fail',
      message: `${name} is not ${there}: expected ${known.size_bytes} bytes, got ${found.size_bytes}`.slice(
        0,
        500,
      ),
    }
  return {
    ...check,
    verdict: 'pass',
    message: `${name} is ${there}: SHA-256 and size are those that ${hub} says`.slice(0, 500),
  }
}

const WHY = {
  missing: 'the repository has no such path at that commit',
  git_only: 'it is a small file that the hub knows by git’s SHA-1 alone, which is no evidence',
  no_file: 'what is there is no file',
}

function skipped(message: string, path?: string): Check {
  return {
    id: 'publisher_digest',
    verdict: 'skipped',
    message: message.slice(0, 500),
    ...(path === undefined ? {} : { path }),
  }
}
