/**
 * Where the swarm may connect to. Torrents come from strangers and name
 * trackers, web seeds and peers: none of them may make this machine reach
 * something that only this machine can reach.
 */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP, isIPv4 } from 'node:net'
import { QalError } from '../core/error.ts'

/** An address a name resolved to. */
export interface ResolvedAddress {
  address: string
  family: 4 | 6
}

/** Says where connections may go: to public addresses, and to what the operator allowed besides. */
export interface AddressPolicy {
  /** The operator's list as given, so that a child process can build the same policy. */
  readonly allow: readonly string[]
  /** Says whether a connection to this address and port may be opened. */
  allowsAddress(address: string, port: number): boolean
  /** Says whether the operator allowed this very host name and port, wherever it resolves to. */
  allowsHost(host: string, port: number): boolean
}

/** A URL that passed the policy, with the addresses that were checked: connect to these and no others. */
export interface CheckedUrl {
  url: URL
  /** Without the brackets of an IPv6 literal. */
  host: string
  port: number
  addresses: ResolvedAddress[]
}

const DEFAULT_PORTS: Record<string, number> = { 'http:': 80, 'https:': 443, 'ws:': 80, 'wss:': 443 }
const PROTOCOLS = new Set(['http:', 'https:', 'ws:', 'wss:', 'udp:'])
const MAX_URL_LENGTH = 2048
const RESOLVE_WITHIN_MS = 10_000

/** IANA's special-purpose registries (RFC 6890 and later), plus multicast and reserved space. */
const SPECIAL_V4 = blockList('ipv4', [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8],
  ['169.254.0.0', 16], // link-local, and the metadata services of clouds
  ['172.16.0.0', 12],
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16],
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
])
/** Everything outside 2000::/3 is not global unicast; inside it these are not either. */
const GLOBAL_V6 = blockList('ipv6', [['2000::', 3]])
const SPECIAL_V6 = blockList('ipv6', [
  ['2001::', 23], // protocol assignments, Teredo, ORCHID
  ['2001:db8::', 32], // documentation
  ['3fff::', 20], // documentation
])

/**
 * Says whether an IP literal is a public unicast address. False for private,
 * loopback, link-local, carrier-grade NAT, multicast, documentation and
 * reserved ranges, for IPv6 that carries such an IPv4 address (mapped, 6to4,
 * NAT64), for scoped addresses, and for whatever is not an IP address.
 */
export function isPublicAddress(ip: string): boolean {
  if (isIPv4(ip)) return !SPECIAL_V4.check(ip, 'ipv4')
  const bytes = ipv6Bytes(ip)
  if (bytes === undefined) return false
  const embedded = embeddedV4(bytes)
  if (embedded !== undefined) return !SPECIAL_V4.check(embedded, 'ipv4')
  return GLOBAL_V6.check(ip, 'ipv6') && !SPECIAL_V6.check(ip, 'ipv6')
}

/**
 * Builds a policy. Each entry of `allow` is `host:port` (an IP literal or a
 * name, `[v6]:port`) or a CIDR range such as `127.0.0.0/8`; a wrong entry
 * throws `input_address_policy`.
 */
export function addressPolicy(allow: readonly string[] = []): AddressPolicy {
  const ranges = new BlockList()
  const hosts = new Set<string>()
  for (const entry of allow) {
    const range = parseRange(entry)
    if (range) ranges.addSubnet(range.address, range.prefix, range.family)
    else hosts.add(parseHostPort(entry))
  }
  return {
    allow: [...allow],
    allowsAddress(address, port) {
      if (isPublicAddress(address)) return true
      const plain = unmapped(address)
      if (isIP(plain) === 0) return false
      return hosts.has(hostPort(plain, port)) || ranges.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6')
    },
    allowsHost(host, port) {
      return hosts.has(hostPort(host, port))
    },
  }
}

/** A policy that also allows the hosts of URLs which the operator named himself, such as the site's own trackers. Throws `swarm_bad_url`. */
export function policyFor(urls: readonly string[], allow: readonly string[] = []): AddressPolicy {
  const own = urls.map((url) => parseSwarmUrl(url)).map(({ host, port }) => hostPort(host, port))
  return addressPolicy([...allow, ...own])
}

/**
 * Checks a tracker's or web seed's URL: parses it, resolves its host and
 * refuses with `swarm_address_refused` when any of its addresses is one the
 * policy does not allow (a name that resolves to both is a rebinding trick),
 * and with `swarm_bad_url` when it is not such a URL. IP literals are not looked up.
 * An unresolvable name throws `swarm_host_unknown`.
 */
export async function checkUrl(
  policy: AddressPolicy,
  url: string,
  maxLength = MAX_URL_LENGTH,
): Promise<CheckedUrl> {
  const parsed = parseSwarmUrl(url, maxLength)
  const { host, port } = parsed
  const family = isIP(host)
  const addresses: ResolvedAddress[] =
    family === 0 ? await resolveHost(host) : [{ address: host, family: family === 4 ? 4 : 6 }]
  if (!policy.allowsHost(host, port)) {
    const refused = addresses.find(({ address }) => !policy.allowsAddress(address, port))
    if (refused) throw addressRefused(hostPort(host, port), refused.address)
  }
  return { ...parsed, addresses }
}

/** Parses a tracker's or web seed's URL without resolving it; throws `swarm_bad_url`. */
export function parseSwarmUrl(url: string, maxLength = MAX_URL_LENGTH): Omit<CheckedUrl, 'addresses'> {
  if (url.length > maxLength) throw badUrl(url, `at most ${maxLength} characters`)
  const scheme = /^[a-z]+:/i.exec(url)?.[0].toLowerCase() ?? ''
  if (!PROTOCOLS.has(scheme)) throw badUrl(url, 'http, https, ws, wss or udp')
  let parsed: URL
  let canonical: URL
  try {
    parsed = new URL(url)
    // Only the web's own schemes get their host canonicalised (0x7f.1 becomes 127.0.0.1), so udp borrows one of them.
    canonical = scheme === 'udp:' ? new URL(`http:${url.slice(scheme.length)}`) : parsed
  } catch (cause) {
    throw badUrl(url, 'a URL', cause)
  }
  if (canonical.username !== '' || canonical.password !== '') throw badUrl(url, 'no user name or password')
  const host = canonical.hostname.replace(/^\[(.*)\]$/, '$1')
  if (host === '') throw badUrl(url, 'a host')
  // The http scheme hides a port of 80 that udp would have had to name.
  const port = Number(canonical.port || (scheme === 'udp:' ? impliedUdpPort(url) : DEFAULT_PORTS[scheme]))
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw badUrl(url, 'a port')
  return { url: parsed, host, port }
}

/** The error for a connection that the policy does not allow. */
function addressRefused(host: string, address: string): QalError {
  return new QalError(
    'swarm_address_refused',
    `Cannot connect to ${host}: ${address} is not a public address, and it is not on the allow-list`,
    { expected: 'a public address', found: address },
  )
}

/** Writes `host:port`, with brackets round an IPv6 literal, in lower case. */
export function hostPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host.toLowerCase()}:${port}`
}

/** Takes an IPv4 address out of its `::ffff:` mapping, as sockets report it; leaves others as they are. */
export function unmapped(address: string): string {
  const bytes = ipv6Bytes(address)
  return bytes && isMapped(bytes) ? bytes.slice(12).join('.') : address
}

async function resolveHost(host: string): Promise<ResolvedAddress[]> {
  try {
    const found = await within(RESOLVE_WITHIN_MS, lookup(host, { all: true, verbatim: true }))
    const addresses = found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }) as const)
    if (addresses.length > 0) return addresses
  } catch (cause) {
    throw new QalError('swarm_host_unknown', `Cannot resolve ${host}: no such host`, { found: host, cause })
  }
  throw new QalError('swarm_host_unknown', `Cannot resolve ${host}: it has no address`, { found: host })
}

/** The resolver has no time limit of its own; its answer after ours is thrown away. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('no answer in time')), ms)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

function badUrl(url: string, expected: string, cause?: unknown): QalError {
  const found = url.slice(0, 80).replace(/[^\x20-\x7e]/g, '?')
  return new QalError('swarm_bad_url', `Cannot use URL "${found}": expected ${expected}`, {
    expected,
    found,
    cause,
  })
}

function impliedUdpPort(url: string): number {
  return /^udp:\/\/[^/?#]*:0*80(?:[/?#]|$)/i.test(url) ? 80 : Number.NaN
}

function parseRange(entry: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } | undefined {
  const match = /^([0-9a-f.:]+)\/(\d{1,3})$/i.exec(entry)
  const address = match?.[1] ?? ''
  const prefix = Number(match?.[2])
  const family = isIP(address)
  if (family === 0 || prefix > (family === 4 ? 32 : 128)) return undefined
  return { address, prefix, family: family === 4 ? 'ipv4' : 'ipv6' }
}

function parseHostPort(entry: string): string {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/i.exec(entry)
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  if (host === undefined || port < 1 || port > 65_535) {
    throw new QalError(
      'input_address_policy',
      `Cannot read allow-list entry "${entry.slice(0, 80)}": expected host:port or a CIDR range`,
      { expected: 'host:port or a CIDR range', found: entry.slice(0, 80), exit: 2 },
    )
  }
  return hostPort(host, port)
}

/** The 16 bytes of an IPv6 literal, or undefined; scoped literals (`fe80::1%eth0`) are not taken. */
export function ipv6Bytes(ip: string): Uint8Array | undefined {
  if (isIP(ip) !== 6 || ip.includes('%')) return undefined
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip)
  let text = ip
  if (dotted) {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.slice(2).map(Number)
    text = `${dotted[1] ?? ''}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  }
  const [head = '', tail] = text.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  for (const [index, group] of groups.entries()) view.setUint16(index * 2, Number.parseInt(group, 16))
  return bytes
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff
}

/** The IPv4 address inside a mapped (RFC 4291), NAT64 (RFC 6052) or 6to4 (RFC 3056) address. */
function embeddedV4(bytes: Uint8Array): string | undefined {
  if (isMapped(bytes)) return bytes.slice(12).join('.')
  const nat64 = [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]
  if (nat64.every((byte, index) => bytes[index] === byte)) return bytes.slice(12).join('.')
  if (bytes[0] === 0x20 && bytes[1] === 0x02) return bytes.slice(2, 6).join('.')
  return undefined
}

function blockList(family: 'ipv4' | 'ipv6', subnets: [string, number][]): BlockList {
  const list = new BlockList()
  for (const [address, prefix] of subnets) list.addSubnet(address, prefix, family)
  return list
}
