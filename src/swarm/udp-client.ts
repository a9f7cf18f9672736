import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { QalError } from '../core/error.ts'
import type { CheckedUrl } from './addresses.ts'

/** One conversation with a UDP tracker (BEP 15). */
export interface UdpTracker {
  /** Sends an action (1 announce, 2 scrape) with its body and returns the answer after its 8-byte header. Throws `swarm_tracker_failed`. */
  request(action: 1 | 2, body: Uint8Array): Promise<Buffer>
  close(): void
}

const CONNECT_MAGIC = Buffer.from('0000041727101980', 'hex')
const ERROR_ACTION = 3
const CONNECTION_ID_MS = 60_000
/** BEP 15 repeats after 15 s and more; a person waits here. */
const REPEAT_AFTER_MS = 1_500
const MAX_REASON_BYTES = 200

/**
 * Opens a socket to a checked tracker; answers are taken from that address
 * only. Each request is repeated until `signal` ends it.
 */
export async function connectUdpTracker(at: CheckedUrl, signal: AbortSignal): Promise<UdpTracker> {
  const [target] = at.addresses
  if (!target) throw trackerFailed(at.url.href, 'it has no address')
  const socket = createSocket(target.family === 6 ? 'udp6' : 'udp4')
  const fail = (why: string, cause?: unknown) => trackerFailed(at.url.href, why, cause)
  try {
    socket.connect(at.port, target.address)
    await once(socket, 'connect', { signal })
  } catch (cause) {
    closeQuietly(socket)
    throw fail('the socket cannot connect', cause)
  }
  let connection: { id: Buffer; at: number } | undefined

  async function exchange(action: number, head: Uint8Array, body: Uint8Array): Promise<Buffer> {
    const transaction = randomBytes(4)
    const packet = Buffer.concat([head, uint32(action), transaction, body])
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    const onMessage = (message: Buffer) => {
      if (message.length < 8 || !message.subarray(4, 8).equals(transaction)) return
      const answered = message.readUInt32BE(0)
      if (answered === action) return resolve(message.subarray(8))
      if (answered === ERROR_ACTION) {
        // An id that has expired is asked for anew by the next request.
        connection = undefined
        const reason = message.toString('latin1', 8, 8 + MAX_REASON_BYTES).replace(/[^\x20-\x7e]/g, '?')
        reject(fail(`it says "${reason}"`))
      }
    }
    const onError = (cause: Error) => reject(fail(`nothing listens there (${cause.message})`, cause))
    const onAbort = () => reject(fail('no answer in time', signal.reason))
    socket.on('message', onMessage).on('error', onError)
    signal.addEventListener('abort', onAbort)
    const send = () => socket.send(packet, (error) => error && onError(error))
    const repeat = setInterval(send, REPEAT_AFTER_MS)
    try {
      if (signal.aborted) onAbort()
      else send()
      return await promise
    } finally {
      clearInterval(repeat)
      signal.removeEventListener('abort', onAbort)
      socket.off('message', onMessage).off('error', onError)
    }
  }

  return {
    async request(action, body) {
      if (!connection || Date.now() - connection.at > CONNECTION_ID_MS) {
        const answer = await exchange(0, CONNECT_MAGIC, new Uint8Array())
        if (answer.length < 8) throw fail('its connection id is cut short')
        connection = { id: Buffer.from(answer.subarray(0, 8)), at: Date.now() }
      }
      return exchange(action, connection.id, body)
    },
    close: () => closeQuietly(socket),
  }
}

/** The error for a tracker that did not answer, or not as it should. */
export function trackerFailed(tracker: string, why: string, cause?: unknown): QalError {
  return new QalError('swarm_tracker_failed', `Cannot ask tracker ${tracker}: ${why}`, { found: why, cause })
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function closeQuietly(socket: Socket): void {
  // A late ICMP error after the last answer is of no interest.
  socket.on('error', () => undefined)
  socket.close()
}
