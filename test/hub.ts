/**
 * A local server with the shapes that Hugging Face's Hub answers in, for what
 * this project asks of it. The real Hub was not asked: the shapes are those of
 * its documentation (huggingface.co/docs/hub/rate-limits, /api), of its clients
 * (huggingface_hub: get_paths_info, hf_raise_for_status, get_hf_file_metadata;
 * huggingface.js: paths-info, file-download-info) and of measurements that
 * others published (signed URLs that are bound to the range asked for:
 * «403 Auth failed: invalid range»).
 */
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export interface HubFile {
  bytes: Uint8Array
  /** Small files lie in git itself: then the Hub knows no SHA-256. By default the file is in large-file storage. */
  lfs?: boolean
  /** What the Hub says of it, where it differs from what it serves. */
  says?: { sha256?: string; size?: number }
}

export interface HubRepository {
  /** Files by path, by commit. */
  commits: Record<string, Record<string, HubFile>>
  /** Whoever has not been let in is told that it is restricted. */
  gated?: boolean
  /** The API answers too: metadata of some gated repositories is public. */
  publicMetadata?: boolean
}

export interface TestHub {
  url: string
  port: number
  /** Host and port of the CDN, a server of its own. */
  cdnPort: number
  repositories: Record<string, HubRepository>
  /** Old names of repositories: 307 to the new. */
  renamed: Record<string, string>
  /** `METHOD path range` of every request, in order; the CDN's begin with `CDN`. */
  asked: string[]
  /** Answers the next requests to the API or the resolver itself; each is used once. */
  next: ((request: IncomingMessage, response: ServerResponse) => void)[]
  /** The same for the CDN. */
  nextCdn: ((request: IncomingMessage, response: ServerResponse) => void)[]
  /** How long signed URLs live, in ms. */
  lifetimeMs: number
}

const KEY = 'a test'
const SIGNED_FOR_MS = 3_600_000

/** Starts the Hub and its CDN on loopback until the test ends. */
export async function startHub(
  t: Pick<TestContext, 'after'>,
  repositories: Record<string, HubRepository>,
): Promise<TestHub> {
  const main = createServer((request, response) => void answer(hub, request, response))
  const cdn = createServer((request, response) => serveSigned(hub, request, response))
  const port = await listen(t, main)
  const cdnPort = await listen(t, cdn)
  const hub: TestHub = {
    url: `http://127.0.0.1:${port}`,
    port,
    cdnPort,
    repositories,
    renamed: {},
    asked: [],
    next: [],
    nextCdn: [],
    lifetimeMs: SIGNED_FOR_MS,
  }
  return hub
}

/** 429 as the Hub says it: with its window's rest in `RateLimit`. */
export function tooMany(seconds: number, bucket: 'api' | 'resolvers' = 'resolvers') {
  return (_request: IncomingMessage, response: ServerResponse): void => {
    json(
      response,
      429,
      { error: 'We had to rate limit your IP' },
      {
        ratelimit: `"${bucket}";r=0;t=${seconds}`,
        'ratelimit-policy': `"fixed window";"${bucket}";q=3000;w=300`,
      },
    )
  }
}

async function listen(t: Pick<TestContext, 'after'>, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

async function answer(hub: TestHub, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', hub.url)
  hub.asked.push(`${request.method} ${url.pathname} ${request.headers.range ?? ''}`.trim())
  const special = hub.next.shift()
  if (special) return special(request, response)
  const api = /^\/api\/models\/([^/]+\/[^/]+)\/paths-info\/([^/]+)$/.exec(url.pathname)
  if (api && request.method === 'POST') {
    const [, name = '', revision = ''] = api
    const files = filesOf(hub, { name, revision: decodeURIComponent(revision), url, api: true }, response)
    if (files) await pathsInfo(files, request, response)
    return
  }
  const cached = /^\/api\/resolve-cache\/models\/([^/]+\/[^/]+)\/([^/]+)\/(.+)$/.exec(url.pathname)
  const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname)
  const [, name = '', revision = '', path = ''] = cached ?? resolve ?? []
  if (path === '') return problem(response, 404, null, 'Sorry, we can’t find the page you are looking for.')
  const files = filesOf(hub, { name, revision, url, api: false }, response)
  const file = files?.[decodeURIComponent(path)]
  if (!files) return
  if (!file) return problem(response, 404, 'EntryNotFound', 'Entry not found')
  if (cached) return serveBytes(file.bytes, request, response, { etag: `"${gitOid(file.bytes)}"` })
  redirectToFile(hub, { name, revision, path, file }, request, response)
}

interface Asked {
  name: string
  revision: string
  url: URL
  api: boolean
}

function filesOf(
  hub: TestHub,
  { name, revision, url, api }: Asked,
  response: ServerResponse,
): Record<string, HubFile> | null {
  const now = hub.renamed[name]
  if (now !== undefined) {
    const location = url.pathname.replace(name, now)
    response.writeHead(307, { location, 'content-type': 'text/plain; charset=utf-8' })
    response.end(`Temporary Redirect. Redirecting to ${location}`)
    return null
  }
  const repository = hub.repositories[name]
  // A visitor is not told whether it is private or was never there.
  if (!repository) return refuse(response, 401, 'RepoNotFound', 'Invalid username or password.')
  if (repository.gated && !(api && repository.publicMetadata))
    return refuse(
      response,
      401,
      'GatedRepo',
      `Access to model ${name} is restricted. You must have access to it and be authenticated to access it. Please log in.`,
    )
  const files = repository.commits[revision]
  return files ?? refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`)
}

function refuse(response: ServerResponse, status: number, code: string, message: string): null {
  problem(response, status, code, message)
  return null
}

async function pathsInfo(
  files: Record<string, HubFile>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  const { paths } = JSON.parse(body) as { paths: string[] }
  const entries = paths.flatMap((path) => {
    const file = files[path]
    // What is not there is left out of the list.
    if (!file)
      return Object.keys(files).some((name) => name.startsWith(`${path}/`))
        ? [{ type: 'directory', oid: gitOid(Buffer.from(path)), size: 0, path }]
        : []
    const size = file.says?.size ?? file.bytes.length
    if (file.lfs === false) return [{ type: 'file', oid: gitOid(file.bytes), size, path }]
    const oid = file.says?.sha256 ?? sha256(file.bytes)
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${size}\n`
    return [
      {
        type: 'file',
        oid: gitOid(Buffer.from(pointer)),
        size,
        lfs: { oid, size, pointerSize: pointer.length },
        // A hash of another kind, of the chunks that the file is stored in.
        xetHash: sha256(Buffer.from(`xet ${oid}`)),
        path,
      },
    ]
  })
  json(response, 200, entries)
}

interface Resolved {
  name: string
  revision: string
  path: string
  file: HubFile
}

/** 302 to a signed URL for large files; 307 to the Hub's own cache for small ones. */
function redirectToFile(
  hub: TestHub,
  { name, revision, path, file }: Resolved,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  response.setHeader('x-repo-commit', revision)
  response.setHeader('accept-ranges', 'bytes')
  if (file.lfs === false) {
    const location = `/api/resolve-cache/models/${name}/${revision}/${path}`
    response.writeHead(307, { location, etag: `"${gitOid(file.bytes)}"` })
    response.end(`Temporary Redirect. Redirecting to ${location}`)
    return
  }
  const { range } = request.headers
  const policy = Buffer.from(
    JSON.stringify({
      key: `${name}/${revision}/${path}`,
      expires: Date.now() + hub.lifetimeMs,
      // A URL that was resolved with a range is good for that very range alone.
      ...(range === undefined ? {} : { range }),
    }),
  ).toString('base64url')
  const location = `http://127.0.0.1:${hub.cdnPort}/xet-bridge-us/${sha256(file.bytes)}?Policy=${policy}&Signature=${sign(policy)}`
  response.writeHead(302, {
    location,
    'x-linked-size': file.bytes.length,
    'x-linked-etag': `"${file.says?.sha256 ?? sha256(file.bytes)}"`,
    'content-type': 'text/plain; charset=utf-8',
  })
  response.end(`Found. Redirecting to ${location}`)
}

function serveSigned(hub: TestHub, request: IncomingMessage, response: ServerResponse): void {
  hub.asked.push(`CDN ${request.method} ${request.headers.range ?? ''}`.trim())
  const special = hub.nextCdn.shift()
  if (special) return special(request, response)
  const url = new URL(request.url ?? '/', hub.url)
  const policy = url.searchParams.get('Policy') ?? ''
  if (url.searchParams.get('Signature') !== sign(policy)) return denied(response, 'Access denied')
  const signed = JSON.parse(Buffer.from(policy, 'base64url').toString()) as {
    key: string
    expires: number
    range?: string
  }
  if (signed.expires <= Date.now()) return denied(response, 'Auth failed: expired')
  if (signed.range !== undefined && signed.range !== request.headers.range)
    return denied(response, 'Auth failed: invalid range')
  const [org, name, revision = '', ...path] = signed.key.split('/')
  const file = hub.repositories[`${org}/${name}`]?.commits[revision]?.[decodeURIComponent(path.join('/'))]
  if (!file) return problem(response, 404, null, 'no such object')
  serveBytes(file.bytes, request, response, { etag: `"${sha256(Buffer.from('xet'))}"` })
}

/** A file with one range, as RFC 9110 says. */
export function serveBytes(
  bytes: Uint8Array,
  request: IncomingMessage,
  response: ServerResponse,
  headers: Record<string, string> = {},
): void {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const common = { 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes', ...headers }
  const send = (status: number, part: Uint8Array, more: Record<string, string> = {}): void => {
    response.writeHead(status, { ...common, 'content-length': part.length, ...more })
    response.end(request.method === 'HEAD' ? undefined : part)
  }
  if (from === undefined) return send(200, bytes)
  const start = Number(from)
  if (start >= bytes.length)
    return send(416, new Uint8Array(), { 'content-range': `bytes */${bytes.length}` })
  const end = Math.min(to ? Number(to) : bytes.length - 1, bytes.length - 1)
  send(206, bytes.subarray(start, end + 1), { 'content-range': `bytes ${start}-${end}/${bytes.length}` })
}

function denied(response: ServerResponse, why: string): void {
  response.writeHead(403, { 'content-type': 'text/plain' }).end(why)
}

function problem(response: ServerResponse, status: number, code: string | null, message: string): void {
  json(
    response,
    status,
    { error: message },
    {
      ...(code === null ? {} : { 'x-error-code': code }),
      'x-error-message': message.replace('’', "'"),
    },
  )
}

function json(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
  response.end(JSON.stringify(value))
}

function sign(policy: string): string {
  return createHmac('sha256', KEY).update(policy).digest('hex')
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Git's id of a file: SHA-1 of `blob SIZE NUL` and its bytes. */
function gitOid(bytes: Uint8Array): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
}
