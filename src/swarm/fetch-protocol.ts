/** What `fetch.ts` and its child process `fetch-child.ts` say to each other. */
import type { ErrorCode } from '../core/error.ts'
import type { Layout } from './layout.ts'

/** What to fetch: the data of a torrent, or for a magnet its metadata. */
export interface FetchJob {
  infoHash: string
  /** A minimal .torrent without trackers and web seeds, the layout and where its files go (by their number); null asks for the metadata. */
  data: { torrent: Uint8Array; layout: Layout; dir: string } | null
  trackers: string[]
  webSeeds: string[]
  /** `ip:port` of peers to try besides. */
  peers: string[]
  /** Routers of the DHT, where peers are looked up there too. */
  dht: readonly string[] | null
  /** The address policy's allow-list. */
  allow: readonly string[]
}

export interface FetchProgress {
  /** Verified bytes and those of pieces in progress, pad files included. */
  downloaded: number
  /** Peers connected now, web seeds not counted. */
  peers: number
  /** Distinct peers that completed a handshake. */
  peersSeen: number
  /** Bytes of content received, wrong ones included. */
  fromPeers: number
  fromWebSeeds: number
  /** Pieces that did not match their hash. */
  badPieces: number
  /** Peers that were named at addresses that the policy does not allow. */
  refusedPeers: number
}

export type ToParent =
  | { type: 'progress'; progress: FetchProgress }
  /** A tracker or web seed that could not be used. */
  | { type: 'problem'; url: string; code: ErrorCode; message: string }
  | { type: 'metadata'; infoBytes: Uint8Array }
  /** Every piece matches and is on the disk. */
  | { type: 'done'; progress: FetchProgress }
  | { type: 'failed'; code: ErrorCode; message: string }
