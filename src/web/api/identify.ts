import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ListingView } from '../../core/views.ts'
import type { HashKind } from '../../store/catalogue.ts'
import { actorOf } from '../actor.ts'
import type { AppDeps } from '../deps.ts'
import type { IdentifyAnswer, IdentifyMatch } from '../page-types.ts'
import { modelUrl } from '../present.ts'
import { InputError } from '../problem.ts'
import { route } from './route.ts'

/** Five of 64 digits: every asker hides among a million prefixes, and the site never learns which file they hold. */
const PREFIX = /^[0-9a-f]{5}$/
const MAX_MATCHES = 100

const ANSWER =
  'Listed files whose hash begins so, published ones first; `more` where there are too many to give'

/**
 * "Is this file known?", asked by a prefix. Also what was refused, suspended or
 * removed is named, with its status: whoever holds such a file should learn it.
 * A listing that waits for review or was withdrawn is named to its uploader alone.
 */
export function identifyRoutes(app: OpenAPIHono, deps: AppDeps): void {
  const answer = async (c: Context, kind: HashKind): Promise<Response> => {
    const prefix = prefixIn(c)
    const actor = await actorOf(c, deps)
    await deps.catalogue.catchUp(deps.ledger)
    c.header('cache-control', actor === null ? 'public, max-age=60' : 'private, no-store')
    c.header('vary', 'authorization, cookie')
    return c.json(identify(deps, prefix, kind, actor?.member ?? null))
  }
  route(
    app,
    {
      method: 'get',
      path: '/api/identify/{prefix}',
      summary: 'Listed files by the first five hexadecimal digits of their SHA-256',
      answer: ANSWER,
    },
    (c) => answer(c, 'sha256'),
  )
  route(
    app,
    {
      method: 'get',
      path: '/api/identify/info-hash/{prefix}',
      summary: 'Listed torrents by the first five hexadecimal digits of an info hash, v1 or v2',
      answer: ANSWER,
    },
    (c) => answer(c, 'info_hash'),
  )
}

function prefixIn(c: Context): string {
  const prefix = (c.req.param('prefix') ?? '').toLowerCase()
  // More digits would tell more about the asker than the answer needs.
  if (!PREFIX.test(prefix))
    throw new InputError([{ field: 'prefix', expected: 'exactly 5 hexadecimal digits' }])
  return prefix
}

function identify(deps: AppDeps, prefix: string, kind: HashKind, own: string | null): IdentifyAnswer {
  const found = deps.catalogue.byPrefix(prefix, { kind, own, limit: MAX_MATCHES + 1 })
  const matches: IdentifyMatch[] = []
  for (const { hash, id } of found.slice(0, MAX_MATCHES)) {
    const view = deps.catalogue.listing(id)
    if (view !== null) matches.push(matchOf(view, hash, kind))
  }
  return { version: 1, prefix, matches, more: found.length > MAX_MATCHES }
}

function matchOf(view: ListingView, hash: string, kind: HashKind): IdentifyMatch {
  const sha256 = kind === 'sha256' ? hash : view.sha256
  const file = view.files.find((each) => each.sha256 === sha256)
  return {
    sha256,
    info_hash: view.info_hash,
    info_hash_v2: view.info_hash_v2,
    id: view.id,
    url: modelUrl(view),
    model: view.model,
    path: file?.path ?? view.model,
    size_bytes: file?.size_bytes ?? view.size_bytes,
    uploader: view.uploader.handle,
    tier: view.tier,
    status: view.status,
    consensus: view.consensus,
    verification: view.verification,
    demo: view.demo,
  }
}
