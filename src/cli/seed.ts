import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { Command } from 'commander'
import { joinDht } from '../deploy/dht-member.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { startSeeder, type Seeded, type Seeder } from '../swarm/seed.ts'
import { parseMetainfo, type Metainfo } from '../torrent/metainfo.ts'
import { collect, exactBytes, humanBytes, safeLine, usageError } from './output.ts'
import { dhtRouters, isLocalUrl, listenOn, policyOf, type SwarmFlags } from './swarm-options.ts'
import { readTorrentBytes } from './torrent-file.ts'

interface SeedFlags extends SwarmFlags {
  torrent?: string
  announce?: string[]
  json?: true
}

/** A torrent with the folder that its file or folder lies in. */
interface Source {
  torrentPath: string
  folder: string
  bytes: Uint8Array<ArrayBuffer>
  metainfo: Metainfo
}

const STATUS_EVERY_MS = 1_000

/** `qal seed PATH…`: gives what is here to others, after checking it. */
export function seedCommand(): Command {
  return new Command('seed')
    .description('Give models to others, each checked against its torrent first')
    .argument(
      '<path...>',
      'a model or folder with its .torrent beside it, a .torrent, or a folder of such pairs',
    )
    .option('--torrent <file>', 'the torrent of the only path, where it lies elsewhere')
    .option(
      '--announce <url>',
      'announce there instead of at the torrents’ own trackers; repeat for more',
      collect,
    )
    .option(
      '--allow <address>',
      'an address beside public ones, host:port or a range; repeat for more',
      collect,
    )
    .option('--dht <how>', 'on, off, or routers as host:port,host:port (default: QAL_DHT, else on)')
    .option('--listen <where>', 'port or address:port that peers connect to (default: any port)')
    .option('--json', 'print JSON: one document a line, first what is seeded, at the end what was given')
    .addHelpText(
      'after',
      `
A model is looked for with its torrent beside it: model.gguf and model.gguf.torrent (make one with
bin/qal create). Every piece is checked before anything is given; a file that is another is refused with exit
code 3. Peers come over TCP, and browsers over WebRTC where a tracker is a WebSocket one. Hybrids are announced
and served by their v1 info hash: peers that know v2 alone do not find them here.

Where all trackers are on this machine, peers of this machine are served and the DHT is left alone; else only
public addresses are, and those that --allow names. Ctrl-C says goodbye to the trackers and ends it.

Examples:
  bin/qal seed model.gguf
  bin/qal seed models/ --listen 6881
  bin/qal seed /data/model.gguf --torrent /tmp/model.torrent --announce udp://tracker.example.org:1337/announce`,
    )
    .action(seed)
}

async function seed(paths: string[], flags: SeedFlags): Promise<void> {
  const sources = await sourcesOf(paths, flags.torrent)
  const announced = flags.announce ?? sources.flatMap(({ metainfo }) => metainfo.trackers.flat())
  const local = announced.length > 0 && announced.every(isLocalUrl)
  const policy = policyOf(flags.allow, local)
  const listen = listenOn(flags.listen, local)
  if (listen === null)
    throw usageError('--listen', 'a port: a seeder that nobody reaches gives nothing', 'off')
  const routers = dhtRouters(flags.dht, local)
  if (announced.length === 0 && routers === null)
    throw usageError('--announce', 'a tracker, or --dht on: the torrents name none', 'neither')
  const stopped = untilSignal()
  const seeder = await startSeeder({
    policy,
    torrentPort: listen.port,
    ...(listen.host !== undefined && { host: listen.host }),
    ...(flags.announce !== undefined && { trackers: flags.announce }),
    onError: (error) => say(`qal: ${error.message}`),
  })
  const node = routers && joinDht({ routers, port: 0 }, { policy, port: seeder.port })
  try {
    const seeded: Seeded[] = []
    for (const { bytes, folder, metainfo } of sources) {
      say(`Checking ${safeLine(metainfo.name)}, ${humanBytes(metainfo.size_bytes)} …`)
      const checked = await Promise.race([seeder.add({ torrent: bytes, path: folder }), stopped])
      if (checked === undefined) return
      if (!checked.private) node?.seed(checked.infoHash)
      seeded.push(checked)
    }
    report(seeded, seeder, flags.json === true)
    await statusUntil(stopped, seeder)
    summary(seeder, flags.json === true)
  } finally {
    await Promise.all([seeder.close(), node?.close()])
  }
}

/** Each path's torrent and data; throws `cli_usage` that says what is missing. */
async function sourcesOf(paths: readonly string[], torrent: string | undefined): Promise<Source[]> {
  if (torrent !== undefined && paths.length > 1)
    throw usageError('--torrent', 'a single path beside it', `${paths.length} paths`)
  const found = new Map<string, Source>()
  for (const path of paths) {
    if (!existsSync(path)) throw usageError('the path', 'a file or folder that is there', path)
    for (const source of await sourcesIn(resolve(path), torrent)) found.set(source.torrentPath, source)
  }
  return [...found.values()]
}

async function sourcesIn(path: string, torrent: string | undefined): Promise<Source[]> {
  if (torrent !== undefined) return [await sourceOf(torrent, dirname(path), basename(path))]
  if (path.endsWith('.torrent')) return [await sourceOf(path, dirname(path))]
  if (existsSync(`${path}.torrent`)) return [await sourceOf(`${path}.torrent`, dirname(path), basename(path))]
  const inside = statSync(path).isDirectory()
    ? readdirSync(path).filter((name) => name.endsWith('.torrent'))
    : []
  if (inside.length === 0)
    throw usageError(
      'the path',
      `${safeLine(basename(path))}.torrent beside it (bin/qal create makes one), or --torrent`,
      `${path} alone`,
    )
  return Promise.all(inside.toSorted().map((name) => sourceOf(join(path, name), path)))
}

/** The torrent names its data: under another name it is not found by anybody's client. */
async function sourceOf(torrentPath: string, folder: string, name?: string): Promise<Source> {
  const bytes = await readTorrentBytes(torrentPath)
  const metainfo = await parseMetainfo(bytes, nodeHashes)
  if (name !== undefined && name !== metainfo.name)
    throw usageError('the path', `the name that its torrent has, ${safeLine(metainfo.name)}`, name)
  return { torrentPath, folder, bytes, metainfo }
}

/** Resolves at Ctrl-C or a stop from outside. One Ctrl-C may come twice, from the terminal and from a wrapper; closing takes 3 s at most. */
function untilSignal(): Promise<undefined> {
  return new Promise((resolve_) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => resolve_(undefined))
  })
}

function report(seeded: readonly Seeded[], seeder: Seeder, json: boolean): void {
  const torrents = seeded.map(({ infoHash, name, size }) => ({ info_hash: infoHash, name, size_bytes: size }))
  if (json) {
    process.stdout.write(`${JSON.stringify({ port: seeder.port, torrents })}\n`)
    return
  }
  for (const { info_hash, name, size_bytes } of torrents)
    process.stdout.write(`Seeding ${safeLine(name)}  ${exactBytes(size_bytes)}  ${info_hash}\n`)
  say(`Peers connect to port ${seeder.port}. Ctrl-C stops.`)
}

/** A line that is written over, on a terminal alone. */
async function statusUntil(stopped: Promise<undefined>, seeder: Seeder): Promise<void> {
  const timer = process.stderr.isTTY
    ? setInterval(() => {
        const { peers, uploaded, speed } = total(seeder)
        process.stderr.write(
          `\r\u001b[K${peers} peers, ${humanBytes(speed)}/s, ${humanBytes(uploaded)} given`,
        )
      }, STATUS_EVERY_MS)
    : undefined
  await stopped
  clearInterval(timer)
  if (timer) process.stderr.write('\r\u001b[K')
}

function summary(seeder: Seeder, json: boolean): void {
  const given = seeder
    .stats()
    .map(({ infoHash, uploaded }) => ({ info_hash: infoHash, uploaded_bytes: uploaded }))
  if (json) process.stdout.write(`${JSON.stringify({ stopped: true, torrents: given })}\n`)
  else say(`Stopped; ${humanBytes(total(seeder).uploaded)} given.`)
}

function total(seeder: Seeder): { peers: number; uploaded: number; speed: number } {
  return seeder.stats().reduce(
    (sum, { peers, uploaded, bytesPerSecond }) => ({
      peers: sum.peers + peers,
      uploaded: sum.uploaded + uploaded,
      speed: sum.speed + bytesPerSecond,
    }),
    { peers: 0, uploaded: 0, speed: 0 },
  )
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
