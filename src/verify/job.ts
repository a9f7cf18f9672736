import type { ListedFile } from '../core/events.ts'
import type { ByteSource } from '../core/byte-source.ts'
import type { InspectOptions, Inspection } from '../gguf/inspect.ts'
import type { BehaviourOptions } from './behaviour.ts'
import type { Hub, PublisherClaim } from './publisher.ts'
import type { Check } from '../core/report.ts'
import type { Metainfo } from '../torrent/metainfo.ts'

/** One listing to verify: what was submitted, as claims to check. */
export interface VerificationJob {
  listing_id: string
  /** The .torrent file. */
  torrent: Uint8Array
  /** What the listing says of each file. */
  files: readonly ListedFile[]
  /** Quantisation as the uploader labels it. */
  label?: string
  /** What of the source the publisher's hub can be asked for. */
  source?: PublisherClaim
  signature?: {
    /** Detached, armored or binary. */
    signature: string | Uint8Array
    /** Armored or binary; absent where the uploader has registered no key. */
    public_key?: string | Uint8Array
    /** Which file it is over; by default the model, or its first shard. */
    path?: string
  }
}

/** What was fetched, and how. */
export interface FetchedTorrent {
  files: readonly { path: string; diskPath: string; size: number }[]
  bytes?: number
  bytesFrom?: Record<string, number>
  peersSeen?: number
}

export interface FetchRequest {
  torrent: Uint8Array
  /** An empty folder for the files, removed after the job. */
  into: string
  onProgress: (progress: { doneBytes: number; totalBytes: number; message?: string }) => void
  signal?: AbortSignal
}

export type VerificationStep = 'fetch' | 'integrity' | 'form' | 'behaviour' | 'report'

export interface VerificationProgress {
  step: VerificationStep
  /** Of this step, 0 to 1. */
  fraction: number
  message: string
}

/** What the pipeline needs of the world. */
export interface VerifierDeps {
  /** Who verifies, as the report names them. */
  name: string
  fetch(request: FetchRequest): Promise<FetchedTorrent>
  inspect?: (source: ByteSource, options: InspectOptions) => Promise<Inspection>
  behaviour?: BehaviourOptions
  /** The publisher's hub; without it no digest is asked for. */
  hub?: Hub
  /** Looks at the torrent's web seeds: a check each, none of which fails. */
  webSeeds?(metainfo: Metainfo): Promise<Check[]>
  /** Where the jobs' folders are made; by default the system's temporary folder. */
  workDir?: string
  onProgress?(progress: VerificationProgress): void
  now?: () => Date
  signal?: AbortSignal
}
