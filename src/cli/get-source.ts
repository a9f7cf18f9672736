import { existsSync } from 'node:fs'
import { QalError } from '../core/error.ts'
import { parseSwarmUrl } from '../swarm/addresses.ts'
import type { KnownTorrent, MagnetSource } from '../swarm/fetch.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { parseMagnet, type Magnet } from '../torrent/magnet.ts'
import { parseMetainfo } from '../torrent/metainfo.ts'
import { checkTorrent, findByHash, readListing, torrentOf, type Listing } from './get-listing.ts'
import { usageError } from './output.ts'
import { readTorrentFile } from './torrent-file.ts'

/** What `get` was asked for. */
export interface GetSource {
  /** Null where it was not got through a site. */
  listing: Listing | null
  torrent: KnownTorrent | MagnetSource
  /** BEP 53: first and last index of files; empty means all. */
  select: Magnet['select']
}

const ID = /^[0-9A-HJKMNP-TV-Z]{26}$/i
const HASH = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i
const EXPECTED = "a listing's id or page, a magnet link in quotes, an info hash, or a .torrent file"

/** Finds out what is asked for, and reads as much of it as is to be had without peers. */
export async function sourceOf(what: string, site: string | undefined): Promise<GetSource> {
  if (/^\s*magnet:/i.test(what)) return fromMagnet(parseMagnet(what), null)
  if (/^https?:/i.test(what)) return fromPage(what)
  if (existsSync(what)) return fromTorrent(what)
  if (ID.test(what)) {
    if (site === undefined) throw usageError('the id', '--site or QAL_SITE beside it', 'neither')
    return fromListing(siteOf(site), what)
  }
  if (HASH.test(what)) return fromHash(what.toLowerCase(), site)
  throw usageError('the argument', EXPECTED, what)
}

/** The site that an argument or option names, where it names one. */
export function siteNamed(what: string, site: string | undefined): string | null {
  if (/^https?:/i.test(what)) return pageOf(what).site
  return (ID.test(what) || HASH.test(what)) && site !== undefined ? siteOf(site) : null
}

function siteOf(site: string): string {
  const base = site.replace(/\/+$/, '')
  try {
    if (!/^https?:\/\//i.test(base)) throw new Error('not of the web')
    parseSwarmUrl(base)
  } catch {
    throw usageError('--site', 'an http or https URL', site)
  }
  return base
}

function pageOf(url: string): { site: string; id: string } {
  const match = /^(https?:\/\/[^?#]*?)\/models\/([0-9A-HJKMNP-TV-Z]{26})(?:[./?#].*)?$/i.exec(url)
  const [, site, id] = match ?? []
  if (site === undefined || id === undefined) throw usageError('the argument', EXPECTED, url)
  return { site: siteOf(site), id }
}

async function fromPage(url: string): Promise<GetSource> {
  const { site, id } = pageOf(url)
  return fromListing(site, id)
}

async function fromListing(site: string, id: string): Promise<GetSource> {
  const listing = await readListing(site, id.toUpperCase())
  const bytes = await torrentOf(listing)
  if (bytes !== null) {
    const metainfo = await parseMetainfo(bytes, nodeHashes)
    checkTorrent(listing, metainfo)
    return { listing, torrent: knownOf(metainfo), select: [] }
  }
  if (listing.magnet === null)
    throw new QalError(
      'cli_get_nothing',
      `Cannot get ${listing.id}: it has neither a .torrent nor a magnet`,
      {
        subject: listing.id,
        exit: 4,
      },
    )
  return fromMagnet(parseMagnet(listing.magnet), listing)
}

async function fromTorrent(path: string): Promise<GetSource> {
  return { listing: null, torrent: knownOf(await readTorrentFile(path)), select: [] }
}

async function fromHash(hash: string, site: string | undefined): Promise<GetSource> {
  const base = site === undefined ? null : siteOf(site)
  const id = base === null ? null : await findByHash(base, hash)
  if (base !== null && id !== null) return fromListing(base, id)
  if (hash.length === 64) {
    // It may be a file's SHA-256 or a v2 info hash, and peers can be asked for neither.
    const found = base === null ? 'no --site to look it up at' : `nothing at ${base}`
    throw usageError('the hash', 'the SHA-256 or info hash of a listing', found)
  }
  return { listing: null, torrent: { infoHash: hash, trackers: [] }, select: [] }
}

function fromMagnet(magnet: Magnet, listing: Listing | null): GetSource {
  const { infoHash, infoHashV2, trackers, webSeeds, select } = magnet
  if (infoHash === null)
    throw new QalError(
      'swarm_v2_only',
      'Cannot get a v2-only magnet: the client library asks peers for metadata by v1 info hashes alone; get its .torrent, which works where it has a web seed',
      { field: 'xt', expected: 'a v1 info hash beside the v2 one', found: 'v2 only' },
    )
  return { listing, torrent: { infoHash, infoHashV2, trackers, webSeeds }, select }
}

function knownOf(metainfo: KnownTorrent['metainfo']): KnownTorrent {
  return { metainfo, trackers: metainfo.trackers.flat(), webSeeds: metainfo.web_seeds }
}
