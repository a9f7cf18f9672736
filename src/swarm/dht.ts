import { lookup as resolveName } from 'node:dns/promises'
import { isIPv4 } from 'node:net'
import type { DhtContact } from 'bittorrent-dht'
import { QalError } from '../core/error.ts'
import { hostPort, type AddressPolicy } from './addresses.ts'
import { emptyFilter, estimateSize, insertAddress, isSaturated, mayContain, unite } from './bloom.ts'
import { compactPeer } from './dht-messages.ts'
import { DhtNode, type DhtAnswer } from './dht-node.ts'
import { parseRouters } from './dht-routers.ts'
import { DhtSocket } from './dht-socket.ts'

export interface DhtOptions {
  /** `host:port` of the nodes to ask first: named by the operator, and reached wherever they are. */
  routers: readonly string[]
  /** Holds every address that strangers name. */
  policy: AddressPolicy
  /** UDP port; 0, the default, picks a free one. */
  port?: number
  /** Address to listen on; by default every one, and loopback where all routers are there. */
  host?: string
  /** Be a node that others may ask, as one that runs for long should; by default it only asks (BEP 43). */
  serve?: boolean
}

export interface LookupOptions {
  /** By then it ends with what it has; default 20 s. */
  timeoutMs?: number
  signal?: AbortSignal
  /** Ends as soon as so many peers are known; default 200. */
  maxPeers?: number
  /** Each peer as it is found, once. */
  onPeer?: (peer: string) => void
}

export interface DhtLookup {
  /** `ip:port`, IPv4, each one that the policy allows. */
  peers: string[]
  /** How many nodes answered. */
  nodes: number
}

/** What the nodes of the DHT together say of a swarm (BEP 33): an estimate, and anyone's word. */
export interface DhtEstimate {
  seeders: number
  leechers: number
  /** How many nodes answered, and how many of them knew the torrent. */
  nodes: number
  informed: number
}

/** A node of the DHT (BEP 5, IPv4). Info hashes are hex; v2 ones are cut to 20 bytes (BEP 52). */
export interface Dht {
  /** UDP. */
  readonly port: number
  /** Finds peers; throws `swarm_dht_failed` when no node answers. */
  findPeers(infoHash: string, options?: LookupOptions): Promise<DhtLookup>
  /** Looks up and says that this machine has the torrent, on this TCP port. Never call it for a private torrent. `told` is how many nodes took it. */
  announce(
    infoHash: string,
    options: LookupOptions & { port: number; seed: boolean },
  ): Promise<DhtLookup & { told: number }>
  /** Estimates a swarm's size; throws `swarm_dht_failed` when no node answers. */
  estimate(infoHash: string, options?: Pick<LookupOptions, 'timeoutMs' | 'signal'>): Promise<DhtEstimate>
  close(): Promise<void>
}

const LOOKUP_MS = 20_000
const RESOLVE_WITHIN_MS = 5_000
const MAX_PEERS = 200

/**
 * Joins the DHT. It is asked for, never the default: it contacts the routers
 * and then strangers. Throws `input_dht_router`, `swarm_dht_listen`, and
 * `swarm_dht_failed` when no router's name can be resolved.
 */
export async function openDht(options: DhtOptions): Promise<Dht> {
  const routers = await resolveRouters(parseRouters(options.routers))
  const inside = routers.length > 0 && routers.every(({ host }) => host.startsWith('127.'))
  const socket = await DhtSocket.open({
    policy: options.policy,
    routers,
    readOnly: options.serve !== true,
    host: options.host ?? (inside ? '127.0.0.1' : '0.0.0.0'),
    port: options.port ?? 0,
  })
  const node = new DhtNode(socket, { routers, serves: options.serve === true })
  node.listen()
  let closing: Promise<void> | undefined

  async function find(
    infoHash: string,
    lookup: LookupOptions,
  ): Promise<DhtLookup & { nearest: DhtContact[] }> {
    const { maxPeers = MAX_PEERS, onPeer } = lookup
    const peers = new Set<string>()
    const { answered: nodes, nearest } = await ask(node, infoHash, {
      ...lookup,
      scrape: false,
      onAnswer({ values }) {
        for (const value of values) {
          const { address, port } = compactPeer(value)
          const peer = hostPort(address, port)
          if (peers.has(peer) || peers.size >= maxPeers || !options.policy.allowsAddress(address, port))
            continue
          peers.add(peer)
          onPeer?.(peer)
        }
        return peers.size < maxPeers
      },
    })
    return { peers: [...peers], nodes, nearest }
  }

  return {
    port: socket.port,
    async findPeers(infoHash, lookup = {}) {
      const { peers, nodes } = await find(infoHash, lookup)
      return { peers, nodes }
    },
    async announce(infoHash, announcement) {
      // All the nearest have to be met, however many peers the first of them name.
      const { peers, nodes, nearest } = await find(infoHash, {
        ...announcement,
        maxPeers: Number.POSITIVE_INFINITY,
      })
      return { peers, nodes, told: await node.announce(target(infoHash), nearest, announcement) }
    },
    async estimate(infoHash, lookup = {}) {
      const answers: DhtAnswer[] = []
      const { answered } = await ask(node, infoHash, {
        ...lookup,
        scrape: true,
        onAnswer: (answer) => answers.push(answer) > 0,
      })
      return { ...estimateOf(answers), nodes: answered }
    },
    close() {
      closing ??= new Promise((resolve) => node.destroy(resolve))
      return closing
    },
  }
}

/** One lookup with a node of its own that answers nobody; throws as `openDht` and `findPeers` do. */
export async function findPeers(infoHash: string, options: DhtOptions & LookupOptions): Promise<DhtLookup> {
  const dht = await openDht(options)
  try {
    return await dht.findPeers(infoHash, options)
  } finally {
    await dht.close()
  }
}

async function resolveRouters(
  routers: readonly { host: string; port: number }[],
): Promise<{ host: string; port: number }[]> {
  const resolved = await Promise.all(
    routers.map(async ({ host, port }) => {
      if (isIPv4(host)) return [{ host, port }]
      const late = AbortSignal.timeout(RESOLVE_WITHIN_MS)
      const { promise, resolve } = Promise.withResolvers<undefined>()
      late.addEventListener('abort', () => resolve(undefined), { once: true })
      const found = await Promise.race([resolveName(host, { family: 4 }).catch(() => undefined), promise])
      return found ? [{ host: found.address, port }] : []
    }),
  )
  if (routers.length > 0 && resolved.flat().length === 0)
    throw dhtFailed('none of its routers has an address', routers.map(({ host }) => host).join(', '))
  return resolved.flat()
}

interface Asking extends Pick<LookupOptions, 'timeoutMs' | 'signal'> {
  scrape: boolean
  onAnswer: (answer: DhtAnswer) => boolean
}

/** Resolves with the number of nodes that answered, and the nearest of them; throws `swarm_dht_failed` for none, `swarm_stopped`. */
async function ask(
  node: DhtNode,
  infoHash: string,
  options: Asking,
): Promise<{ answered: number; nearest: DhtContact[] }> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? LOOKUP_MS)
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
  let answered = 0
  const asking = {
    scrape: options.scrape,
    signal,
    onAnswer(answer: DhtAnswer) {
      answered++
      return options.onAnswer(answer)
    },
  }
  const nearest = signal.aborted ? [] : await node.lookup(target(infoHash), asking)
  if (options.signal?.aborted)
    throw new QalError('swarm_stopped', 'Cannot ask the DHT: it was stopped', {
      cause: options.signal.reason,
    })
  if (answered === 0) throw dhtFailed('no node answers', infoHash.slice(0, 64))
  return { answered, nearest }
}

function estimateOf(answers: readonly DhtAnswer[]): Pick<DhtEstimate, 'seeders' | 'leechers' | 'informed'> {
  const seeds = emptyFilter()
  const peers = emptyFilter()
  let informed = 0
  const legacy: string[] = []
  for (const { filters, values } of answers) {
    const addresses = values.map((value) => compactPeer(value).address)
    if (!filters) {
      if (addresses.length > 0) informed++
      legacy.push(...addresses)
    } else if (isHonest(filters, addresses)) {
      informed++
      unite(seeds, filters.seeds)
      unite(peers, filters.peers)
    }
  }
  // Who is known by a node without filters may be a seed, of which another node knows (BEP 33).
  for (const address of legacy) if (!mayContain(seeds, address)) insertAddress(peers, address)
  return { seeders: Math.round(estimateSize(seeds)), leechers: Math.round(estimateSize(peers)), informed }
}

/** The sanity checks of BEP 33: filters that can be read, and that hold the peers the node names. */
function isHonest(filters: { seeds: Uint8Array; peers: Uint8Array }, addresses: readonly string[]): boolean {
  if (isSaturated(filters.seeds) || isSaturated(filters.peers)) return false
  return addresses.every(
    (address) => mayContain(filters.seeds, address) || mayContain(filters.peers, address),
  )
}

function target(infoHash: string): Buffer {
  if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(infoHash))
    throw new QalError(
      'input_info_hash',
      'Cannot ask the DHT: expected an info hash of 40 or 64 hex digits',
      {
        field: 'infoHash',
        found: infoHash.slice(0, 70),
      },
    )
  return Buffer.from(infoHash.slice(0, 40), 'hex')
}

function dhtFailed(why: string, subject: string): QalError {
  return new QalError('swarm_dht_failed', `Cannot ask the DHT: ${why}`, { found: why, subject })
}
