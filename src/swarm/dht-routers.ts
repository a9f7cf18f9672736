import { isIP } from 'node:net'
import { QalError } from '../core/error.ts'

/** Where a node that knows nobody asks first: those of BitTorrent, Inc., uTorrent, Transmission and libtorrent. */
export const WELL_KNOWN_ROUTERS: readonly string[] = [
  'router.bittorrent.com:6881',
  'router.utorrent.com:6881',
  'dht.transmissionbt.com:6881',
  'dht.libtorrent.org:25401',
]

const MAX_ROUTERS = 16

/** Checks a list of `host:port` (names or IPv4 literals); throws `input_dht_router`. */
export function parseRouters(routers: readonly string[]): { host: string; port: number }[] {
  const parsed = routers.map((router) => {
    const match = /^([a-z0-9](?:[a-z0-9.-]{0,252}))?:(\d{1,5})$/i.exec(router.trim())
    const host = match?.[1] ?? ''
    const port = Number(match?.[2])
    // A name of digits alone would be read as an address by some resolvers.
    const odd = isIP(host) === 0 && /^[\d.]+$/.test(host)
    if (host === '' || odd || !(port > 0 && port < 65_536)) throw badRouter(router)
    return { host, port }
  })
  if (parsed.length > MAX_ROUTERS) throw badRouter(`${parsed.length} of them`)
  return parsed
}

function badRouter(found: string): QalError {
  const shown = found.slice(0, 80).replace(/[^\x20-\x7e]/g, '?')
  return new QalError(
    'input_dht_router',
    `Cannot use "${shown}" as a node of the DHT: expected host:port, over IPv4, at most ${MAX_ROUTERS}`,
    { expected: 'host:port', found: shown, exit: 2 },
  )
}
