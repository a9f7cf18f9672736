import type { Context } from 'hono'
import { Hono } from 'hono'
import type { ListingView } from '../../core/views.ts'
import { ledgerIndex, ledgerSegment } from '../../store/published-ledger.ts'
import { clientTorrent, parseMetainfo, withOuter } from '../../torrent/metainfo.ts'
import { findListing } from '../commands/find.ts'
import type { AppDeps } from '../deps.ts'
import { presentModel, textsOf } from '../present.ts'
import { notFound } from '../problem.ts'

const WHOLE_MS = 10_000

/** Documents for machines: the ledger, models.json, .torrent files, reports, signatures. */
export function fileRoutes(deps: AppDeps): Hono {
  const app = new Hono()

  const whole = (contents: () => object): ((c: Context) => Promise<Response>) => {
    let kept: { head: number; at: number; body: string } | null = null
    return async (c) => {
      await deps.catalogue.catchUp(deps.ledger)
      const head = await deps.ledger.head()
      const now = deps.now()
      // Everything is in it, so it is written once for many who ask; swarm figures may be this much older.
      if (kept === null || kept.head !== head || now.getTime() - kept.at > WHOLE_MS) {
        const { policy, policy_seq } = deps.catalogue.site()
        const body = JSON.stringify({
          version: 1,
          site: deps.site.name,
          generated_at: now.toISOString(),
          // What an audit needs to compute the same: up to which event, by which policy.
          ledger: { last: deps.catalogue.lastEvent() },
          policy: { version: policy.version, site_seq: policy_seq },
          ...contents(),
        })
        kept = { head, at: now.getTime(), body }
      }
      return c.body(kept.body, 200, { 'content-type': 'application/json' })
    }
  }
  app.get(
    '/models.json',
    whole(() => ({
      models: [...deps.catalogue.listings('published')].map((view) => presentModel(view, deps)),
    })),
  )
  app.get(
    '/members.json',
    whole(() => ({ members: [...deps.catalogue.members()] })),
  )

  app.get('/models/:file{[0-9A-Za-z]{26}\\.json}', async (c) => {
    const view = await findListing(deps, idOf(c.req.param('file')))
    return c.json({ ...presentModel(view, deps), texts: await textsOf(view, deps) })
  })

  app.get('/models/:file{[0-9A-Za-z]{26}\\.torrent}', async (c) => {
    const view = await findListing(deps, idOf(c.req.param('file')))
    const bytes = await torrentOf(view, deps)
    // Only the outer dictionary gains this site's trackers and the listing's web seeds; `info` and `piece layers` stay byte for byte (T16).
    const outer = { addTrackers: deps.site.trackers, webSeeds: view.web_seeds }
    return download(withOuter(bytes, outer), `${view.id}.torrent`)
  })

  /** For clients without BEP 52, WebTorrent in the browser among them. */
  app.get('/models/:file{[0-9A-Za-z]{26}\\.client\\.torrent}', async (c) => {
    const view = await findListing(deps, idOf(c.req.param('file')))
    const metainfo = await parseMetainfo(await torrentOf(view, deps), deps.hash)
    return download(clientTorrent({ ...metainfo, web_seeds: view.web_seeds }), `${view.id}.client.torrent`)
  })

  app.get('/models/:file{[0-9A-Za-z]{26}\\.sig}', async (c) => {
    const view = await findListing(deps, idOf(c.req.param('file')))
    const bytes = view.signature.blob === null ? null : await deps.blobs.get(view.signature.blob)
    if (bytes === null) throw notFound(`a signature of listing ${view.id}`)
    return download(bytes, `${view.id}.sig`, 'application/pgp-signature')
  })

  app.get('/reports/:sha{[0-9a-f]{64}}', async (c) => {
    const sha = c.req.param('sha')
    const known = deps.catalogue.hasReport(sha)
    const bytes = known ? await deps.blobs.get(sha) : null
    if (bytes === null) throw notFound(`report ${sha}`)
    return new Response(bytes, {
      headers: { 'content-type': 'application/json', 'cache-control': 'public, max-age=31536000, immutable' },
    })
  })

  app.get('/keys/:fingerprint{[0-9A-F]{40,64}}', async (c) => {
    const key = deps.catalogue.publicKey(c.req.param('fingerprint'))
    const bytes = key === null ? null : await deps.blobs.get(key)
    if (bytes === null) throw notFound(`key ${c.req.param('fingerprint')}`)
    return new Response(bytes, { headers: { 'content-type': 'application/pgp-keys' } })
  })

  app.get('/ledger/', async (c) => c.json(await ledgerIndex(deps.ledger)))
  app.get('/ledger', (c) => c.redirect('/ledger/', 301))
  app.get('/ledger/:segment{[0-9]+\\.jsonl}', async (c) => {
    const lines = await ledgerSegment(deps.ledger, Number.parseInt(c.req.param('segment'), 10))
    if (lines === null) throw notFound('this segment of the ledger')
    return new Response(lines, { headers: { 'content-type': 'application/jsonl; charset=utf-8' } })
  })

  app.get('/healthz', async (c) => {
    await deps.catalogue.catchUp(deps.ledger)
    return c.json({ status: 'ok', events: await deps.ledger.head() })
  })
  return app
}

function idOf(file: string | undefined): string {
  return (file ?? '').slice(0, 26)
}

async function torrentOf(view: ListingView, deps: AppDeps): Promise<Uint8Array> {
  const bytes = view.torrent === null ? null : await deps.blobs.get(view.torrent)
  if (bytes === null)
    throw notFound(`a .torrent of listing ${view.id}: it was submitted by info hash, use its magnet`)
  return bytes
}

function download(bytes: Uint8Array, name: string, type = 'application/x-bittorrent'): Response {
  return new Response(Uint8Array.from(bytes), {
    headers: { 'content-type': type, 'content-disposition': `attachment; filename="${name}"` },
  })
}
