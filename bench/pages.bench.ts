/**
 * How many pages a second, with 10,000 listings in the catalogue? The whole app
 * over HTTP on loopback, asked by one connection at a time and by eight.
 * Peer: the same bytes from a bare node:http server in the same run.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { openStores } from '../src/deploy/stores.ts'
import { nodeHashes } from '../src/swarm/node-hashes.ts'
import { createApp } from '../src/web/app.ts'
import { syntheticLedger } from './synthetic.ts'

const LISTINGS = 10_000
const SECONDS = 4
const ROUNDS = 3

const dir = await mkdtemp(join(tmpdir(), 'qal-bench-'))
const stores = await openStores(dir)
try {
  const began = performance.now()
  for (const { stream, expected, events } of syntheticLedger({ listings: LISTINGS, seed: 1 }).appends)
    await stores.ledger.append(stream, expected, events)
  await stores.catalogue.catchUp(stores.ledger)
  console.log(
    `${LISTINGS} listings written and folded in ${((performance.now() - began) / 1000).toFixed(1)} s`,
  )

  const app = createApp({
    ...stores,
    hash: nodeHashes,
    site: {
      name: 'Bench',
      baseUrl: 'http://127.0.0.1',
      demo: false,
      loopback: true,
      trackers: [],
    },
  })
  const { items } = stores.catalogue.search({ status: 'published', sort: 'new', page: 1, perPage: 50 })
  const cases = {
    'listing /': () => '/',
    'listing, search "llama"': () => '/?q=llama',
    'model page': (n: number) => `/models/${items[n % items.length]?.id}`,
  }
  const listener = getRequestListener(app.fetch)
  const ours = createServer((request, response) => void listener(request, response))
  const results: Record<string, unknown>[] = []
  for (const [name, path] of Object.entries(cases)) {
    const body = await (await app.request(`http://127.0.0.1${path(0)}`)).text()
    const peer = createServer((_request, response) =>
      response.setHeader('content-type', 'text/html').end(body),
    )
    for (const connections of [1, 8]) {
      const rates: { ours: number; peer: number }[] = []
      for (let round = 0; round < ROUNDS; round++)
        rates.push({
          ours: await measure(ours, path, connections),
          peer: await measure(peer, path, connections),
        })
      const median = (which: 'ours' | 'peer'): number =>
        rates.map((rate) => rate[which]).toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0
      results.push({
        page: name,
        connections,
        'pages/s': Math.round(median('ours')),
        'bare node:http/s': Math.round(median('peer')),
        ratio: (median('ours') / median('peer')).toFixed(3),
        kB: (body.length / 1000).toFixed(1),
      })
    }
  }
  console.table(results)
  console.log(JSON.stringify({ bench: 'pages', listings: LISTINGS, cpu: cpus()[0]?.model, results }))
} finally {
  await stores.close()
  await rm(dir, { recursive: true, force: true })
}

/** Requests answered a second on loopback; stops by itself. */
async function measure(
  server: ReturnType<typeof createServer>,
  path: (n: number) => string,
  connections: number,
): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let count = 0
  const began = performance.now()
  const until = began + SECONDS * 1000
  const ask = async (): Promise<void> => {
    while (performance.now() < until) {
      const response = await fetch(base + path(count))
      await response.arrayBuffer()
      if (!response.ok) throw new Error(`${path(count)}: ${response.status}`)
      count += 1
    }
  }
  await Promise.all(Array.from({ length: connections }, ask))
  const seconds = (performance.now() - began) / 1000
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  return count / seconds
}
