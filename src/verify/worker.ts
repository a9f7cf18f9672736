import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { isQalError, QalError } from '../core/error.ts'
import type { ListedFile } from '../core/events.ts'
import type { VerificationReport } from '../core/report.ts'
import { hubBase } from '../core/hub.ts'
import { addressPolicy, policyFor } from '../swarm/addresses.ts'
import { askHub } from '../swarm/hub.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { fetchTorrent, type FetchResult } from '../swarm/fetch.ts'
import { parseMagnet } from '../torrent/magnet.ts'
import { clientTorrent, type Metainfo, parseMetainfo } from '../torrent/metainfo.ts'
import type { FetchedTorrent, VerificationJob, VerifierDeps } from './job.ts'
import { verifyListing } from './pipeline.ts'
import type { Hub } from './publisher.ts'
import { type ClaimedListing, SiteClient } from './site-client.ts'
import { checkWebSeeds } from './web-seeds.ts'

export interface WorkerSettings {
  site: string
  /** A token of the scope verify. */
  token: string
  /** Where downloads are kept while they are checked. */
  data: string
  /** Addresses beside public ones that torrents may lead to: CIDR or host:port. */
  allow: readonly string[]
  /** Routers of the DHT, where peers are looked for there too. */
  dht?: readonly string[]
  /** As reports name it. */
  name: string
  /** The publisher's hub: its address, as `hubBase` gives it. */
  hub: string
}

const LOOK_EVERY_MS = 5_000
const HEARTBEAT_MS = 10_000
const MAX_MODEL_BYTES = 64 * 2 ** 30
const IDLE_MS = 3 * 60_000
const TOTAL_MS = 12 * 3_600_000
/** A job that gave no verdict waits this long, doubled each time. */
const RETRY_FIRST_MS = 15_000
const RETRY_LONGEST_MS = 3_600_000
const SEND_LONGEST_MS = 10 * 60_000

/**
 * Works a site's verification queue, one job at a time, until closed. A job
 * that gives no verdict (no seeds, a full disk) is left in the queue and tried
 * again later; nothing is ever reported that was not checked.
 */
export async function workQueue(
  settings: WorkerSettings,
): Promise<{ changed(): void; close(): Promise<void> }> {
  const site = new SiteClient(settings.site, settings.token)
  const workDir = await ownFolder(join(settings.data, 'verify'))
  const stop = new AbortController()
  const notBefore = new Map<string, { at: number; delay: number }>()
  let wake = new AbortController()

  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const worked = await next(site, settings, workDir, notBefore, stop.signal).catch((error: unknown) => {
        if (!stop.signal.aborted) console.error('Verifier:', error instanceof Error ? error.message : error)
        return false
      })
      if (worked || stop.signal.aborted) continue
      wake = new AbortController()
      await wait(LOOK_EVERY_MS, undefined, { signal: AbortSignal.any([stop.signal, wake.signal]) }).catch(
        () => {},
      )
    }
  }
  const running = run()
  return {
    changed: () => wake.abort(),
    close: async () => {
      stop.abort()
      await running
    },
  }
}

/** A folder of this process; those of processes that are gone, with all they downloaded, are removed. */
async function ownFolder(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true })
  for (const name of await readdir(parent))
    if (!isRunning(Number(name)))
      await rm(join(parent, name), { recursive: true, force: true, maxRetries: 3 })
  const own = join(parent, String(process.pid))
  await mkdir(own, { recursive: true })
  return own
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Claims and works one job; false where there was none to work. */
async function next(
  site: SiteClient,
  settings: WorkerSettings,
  workDir: string,
  notBefore: Map<string, { at: number; delay: number }>,
  signal: AbortSignal,
): Promise<boolean> {
  const waiting = [...notBefore].filter(([, { at }]) => at > Date.now()).map(([id]) => id)
  const listing = await site.claim(waiting, [...notBefore.keys()])
  if (listing === null) return false
  try {
    await work(site, settings, workDir, listing, signal)
    notBefore.delete(listing.id)
  } catch (error) {
    if (signal.aborted) return false
    const delay = Math.min((notBefore.get(listing.id)?.delay ?? RETRY_FIRST_MS / 2) * 2, RETRY_LONGEST_MS)
    notBefore.set(listing.id, { at: Date.now() + delay, delay })
    const reason = isQalError(error) ? `${error.message} (${error.code})` : error
    console.error(`Verifier: no verdict on ${listing.id}, again in ${Math.round(delay / 1000)} s:`, reason)
    await site.release(listing.id)
  }
  return true
}

async function work(
  site: SiteClient,
  settings: WorkerSettings,
  workDir: string,
  listing: ClaimedListing,
  stop: AbortSignal,
): Promise<void> {
  const lost = new AbortController()
  const signal = AbortSignal.any([stop, lost.signal])
  let progress = { step: 'claimed', fraction: 0 }
  const beat = setInterval(() => {
    site.heartbeat(listing.id, progress).catch((error: unknown) => {
      // Another verifier has it now; two reports of one job would be harmless, working on is only waste.
      if (isQalError(error) && error.code === 'verify_lease_lost') lost.abort(error)
    })
  }, HEARTBEAT_MS)
  const folder = await mkdtemp(join(workDir, `${listing.id}-`))
  try {
    const { torrent, files, fetch } = await sourceOf(site, listing, folder, settings, signal)
    const report = await verifyListing(await jobOf(site, listing, torrent, files), {
      name: settings.name,
      workDir,
      signal,
      fetch,
      hub: hubOf(settings),
      webSeeds: (metainfo) =>
        checkWebSeeds(metainfo, files, { policy: addressPolicy([...settings.allow]), signal }),
      onProgress: ({ step, fraction }) => {
        const moved = step !== progress.step
        progress = { step, fraction }
        if (moved) void site.heartbeat(listing.id, progress).catch(() => {})
      },
    })
    await sendReport(site, listing.id, report, signal)
  } finally {
    clearInterval(beat)
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** The Hub, held to the address policy; an address that the operator set may be one of their own. */
function hubOf({ hub, allow }: WorkerSettings): Hub {
  const policy = hub === hubBase(undefined) ? addressPolicy([...allow]) : policyFor([hub], [...allow])
  return {
    base: hub,
    ask: (question, signal) => askHub(question, { base: hub, policy, ...(signal && { signal }) }),
  }
}

/** A report stands for hours of work: a site that is away for a while gets it when it is back. */
async function sendReport(
  site: SiteClient,
  listing: string,
  report: VerificationReport,
  signal: AbortSignal,
): Promise<void> {
  for (let delay = 1_000; ; delay *= 2) {
    try {
      await site.report(listing, report)
      return
    } catch (error) {
      const refused = isQalError(error) && error.code === 'verify_refused'
      if (refused || delay > SEND_LONGEST_MS || signal.aborted) throw error
      await wait(delay, undefined, { signal })
    }
  }
}

async function jobOf(
  site: SiteClient,
  listing: ClaimedListing,
  torrent: Uint8Array,
  files: readonly ListedFile[],
): Promise<VerificationJob> {
  const { fingerprint } = listing.signature
  const signature = listing.signature.blob === null ? null : await site.file(`/models/${listing.id}.sig`)
  const key = fingerprint === null ? null : await site.file(`/keys/${fingerprint}`)
  return {
    listing_id: listing.id,
    torrent,
    files,
    source: listing.source,
    ...(listing.quantisation.claimed === null ? {} : { label: listing.quantisation.claimed }),
    ...(signature === null ? {} : { signature: { signature, ...(key === null ? {} : { public_key: key }) } }),
  }
}

interface Source {
  torrent: Uint8Array
  files: readonly ListedFile[]
  fetch: VerifierDeps['fetch']
}

/** The torrent to verify and how to fetch it; one that was submitted by info hash is fetched first, since only the swarm has its metadata. */
async function sourceOf(
  site: SiteClient,
  listing: ClaimedListing,
  into: string,
  settings: WorkerSettings,
  signal: AbortSignal,
): Promise<Source> {
  const limits = {
    policy: addressPolicy([...settings.allow]),
    maxBytes: MAX_MODEL_BYTES,
    idleTimeoutMs: IDLE_MS,
    totalTimeoutMs: TOTAL_MS,
    ...(settings.dht ? { dht: settings.dht } : {}),
  }
  const torrent = await site.file(`/models/${listing.id}.torrent`)
  if (torrent !== null)
    return {
      torrent,
      files: listing.files,
      fetch: async (request) =>
        fetchedOf(
          await fetchTorrent({
            ...limits,
            torrent: request.torrent,
            into: request.into,
            onProgress: ({ downloaded, totalBytes, peers }) =>
              request.onProgress({
                doneBytes: downloaded,
                totalBytes,
                message: `Downloading from ${peers} peers`,
              }),
            ...(request.signal ? { signal: request.signal } : {}),
          }),
        ),
    }
  if (listing.info_hash === null)
    throw new QalError(
      'verify_v2_only',
      `Cannot fetch ${listing.id}: it was submitted by a v2 info hash alone, without its .torrent`,
    )
  const { infoHash, trackers, webSeeds } = parseMagnet(listing.magnet ?? '')
  const fetched = await fetchTorrent({
    ...limits,
    torrent: { infoHash: infoHash ?? listing.info_hash, trackers, webSeeds },
    into,
    signal,
  })
  const rebuilt = clientTorrent({ infoBytes: fetched.infoBytes, trackers: [], web_seeds: [] })
  return {
    torrent: rebuilt,
    files: filesByClaim(listing.files, await parseMetainfo(rebuilt, nodeHashes)),
    fetch: () => Promise.resolve(fetchedOf(fetched)),
  }
}

/**
 * Who submits an info hash alone claims one file's size and checksums, not its
 * path. Only a torrent of exactly one file can be meant: in any other there
 * would be files that the listing does not show, so the claims stay as they
 * are and integrity fails.
 */
function filesByClaim(claims: readonly ListedFile[], metainfo: Metainfo): readonly ListedFile[] {
  const [claim] = claims
  const [file] = metainfo.files
  if (claim === undefined || file === undefined || metainfo.files.length > 1) return claims
  return [{ ...claim, path: file.path }]
}

function fetchedOf({ files, bytes_from, peers_seen }: FetchResult): FetchedTorrent {
  return {
    files,
    bytesFrom: { ...bytes_from },
    bytes: bytes_from.peers + bytes_from.web_seeds,
    peersSeen: peers_seen,
  }
}
