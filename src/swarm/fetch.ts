import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isQalError, QalError } from '../core/error.ts'
import { clientTorrent, parseMetainfo, type Metainfo } from '../torrent/metainfo.ts'
import type { FetchProblem } from './fetch-errors.ts'
import { FetchFolder, unfinishedFolder } from './fetch-folder.ts'
import { runChild, totalLimit, type ChildResult, type FetchLimits, type RunJob } from './fetch-run.ts'
import type { Algorithm } from './file-follower.ts'
import { diskPath, layoutOf, partsFinder, piecesFor, pieceSize, requireV1, type Layout } from './layout.ts'
import { nodeHashes } from './node-hashes.ts'

export type { FetchState } from './fetch-run.ts'

/** A magnet link's parts. */
export interface MagnetSource {
  /** v1, hex. */
  infoHash: string
  /** v2, hex, where it is known: then the metadata is held against it too. */
  infoHashV2?: string | null
  trackers: readonly string[]
  webSeeds?: readonly string[]
}

/** A torrent whose metadata is there. */
export interface KnownTorrent {
  /** Without its piece layers where it came from peers. */
  metainfo: Metainfo
  trackers: readonly string[]
  webSeeds: readonly string[]
}

export interface FetchOptions extends FetchLimits {
  /** A .torrent's bytes, or a magnet's parts: then the metadata is fetched from peers first. */
  torrent: Uint8Array | MagnetSource | KnownTorrent
  /** The folder to download into. What is unfinished lies in `.qal-<info hash>` in it, and is taken up again by the next fetch. */
  into: string
  /** Largest content taken, pad files included; checked before any of it is asked for. */
  maxBytes: number
  /** Numbers of the files to have; by default all. */
  files?: readonly number[]
  /** Whole-file digests, worked out while the download goes on. */
  algorithms?: readonly Algorithm[]
  /** Looks at what was downloaded before it gets its names; what it throws leaves it unfinished. */
  accept?: (files: readonly FetchedFile[]) => Promise<void> | void
  /** Replace files that are there already and are others. */
  replace?: boolean
  /** How often to go on after the process that speaks with the swarm was ended by something it was sent. */
  restarts?: number
}

export interface FetchedFile {
  /** As in the torrent, below `into`; pad files are left out. */
  path: string
  /** Its place in the end; empty files are made only then. */
  diskPath: string
  /** Where it lies now, before it gets its name. */
  location: string
  size: number
  sha256: string | null
  md5: string | null
  /** It was there already, and is right. */
  kept: boolean
}

export interface FetchResult {
  /** v1; the v2 one where there is no other. */
  infoHash: string
  files: FetchedFile[]
  /** The raw `info` dictionary. */
  infoBytes: Uint8Array
  seconds: number
  /** Content received, wrong pieces included; less than the size where a part was there already. */
  bytes_from: { peers: number; web_seeds: number }
  /** Content sent to peers meanwhile. */
  bytes_to_peers: number
  /** Read from the disk: what was there before, and what had to be read back for a digest. */
  bytes_read: { rechecked: number; read_back: number }
  peers_seen: number
  bad_pieces: number
  /** Trackers, web seeds and peers that could not be used, each with its last failure. */
  problems: FetchProblem[]
}

/**
 * Downloads a torrent from TCP peers and web seeds that the policy allows; the
 * DHT is asked only where `dht` says so, and WebRTC is not used. Every piece is
 * checked against its SHA-1, and its v2 node where the torrent has one, before it
 * counts, and files appear under their names only when all are complete. A v2-only
 * torrent comes from its web seeds alone, as the client library's peers know
 * v1. Without v2 hashes check SHA-256 next: SHA-1 alone proves nothing about a
 * hostile publisher.
 *
 * Throws `swarm_no_peers` (nobody has it now: wait for seeds), `swarm_timeout`,
 * `swarm_too_large`, `swarm_address_refused` (only forbidden addresses are
 * named), `swarm_bad_data`, `swarm_hybrid_contradiction`, `swarm_disk`,
 * `swarm_v2_only`, `swarm_stopped`, `swarm_client_failed`, what `FetchFolder`
 * throws, `swarm_target_differs`, and `torrent_…` for what is no sound torrent.
 */
export async function fetchTorrent(options: FetchOptions): Promise<FetchResult> {
  const started = performance.now()
  const limit = totalLimit(options)
  const problems = new Map<string, FetchProblem>()
  const { metainfo, trackers, webSeeds } = await known(options, limit, problems)
  const layout = layoutOf(metainfo)
  const wanted = options.files ?? layout.files.map((_, number) => number)
  const pieces = piecesFor(layout, wanted)
  const totalBytes = pieces.reduce((sum, index) => sum + pieceSize(layout, index), 0)
  if (totalBytes > options.maxBytes) throw tooLarge(layout.infoHash, options.maxBytes, totalBytes)
  if (webSeeds.length === 0) requireV1(metainfo)

  const job = {
    infoHash: layout.infoHash,
    totalBytes,
    // Peers know the v1 part alone; WebSocket trackers know browsers only.
    trackers: metainfo.info_hash === null ? [] : trackers.filter((tracker) => !/^wss?:/i.test(tracker)),
    webSeeds: [...webSeeds],
  }
  const download = { metainfo, layout, wanted: [...wanted], touched: filesOf(layout, pieces) }
  const { result, files } = await downloadInto(job, download, options, limit, problems)
  const { progress, data } = result
  return {
    infoHash: layout.infoHash,
    files,
    infoBytes: metainfo.infoBytes,
    seconds: (performance.now() - started) / 1000,
    bytes_from: { peers: progress.fromPeers, web_seeds: progress.fromWebSeeds },
    bytes_to_peers: progress.uploaded,
    bytes_read: { rechecked: data?.recheckedBytes ?? 0, read_back: data?.readBackBytes ?? 0 },
    peers_seen: progress.peersSeen,
    bad_pieces: progress.badPieces,
    problems: [...problems.values()],
  }
}

/** Gets a magnet's metadata from peers; throws as `fetchTorrent` does. */
export async function fetchMetainfo(
  magnet: MagnetSource,
  options: FetchLimits & { into?: string },
): Promise<KnownTorrent> {
  return fromMagnet(magnet, options, totalLimit(options), new Map())
}

interface DownloadPlan {
  metainfo: Metainfo
  layout: Layout
  wanted: number[]
  touched: number[]
}

async function downloadInto(
  job: Omit<RunJob, 'data'>,
  { metainfo, layout, wanted, touched }: DownloadPlan,
  options: FetchOptions,
  limit: AbortSignal,
  problems: Map<string, FetchProblem>,
): Promise<{ result: ChildResult; files: FetchedFile[] }> {
  const { into, algorithms = [], accept } = options
  const replaced = new Set<string>()
  const replace = (path: string) => replaced.has(path)
  for (;;) {
    try {
      const folder = await FetchFolder.open({ layout, into, wanted, touched, replace })
      try {
        await folder.keepInfo(metainfo.infoBytes)
        const { places, journal } = folder
        const data = { metainfo, places, wanted, algorithms: [...algorithms], journal }
        const limits = metainfo.private || metainfo.info_hash === null ? withoutDht(options) : options
        const result = await runAgain({ ...job, data }, limits, limit, problems)
        const files = wanted.flatMap((number) => {
          const file = layout.files[number]
          if (!file) return []
          const { sha256 = null, md5 = null } = result.data?.digests.get(number) ?? {}
          const target = diskPath(into, file.path)
          const { path: location = target, kept = false } = places[number] ?? {}
          return [{ path: file.path, diskPath: target, location, size: file.size, sha256, md5, kept }]
        })
        await accept?.(files)
        await folder.finish()
        return { result, files: files.map((file) => ({ ...file, location: file.diskPath })) }
      } finally {
        await folder.release()
      }
    } catch (error) {
      // What is there is looked at first: it may be the very file.
      const path = isQalError(error) ? error.facts.field : undefined
      const other = isQalError(error) && /^swarm_target_(?:differs|exists)$/.test(error.code)
      if (!other || options.replace !== true || path === undefined || replaced.has(path)) throw error
      replaced.add(path)
    }
  }
}

/** What a peer sends may end the child; what it had by then stays, so it goes on from there. */
async function runAgain(
  job: RunJob,
  options: FetchOptions,
  limit: AbortSignal,
  problems: Map<string, FetchProblem>,
): Promise<ChildResult> {
  for (let left = options.restarts ?? 0; ; left--) {
    try {
      return await runChild(job, options, limit, problems)
    } catch (error) {
      if (left <= 0 || !isQalError(error) || error.code !== 'swarm_client_failed') throw error
    }
  }
}

async function known(
  options: FetchOptions,
  limit: AbortSignal,
  problems: Map<string, FetchProblem>,
): Promise<KnownTorrent> {
  const { torrent } = options
  if ('metainfo' in torrent) return torrent
  if (!(torrent instanceof Uint8Array)) return fromMagnet(torrent, options, limit, problems)
  const metainfo = await parseMetainfo(torrent, nodeHashes)
  return { metainfo, trackers: metainfo.trackers.flat(), webSeeds: metainfo.web_seeds }
}

async function fromMagnet(
  magnet: MagnetSource,
  options: FetchLimits & { into?: string },
  limit: AbortSignal,
  problems: Map<string, FetchProblem>,
): Promise<KnownTorrent> {
  const infoHash = magnet.infoHash.toLowerCase()
  if (!/^[0-9a-f]{40}$/.test(infoHash)) {
    throw new QalError('swarm_v2_only', 'Cannot fetch a magnet: expected a v1 info hash of 40 hex digits', {
      field: 'infoHash',
      found: infoHash.slice(0, 70),
    })
  }
  const trackers = magnet.trackers.filter((tracker) => !/^wss?:/i.test(tracker))
  const job = { infoHash, data: null, trackers, webSeeds: [], totalBytes: 0 }
  const before = options.into === undefined ? null : await infoFromBefore(options.into, infoHash)
  const infoBytes = before ?? (await runChild(job, options, limit, problems)).infoBytes
  // Bytes from strangers' peers, read by a stranger's code: only their hash makes them this torrent's.
  if (!infoBytes || !(await isInfoOf(infoBytes, infoHash, magnet.infoHashV2 ?? null)))
    throw new QalError(
      'swarm_bad_data',
      `Cannot fetch ${infoHash}: the metadata does not match its info hash`,
      { subject: infoHash },
    )
  // Peers send no piece layers: the content is held against the roots instead.
  const torrent = clientTorrent({ infoBytes, trackers: [], web_seeds: [] })
  const metainfo = await parseMetainfo(torrent, nodeHashes, { withoutLayers: true })
  return { metainfo, trackers: magnet.trackers, webSeeds: magnet.webSeeds ?? [] }
}

/** The metadata that an earlier fetch left beside what is unfinished. */
async function infoFromBefore(into: string, infoHash: string): Promise<Uint8Array | null> {
  const path = join(unfinishedFolder(into, infoHash), 'info')
  const found = await lstat(path).catch(() => null)
  if (found?.isFile() !== true) return null
  const bytes = new Uint8Array(await readFile(path))
  return (await isInfoOf(bytes, infoHash, null)) ? bytes : null
}

async function isInfoOf(bytes: Uint8Array, infoHash: string, infoHashV2: string | null): Promise<boolean> {
  if ((await nodeHashes.sha1(bytes)).toHex() !== infoHash) return false
  return infoHashV2 === null || (await nodeHashes.sha256(bytes)).toHex() === infoHashV2.toLowerCase()
}

function withoutDht({ dht: _dht, ...others }: FetchOptions): FetchOptions {
  return others
}

function filesOf(layout: Layout, pieces: readonly number[]): number[] {
  const partsOf = partsFinder(layout)
  const files = new Set<number>()
  for (const index of pieces)
    for (const { file } of partsOf(index * layout.pieceLength, pieceSize(layout, index))) files.add(file)
  return [...files]
}

function tooLarge(infoHash: string, most: number, found: number): QalError {
  return new QalError(
    'swarm_too_large',
    `Cannot fetch ${infoHash}: expected at most ${most} bytes, got ${found}`,
    { subject: infoHash, expected: `at most ${most} bytes`, found: `${found} bytes` },
  )
}
