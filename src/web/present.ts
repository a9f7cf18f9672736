import type { ListingView } from '../core/views.ts'
import { lift } from '../core/lift.ts'
import { VerificationReport, type MemoryReport } from '../core/report.ts'
import { reportsOf } from '../core/reports.ts'
import { getText } from '../store/texts.ts'
import { buildMagnet } from '../torrent/magnet.ts'
import type { AppDeps } from './deps.ts'
import { renderMarkdown } from './markdown.ts'
import type { ModelItem, ModelTexts, ReportItem, TemplateUseView } from './page-types.ts'

/** A readable end for a URL: letters and digits of the name, at most 60. */
function slugOf(name: string): string {
  return name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .slice(0, 60)
    .replaceAll(/^[-.]+|[-.]+$/g, '')
}

/** Path of a listing's page. */
export function modelUrl({ id, model }: Pick<ListingView, 'id' | 'model'>): string {
  const slug = slugOf(model)
  return `/models/${id}${slug === '' ? '' : `/${slug}`}`
}

/** A tracker is asked every quarter of an hour at least, the DHT every six hours: what is older than some rounds of it is not the state of now. */
const TRACKER_STALE_MS = 3_600_000
const DHT_STALE_MS = 24 * 3_600_000

/** Of each kind of URL in a magnet: clients and browsers bound the length of a link. */
const MAX_LINK_CHARS = 6_000

/** The first URLs that a magnet link has room for. */
function fitting(urls: readonly string[]): string[] {
  let room = MAX_LINK_CHARS
  return urls.filter((url) => (room -= encodeURIComponent(url).length) >= 0)
}

/** A listing with magnets, addresses and what the last scrape saw. */
export function presentModel(
  view: ListingView,
  deps: Pick<AppDeps, 'catalogue' | 'site' | 'now'>,
): ModelItem {
  const magnet = {
    infoHash: view.info_hash,
    infoHashV2: view.info_hash_v2,
    name: view.files.length === 1 ? (view.files[0]?.path ?? view.model) : view.model,
    // The site's own first: what a link has no room for stands in the .torrent.
    trackers: fitting([...new Set([...deps.site.trackers, ...view.trackers])]),
    webSeeds: fitting(view.web_seeds),
    size: view.files.reduce((sum, { size_bytes }) => sum + size_bytes, 0),
  }
  const hashes = [view.info_hash, view.info_hash_v2].filter((hash) => hash !== null)
  const { trackers, dht } = deps.catalogue.swarm(hashes)
  const now = deps.now().getTime()
  return {
    ...view,
    slug: slugOf(view.model),
    url: modelUrl(view),
    magnet: view.info_hash === null && view.info_hash_v2 === null ? null : buildMagnet(magnet),
    magnet_v1: view.info_hash === null ? null : buildMagnet(magnet, { v1Only: true }),
    torrent_url: view.torrent === null ? null : `/models/${view.id}.torrent`,
    swarm: trackers && { ...trackers, stale: now - Date.parse(trackers.as_of) > TRACKER_STALE_MS },
    dht: dht && { ...dht, stale: now - Date.parse(dht.as_of) > DHT_STALE_MS },
  }
}

/** Every report on a listing with its words, newest first; who reported is not in the record. */
export async function reportsWithTexts(
  view: ListingView,
  deps: Pick<AppDeps, 'ledger' | 'blobs' | 'catalogue'>,
): Promise<ReportItem[]> {
  const listing = deps.catalogue.listingState(view.id)
  const decided = new Map(
    (listing === null ? [] : reportsOf(listing, deps.catalogue.site())).map((each) => [each.seq, each]),
  )
  const reports: ReportItem[] = []
  for (const stored of await deps.ledger.readStream(`listing/${view.id}`)) {
    const event = lift(stored)
    const found = decided.get(stored.seq)
    if (event?.type !== 'reported' || found === undefined) continue
    const source = await getText(deps.blobs, event.data.text)
    const { seq, category, at, counts, state } = found
    const text_html = source === null ? null : renderMarkdown(source)
    reports.push({ seq, category, at, counts, state, evidence: event.data.evidence, text_html })
  }
  return reports.toReversed()
}

/** Where else in the ledger the chat templates of a listing stand. */
export function templateUsesOf(view: ListingView, deps: Pick<AppDeps, 'catalogue'>): TemplateUseView[] {
  return (view.templates ?? []).map(({ sha256 }) => ({
    sha256,
    ...deps.catalogue.templateUse(sha256, view.id),
  }))
}

/**
 * What a model takes to run, as the latest verifier who counts and who read the
 * published bytes computed it; null where none did.
 */
export async function memoryOf(
  view: ListingView,
  deps: Pick<AppDeps, 'blobs'>,
): Promise<MemoryReport | null> {
  const latest = view.verifications
    .filter(({ granted, judges }) => granted && judges.integrity === 'pass')
    .toSorted((a, b) => (a.at < b.at ? 1 : -1))[0]
  const bytes = latest === undefined ? null : await deps.blobs.get(latest.report)
  if (bytes === null) return null
  try {
    const report = VerificationReport.safeParse(JSON.parse(new TextDecoder().decode(bytes)))
    return report.data?.inspection?.memory ?? null
  } catch {
    return null
  }
}

/** The texts of one listing, read from beside the ledger and rendered safe. */
export async function textsOf(view: ListingView, deps: Pick<AppDeps, 'blobs'>): Promise<ModelTexts> {
  const text = async (ref: string | null): Promise<string | null> =>
    ref === null ? null : getText(deps.blobs, ref)
  const html = async (ref: string | null): Promise<string | null> => {
    const source = await text(ref)
    return source === null ? null : renderMarkdown(source)
  }
  return {
    readme_html: await html(view.readme),
    benchmarks_html: await html(view.benchmarks),
    review_reason: await text(view.review?.reason ?? null),
  }
}
