/**
 * What do 10,000 comments cost a listing's page, and the next comment? The peer
 * is the same listing before anybody commented, in the same run.
 */
import { cpus } from 'node:os'
import { openApiSite, type ApiSite } from '../test/api-site.ts'
import { CURRENT_VERSION } from '../src/core/events.ts'
import { EventId, Sha256 } from '../src/core/ids.ts'
import { putText } from '../src/store/texts.ts'
import { ulidOf } from '../test/random-events.ts'

const COMMENTS = Number(process.env['QAL_BENCH_COMMENTS'] ?? 10_000)
const BATCH = 500
const ROUNDS = 200

const site = await openApiSite()
try {
  const bob = await site.signUp('bob')
  await site.signUp('alice')
  const [crowded, quiet] = [await site.submit('alice'), await site.submit('alice')]
  const text = Sha256.parse(
    await putText(site.stores.blobs, 'A comment of some words, **as people write**.', new Uint8Array(16)),
  )
  for (let done = 0; done < COMMENTS; done += BATCH) {
    const events = Array.from({ length: Math.min(BATCH, COMMENTS - done) }, (_, n) => ({
      v: CURRENT_VERSION,
      type: 'commented' as const,
      id: EventId.parse(ulidOf(Date.now(), done + n)),
      at: new Date().toISOString(),
      by: bob,
      authority: { as: 'self' as const },
      data: { text, reply_to: null },
    }))
    const [first, ...rest] = events
    if (first) await site.stores.ledger.append(`listing/${crowded}`, 1 + done, [first, ...rest])
  }
  await site.stores.catalogue.catchUp(site.stores.ledger)
  const results = [
    row('model page', await paired((id) => page(site, id), [crowded, quiet])),
    row('listing /', await paired(() => page(site, ''), [crowded, quiet])),
    row('one more comment', await paired((id) => comment(site, id), [crowded, quiet])),
  ]
  console.table(results)
  console.log(JSON.stringify({ bench: 'comments', comments: COMMENTS, cpu: cpus()[0]?.model, results }))
} finally {
  await site.close()
}

async function page(of: ApiSite, id: string): Promise<void> {
  const response = await of.app.request(`http://qal.test/${id === '' ? '' : `models/${id}`}`)
  await response.arrayBuffer()
  if (!response.ok) throw new Error(`${id}: ${response.status}`)
}

async function comment(of: ApiSite, id: string): Promise<void> {
  const { status } = await of.call('POST', `/api/models/${id}/comments`, 'bob', { text: 'One more' })
  if (status !== 201) throw new Error(`${id}: ${status}`)
}

/** Milliseconds of each, in turn, sorted. */
async function paired(
  run: (id: string) => Promise<void>,
  ids: [string, string],
): Promise<[number[], number[]]> {
  const times: [number[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round++)
    for (const which of [0, 1] as const) {
      const began = performance.now()
      await run(ids[which])
      times[which].push(performance.now() - began)
    }
  return [times[0].toSorted((a, b) => a - b), times[1].toSorted((a, b) => a - b)]
}

/** The time that so large a part stays below. */
function at(sorted: readonly number[], part: number): number {
  return sorted[Math.floor(sorted.length * part)] ?? 0
}

function row(what: string, [crowded, quiet]: [number[], number[]]): Record<string, unknown> {
  return {
    what,
    'median, 10,000 comments (ms)': at(crowded, 0.5).toFixed(1),
    'p99 (ms)': at(crowded, 0.99).toFixed(1),
    'median, none (ms)': at(quiet, 0.5).toFixed(1),
    ratio: (at(crowded, 0.5) / at(quiet, 0.5)).toFixed(2),
  }
}
