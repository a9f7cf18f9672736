/** What `fetch.ts` and its child process `fetch-child.ts` say to each other. */
import type { ErrorCode, QalErrorFacts } from '../core/error.ts'
import type { Metainfo } from '../torrent/metainfo.ts'
import type { Algorithm, FileDigests } from './file-follower.ts'
import type { FilePlace } from './piece-thread.ts'

/** What to fetch: the data of a torrent, or for a magnet its metadata. */
export interface FetchJob {
  infoHash: string
  /** Null asks for the metadata. */
  data: DataJob | null
  trackers: string[]
  webSeeds: string[]
  /** `ip:port` of peers to try besides. */
  peers: string[]
  /** Routers of the DHT, where peers are looked up there too. */
  dht: readonly string[] | null
  /** The address policy's allow-list. */
  allow: readonly string[]
  /** Where peers may connect to, every address where no host is named; null: nobody may. */
  listen: { host?: string; port: number } | null
  limits: { down: number | null; up: number | null }
}

export interface DataJob {
  metainfo: Metainfo
  /** Where each file lies, by its number; null for one that no wanted piece touches. */
  places: (FilePlace | null)[]
  /** Numbers of the files to have. */
  wanted: number[]
  algorithms: Algorithm[]
  /** Path of the journal of finished pieces. */
  journal: string
}

export interface FetchProgress {
  /** Verified bytes and those of pieces in progress, pad files included. */
  downloaded: number
  /** Followed by whole-file digests. */
  hashed: number
  /** While what was there before is read again: how much of how much; null afterwards. */
  checking: { done: number; total: number } | null
  /** Peers connected now, web seeds not counted. */
  peers: number
  /** Distinct peers that completed a handshake. */
  peersSeen: number
  /** Bytes of content received, wrong ones included. */
  fromPeers: number
  fromWebSeeds: number
  /** Bytes of content sent to peers. */
  uploaded: number
  /** Pieces that did not match their hash. */
  badPieces: number
  /** Peers that were named at addresses that the policy does not allow. */
  refusedPeers: number
}

/** As long as the child has not said anything. */
export const NOTHING: FetchProgress = {
  downloaded: 0,
  hashed: 0,
  checking: null,
  peers: 0,
  peersSeen: 0,
  fromPeers: 0,
  fromWebSeeds: 0,
  uploaded: 0,
  badPieces: 0,
  refusedPeers: 0,
}

/** What a finished download leaves. */
export interface FetchedData {
  digests: Map<number, FileDigests>
  /** Bytes read again that were there before, and read back for digests. */
  recheckedBytes: number
  readBackBytes: number
}

export type ToParent =
  | { type: 'progress'; progress: FetchProgress }
  /** A tracker or web seed that could not be used. */
  | { type: 'problem'; url: string; code: ErrorCode; message: string }
  | { type: 'metadata'; infoBytes: Uint8Array }
  /** Every wanted piece matches and is on the disk. */
  | { type: 'done'; progress: FetchProgress; data: FetchedData }
  | { type: 'failed'; code: ErrorCode; message: string; facts: Pick<QalErrorFacts, 'exit' | 'field'> }
