/** What the round trips with other makers and readers of torrents share: contents, and what they must come to. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Metainfo } from '../src/torrent/metainfo.ts'
import { content } from '../src/torrent/torrent-fixture.ts'
import { runLibtorrent } from './tools.ts'

const BLOCK = 16_384

/** Around blocks and pieces of 16, 32 and 64 KiB. */
export const EDGES = [
  1,
  BLOCK - 1,
  BLOCK,
  BLOCK + 1,
  2 * BLOCK - 1,
  2 * BLOCK,
  2 * BLOCK + 1,
  3 * BLOCK,
  4 * BLOCK - 1,
  4 * BLOCK,
  4 * BLOCK + 1,
  200_001,
]

/** Folders by their names: paths below them and sizes. */
export const FOLDERS: Record<string, Record<string, number>> = {
  mixed: {
    'a.gguf': 150_000,
    'b/empty': 0,
    'b/exact': 2 * BLOCK,
    'b/one': 1,
    'b.txt': BLOCK + 1,
    'ünï/模型.gguf': BLOCK,
    zero: 0,
  },
  edges: Object.fromEntries(EDGES.map((size, index) => [`${String.fromCharCode(97 + index)}-${size}`, size])),
  aligned: { a: 4 * BLOCK, b: 8 * BLOCK, c: 4 * BLOCK },
  lone: { 'only.gguf': 70_000 },
  'lone in a folder': { 'deep/only.gguf': 3 * BLOCK },
  'empty first and last': { a: 0, 'm.gguf': 5 * BLOCK + 5, z: 0 },
}

/** A name for a single file of this size. */
export function singleName(size: number): string {
  return `single-${size}.gguf`
}

/** Writes every single file and folder into `dir`, and answers their names. */
export async function writeContents(dir: string): Promise<string[]> {
  for (const size of EDGES) await writeFile(join(dir, singleName(size)), content(size, size))
  for (const [folder, files] of Object.entries(FOLDERS)) {
    for (const [index, [path, size]] of Object.entries(files).entries()) {
      await mkdir(dirname(join(dir, folder, path)), { recursive: true })
      await writeFile(join(dir, folder, path), content(size, index + 1))
    }
  }
  return [...EDGES.map(singleName), ...Object.keys(FOLDERS)]
}

/** Paths and sizes of a name's files, as in `Metainfo.files` and `CreatedTorrent.files`, in order of path. */
export function filesOf(name: string): [path: string, size: number][] {
  const folder = FOLDERS[name]
  const files: [string, number][] =
    folder === undefined
      ? [[name, Number(/[0-9]+/.exec(name)?.[0])]]
      : Object.entries(folder).map(([path, size]) => [`${name}/${path}`, size])
  return sorted(files)
}

/** In order of path, which makers choose as they like. */
export function sorted(files: readonly [path: string, size: number][]): [path: string, size: number][] {
  return files.toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** The v1 pieces of a torrent's files as they lie in `dir`, at the places where the torrent says they are. */
export async function piecesOnDisk(metainfo: Metainfo, dir: string): Promise<Buffer> {
  const space = Buffer.alloc(metainfo.padded_size_bytes)
  for (const { path, size_bytes, offset } of metainfo.files)
    if (size_bytes > 0) (await readFile(join(dir, path))).copy(space, offset)
  const hashes: Buffer[] = []
  for (let at = 0; at < space.length; at += metainfo.piece_length)
    hashes.push(
      createHash('sha1')
        .update(space.subarray(at, at + metainfo.piece_length))
        .digest(),
    )
  return Buffer.concat(hashes)
}

/** What libtorrent reads in a torrent, and whether it finds every piece of it on the disk. */
export interface Checked {
  v1: string | null
  v2: string | null
  name: string
  piece_length: number
  complete: boolean
  error: string | null
  /** Pad files left out. */
  files: [path: string, size: number][]
  trackers: string[]
  web_seeds: string[]
}

const CHECK = `
import json, sys, time, libtorrent as lt
save, within, torrents = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
session = lt.session({'listen_interfaces': '127.0.0.1:0', 'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False, 'enable_natpmp': False})
infos = [lt.torrent_info(path) for path in torrents]
handles = [session.add_torrent({'ti': info, 'save_path': save, 'flags': lt.torrent_flags.update_subscribe}) for info in infos]
for handle in handles: handle.force_recheck()
end, out = time.time() + within, []
while time.time() < end and not all(handle.status().is_seeding for handle in handles): time.sleep(0.02)
for info, handle in zip(infos, handles):
    status = handle.status()
    files = info.files()
    real = [i for i in range(files.num_files()) if not (files.file_flags(i) & lt.file_storage.flag_pad_file)]
    hashes = info.info_hashes()
    out.append({
        'v1': str(hashes.v1) if hashes.has_v1() else None,
        'v2': str(hashes.v2) if hashes.has_v2() else None,
        'name': info.name(), 'piece_length': info.piece_length(),
        'complete': bool(status.is_seeding), 'error': status.errc.message() if status.errc.value() else None,
        'files': [[files.file_path(i), files.file_size(i)] for i in real],
        'trackers': [t.url for t in info.trackers()], 'web_seeds': [seed['url'] for seed in info.web_seeds()],
    })
print(json.dumps(out))`

/** Lets libtorrent read torrents and check every piece of what lies in `dir`, within a time; guard with `requireTool(t, 'libtorrent')`. */
export async function checkByLibtorrent(
  dir: string,
  torrents: readonly string[],
  { withinMs = 40_000 } = {},
): Promise<Checked[]> {
  const { stdout, stderr } = await runLibtorrent(CHECK, [dir, String(withinMs / 1_000), ...torrents])
  if (stdout === '') throw new Error(`libtorrent checked nothing: ${stderr}`)
  return JSON.parse(stdout) as Checked[]
}
