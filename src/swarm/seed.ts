import { once } from 'node:events'
import WebTorrent, { type Torrent } from 'webtorrent'
import { isQalError, QalError } from '../core/error.ts'
import { clientTorrent, parseMetainfo } from '../torrent/metainfo.ts'
import { addressPolicy, checkUrl, type AddressPolicy } from './addresses.ts'
import { diskStore } from './disk-store.ts'
import { diskPath, layoutOf, requireV1 } from './layout.ts'
import { nodeHashes } from './node-hashes.ts'

export interface SeederOptions {
  /**
   * Where every torrent is announced, instead of at its own trackers: named by
   * the operator and not checked. Without it a torrent's own trackers are used
   * as far as `policy` allows them.
   */
  trackers?: readonly string[]
  policy?: AddressPolicy
  /** TCP port to listen on; 0, the default, picks a free one. */
  torrentPort?: number
  /** Address to listen on; by default every one, as peers must reach it. */
  host?: string
  /** Serve browsers too, signalled over WebSocket trackers; on by default. */
  webRtc?: boolean
  /** What went wrong after start, each once; the seeder goes on with the other torrents. */
  onError?: (error: QalError) => void
}

export interface Seeded {
  /** v1, hex. */
  infoHash: string
  name: string
  size: number
  /** Its peers come from its trackers alone (BEP 27). */
  private: boolean
}

export interface Seeder {
  /** The TCP port that peers connect to. */
  readonly port: number
  /**
   * Checks the data against the torrent's pieces and seeds it. `path` is the
   * folder that holds the torrent's file, or its folder: where a client would
   * have downloaded it into. Throws `torrent_…`, `swarm_v2_only`,
   * `swarm_data_mismatch` when a piece is missing or wrong,
   * `swarm_already_seeding`, `swarm_info_hash`.
   */
  add(input: { torrent: Uint8Array; path: string }): Promise<Seeded>
  /** What each torrent gives now. */
  stats(): { infoHash: string; peers: number; uploaded: number; bytesPerSecond: number }[]
  /** Tells the trackers of every torrent now: one that refused a torrent may know it since. */
  announce(): void
  /** Stops seeding; the data stays. Unknown hashes are ignored. */
  remove(infoHash: string): Promise<void>
  /** Says goodbye to the trackers and closes every connection, within 3 s. */
  close(): Promise<void>
}

const CLOSE_WITHIN_MS = 3_000
const MAX_CONNECTIONS = 200
const CACHE_BYTES = 32 * 2 ** 20

/**
 * Starts a seeder over TCP and WebRTC. It opens no connection to a peer of its
 * own accord and asks trackers for none, so nothing a tracker or peer says can
 * send it anywhere; WebRTC alone answers offers, whose addresses browsers choose.
 *
 * Run it in a process of its own: it speaks with strangers through native code,
 * which an unlucky packet may end. Throws `swarm_seeder_listen`.
 */
export async function startSeeder(options: SeederOptions = {}): Promise<Seeder> {
  const { trackers, policy = addressPolicy(), torrentPort = 0, host, webRtc = true } = options
  const report = (error: unknown) => options.onError?.(asSwarmError(error))
  const client = new WebTorrent({
    dht: false,
    lsd: false,
    utPex: false,
    utp: false,
    natUpnp: false,
    natPmp: false,
    webSeeds: false,
    // A seeder needs no peers: who downloads connects to it, or sends it a WebRTC offer.
    tracker: {
      rtcConfig: { iceServers: [] },
      getAnnounceOpts: () => ({ numwant: 0 }),
      ...(webRtc ? undefined : { wrtc: false }),
    },
    torrentPort: host === undefined ? torrentPort : { host, port: torrentPort },
    maxConns: MAX_CONNECTIONS,
  })
  client.blocked = { contains: (ip) => !policy.allowsAddress(ip, 0) }
  try {
    await once(client, 'listening')
  } catch (cause) {
    throw new QalError(
      'swarm_seeder_listen',
      `Cannot listen for peers on port ${torrentPort}: ${String(cause)}`,
      {
        field: 'torrentPort',
        found: String(torrentPort),
        cause,
      },
    )
  }
  client.on('error', report)
  const seeding = new Map<string, Torrent>()
  let closing: Promise<void> | undefined

  async function add({ torrent: bytes, path }: { torrent: Uint8Array; path: string }): Promise<Seeded> {
    const metainfo = await parseMetainfo(bytes, nodeHashes)
    requireV1(metainfo)
    const layout = layoutOf(metainfo)
    const { infoHash } = layout
    if (seeding.has(infoHash)) {
      throw new QalError('swarm_already_seeding', `Cannot seed ${infoHash}: it is seeded already`, {
        subject: infoHash,
      })
    }
    const announce = trackers ?? (await allowedTrackers(metainfo.trackers.flat(), policy, report))
    if (closing) throw new QalError('swarm_closed', 'Cannot seed: the seeder is closed')
    const store = diskStore(layout, (index) => diskPath(path, layout.files[index]?.path ?? ''))
    // The library gets bytes of our own making: no user string ever becomes a URL or path for it.
    const ours = clientTorrent({
      infoBytes: metainfo.infoBytes,
      trackers: announce.map((tracker) => [tracker]),
      web_seeds: [],
    })
    const torrent = client.add(ours, {
      preloadedStore: store,
      storeCacheSlots: Math.max(1, Math.floor(CACHE_BYTES / layout.pieceLength)),
    })
    seeding.set(infoHash, torrent)
    // Trackers that do not answer are warned of here, and tried again.
    torrent.on('warning', () => undefined)
    try {
      await ready(torrent)
      torrent.on('error', report)
      check(torrent, infoHash)
    } catch (error) {
      seeding.delete(infoHash)
      await destroyTorrent(torrent)
      throw asSwarmError(error)
    }
    return { infoHash, name: metainfo.name, size: metainfo.size_bytes, private: metainfo.private }
  }

  return {
    port: client.torrentPort,
    add,
    stats: () =>
      [...seeding].map(([infoHash, { numPeers, uploaded, uploadSpeed }]) => ({
        infoHash,
        peers: numPeers,
        uploaded,
        bytesPerSecond: uploadSpeed,
      })),
    announce() {
      for (const torrent of seeding.values()) torrent.discovery?.tracker?.update({ numwant: 0 })
    },
    async remove(infoHash) {
      const torrent = seeding.get(infoHash.toLowerCase())
      if (!torrent) return
      seeding.delete(infoHash.toLowerCase())
      await destroyTorrent(torrent)
    },
    close() {
      closing ??= client.destroyed
        ? Promise.resolve()
        : withinLimit((done) => client.destroy(done), CLOSE_WITHIN_MS)
      return closing
    },
  }
}

/** Waits until the data is checked; a seeder closed meanwhile would never say so. */
async function ready(torrent: Torrent): Promise<void> {
  const { promise: closed, reject } = Promise.withResolvers<never>()
  const onClose = () => reject(new QalError('swarm_closed', 'Cannot seed: the seeder is closed'))
  torrent.once('close', onClose)
  try {
    await Promise.race([once(torrent, 'ready'), closed])
  } finally {
    torrent.off('close', onClose)
  }
}

function check(torrent: Torrent, infoHash: string): void {
  if (torrent.infoHash !== infoHash) {
    throw new QalError(
      'swarm_info_hash',
      `Cannot seed: the client library reads info hash ${torrent.infoHash}, expected ${infoHash}`,
      { expected: infoHash, found: torrent.infoHash },
    )
  }
  const total = torrent.pieces.length
  const missing = Array.from({ length: total }, (_, index) => index).filter(
    (index) => !torrent.bitfield.get(index),
  ).length
  if (missing > 0) {
    throw new QalError(
      'swarm_data_mismatch',
      `Cannot seed ${infoHash}: ${missing} of ${total} pieces are missing or do not match`,
      { subject: infoHash, expected: `${total} good pieces`, found: `${total - missing}`, exit: 3 },
    )
  }
}

async function allowedTrackers(
  trackers: readonly string[],
  policy: AddressPolicy,
  report: (error: unknown) => void,
): Promise<string[]> {
  const checked = await Promise.all(
    trackers.map(async (tracker) => {
      try {
        await checkUrl(policy, tracker)
        return [tracker]
      } catch (error) {
        report(error)
        return []
      }
    }),
  )
  return checked.flat()
}

function destroyTorrent(torrent: Torrent): Promise<void> {
  if (torrent.destroyed) return Promise.resolve()
  return withinLimit((done) => torrent.destroy({ destroyStore: false }, done), CLOSE_WITHIN_MS)
}

/** Waits for a library's callback, but no longer than that: closing must end. */
function withinLimit(start: (done: () => void) => void, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, limitMs)
    start(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

function asSwarmError(error: unknown): QalError {
  if (isQalError(error)) return error
  return new QalError('swarm_client_failed', `Cannot exchange with peers: ${String(error)}`, { cause: error })
}
