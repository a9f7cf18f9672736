/** libtorrent as a judge of many .torrent files at once: one process, one verdict a file. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DEBIAN_PYTHON } from './tools.ts'

export type Verdict =
  | { accepts: false; error: string }
  | {
      accepts: true
      v1: string | null
      v2: string | null
      name: string
      total_size: number
      piece_length: number
      /** Pad files left out. */
      files: [path: string, size: number][]
      private: boolean
    }

/** Reads length and bytes of each torrent, writes a line of JSON about it. Names may be no UTF-8. */
const JUDGE = `
import json, struct, sys, libtorrent as lt
source, out = sys.stdin.buffer, sys.stdout
while True:
    head = source.read(4)
    if len(head) < 4: break
    data = source.read(struct.unpack('<I', head)[0])
    try:
        info = lt.torrent_info(data)
    except RuntimeError as error:
        verdict = {'accepts': False, 'error': str(error)}
    else:
        files, hashes = info.files(), info.info_hashes()
        real = [i for i in range(files.num_files()) if not (files.file_flags(i) & lt.file_storage.flag_pad_file)]
        try:
            listed = [[files.file_path(i), files.file_size(i)] for i in real]
            name = info.name()
        except UnicodeDecodeError:
            listed, name = [], '\\ufffd'
        verdict = {'accepts': True, 'v1': str(hashes.v1) if hashes.has_v1() else None,
            'v2': str(hashes.v2) if hashes.has_v2() else None, 'name': name, 'total_size': info.total_size(),
            'piece_length': info.piece_length(), 'files': listed, 'private': info.priv()}
    out.write(json.dumps(verdict) + '\\n')
    out.flush()
`

/** What libtorrent says of each; guard with `requireTool(t, 'libtorrent')`. Throws, with the number of the file, where it crashes. */
export async function judgeTorrents(torrents: readonly Uint8Array[]): Promise<Verdict[]> {
  const child = spawn(DEBIAN_PYTHON, ['-c', JUDGE], { stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  // A crash shows in how many verdicts there are.
  await pipeline(Readable.from(framed(torrents)), child.stdin).catch(() => undefined)
  if (child.exitCode === null) await once(child, 'close')
  const verdicts = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Verdict)
  if (verdicts.length !== torrents.length)
    throw new Error(`libtorrent judged ${verdicts.length} of ${torrents.length} torrents: ${stderr}`)
  return verdicts
}

function* framed(torrents: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const torrent of torrents) {
    const head = Buffer.alloc(4)
    head.writeUInt32LE(torrent.length)
    yield Buffer.concat([head, torrent])
  }
}
