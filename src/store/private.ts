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
  /** What its owner calls it. */
  name?: string | undefined
}

/** Kinds of identity that a member can prove, as `identity_proved` names them. */
export type IdentityName = 'email' | 'github'

/**
 * What must not enter the ledger: token hashes, whose account is whose (by a
 * code that tells nothing of it), used sign-in links, leases of the verification
 * queue. Losing leases loses no work: the queue is derived
 * from the ledger and worked at least once.
 */
export interface PrivateStore {
  putToken(token: Token): Promise<void>
  /** The token with that hash, also when expired; null where there is none. */
  findToken(hash: string): Promise<Token | null>
  revokeToken(hash: string): Promise<void>
  /** A member's tokens, expired ones too, the last to expire first. */
  tokensOf(member: MemberId): Promise<Token[]>
  /** Sessions of a member that began before this time (ISO) no longer hold. */
  endSessions(member: MemberId, before: string): Promise<void>
  /** Since when (ISO) sessions of a member hold; null where none was ended. */
  sessionsSince(member: MemberId): Promise<string | null>
  /**
   * Ties an account, by its code, to a member: false, and nothing changed, where
   * it is another's. One account of a kind a member: an earlier one is let go.
   */
  linkIdentity(code: string, kind: IdentityName, member: MemberId): Promise<boolean>
  /** Whose account that is; null where nobody's. */
  memberOfIdentity(code: string): Promise<MemberId | null>
  unlinkIdentity(kind: IdentityName, member: MemberId): Promise<void>
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
