import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { QalError } from '../core/error.ts'
import type { CheckedUrl } from './addresses.ts'

/** One conversation with a UDP tracker (BEP 15). */
export interface UdpTracker {
  /** Sends an action (1 announce, 2 scrape) with its body and returns the answer after its 8-byte header; several may be under way. Throws `swarm_tracker_failed`. */
  request(action: 1 | 2, body: Uint8Array): Promise<Buffer>
  close(): void
}

interface Waiting {
  action: number
  resolve: (answer: Buffer) => void
  reject: (error: unknown) => void
}

const CONNECT_MAGIC = Buffer.from('0000041727101980', 'hex')
const CONNECT_ACTION = 0
const ERROR_ACTION = 3
/** A client may use a connection id for a minute (BEP 15). */
const CONNECTION_ID_MS = 60_000
/** BEP 15 repeats after 15 s, 30 s, 60 s …; where a person waits, sooner, and doubled each time too. */
const REPEAT_AFTER_MS = 1_500
const MAX_REPEATS = 8
const MAX_REASON_BYTES = 200

/**
 * Opens a socket to a checked tracker; answers are taken from that address
 * only. Each request is repeated after `repeatAfterMs`, doubled each time,
 * until `signal` ends it.
 */
export async function connectUdpTracker(
  at: CheckedUrl,
  signal: AbortSignal,
  repeatAfterMs = REPEAT_AFTER_MS,
): Promise<UdpTracker> {
  const fail = (why: string, cause?: unknown) => trackerFailed(at.url.href, why, cause)
  const socket = await openSocket(at, signal)
  /** By transaction id, in hex. */
  const waiting = new Map<string, Waiting>()
  let connection: { id: Promise<Buffer>; until: number } | undefined

  const failAll = (error: unknown) => {
    for (const { reject } of waiting.values()) reject(error)
  }
  const onAbort = () => failAll(fail('no answer in time', signal.reason))
  socket.on('message', (message: Buffer) => {
    const asked = message.length < 8 ? undefined : waiting.get(message.toString('hex', 4, 8))
    if (!asked) return
    const answered = message.readUInt32BE(0)
    if (answered === asked.action) return asked.resolve(message.subarray(8))
    if (answered !== ERROR_ACTION) return
    // An id that has expired is asked for anew by the next request.
    connection = undefined
    const reason = message.toString('latin1', 8, 8 + MAX_REASON_BYTES).replace(/[^\x20-\x7e]/g, '?')
    asked.reject(fail(`it says "${reason}"`))
  })
  socket.on('error', (cause: Error) => failAll(fail(`nothing listens there (${cause.message})`, cause)))
  signal.addEventListener('abort', onAbort)

  /** Sends what `head` and the action make, again and again; the head may change meanwhile, the transaction does not. */
  async function exchange(
    action: number,
    head: () => Promise<Uint8Array>,
    body: Uint8Array,
  ): Promise<Buffer> {
    const transaction = randomBytes(4)
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    waiting.set(transaction.toString('hex'), { action, resolve, reject })
    let timer: NodeJS.Timeout | undefined
    let repeats = 0
    const send = async () => {
      const packet = Buffer.concat([await head(), uint32(action), transaction, body])
      socket.send(packet, (error) => error && reject(fail(`nothing listens there (${error.message})`, error)))
      timer = setTimeout(() => void send().catch(reject), repeatAfterMs * 2 ** repeats)
      if (repeats < MAX_REPEATS) repeats++
    }
    try {
      if (signal.aborted) onAbort()
      else send().catch(reject)
      return await promise
    } finally {
      clearTimeout(timer)
      waiting.delete(transaction.toString('hex'))
    }
  }

  function connectionId(): Promise<Buffer> {
    if (connection && Date.now() < connection.until) return connection.id
    const id = exchange(CONNECT_ACTION, async () => CONNECT_MAGIC, new Uint8Array()).then((answer) => {
      if (answer.length < 8) throw fail('its connection id is cut short')
      return Buffer.from(answer.subarray(0, 8))
    })
    const current = { id, until: Number.POSITIVE_INFINITY }
    connection = current
    // The minute begins when the id is received; one that was not is not kept.
    id.then(
      () => (current.until = Date.now() + CONNECTION_ID_MS),
      () => connection === current && (connection = undefined),
    )
    return id
  }

  return {
    request: (action, body) => exchange(action, connectionId, body),
    close() {
      signal.removeEventListener('abort', onAbort)
      failAll(fail('it was closed'))
      closeQuietly(socket)
    },
  }
}

async function openSocket(at: CheckedUrl, signal: AbortSignal): Promise<Socket> {
  const [target] = at.addresses
  if (!target) throw trackerFailed(at.url.href, 'it has no address')
  const socket = createSocket(target.family === 6 ? 'udp6' : 'udp4')
  try {
    socket.connect(at.port, target.address)
    await once(socket, 'connect', { signal })
    return socket
  } catch (cause) {
    closeQuietly(socket)
    throw trackerFailed(at.url.href, 'the socket cannot connect', cause)
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
