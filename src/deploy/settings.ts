import type { Command } from 'commander'
import { collect, usageError } from '../cli/output.ts'
import { QalError } from '../core/error.ts'
import { hubBase } from '../core/hub.ts'
import { parseSwarmUrl } from '../swarm/addresses.ts'
import { parseRouters, WELL_KNOWN_ROUTERS } from '../swarm/dht-routers.ts'

/** Which trackers the site hands out, announces to and scrapes. */
export interface TrackerSettings {
  /** Whether to run the embedded one. */
  own: boolean
  /** Announce URLs of others, named by the operator. */
  others: readonly string[]
}

/** How the site takes part in the DHT. */
export interface DhtSettings {
  /** `host:port` of the nodes to ask first. */
  routers: readonly string[]
  /** UDP port; 0 is any free one. */
  port: number
}

export interface ServeSettings {
  port: number
  host: string
  data: string
  trackers: TrackerSettings
  /** Null where the DHT is not used, as it is by default. */
  dht: DhtSettings | null
}

/** The options as typed. */
export interface ServeOptions {
  port: string
  host: string
  data: string
  tracker?: readonly string[]
  dht?: string | true
  dhtPort?: string
}

const MAX_TRACKERS = 16

/** Adds the options that `npm start` and `bin/qal serve` share, with their defaults. */
export function addServeOptions(command: Command): Command {
  return command
    .option('--port <n>', 'port of the site and of the tracker (HTTP, UDP, WebSocket)', '8080')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--data <dir>', 'the data folder', process.env['QAL_DATA'] ?? './data')
    .option(
      '--tracker <url>',
      'another tracker in place of the embedded one; "own" keeps that beside it; repeat for more',
      collect,
    )
    .option('--dht [routers]', 'take part in the DHT, by the well-known routers or by host:port,host:port')
    .option('--dht-port <n>', 'UDP port of the DHT; any free one by default')
}

/** Checks the options, and what the environment says in place of those not given; throws `cli_usage`, `input_dht_router`. */
export function parseServeSettings(options: ServeOptions, environment = process.env): ServeSettings {
  const { QAL_TRACKERS: trackers, QAL_DHT: dht, QAL_DHT_PORT: dhtPort } = environment
  return {
    port: parsePort(options.port, '--port'),
    host: options.host,
    data: options.data,
    trackers: parseTrackers(options.tracker ?? list(trackers)),
    dht: parseDht(options.dht ?? dht, options.dhtPort ?? dhtPort ?? '0'),
  }
}

/** The address of the publishers' hub; throws `cli_usage` for what is none. */
export function hubUrl(configured: string | undefined): string {
  const base = hubBase(configured)
  const url = URL.parse(base)
  const usable = /^https?:$/.test(url?.protocol ?? '') && url?.username === '' && !/[?#]/.test(base)
  if (!usable || base.length > 200)
    throw new QalError(
      'cli_usage',
      `Cannot use QAL_HF_URL ${base}: expected such as https://huggingface.co`,
      {
        field: 'QAL_HF_URL',
        expected: 'an http or https URL without a query',
        exit: 2,
      },
    )
  return base
}

/** Whether a host name or address is this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

/** No tracker named is the embedded one alone. */
function parseTrackers(given: readonly string[]): TrackerSettings {
  const others = [...new Set(given.filter((url) => url !== 'own'))]
  for (const url of others) {
    try {
      parseSwarmUrl(url)
    } catch {
      throw usageError('--tracker', 'own, or such as udp://tracker.example.org:1337/announce', url)
    }
  }
  if (others.length > MAX_TRACKERS)
    throw usageError('--tracker', `at most ${MAX_TRACKERS}`, `${others.length} of them`)
  return { own: others.length === 0 || given.includes('own'), others }
}

/** Reads `on`, `off` or routers; null where the DHT is to be left alone. Throws `cli_usage`, `input_dht_router`. */
export function parseDht(given: string | true | undefined, port: string): DhtSettings | null {
  if (given === undefined || given === 'off' || given === '') return null
  const routers = given === true || given === 'on' ? WELL_KNOWN_ROUTERS : list(given)
  // Names are looked up when the DHT is joined.
  parseRouters(routers)
  return { routers, port: parsePort(port, '--dht-port') }
}

function parsePort(text: string, field: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535 || text.trim() === '')
    throw usageError(field, '0 to 65535, 0 for any free one', text)
  return port
}

function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}
