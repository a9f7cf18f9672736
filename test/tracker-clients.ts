/** What the tracker's tests share: a running tracker and clients of each protocol. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { addressPolicy, checkUrl } from '../src/swarm/addresses.ts'
import { createTracker, type Tracker, type TrackerOptions } from '../src/swarm/tracker.ts'
import { connectUdpTracker } from '../src/swarm/udp-client.ts'
import { decode } from '../src/torrent/bencode.ts'
import { latin1 } from '../src/torrent/refuse.ts'

export const V1 = 'a1'.repeat(20)
export const V2 = 'b2'.repeat(32)
export const UNKNOWN = 'cc'.repeat(20)

export interface Running {
  tracker: Tracker
  port: number
  http: string
  udp: string
  ws: string
  urls: string[]
}

export async function start(
  t: TestContext,
  options: Pick<TrackerOptions, 'intervalMs' | 'clientAddress'> = {},
): Promise<Running> {
  const server = createServer((request, response) => {
    if (!tracker.handleHttp(request, response)) response.writeHead(404).end('not the tracker')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const known = new Set([V1, V2.slice(0, 40)])
  const tracker = await createTracker({ http: server, allow: (infoHash) => known.has(infoHash), ...options })
  t.after(async () => {
    await tracker.close()
    server.close()
    server.closeAllConnections()
  })
  const at = (scheme: string) => `${scheme}://127.0.0.1:${port}/announce`
  return {
    tracker,
    port,
    http: at('http'),
    udp: at('udp'),
    ws: at('ws'),
    urls: ['http', 'udp', 'ws'].map(at),
  }
}

export interface Announce {
  infoHash: string
  peerId: string
  port: number
  left: number
  event?: string
}

export async function announceHttp(running: Running, fields: Announce): Promise<Uint8Array> {
  const { infoHash, peerId, port, left, event = '' } = fields
  const query = `info_hash=${infoHash.replace(/../g, '%$&')}&peer_id=${peerId}&port=${port}&left=${left}&compact=1&event=${event}`
  const response = await fetch(`${running.http}?${query}`)
  return new Uint8Array(await response.arrayBuffer())
}

export async function announceUdp(running: Running, fields: Announce & { ip?: number[] }): Promise<Buffer> {
  const body = Buffer.alloc(82)
  Buffer.from(fields.infoHash, 'hex').copy(body, 0)
  body.write(fields.peerId.repeat(20), 20, 20, 'latin1')
  body.writeBigUInt64BE(BigInt(fields.left), 48)
  body.writeUInt32BE(2, 64)
  Buffer.from(fields.ip ?? [0, 0, 0, 0]).copy(body, 68)
  body.writeInt32BE(-1, 76)
  body.writeUInt16BE(fields.port, 80)
  const policy = addressPolicy(['127.0.0.0/8'])
  const client = await connectUdpTracker(await checkUrl(policy, running.udp), AbortSignal.timeout(5000))
  try {
    return await client.request(1, body)
  } finally {
    client.close()
  }
}

export function readDictionary(bytes: Uint8Array): Map<string, unknown> {
  const value = decode(bytes)
  assert.ok(value.type === 'dictionary')
  return new Map(
    [...value.entries].map(([key, item]) => [
      key,
      item.type === 'integer' ? Number(item.value) : item.type === 'string' ? latin1(item.value) : item,
    ]),
  )
}

export function peer(letter: string): Record<string, unknown> {
  return { action: 'announce', info_hash: latin1(Buffer.from(V1, 'hex')), peer_id: letter.repeat(20) }
}

export function offer(letter: string): object {
  return { offer: { type: 'offer', sdp: 'v=0' }, offer_id: letter.repeat(20) }
}

export function pick(message: Record<string, unknown>, ...keys: string[]): unknown[] {
  return keys.map((key) => message[key])
}

/** A client of the WebTorrent protocol from outside: Node's own WebSocket. */
export async function openSocket(t: TestContext, url: string) {
  const socket = new WebSocket(url)
  const inbox: Record<string, unknown>[] = []
  let wake: (() => void) | undefined
  socket.addEventListener('message', (event) => {
    inbox.push(JSON.parse(String(event.data)) as Record<string, unknown>)
    wake?.()
  })
  const closed = new Promise<void>((resolve) => {
    socket.addEventListener('close', () => resolve())
  })
  t.after(() => socket.close())
  await once(socket, 'open')
  return {
    closed,
    send: (message: unknown) => socket.send(JSON.stringify(message)),
    sendText: (text: string) => socket.send(text),
    close: () => socket.close(),
    async next(): Promise<Record<string, unknown>> {
      while (inbox.length === 0) {
        await new Promise<void>((resolve) => (wake = resolve))
      }
      return inbox.shift() ?? {}
    },
  }
}

export async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 5000
  while (!condition()) {
    assert.ok(Date.now() < end, 'still not so after 5 s')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
