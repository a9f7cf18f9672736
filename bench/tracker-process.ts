/**
 * A tracker, or what stands beside one, in a process of its own, so that what is
 * measured does not share a core with who asks. `node … tracker-process.ts KIND`;
 * the first line on stdout is its port, it ends with its stdin.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Server from 'bittorrent-tracker/server'
import { createTracker } from '../src/swarm/tracker.ts'

const [kind = '', target = '', delay = '0'] = process.argv.slice(2)

async function startOwn(): Promise<number> {
  const server = createServer((request, response) => {
    if (!tracker.handleHttp(request, response)) response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const tracker = await createTracker({ http: server, allow: () => true })
  return (server.address() as AddressInfo).port
}

/** bittorrent-tracker's own server, as its command starts it. */
async function startPeer(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const server = new Server({ http: true, udp: true, ws: true, stats: false })
  server.on('error', (error) => {
    throw error
  })
  const port = await freeUdpPort()
  server.listen(port, { http: '127.0.0.1', udp: '127.0.0.1', udp6: '::1' }, resolve)
  await promise
  return port
}

/** The limit: a server that answers without reading, over UDP and HTTP. */
async function startBare(): Promise<number> {
  const body = Buffer.from('d8:completei1e10:incompletei0e8:intervali600e5:peers0:e')
  const server = createServer((_request, response) => response.end(body))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => {
    const answer = Buffer.alloc(20)
    message.copy(answer, 0, 8, 16)
    socket.send(answer, from.port, from.address)
  })
  socket.bind(port, '127.0.0.1')
  await once(socket, 'listening')
  return port
}

/** Hands datagrams on to a tracker and back, each way late by `delay` ms: a tracker that is far away. */
async function startFar(): Promise<number> {
  const front = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  const back = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  let asker: { port: number; address: string } | undefined
  back.connect(Number(target), '127.0.0.1')
  await once(back, 'connect')
  front.on('message', (message, from) => {
    asker = from
    setTimeout(() => back.send(message), Number(delay))
  })
  back.on('message', (message) => {
    setTimeout(() => asker && front.send(message, asker.port, asker.address), Number(delay))
  })
  front.bind(0, '127.0.0.1')
  await once(front, 'listening')
  return front.address().port
}

/** A port that was free for both a moment ago: the library does not tell which one it took for UDP. */
async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

const starts: Record<string, () => Promise<number>> = {
  own: startOwn,
  'bittorrent-tracker': startPeer,
  bare: startBare,
  far: startFar,
}
process.stdin.on('end', () => process.exit(0)).resume()
process.stdout.write(`${await starts[kind]?.()}\n`)
