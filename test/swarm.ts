/** A small swarm on loopback for tests: a tracker of ours, torrents and peers by libtorrent and aria2. */
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { createTracker, type Tracker } from '../src/swarm/tracker.ts'
import { DEBIAN_PYTHON, runLibtorrent, tempDir } from './tools.ts'

type Cleanable = Pick<TestContext, 'after'>

export interface TestTracker {
  tracker: Tracker
  port: number
  http: string
  udp: string
  ws: string
  all: string[]
}

/** Starts our tracker on a free loopback port for HTTP, UDP and WebSocket; it tracks everything. */
export async function startTracker(
  t: Cleanable,
  listener?: Parameters<typeof createServer>[1],
): Promise<TestTracker> {
  const server = createServer((request, response) => {
    if (tracker.handleHttp(request, response)) return
    if (listener) listener(request, response)
    else response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const tracker = await createTracker({ http: server, allow: () => true })
  t.after(async () => {
    await tracker.close()
    server.close()
    server.closeAllConnections()
  })
  const at = (scheme: string) => `${scheme}://127.0.0.1:${port}/announce`
  return { tracker, port, http: at('http'), udp: at('udp'), ws: at('ws'), all: ['http', 'udp', 'ws'].map(at) }
}

export interface TestTorrent {
  torrent: Uint8Array
  torrentPath: string
  infoHash: string
  /** The folder that holds the data, as one would download into it. */
  dir: string
  name: string
  /** SHA-256 of each file, by path below `dir`. */
  digests: Map<string, string>
}

/**
 * Writes random files and makes a torrent of them with libtorrent: `files` maps
 * paths below `dir` to sizes; one path without a slash makes a single-file torrent.
 */
export async function makeTorrent(
  t: Cleanable,
  files: Record<string, number>,
  options: {
    trackers?: readonly string[]
    pieceLength?: number
    flags?: 'hybrid' | 'v1' | 'v2'
    webSeeds?: string[]
  } = {},
): Promise<TestTorrent> {
  const dir = await tempDir(t)
  const digests = new Map<string, string>()
  for (const [path, size] of Object.entries(files)) {
    const bytes = randomBytes(size)
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), bytes)
    digests.set(path, createHash('sha256').update(bytes).digest('hex'))
  }
  const name = Object.keys(files)[0]?.split('/')[0] ?? ''
  const torrentPath = join(await tempDir(t), 'test.torrent')
  const given = {
    dir,
    name,
    torrentPath,
    piece: options.pieceLength ?? 65_536,
    flags: options.flags ?? 'hybrid',
  }
  const input = JSON.stringify({
    ...given,
    trackers: options.trackers ?? [],
    webSeeds: options.webSeeds ?? [],
  })
  const { code, stdout, stderr } = await runLibtorrent(MAKE, [input])
  if (code !== 0) throw new Error(`Cannot make torrent: ${stderr}`)
  return { torrent: await readFile(torrentPath), torrentPath, infoHash: stdout.trim(), dir, name, digests }
}

const MAKE = `
import libtorrent as lt, sys, json, os
o = json.loads(sys.argv[1])
fs = lt.file_storage()
lt.add_files(fs, os.path.join(o['dir'], o['name']))
flags = {'hybrid': 0, 'v2': 32, 'v1': 64}[o['flags']]
ct = lt.create_torrent(fs, o['piece'], flags)
for i, u in enumerate(o['trackers']): ct.add_tracker(u, i)
for u in o['webSeeds']: ct.add_url_seed(u)
lt.set_piece_hashes(ct, o['dir'])
data = lt.bencode(ct.generate())
open(o['torrentPath'], 'wb').write(data)
h = lt.torrent_info(lt.bdecode(data)).info_hashes()
print(str(h.v1) if h.has_v1() else str(h.v2))
`

/** Downloads a .torrent with libtorrent, TCP only, nothing off the machine; rejects when it does not finish. */
export async function libtorrentDownload(
  torrentPath: string,
  into: string,
  timeoutMs = 30_000,
): Promise<void> {
  const { code, stdout, stderr } = await runLibtorrent(
    `${SESSION}
h = ses.add_torrent({'ti': lt.torrent_info(sys.argv[1]), 'save_path': sys.argv[2]})
end = time.time() + float(sys.argv[3])
while time.time() < end and not h.status().is_seeding: time.sleep(0.05)
s = h.status()
print(s.progress, s.num_peers, s.error)
sys.exit(0 if s.is_seeding else 1)
`,
    [torrentPath, into, String(timeoutMs / 1000)],
    { timeoutMs: timeoutMs + 10_000 },
  )
  if (code !== 0) throw new Error(`libtorrent did not finish: ${stdout} ${stderr}`)
}

/** Seeds a .torrent with libtorrent until the test ends; returns its `ip:port`. */
export function libtorrentSeed(
  t: Cleanable,
  torrentPath: string,
  dir: string,
  options: { dhtRouter?: string; tracker?: string } = {},
): Promise<string> {
  const script = `${SESSION}
if sys.argv[3]: ses.apply_settings({**DHT, 'dht_bootstrap_nodes': sys.argv[3]})
ti = lt.torrent_info(sys.argv[1])
if sys.argv[4]: ti.add_tracker(sys.argv[4])
h = ses.add_torrent({'ti': ti, 'save_path': sys.argv[2]})
while not h.status().is_seeding: time.sleep(0.02)
print(ses.listen_port(), flush=True)
sys.stdin.read()
`
  return startPython(t, script, [torrentPath, dir, options.dhtRouter ?? '', options.tracker ?? ''])
}

/** A DHT of one libtorrent node that knows nobody, until the test ends; returns its `ip:port`. */
export function libtorrentDht(t: Cleanable): Promise<string> {
  const script = `${SESSION}
ses.apply_settings({**DHT, 'dht_bootstrap_nodes': ''})
print(ses.listen_port(), flush=True)
sys.stdin.read()
`
  return startPython(t, script, [])
}

async function startPython(t: Cleanable, script: string, args: string[]): Promise<string> {
  const child = spawn(DEBIAN_PYTHON, ['-c', script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(async () => {
    const gone = child.exitCode === null ? once(child, 'exit') : undefined
    child.kill('SIGKILL')
    await gone
  })
  const [line] = (await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error('libtorrent ended'))),
  ])) as [Buffer]
  return `127.0.0.1:${line.toString().trim()}`
}

const SESSION = `
import libtorrent as lt, sys, time
ses = lt.session({'listen_interfaces': '127.0.0.1:0', 'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False,
  'enable_natpmp': False, 'enable_incoming_utp': False, 'enable_outgoing_utp': False, 'ssrf_mitigation': False,
  'allow_multiple_connections_per_ip': True, 'announce_to_all_trackers': True, 'announce_to_all_tiers': True})
DHT = {'enable_dht': True, 'dht_restrict_routing_ips': False, 'dht_restrict_search_ips': False,
  'dht_prefer_verified_node_ids': False}
`

/** SHA-256 of each of a torrent's files as found below another folder. */
export async function digestsOf(like: TestTorrent, dir: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const path of like.digests.keys()) {
    found.set(
      path,
      createHash('sha256')
        .update(await readFile(join(dir, path)))
        .digest('hex'),
    )
  }
  return found
}
