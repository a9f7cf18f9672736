/** Clients that announce as fast as a tracker answers: each resolves when `count` announces were answered. */
import { createHash, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { WebSocket } from 'ws'

export interface Load {
  port: number
  /** Info hashes in hex, announced to in turn. */
  hashes: readonly string[]
  count: number
}

/** Under way at once. */
const UDP_WINDOW = 64
const HTTP_CONNECTIONS = 16
const SOCKETS = 64
/** A packet that is lost is forgotten after this. */
const LOST_MS = 2_000
const CONNECT = Buffer.from('00000417271019800000000000000001', 'hex')

/** Over one socket, each announce by a peer of its own; resolves with how many packets were lost. */
export async function announceUdp({ port, hashes, count }: Load): Promise<number> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.send(CONNECT)
  const [connected] = (await once(socket, 'message')) as [Buffer]
  const packets = hashes.map((hash) => {
    const packet = Buffer.alloc(98)
    connected.copy(packet, 0, 8, 16)
    packet.writeUInt32BE(1, 8)
    packet.write(hash, 16, 'hex')
    packet.writeUInt32BE(2, 80)
    packet.writeInt32BE(50, 92)
    return packet
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  let sent = 0
  let answered = 0
  let lost = 0
  const send = () => {
    const packet = packets[sent % packets.length] ?? Buffer.alloc(98)
    packet.writeUInt32BE(sent, 12)
    // A peer id and port that no other announce has.
    packet.writeUInt32BE(sent, 40)
    packet.writeUInt16BE(1_024 + (sent % 60_000), 96)
    sent++
    socket.send(Buffer.from(packet))
  }
  socket.on('message', () => {
    answered++
    if (sent < count) send()
    else if (answered + lost >= count) resolve()
  })
  let before = 0
  const watch = setInterval(() => {
    if (answered === before) {
      lost = sent - answered
      const room = Math.min(UDP_WINDOW, count - sent)
      for (let index = 0; index < room; index++) send()
      if (sent >= count) resolve()
    }
    before = answered
  }, LOST_MS)
  for (let index = 0; index < UDP_WINDOW; index++) send()
  await promise
  clearInterval(watch)
  socket.close()
  return lost
}

/** A connection for each announce, as clients do it; resolves with how many failed. */
export async function announceHttp({ port, hashes, count }: Load): Promise<number> {
  let sent = 0
  let failed = 0
  const one = (index: number) =>
    new Promise<void>((resolve) => {
      const hash = (hashes[index % hashes.length] ?? '').replace(/../g, '%$&')
      const peer = `-QB0001-${String(index).padStart(12, '0')}`
      const path = `/announce?info_hash=${hash}&peer_id=${peer}&port=${1_024 + (index % 60_000)}&uploaded=0&downloaded=0&left=0&compact=1&event=started`
      const socket = connect(port, '127.0.0.1')
      let got = 0
      socket.on('data', (bytes) => (got += bytes.length))
      socket.on('error', () => undefined)
      socket.on('close', () => {
        if (got === 0) failed++
        resolve()
      })
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)
    })
  const work = async () => {
    while (sent < count) await one(sent++)
  }
  await Promise.all(Array.from({ length: HTTP_CONNECTIONS }, work))
  return failed
}

/** Some browsers that announce without offers, each over and over; resolves with how many got no answer: none. */
export async function announceSockets({ port, hashes, count }: Load): Promise<number> {
  let sent = 0
  const browser = async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/announce`)
    await once(socket, 'open')
    const peerId = randomBytes(20).toString('latin1')
    while (sent < count) {
      const hash = Buffer.from(hashes[sent % hashes.length] ?? '', 'hex').toString('latin1')
      const answer = once(socket, 'message')
      socket.send(
        JSON.stringify({
          action: 'announce',
          info_hash: hash,
          peer_id: peerId,
          numwant: 0,
          left: 0,
          event: 'started',
          offers: [],
        }),
      )
      sent++
      await answer
    }
    socket.terminate()
  }
  await Promise.all(Array.from({ length: SOCKETS }, browser))
  return 0
}

/** The same info hashes each time. */
export function someHashes(count: number): string[] {
  return Array.from({ length: count }, (_, index) => createHash('sha1').update(String(index)).digest('hex'))
}
