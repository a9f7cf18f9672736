import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { getRequestListener } from '@hono/node-server'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { secureHeaders } from 'hono/secure-headers'
import { QalError } from '../core/error.ts'
import { addressPolicy, checkUrl, hostPort, parseSwarmUrl } from '../swarm/addresses.ts'
import type { DhtEstimate } from '../swarm/dht.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { createTracker } from '../swarm/tracker.ts'
import { createApp } from '../web/app.ts'
import { startChild, type Child } from './child.ts'
import { startScraper } from './scraper.ts'
import { hubUrl, isLoopback, type ServeSettings } from './settings.ts'
import { signInWays } from './sign-in-ways.ts'
import { openStores, SITE_NAME, type Stores } from './stores.ts'
import { verifierToken } from './verifier-member.ts'

const SAME_SIGNAL_MS = 1_000
const CLIENT_DIR = fileURLToPath(new URL('../../dist/client', import.meta.url))

export interface Site {
  url: string
  stores: Stores
  /** Looks for new files in the seed folder at once. */
  reseed(): void
  close(): Promise<void>
}

/** Runs deployment C on one machine: site, API, tracker, seeder, verifier and scraper, with the embedded stores. */
export async function startNode(settings: ServeSettings, demo = false): Promise<Site> {
  if (!existsSync(CLIENT_DIR))
    throw new QalError('cli_not_built', 'Cannot serve: the site is not built; run `npm start` once', {
      exit: 1,
    })
  const stores = await openStores(settings.data)
  const server = createServer()
  const children: Child[] = []
  const closers: (() => Promise<void> | void)[] = [() => stores.close()]
  const close = async (): Promise<void> => {
    while (closers.length > 0) await closers.pop()?.()
  }
  try {
    const port = await listen(server, settings)
    closers.push(() => stop(server))
    const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host
    const authority = `${host}:${port}`
    const url = baseUrl(authority)
    // Behind a proxy the host is loopback too, but then strangers come through it.
    const loopback = isLoopback(settings.host) && isLoopback(new URL(url).hostname)

    const { own, others } = settings.trackers
    const ownTrackers = own ? announceUrls(url, authority) : []
    const trackers = [...ownTrackers, ...others]
    const tracker = own
      ? await createTracker({ http: server, allow: (infoHash) => isTracked(stores, infoHash) })
      : null
    closers.push(() => tracker?.close())

    const app = new Hono()
    app.use('/assets/*', secureHeaders())
    // What is seeded is data, never a page: no script of it runs, whatever it is called.
    app.use('/seed/*', secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'none'"], sandbox: [] } }))
    app.use(
      '/assets/*',
      serveStatic({
        root: CLIENT_DIR,
        onFound: (_path, c) => c.header('cache-control', 'public, max-age=31536000, immutable'),
      }),
    )
    // The operator's own seed folder as a web seed (BEP 19); ranges are the library's.
    app.use(
      '/seed/*',
      serveStatic({ root: stores.seedDir, rewriteRequestPath: (path) => path.replace(/^\/seed/, '') }),
    )
    app.use(compress())
    // On loopback whoever submits is the operator; elsewhere only public addresses are reached.
    const allow = loopback ? ['127.0.0.0/8', '::1/128'] : []
    const site = createApp({
      ...stores,
      hash: nodeHashes,
      site: {
        name: SITE_NAME,
        baseUrl: url,
        demo,
        loopback,
        trackers,
      },
      signIn: signInWays(process.env),
      checkAddress: (address) => checkUrl(addressPolicy(allow), address),
      ...(loopback ? { showLink } : {}),
      changed: () => children.forEach((child) => child.send('changed')),
    })
    app.all('*', (c) => site.fetch(c.req.raw))
    const listener = getRequestListener(app.fetch, { hostname: authority })
    server.on('request', (request, response) => {
      if (!tracker?.handleHttp(request, response)) void listener(request, response)
    })

    const seeder = startChild('seeder', {
      seedDir: stores.seedDir,
      trackers,
      host: settings.host,
      allow,
      dht: settings.dht,
    })
    const verifier = await verifierToken(stores)
    closers.push(() => verifier.revoke())
    const judges = startChild('verifier', {
      name: 'local-verifier',
      site: `http://${authority}`,
      token: verifier.token,
      data: settings.data,
      // The operator's own word, also for a tracker on the inside network.
      allow: [...allow, ...others.map(trackerAddress)],
      ...(settings.dht ? { dht: settings.dht.routers } : {}),
      hub: hubUrl(process.env['QAL_HF_URL']),
    })
    children.push(seeder, judges)
    closers.push(() => Promise.all(children.map((child) => child.stop())).then(() => undefined))

    const [ownUrl] = ownTrackers
    const scraper = startScraper(stores, {
      own:
        tracker && ownUrl !== undefined
          ? { url: ownUrl, counts: (infoHash) => tracker.counts(infoHash) }
          : null,
      others,
      estimate: settings.dht
        ? async (infoHash, signal) => (await seeder.ask(infoHash, signal)) as DhtEstimate
        : null,
    })
    closers.push(() => scraper.stop())
    return { url, stores, reseed: () => seeder.send('changed'), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Waits for Ctrl-C or a stop from outside, then closes everything. A second Ctrl-C does not wait. */
export async function untilStopped(site: Site): Promise<void> {
  await new Promise<void>((resolve) => {
    let began: number | undefined
    // Never taken off: between one listener and the next a signal would end the process at once.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        // A wrapper may pass on what the terminal sent to the whole group: one Ctrl-C can come twice.
        if (signal === 'SIGINT' && began !== undefined && Date.now() - began > SAME_SIGNAL_MS)
          process.exit(130)
        began ??= Date.now()
        resolve()
      })
  })
  await site.close()
}

/** Where visitors find the site; throws `cli_usage` where only the operator can say. */
function baseUrl(authority: string): string {
  const told = process.env['QAL_BASE_URL']?.replace(/\/+$/, '')
  const base = told ?? `http://${authority}`
  if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol) || new URL(base).pathname !== '/')
    throw new QalError(
      'cli_usage',
      `Cannot use QAL_BASE_URL ${base}: expected such as https://qal.example.org`,
      {
        field: 'QAL_BASE_URL',
        expected: 'an http or https URL without a path',
        exit: 2,
      },
    )
  if (told === undefined && /^(?:0\.0\.0\.0|\[::\])/.test(authority))
    throw new QalError(
      'cli_usage',
      `Cannot serve on every address of ${authority} without knowing its name: set QAL_BASE_URL to the address that visitors use`,
      { field: 'QAL_BASE_URL', expected: 'such as https://qal.example.org', exit: 2 },
    )
  return base
}

/** The tracker serves what is listed, by either info hash (v2 cut to 20 bytes), and not what was taken down. */
function isTracked({ catalogue }: Stores, infoHash: string): boolean {
  return catalogue.byHash(infoHash).some((id) => {
    const listing = catalogue.listing(id)
    const named = listing?.info_hash === infoHash || listing?.info_hash_v2?.startsWith(infoHash)
    return named && listing?.status !== 'removed' && listing?.status !== 'withdrawn'
  })
}

function trackerAddress(url: string): string {
  const { host, port } = parseSwarmUrl(url)
  return hostPort(host, port)
}

/** Announce URLs of the embedded tracker: one port, three protocols. */
function announceUrls(url: string, authority: string): string[] {
  const base = new URL(url)
  const secure = base.protocol === 'https:'
  return [
    `${base.origin}/announce`,
    `udp://${secure ? `${base.hostname}:${authority.split(':').at(-1)}` : base.host}/announce`,
    `${secure ? 'wss' : 'ws'}://${base.host}/announce`,
  ]
}

function showLink(handle: string, url: string): void {
  process.stderr.write(`\n  Sign in as @${handle} (once, for 15 minutes):\n  ${url}\n\n`)
}

function listen(server: Server, { port, host }: ServeSettings): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        cause.code === 'EADDRINUSE'
          ? new QalError(
              'cli_port',
              `Cannot listen on ${host}:${port}: another program has it; choose one with --port`,
              {
                field: '--port',
                expected: 'a free port',
                exit: 2,
                cause,
              },
            )
          : cause,
      )
    })
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
