import { isQalError } from '../core/error.ts'
import type { ListedFile } from '../core/events.ts'
import { primaryFile } from '../core/files.ts'
import type { Check } from '../core/report.ts'
import type { AddressPolicy } from '../swarm/addresses.ts'
import { checkedGet } from '../swarm/checked-http.ts'
import { checkWebAnswer } from '../swarm/web-answer.ts'
import { webSeedUrl } from '../swarm/web-seed.ts'
import type { Metainfo } from '../torrent/metainfo.ts'
import { printable } from '../torrent/refuse.ts'

const TIMEOUT_MS = 20_000
const MAX_SEEDS = 50
const AT_ONCE = 4

/**
 * Asks each web seed for one byte of the model, which tells whether it serves
 * ranges of a file of that size. A bad one harms nobody, since every piece is
 * checked, so that it is named and nothing fails.
 */
export async function checkWebSeeds(
  metainfo: Metainfo,
  files: readonly ListedFile[],
  options: { policy: AddressPolicy; signal?: AbortSignal },
): Promise<Check[]> {
  const path = primaryFile(files)?.path
  const file = metainfo.files.find((each) => each.path === path && each.size_bytes > 0)
  const seeds = metainfo.web_seeds.slice(0, MAX_SEEDS)
  const checks: Check[] = []
  if (file === undefined) return checks
  for (let at = 0; at < seeds.length; at += AT_ONCE) {
    const some = seeds.slice(at, at + AT_ONCE)
    const probe = (seed: string): Promise<Check> =>
      checkSeed(seed, webSeedUrl(seed, file.path, metainfo.single_file), file.size_bytes, options)
    checks.push(...(await Promise.all(some.map(probe))))
  }
  return checks
}

async function checkSeed(
  seed: string,
  url: string,
  size: number,
  { policy, signal }: { policy: AddressPolicy; signal?: AbortSignal },
): Promise<Check> {
  const shown = printable(seed).slice(0, 200)
  try {
    await checkedGet(url, {
      policy,
      maxBytes: 1,
      timeoutMs: TIMEOUT_MS,
      maxUrlLength: 8_192,
      headers: { range: 'bytes=0-0' },
      onHead: (head) => checkWebAnswer(head, { url, from: 0, length: 1, size }),
      ...(signal && { signal }),
    })
    return {
      id: 'web_seed',
      verdict: 'pass',
      message: `Web seed ${shown} serves ranges of the file`,
      found: seed.slice(0, 500),
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (!isQalError(error)) throw error
    const why = error.facts.found ?? error.message
    return {
      id: 'web_seed',
      verdict: 'skipped',
      message: `Web seed ${shown} is of no use now: ${why}`.slice(0, 500),
      found: seed.slice(0, 500),
    }
  }
}
