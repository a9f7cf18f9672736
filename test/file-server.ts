/** A plain web server for a folder of files, with ranges: what a web seed (BEP 19) needs, and no more. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import type { TestContext } from 'node:test'

export interface FileServer {
  /** With a slash at its end. */
  url: string
  /** Paths asked for, below the folder, decoded, each once. */
  asked: Set<string>
}

/** Serves `dir` on loopback until the test ends. */
export async function serveFiles(t: Pick<TestContext, 'after'>, dir: string): Promise<FileServer> {
  const asked = new Set<string>()
  const server = createServer((request, response) => {
    answer(request, response, dir, asked).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  dir: string,
  asked: Set<string>,
): Promise<void> {
  const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname)).slice(1)
  asked.add(path)
  const bytes = await readFile(join(dir, path)).catch(() => undefined)
  if (bytes === undefined) {
    response.writeHead(404).end()
    return
  }
  const [, from, to] = /^bytes=([0-9]+)-([0-9]*)$/.exec(request.headers.range ?? '') ?? []
  response.setHeader('accept-ranges', 'bytes')
  let part = bytes
  if (from !== undefined) {
    const end = Math.min(bytes.length, to === undefined || to === '' ? bytes.length : Number(to) + 1)
    part = bytes.subarray(Number(from), end)
    response.setHeader('content-range', `bytes ${from}-${end - 1}/${bytes.length}`)
  }
  response.writeHead(from === undefined ? 200 : 206, { 'content-length': part.length })
  response.end(request.method === 'HEAD' ? undefined : part)
}
