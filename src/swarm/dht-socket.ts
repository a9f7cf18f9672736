import { randomBytes } from 'node:crypto'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import { QalError } from '../core/error.ts'
import { hostPort, type AddressPolicy } from './addresses.ts'
import { checkDatagram, MAX_DATAGRAM_BYTES, readOwnMessage } from './dht-messages.ts'

export interface DhtSocketOptions {
  policy: AddressPolicy
  /** Resolved addresses of the operator's own routers, which the policy need not allow. */
  routers: readonly { host: string; port: number }[]
  /** Answers nobody and asks not to be remembered (BEP 43). */
  readOnly: boolean
  host: string
  /** 0 picks a free one. */
  port: number
}

/** A second's worth; more is dropped unread. A lookup asks a node once or twice. */
const MAX_QUERIES_PER_ADDRESS = 50
const MAX_QUERIES = 500
const MAX_DATAGRAMS = 5_000
const BUDGET_MS = 1_000
/** An answer is larger than its question, and the asker's address can be forged: what fits one packet, no more. */
const MAX_ANSWER_BYTES = 1_400
const MAX_PENDING = 1_000
/** Well over the library's own patience with a node. */
const PENDING_MS = 15_000

interface Pending {
  /** The library's transaction id, which is guessable; ours is not. */
  transaction: Uint8Array
  from: string
  at: number
}

/**
 * The library's way out and in, in place of its own socket. Nothing goes to an
 * address that the policy does not allow, whoever named it; nothing comes in
 * that is not a well-formed query, or an answer from the very address that was
 * asked; and what the library makes of it never ends the process.
 */
export class DhtSocket extends EventEmitter {
  readonly #socket: Socket
  readonly #options: DhtSocketOptions
  readonly #routers: ReadonlySet<string>
  readonly #pending = new Map<string, Pending>()
  readonly #budget: NodeJS.Timeout
  readonly #asked = new Map<string, number>()
  #queries = 0
  #datagrams = 0
  #closed = false

  private constructor(socket: Socket, options: DhtSocketOptions) {
    super()
    this.#socket = socket
    this.#options = options
    this.#routers = new Set(options.routers.map(({ host, port }) => hostPort(host, port)))
    socket.on('message', (message, from) => this.#onMessage(message, from))
    // Somebody who is not there is no one's error; who was asked is timed out.
    socket.on('error', () => undefined)
    socket.on('close', () => this.emit('close'))
    this.#budget = setInterval(() => this.#refill(), BUDGET_MS)
    this.#budget.unref()
  }

  /** Binds; throws `swarm_dht_listen`. */
  static async open(options: DhtSocketOptions): Promise<DhtSocket> {
    const { host, port } = options
    // BEP 32's second network, over IPv6, is none of the library's.
    const socket = createSocket('udp4')
    try {
      socket.bind(port, host)
      await once(socket, 'listening')
    } catch (cause) {
      socket.close()
      throw new QalError(
        'swarm_dht_listen',
        `Cannot listen on UDP port ${port} of ${host}: ${String(cause)}`,
        {
          found: hostPort(host, port),
          exit: 2,
          cause,
        },
      )
    }
    return new DhtSocket(socket, options)
  }

  get port(): number {
    return this.#socket.address().port
  }

  // From here on: the part of a dgram socket that k-rpc-socket uses.

  /** It is bound already. */
  bind(): void {
    process.nextTick(() => this.emit('listening'))
  }

  address(): { port: number } {
    return { port: this.port }
  }

  send(
    bytes: Uint8Array,
    _offset: number,
    _length: number,
    port: number,
    host: string,
    done: (error: Error | null) => void,
  ): void {
    const message = readOwnMessage(bytes)
    if (this.#closed || !message || !this.#mayReach(host, port)) return done(null)
    const packet =
      message.kind === 'query'
        ? message.rebuild(this.#remember(message.transaction, hostPort(host, port)), this.#options.readOnly)
        : bytes
    if (message.kind === 'answer' && packet.length > MAX_ANSWER_BYTES) return done(null)
    this.#socket.send(packet, port, host, () => done(null))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#budget)
    this.#socket.close()
  }

  #mayReach(host: string, port: number): boolean {
    if (!(port > 0 && port < 65_536)) return false
    return this.#routers.has(hostPort(host, port)) || this.#options.policy.allowsAddress(host, port)
  }

  #remember(transaction: Uint8Array, from: string): Uint8Array {
    const id = randomBytes(4)
    const [oldest] = this.#pending.keys()
    if (this.#pending.size >= MAX_PENDING && oldest !== undefined) this.#pending.delete(oldest)
    this.#pending.set(id.toString('hex'), { transaction, from, at: Date.now() })
    return id
  }

  #onMessage(message: Buffer, from: RemoteInfo): void {
    if (this.#closed || ++this.#datagrams > MAX_DATAGRAMS || message.length > MAX_DATAGRAM_BYTES) return
    if (!this.#mayReach(from.address, from.port)) return
    const checked = checkDatagram(message, (address, port) => this.#mayReach(address, port))
    if (!checked) return
    if (checked.kind === 'query') {
      if (this.#options.readOnly || !this.#mayAsk(from.address)) return
      this.#deliver(checked.rebuild(checked.transaction), from)
      return
    }
    const id = Buffer.from(checked.transaction).toString('hex')
    const pending = this.#pending.get(id)
    if (pending?.from !== hostPort(from.address, from.port)) return
    this.#pending.delete(id)
    this.#deliver(checked.rebuild(pending.transaction), from)
  }

  #deliver(bytes: Uint8Array, from: RemoteInfo): void {
    try {
      this.emit('message', Buffer.from(bytes), from)
    } catch (error) {
      // A last line: the messages that are known to do this do not come here.
      this.emit('fault', error)
    }
  }

  #mayAsk(address: string): boolean {
    const asked = (this.#asked.get(address) ?? 0) + 1
    this.#asked.set(address, asked)
    return asked <= MAX_QUERIES_PER_ADDRESS && ++this.#queries <= MAX_QUERIES
  }

  #refill(): void {
    this.#asked.clear()
    this.#queries = 0
    this.#datagrams = 0
    const before = Date.now() - PENDING_MS
    for (const [id, { at }] of this.#pending) {
      if (at >= before) break
      this.#pending.delete(id)
    }
  }
}
