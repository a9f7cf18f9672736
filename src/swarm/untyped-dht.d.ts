/** The parts we use of bittorrent-dht and what lies under it, which ship without types; checked against their sources (11.0.12, k-rpc 5.1.0). */

declare module 'bittorrent-dht' {
  import type { EventEmitter } from 'node:events'

  /** A node of the network as the library keeps it. */
  export interface DhtContact {
    id: Buffer
    host: string
    port: number
    token?: Buffer | null
  }
  /** Who sent a datagram. */
  export interface DhtSender {
    address: string
    port: number
  }
  export interface DhtQuery {
    t: Buffer
    q: Buffer
    a: Record<string, Buffer | number | undefined>
  }
  export interface DhtReply {
    r?: Record<string, Buffer | Buffer[] | number | undefined>
  }
  export interface DhtMessage {
    q: string
    a: Record<string, Buffer | number | null>
  }
  interface Rpc {
    id: Buffer
    nodes: { closest(target: Buffer, count: number): DhtContact[] }
    response(
      to: DhtSender,
      query: DhtQuery,
      fields: Record<string, Buffer | Buffer[]>,
      nodes?: DhtContact[],
    ): void
    error(to: DhtSender, query: DhtQuery, error: [number, string]): void
    queryAll(
      nodes: DhtContact[],
      message: DhtMessage,
      visit: null,
      callback: (error: Error | null, hits: number) => void,
    ): void
  }
  export default class DHT extends EventEmitter {
    constructor(options: {
      nodeId: Uint8Array
      bootstrap: { host: string; port: number }[] | false
      socket: EventEmitter
      timeout: number
      concurrency: number
    })
    readonly _rpc: Rpc
    listen(): void
    destroy(callback: () => void): void
    toJSON(): { nodes: { host: string; port: number }[] }
    _bootstrap(populate: boolean): void
    _onquery(query: DhtQuery, from: DhtSender): void
    _closest(
      target: Buffer,
      message: DhtMessage,
      onMessage: (reply: DhtReply, node: { host?: string; address?: string; port: number }) => boolean,
      callback: (error: Error | null, visited?: number) => void,
    ): void
    _generateToken(host: string): Buffer
    _validateToken(host: string, token: Buffer): boolean
  }
}
