/**
 * How long does a scrape of 10,000 torrents take from one UDP tracker, near and
 * 100 ms away? Trackers: opentracker and our embedded one, each a process of its
 * own. Peers in the same run: bittorrent-tracker's client (74 at a time, one
 * after the other), and a plain sequential scraper of one connection.
 */
import { randomBytes } from 'node:crypto'
import { cpus } from 'node:os'
import Client from 'bittorrent-tracker/client'
import { addressPolicy, checkUrl } from '../src/swarm/addresses.ts'
import { scrape } from '../src/swarm/scrape.ts'
import { connectUdpTracker } from '../src/swarm/udp-client.ts'
import { startOpenTracker } from '../test/opentracker.ts'
import { hasTool } from '../test/tools.ts'
import { cleaner, median, startProcess } from './trackers.ts'

const TORRENTS = Number(process.argv[2] ?? 10_000)
const ROUNDS = Number(process.argv[3] ?? 3)
const BATCH = 74
const ONE_WAY_MS = 50
const policy = addressPolicy(['127.0.0.0/8'])
const hashes = Array.from({ length: TORRENTS }, () => randomBytes(20).toString('hex'))
const batches = Array.from({ length: Math.ceil(TORRENTS / BATCH) }, (_, index) =>
  hashes.slice(index * BATCH, (index + 1) * BATCH),
)

/** Each resolves with how many torrents it has an answer for. */
const scrapers: Record<string, (tracker: string) => Promise<number>> = {
  async ours(tracker) {
    const { results } = await scrape([tracker], hashes, { policy, timeoutMs: 60_000 })
    return results.size
  },
  async 'plain, one packet at a time'(tracker) {
    const client = await connectUdpTracker(await checkUrl(policy, tracker), AbortSignal.timeout(300_000))
    let found = 0
    for (const batch of batches)
      found += (await client.request(2, Buffer.from(batch.join(''), 'hex'))).length / 12
    client.close()
    return found
  },
  async 'bittorrent-tracker’s client'(tracker) {
    let found = 0
    for (const batch of batches) {
      const infoHash = batch.map((hash) => Buffer.from(hash, 'hex'))
      const { promise, resolve, reject } = Promise.withResolvers<object>()
      Client.scrape({ announce: [tracker], infoHash, wrtc: {} }, (error, results) =>
        error ? reject(error) : resolve(results ?? {}),
      )
      const results = await promise
      found += batch.length === 1 ? 1 : Object.keys(results).length
    }
    return found
  },
}

function at(port: number): string {
  return `udp://127.0.0.1:${port}/announce`
}

const cleanUp = cleaner()
try {
  const trackers: Record<string, string> = {}
  trackers['our embedded tracker'] = at((await startProcess(cleanUp, 'own')).port)
  if (hasTool('opentracker')) {
    const { udp } = await startOpenTracker(cleanUp, hashes)
    trackers['opentracker'] = udp
    const { port } = new URL(udp.replace('udp:', 'http:'))
    const far = await startProcess(cleanUp, 'far', port, String(ONE_WAY_MS))
    trackers[`opentracker, ${ONE_WAY_MS * 2} ms away`] = at(far.port)
  } else console.log('opentracker is not installed: left out')

  const rows: Record<string, unknown>[] = []
  for (const [name, tracker] of Object.entries(trackers)) {
    const times: Record<string, number[]> = {}
    for (let round = 0; round < ROUNDS; round++) {
      for (const [who, run] of Object.entries(scrapers)) {
        const began = performance.now()
        const found = await run(tracker)
        if (found !== TORRENTS) throw new Error(`${who} has ${found} of ${TORRENTS} from ${name}`)
        ;(times[who] ??= []).push((performance.now() - began) / 1_000)
      }
    }
    const ours = median(times['ours'] ?? [])
    for (const [who, all] of Object.entries(times)) {
      const seconds = median(all)
      rows.push({
        tracker: name,
        scraper: who,
        seconds: seconds.toFixed(2),
        'times ours': (seconds / ours).toFixed(1),
      })
    }
  }
  console.log(
    `${TORRENTS} torrents, ${batches.length} packets, median of ${ROUNDS}, ${cpus().length} × ${cpus()[0]?.model}`,
  )
  console.table(rows)
} finally {
  await cleanUp.clean()
}
