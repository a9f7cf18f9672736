import { QalError, type ErrorCode, type QalErrorFacts } from '../core/error.ts'
import type { FetchProgress } from './fetch-protocol.ts'

/** A tracker or web seed that could not be used, with its last failure. */
export interface FetchProblem {
  url: string
  code: ErrorCode
  message: string
}

/** Why nothing new came for so long. */
export function idleError(
  infoHash: string,
  progress: FetchProgress | undefined,
  problems: ReadonlyMap<string, FetchProblem>,
  idleMs: number,
): QalError {
  if (progress && progress.badPieces > 0) return badData(infoHash, progress, problems)
  const failed = [...problems.values()].map(({ message }) => message)
  const received = (progress?.fromPeers ?? 0) + (progress?.fromWebSeeds ?? 0)
  if (received > 0) {
    const why = [`no new byte for ${idleMs} ms`, ...failed].join('; ').slice(0, 500)
    return timeout(infoHash, why, progress)
  }
  if ((progress?.peersSeen ?? 0) > 0) return noPeers(infoHash, 'nobody there has what is missing')
  if ((progress?.refusedPeers ?? 0) > 0)
    return refused(infoHash, `${progress?.refusedPeers} peers are at addresses that are not public`)
  return noPeers(infoHash, ['no peer answers', ...failed].join('; ').slice(0, 500))
}

export function noPeers(infoHash: string, why: string): QalError {
  return new QalError('swarm_no_peers', `Cannot fetch ${infoHash}: ${why}`, { subject: infoHash, found: why })
}

export function refused(infoHash: string, why: string): QalError {
  return new QalError('swarm_address_refused', `Cannot fetch ${infoHash}: ${why}`, {
    subject: infoHash,
    expected: 'public addresses',
    found: why,
  })
}

export function timeout(infoHash: string, why: string, progress: FetchProgress | undefined): QalError {
  return new QalError('swarm_timeout', `Cannot fetch ${infoHash}: ${why}`, {
    subject: infoHash,
    found: `${progress?.downloaded ?? 0} bytes from ${progress?.peersSeen ?? 0} peers`,
  })
}

export function stopped(infoHash: string, cause: unknown): QalError {
  return new QalError('swarm_stopped', `Cannot fetch ${infoHash}: it was stopped`, {
    subject: infoHash,
    cause,
  })
}

/** Names who sent wrong bytes where that is known. */
export function badData(
  infoHash: string,
  progress: FetchProgress,
  problems: ReadonlyMap<string, FetchProblem>,
): QalError {
  const liars = [...problems.values()].filter(({ code }) => code === 'swarm_bad_data').map(({ url }) => url)
  const from =
    liars.length > 0 ? liars.slice(0, 5).join(', ') : `${progress.peersSeen} peers and the web seeds`
  const found = `${progress.badPieces} wrong pieces from ${from}`.slice(0, 500)
  return new QalError('swarm_bad_data', `Cannot fetch ${infoHash}: got ${found}`, {
    subject: infoHash,
    found,
  })
}

/** What the child process says went wrong, or that it is gone. */
export function childError(
  infoHash: string,
  why: string,
  { code = 'swarm_client_failed', facts = {} }: { code?: ErrorCode; facts?: QalErrorFacts } = {},
): QalError {
  const disk = /\b(?:ENOSPC|EDQUOT|EIO|EROFS|EACCES)\b/.test(why)
  const said = code === 'swarm_client_failed' ? `Cannot fetch ${infoHash}: ${why}` : why
  return new QalError(disk ? 'swarm_disk' : code, said, { subject: infoHash, found: why, ...facts })
}
