import type { IdentifyAnswer, IdentifyMatch } from '../../page-types.ts'

/** As the API takes them: nobody tells more of a hash than these digits. */
const PREFIX_DIGITS = 5

/**
 * What the site knows of a hash: the listings that have it, `unknown`, or
 * `unclear` where too many begin the same to be given.
 */
export type Identified = { state: 'known'; matches: IdentifyMatch[] } | { state: 'unknown' | 'unclear' }

/**
 * Asks the site by the first five digits of a SHA-256, or of a torrent's info
 * hash, and compares the rest here. Throws where the site cannot be asked.
 */
export async function identify(
  hash: string,
  { of = 'sha256', signal }: { of?: 'sha256' | 'info-hash'; signal?: AbortSignal } = {},
): Promise<Identified> {
  const prefix = hash.slice(0, PREFIX_DIGITS)
  const path = of === 'sha256' ? `/api/identify/${prefix}` : `/api/identify/info-hash/${prefix}`
  const response = await fetch(path, {
    headers: { accept: 'application/json' },
    ...(signal === undefined ? {} : { signal }),
  })
  if (!response.ok) throw new Error(`the site answered ${response.status}`)
  return select((await response.json()) as IdentifyAnswer, hash, of)
}

/** Picks from an answer what has the whole hash. */
export function select(answer: IdentifyAnswer, hash: string, of: 'sha256' | 'info-hash'): Identified {
  const matches = answer.matches.filter((match) =>
    of === 'sha256' ? match.sha256 === hash : match.info_hash === hash || match.info_hash_v2 === hash,
  )
  if (matches.length > 0) return { state: 'known', matches }
  return { state: answer.more ? 'unclear' : 'unknown' }
}
