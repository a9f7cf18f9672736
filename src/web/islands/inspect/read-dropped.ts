import { isQalError } from '../../../core/error.ts'
import { inspect, parseGguf, type GgufHeader } from '../../../gguf/index.ts'
import { magnetsOf } from '../../../torrent/magnet.ts'
import { parseMetainfo } from '../../../torrent/metainfo.ts'
import { browserHashes } from '../browser-hashes.ts'
import { fileSource } from '../file-source.ts'
import type { FileFacts, ModelReport, Report, TorrentRefusal, TorrentReport } from './report.ts'
import { headerTables } from './tables.ts'

/** As the site takes them; a larger file is no .torrent that anybody could list. */
const MAX_TORRENT_BYTES = 16_000_000

/** More tensors than any model has; a file that lists millions must not fill a page. */
const MAX_TENSORS = 100_000

/** The shape of a dropped file that is needed here. */
type Dropped = Blob & { readonly name: string }

/**
 * Reads what was dropped, one file or all shards of one model, and says
 * everything about it that needs no look at the whole: header, proof, findings;
 * of a .torrent its content. Throws only where the file itself cannot be read.
 */
export async function readDropped(
  files: readonly Dropped[],
  { label, signal }: { label?: string | undefined; signal?: AbortSignal } = {},
): Promise<Report> {
  const [first] = files
  if (first === undefined) throw new Error('no file was given')
  if (files.length === 1 && (await isTorrent(first))) return readTorrent(first)
  return readModel(first, files, { label, signal })
}

/** By its first bytes, since a name is only a claim; a file called .torrent is read as one whatever it holds. */
async function isTorrent(file: Dropped): Promise<boolean> {
  if (file.size > MAX_TORRENT_BYTES) return false
  if (/\.torrent$/i.test(file.name)) return true
  const head = new TextDecoder('latin1').decode(await file.slice(0, 16).arrayBuffer())
  // A dictionary whose first key is one of a torrent's.
  return /^d\d{1,2}:(?:announce|comment|created|creation|encoding|info|nodes|piece|url-list)/.test(head)
}

async function readModel(
  first: Dropped,
  files: readonly Dropped[],
  { label, signal }: { label?: string | undefined; signal?: AbortSignal | undefined },
): Promise<ModelReport> {
  const byName = new Map(files.map((file) => [file.name, file]))
  const inspection = await inspect(fileSource(first, signal), {
    fileName: first.name,
    label,
    tensorTable: true,
    hashes: await browserHashes(),
    openShard: async (name) => {
      const shard = byName.get(name)
      return shard === undefined ? null : fileSource(shard, signal)
    },
  })
  const header = await headerOf(first, signal)
  return {
    kind: 'model',
    files: files.map(factsOf),
    inspection: { ...inspection, tensor_table: inspection.tensor_table?.slice(0, MAX_TENSORS) ?? null },
    tables: header === null ? null : headerTables(header),
  }
}

/** The tables of what the parser accepts; why it refused the rest is among the findings. */
async function headerOf(file: Dropped, signal: AbortSignal | undefined): Promise<GgufHeader | null> {
  try {
    return await parseGguf(fileSource(file, signal))
  } catch (error) {
    if (isQalError(error) && error.code.startsWith('gguf_')) return null
    throw error
  }
}

async function readTorrent(file: Dropped): Promise<TorrentReport | TorrentRefusal> {
  const facts = factsOf(file)
  try {
    const bytes = new Uint8Array(await file.arrayBuffer())
    const {
      infoBytes: _info,
      pieces: _pieces,
      pieceLayers: _layers,
      ...torrent
    } = await parseMetainfo(bytes, await browserHashes())
    return { kind: 'torrent', file: facts, torrent, ...magnetsOf(torrent) }
  } catch (error) {
    if (!isQalError(error)) throw error
    const { field, expected, found } = error.facts
    return {
      kind: 'torrent-refused',
      file: facts,
      code: error.code,
      message: error.message,
      field: field ?? null,
      expected: expected ?? null,
      found: found ?? null,
    }
  }
}

function factsOf({ name, size }: Dropped): FileFacts {
  return { name, size }
}
