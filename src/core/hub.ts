/** Hugging Face's Hub, as far as it is names and addresses. */

/** Where the Hub is, unless QAL_HF_URL says otherwise. */
const HUB = 'https://huggingface.co'

/** A file in a repository of models, at a commit that cannot change. */
export interface HubFile {
  /** `organisation/name`. */
  repository: string
  /** 40 hexadecimal digits. */
  commit: string
  /** Below the repository's root. */
  path: string
}

/** The Hub's address from the value of QAL_HF_URL, without a slash at the end; whether it is a URL is for who uses it. */
export function hubBase(configured: string | undefined): string {
  return (configured || HUB).replace(/\/+$/, '')
}

/** Where the Hub serves a file: a web seed (BEP 19), and the same bytes for ever. */
export function hubFileUrl(base: string, { repository, commit, path }: HubFile): string {
  return `${base}/${repository}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`
}

/** What an address of the Hub names; a part it does not name is null. */
export interface HubAddress {
  repository: string
  /** The commit, where it is pinned; null for a branch or tag, which can change. */
  commit: string | null
  /** The branch, tag or commit as it stands there. */
  revision: string | null
  path: string | null
}

const HOSTS = new Set(['huggingface.co', 'www.huggingface.co', 'hf.co'])
const PINNED = /^[0-9a-f]{40}$/

/**
 * Reads an address that somebody pasted: a repository of models, or a file in
 * one (`/org/repo/resolve|blob|raw/REVISION/PATH`). Null for what is no such address.
 */
export function readHubUrl(text: string): HubAddress | null {
  const names = namesIn(text)
  if (names === null || names.some((name) => /^\.{0,2}$/.test(name))) return null
  const [org = '', repo = '', view, revision, ...path] = names
  if (![org, repo].every((name) => /^[\w.-]{1,96}$/.test(name)) || RESERVED.has(org)) return null
  const repository = `${org}/${repo}`
  if (view === undefined) return { repository, commit: null, revision: null, path: null }
  const isFile = /^(?:resolve|blob|raw)$/.test(view) && path.length > 0
  if (revision === undefined || !(isFile || view === 'tree')) return null
  return {
    repository,
    commit: PINNED.test(revision) ? revision : null,
    revision,
    path: isFile ? path.join('/') : null,
  }
}

/** First parts of addresses that are no organisation's. */
const RESERVED = new Set(['api', 'blog', 'collections', 'datasets', 'docs', 'models', 'papers', 'spaces'])

/** The parts of an address's path, unescaped; null for what is no address of the Hub. */
function namesIn(text: string): string[] | null {
  try {
    const { protocol, hostname, pathname } = new URL(text)
    if (!/^https?:$/.test(protocol) || !HOSTS.has(hostname)) return null
    return pathname
      .replace(/^\/+|\/+$/g, '')
      .split('/')
      .map((name) => decodeURIComponent(name))
  } catch {
    return null
  }
}
