import type { MemberId } from '../core/ids.ts'
import type { Catalogue } from '../store/catalogue.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Ledger } from '../store/ledger.ts'
import type { PrivateStore, Scope } from '../store/private.ts'
import type { HashProvider } from '../torrent/hash-provider.ts'

export interface SiteSettings {
  name: string
  /** Absolute URL of the site, without a slash at the end. */
  baseUrl: string
  /** Whether this site filled itself with the demo. */
  demo: boolean
  /** Whether the site is served on loopback, where the terminal belongs to whoever signs in. */
  loopback: boolean
  /** Announce URLs of the embedded tracker and of the operator's others, added to what the site hands out. */
  trackers: string[]
}

/** GitHub as an identity: its OAuth app, and where GitHub is. */
export interface GithubSettings {
  clientId: string
  clientSecret: string
  /** `https://github.com`, without a slash at the end. */
  url: string
  /** `https://api.github.com`. */
  apiUrl: string
}

/** Ways to sign in beside tokens and the terminal; what is absent is not offered. */
export interface SignInWays {
  github?: GithubSettings
  /** Sends a text by e-mail; rejects where the server does not take it. */
  sendMail?: (to: string, subject: string, text: string) => Promise<void>
}

/** Everything the app needs of the world; an entry point brings it. */
export interface AppDeps {
  ledger: Ledger
  blobs: Blobs
  catalogue: Catalogue
  private: PrivateStore
  hash: HashProvider
  site: SiteSettings
  /** Signs sessions, blinds reporters and makes member ids opaque; 32 random bytes, made once a site. */
  secret: Uint8Array<ArrayBuffer>
  now(): Date
  random(bytes: number): Uint8Array<ArrayBuffer>
  signIn?: SignInWays
  /** Shows a sign-in link to the operator; only where the terminal is the visitor's own. */
  showLink?(handle: string, url: string): void
  /** Throws `swarm_…` where a URL leads to an address that strangers' torrents may not lead to. */
  checkAddress?(url: string): Promise<unknown>
  /** Called when a listing may have come or gone, so that tracker and scraper can follow. */
  changed?(): void
}

/** Who acts, and what they may be asked for. */
export interface Actor {
  member: MemberId
  scopes: ReadonlySet<Scope>
  /** When the token or session that says so ends, in ms since 1970. */
  until: number
  /** Whether a moderator banned the member: then they read, and do nothing else (T18). */
  banned?: boolean
}

export const ALL_SCOPES: readonly Scope[] = ['submit', 'community', 'review', 'verify', 'admin']
