/** A web server of one large header, its weights zeroes, and of code for a browser that reads it. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

export interface HeaderServer {
  /** Its origin; any path asked for with a range is the file. */
  url: string
  /** Since the last reset. */
  requests: number
  bytes: number
  close(): Promise<void>
}

/** Serves by ranges; `modules` by their names, without one. */
export async function serveHeader(
  { header, size }: { header: Uint8Array; size: number },
  modules: ReadonlyMap<string, string> = new Map(),
): Promise<HeaderServer> {
  const server = createServer((request, response) => {
    const module = modules.get(request.url?.slice(1) ?? '')
    if (module !== undefined) {
      response.setHeader('content-type', 'text/javascript').end(module)
      return
    }
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    if (first === undefined) {
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>x</title>')
      return
    }
    const from = Number(first)
    const to = Math.min(Number(last), size - 1)
    const part = new Uint8Array(to - from + 1)
    part.set(header.subarray(from, to + 1))
    served.requests += 1
    served.bytes += part.length
    response
      .writeHead(206, {
        'content-range': `bytes ${from}-${to}/${size}`,
        etag: '"70B"',
        // A browser's own cache would answer the second round.
        'cache-control': 'no-store',
      })
      .end(part)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const served: HeaderServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: 0,
    bytes: 0,
    close: () => {
      server.closeAllConnections()
      return new Promise((done) => void server.close(() => done()))
    },
  }
  return served
}

/**
 * What a browser needs, as modules by their names; `module.js` is `entry`, in
 * which `src/` stands for our sources.
 */
export async function modulesForBrowser(entry: string): Promise<Map<string, string>> {
  const root = fileURLToPath(new URL('../', import.meta.url))
  const input = `${root}bench/virtual-entry.ts`
  const bundle = await rolldown({
    input,
    platform: 'browser',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === input ? id : id.startsWith('src/') ? root + id : null),
        load: (id) => (id === input ? entry : null),
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'esm', entryFileNames: 'module.js' })
  return new Map(output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file.code]] : [])))
}

/** Proves the label of the file at an address, in a browser. */
export const PROVE = `
import { inspect } from 'src/gguf/index.ts'
import { openRangeSource, requestByFetch } from 'src/core/range-source.ts'
export async function prove(url) {
  const began = performance.now()
  const request = requestByFetch(url, (at, init) => fetch(at, init))
  const source = await openRangeSource(request, { conditional: false })
  const { quantisation } = await inspect(source, { fileName: 'model-Q4_K_M.gguf', sampleBytes: 0 })
  return { match: quantisation.match, reason: quantisation.reason, ms: performance.now() - began }
}`
