/** The whole app on real stores in a folder of its own, for tests that speak HTTP to it without a socket. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hono } from 'hono'
import type { Role } from '../src/core/events.ts'
import { Handle, type MemberId } from '../src/core/ids.ts'
import { openStores, SITE_NAME, type Stores } from '../src/deploy/stores.ts'
import { tinyLlama } from '../src/gguf/tiny-llama.ts'
import { createFromPath } from '../src/swarm/create-file.ts'
import { nodeHashes } from '../src/swarm/node-hashes.ts'
import { createApp } from '../src/web/app.ts'
import { ALL_SCOPES, type SignInWays } from '../src/web/deps.ts'
import { ensureMember, grantRole, issueToken } from '../src/web/commands/members.ts'

export const BASE = 'http://qal.test'

export interface Answer {
  status: number
  body: Record<string, unknown>
  headers: Headers
}

export interface ApiSite {
  /** Its data folder. */
  data: string
  stores: Stores
  app: Hono
  /** Bearer tokens by the handle that signed up. */
  tokens: Record<string, string>
  /** How far the app's clock is ahead, in ms. */
  clock: number
  /** A member of that handle with a token; the role is granted by the operator. */
  signUp: (handle: string, role?: Role) => Promise<MemberId>
  /** `as` is a handle that signed up, a token, or null for a visitor. */
  call: (method: string, path: string, as: string | null, body?: unknown) => Promise<Answer>
  /** A submission of a real torrent of a real model, each time of another. */
  submission: (over?: Record<string, unknown>) => Promise<Record<string, unknown>>
  /** Submits one as that member and gives its id. */
  submit: (as: string, over?: Record<string, unknown>) => Promise<string>
  close(): Promise<void>
}

export async function openApiSite(signIn: SignInWays = {}): Promise<ApiSite> {
  const dir = await mkdtemp(join(tmpdir(), 'qal-api-'))
  const stores = await openStores(join(dir, 'data'))
  let n = 0
  const app = createApp({
    ...stores,
    now: () => new Date(Date.now() + site.clock),
    hash: nodeHashes,
    signIn,
    site: { name: SITE_NAME, baseUrl: BASE, demo: false, loopback: true, trackers: [] },
  })
  const site: ApiSite = {
    data: join(dir, 'data'),
    stores,
    app,
    tokens: {},
    clock: 0,
    async signUp(handle, role) {
      const member = await ensureMember(stores, Handle.parse(handle))
      if (role) await grantRole(stores, member, role)
      site.tokens[handle] = (await issueToken(stores, member, [...ALL_SCOPES], 365 * 86_400_000)).token
      return member
    },
    async call(method, path, as, body) {
      const response = await app.request(BASE + path, {
        method,
        headers: {
          ...(as === null ? {} : { authorization: `Bearer ${site.tokens[as] ?? as}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      return {
        status: response.status,
        body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : { text },
        headers: response.headers,
      }
    },
    async submission(over = {}) {
      n += 1
      const path = join(dir, `model-${n}-Q8_0.gguf`)
      await writeFile(path, tinyLlama({ seed: n, name: `Model ${n}`, type: 'Q8_0' }))
      const created = await createFromPath(path, {})
      return {
        name: `Model ${n}`,
        torrent: created.bytes.toBase64(),
        sha256: created.files[0]?.sha256,
        quantisation: 'Q8_0',
        ...over,
      }
    },
    async submit(as, over) {
      const { body, status } = await site.call('POST', '/api/submissions', as, await site.submission(over))
      if (status !== 201) throw new Error(`Cannot submit as ${as}: ${JSON.stringify(body)}`)
      return String(body['id'])
    },
    async close() {
      await stores.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
  return site
}
