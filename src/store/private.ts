import type { MemberId } from '../core/ids.ts'

/** What a token may be used for, capped by its member's roles at every use. */
export type Scope = 'submit' | 'community' | 'review' | 'verify' | 'admin'

export interface Token {
  /** SHA-256 of the token in hexadecimal; the token itself is never stored. */
  hash: string
  member: MemberId
  scopes: Scope[]
  /** ISO time. */
  expires_at: string
}

/**
 * What must not enter the ledger: token hashes, used sign-in links, leases of
 * the verification queue. Losing leases loses no work: the queue is derived
 * from the ledger and worked at least once.
 */
export interface PrivateStore {
  putToken(token: Token): Promise<void>
  /** The token with that hash, also when expired; null where there is none. */
  findToken(hash: string): Promise<Token | null>
  revokeToken(hash: string): Promise<void>
  /** Marks a single-use id as used until `expires_at`; false where it was used before. */
  useOnce(id: string, expires_at: string): Promise<boolean>
  /**
   * Takes or renews the lease of a job for `holder` until a time; false while
   * another holder's lease runs. Progress is what the holder last said.
   */
  lease(
    job: string,
    holder: string,
    now: string,
    until: string,
    progress: JobProgress | null,
  ): Promise<boolean>
  releaseLease(job: string, holder: string): Promise<void>
  leases(now: string): Promise<{ job: string; holder: string; until: string; progress: JobProgress | null }[]>
  close(): Promise<void>
}

export interface JobProgress {
  step: string
  /** 0 to 1. */
  fraction: number
}
