import { isIP } from 'node:net'
import { parseDht, isLoopback } from '../deploy/settings.ts'
import { addressPolicy, parseSwarmUrl, type AddressPolicy } from '../swarm/addresses.ts'
import { usageError } from './output.ts'

/** Options that `get` and `seed` share. */
export interface SwarmFlags {
  allow?: string[]
  dht?: string
  listen?: string
  upLimit?: string
}

const LOOPBACK = ['127.0.0.0/8', '::1/128']

/**
 * Which addresses may be spoken to: public ones, and what `--allow` names. A
 * site on this very machine is asked by whoever runs it, and its trackers and
 * seeds are here too, so then loopback is allowed; a site inside a network
 * allows nothing by itself.
 */
export function policyOf(allow: readonly string[] | undefined, local: boolean): AddressPolicy {
  return addressPolicy([...(local ? LOOPBACK : []), ...(allow ?? []).map(entryOf)])
}

/** A bare address is all its ports. */
function entryOf(entry: string): string {
  const family = isIP(entry)
  return family === 0 ? entry : `${entry}/${family === 4 ? 32 : 128}`
}

/** Says whether a URL leads to this machine alone. */
export function isLocalUrl(url: string): boolean {
  return isLoopback(parseSwarmUrl(url).host)
}

/** Routers of the DHT, or null where it is left alone: by default it is asked, but not where everything is on this machine. */
export function dhtRouters(flag: string | undefined, local: boolean): readonly string[] | null {
  const said = flag ?? process.env['QAL_DHT']
  if (said === undefined || said === '') return local ? null : (parseDht('on', '0')?.routers ?? null)
  return parseDht(said, '0')?.routers ?? null
}

/** Where peers may connect to: every address and a free port by default; null for `off`. */
export function listenOn(flag: string | undefined, local: boolean): { host?: string; port: number } | null {
  if (flag === 'off') return null
  if (flag === undefined) return local ? { host: '127.0.0.1', port: 0 } : { port: 0 }
  const match = /^(?:(?:\[([0-9a-f:.]+)\]|([0-9.]+)):)?(\d{1,5})$/i.exec(flag)
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  if (!match || port > 65_535 || (host !== undefined && isIP(host) === 0))
    throw usageError('--listen', 'a port, address:port, or off', flag)
  return { ...(host !== undefined && { host }), port }
}

/** Bytes a second from such as `500K` or `2.5M`; 1K is 1024. */
export function rateOf(option: string, flag: string | undefined): number | null {
  if (flag === undefined) return null
  const match = /^(\d{1,9}(?:\.\d{1,3})?)([KMG]?)$/i.exec(flag.trim())
  const unit = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[(match?.[2] ?? '').toUpperCase()] ?? 1
  const rate = Math.round(Number(match?.[1]) * unit)
  if (!match || rate < MIN_RATE)
    throw usageError(option, 'bytes a second such as 500K or 2M, at least 1K', flag)
  return rate
}

const MIN_RATE = 1024
