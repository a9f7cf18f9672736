/** The parts we use of packages that ship without types; checked against their sources. */

declare module 'bittorrent-tracker/server' {
  import type { Socket } from 'node:dgram'
  import type { EventEmitter } from 'node:events'
  import type { Server as HttpServer } from 'node:http'
  import type { WebSocket, WebSocketServer } from 'ws'

  export interface SwarmPeer {
    type: 'http' | 'udp' | 'ws'
    complete: boolean
    /** Hex. */
    peerId: string
    ip: string
    port: number
    /** Of a browser, until it is forgotten. */
    socket?: TrackerSocket | null
  }
  export interface RequestParams {
    type: 'http' | 'udp' | 'ws'
    /** 1 is announce. */
    action: number
    info_hash: string
    peer_id: string
    event?: string
    left: number
    numwant: number
    compact: 1 | 0 | -1
    ip: string
    port: number
    addr: string
    socket?: TrackerSocket
  }
  export interface AnnounceResponse {
    complete: number
    incomplete: number
    interval: number
    /** As they are, because we ask with `compact: -1`. */
    peers: SwarmPeer[]
  }
  export interface ScrapeParams {
    info_hash?: string[] | null
  }
  export interface ScrapeResponse {
    action: number
    files: Record<string, { complete: number; incomplete: number; downloaded: number }>
  }
  export interface TrackerSocket extends WebSocket {
    /** Hex, from the socket's first announce. */
    peerId: string | null
    /** Hex, of the swarms it is in. */
    infoHashes: string[]
    destroyed?: boolean
    upgradeReq: object | null
  }
  type Callback<T> = (error: Error | null, value?: T) => void

  class Swarm {
    constructor(infoHash: string, server: Server)
    complete: number
    incomplete: number
    peers: {
      readonly keys: string[]
      peek(id: string): SwarmPeer | undefined
      get(id: string): SwarmPeer | undefined
    }
    announce(params: RequestParams, callback?: Callback<AnnounceResponse>): void
    _onAnnounceStarted(params: RequestParams, peer: SwarmPeer | undefined, id: string): void
    _onAnnounceStopped(params: RequestParams, peer: SwarmPeer | undefined, id: string): void
    _onAnnounceCompleted(params: RequestParams, peer: SwarmPeer | undefined, id: string): void
    _onAnnounceUpdate(params: RequestParams, peer: SwarmPeer | undefined, id: string): void
  }
  class Server extends EventEmitter {
    static Swarm: typeof Swarm
    constructor(options: {
      http?: boolean
      /** On `udp4` and `udp6`. */
      udp?: boolean
      stats?: boolean
      ws?: boolean | { noServer: true; maxPayload: number }
      interval?: number
      peersCacheLength?: number
      peersCacheTtl?: number
      filter?: (infoHash: string, params: unknown, callback: (error?: Error | null) => void) => void
    })
    readonly torrents: Record<string, Swarm>
    readonly intervalMs: number
    readonly destroyed: boolean
    readonly ws: WebSocketServer
    /** With `http` and `udp`; one server is also that of `ws`. */
    readonly http: HttpServer
    readonly udp4: Socket
    listen(port: number, hosts: { http: string; udp: string; udp6: string }, onListening: () => void): void
    close(callback?: () => void): void
    getSwarm(infoHash: string, callback: Callback<Swarm>): void
    _onRequest(params: RequestParams, callback: Callback<AnnounceResponse>): void
    _onScrape(params: ScrapeParams, callback: Callback<ScrapeResponse>): void
    _onWebSocketRequest(socket: TrackerSocket, options: object, message: unknown): void
  }
  export default Server
}

declare module 'bittorrent-tracker/client' {
  const Client: {
    scrape(
      options: { announce: string[]; infoHash: Uint8Array[]; wrtc?: object },
      callback: (error: Error | null, results?: object) => void,
    ): unknown
  }
  export default Client
}

declare module 'ws' {
  import type { EventEmitter } from 'node:events'
  import type { IncomingMessage } from 'node:http'
  import type { LookupFunction } from 'node:net'
  import type { Duplex } from 'node:stream'

  export class WebSocket extends EventEmitter {
    constructor(
      url: string,
      options?: {
        lookup?: LookupFunction
        handshakeTimeout?: number
        maxPayload?: number
        perMessageDeflate?: boolean
        followRedirects?: boolean
      },
    )
    send(data: string, callback?: (error?: Error) => void): void
    close(code?: number): void
    terminate(): void
    ping(): void
  }
  export class WebSocketServer extends EventEmitter {
    handleUpgrade(
      request: IncomingMessage,
      socket: Duplex,
      head: Buffer,
      callback: (socket: WebSocket, request: IncomingMessage) => void,
    ): void
  }
}

declare module 'webtorrent' {
  import type { EventEmitter } from 'node:events'

  export interface Wire extends EventEmitter {
    /** `webSeed`, `webrtc`, `tcpIncoming`, `tcpOutgoing`. */
    type: string
    destroyed: boolean
    peerId: string
    peerChoking: boolean
    amInterested: boolean
    isSeeder: boolean
    peerPieces: { get(index: number): boolean }
    /** Asked and not answered. */
    requests: unknown[]
    peerExtendedHandshake: { reqq?: unknown }
    ut_metadata: EventEmitter & { metadata: Uint8Array | null }
    /** The callback may be called at once. */
    request(index: number, offset: number, length: number, callback: (error: Error | null) => void): void
    cancel(index: number, offset: number, length: number): void
    have(index: number): void
    interested(): void
    uninterested(): void
    /** Bytes of content a second. */
    downloadSpeed(received?: number): number
    downloaded: number
    /** The next bytes go, as soon as there are so many, to a parser. */
    _parse(size: number, parser: (bytes: Uint8Array) => void): void
    /** Called with the four bytes before each message, and with a message. */
    _onMessageLength(header: Uint8Array): void
    _onMessage(message: Uint8Array): void
    _write(bytes: Uint8Array, callback: (error: Error | null) => void): void
    _processBuffer(): void
    /** Bytes that no parser took yet, in one piece. */
    _buffer: Uint8Array[]
    _bufferSize: number
    _encryptor: { decrypt(bytes: Uint8Array): Uint8Array } | null
    _pull(requests: unknown[], index: number, offset: number, length: number): object | null
    _callback(request: object | null, error: Error | null, bytes: Uint8Array): void
    destroy(): void
  }
  export interface Torrent extends EventEmitter {
    infoHash: string
    destroyed: boolean
    ready: boolean
    done: boolean
    /** Verified bytes, and those of pieces in progress. */
    downloaded: number
    length: number
    pieces: unknown[]
    bitfield: { get(index: number): boolean }
    numPeers: number
    /** Bytes given to peers since it was added, and a second now. */
    uploaded: number
    uploadSpeed: number
    wires: Wire[]
    /** By `ip:port`, or URL of a web seed. */
    _peers: Map<string, { wire: Wire | null }>
    discovery?: { tracker?: { update(options: { numwant: number }): void } } | null
    addPeer(peer: string | object, source?: string): boolean
    removePeer(id: string): void
    /** Called for each wire when there may be something to ask it for. */
    _updateWire(wire: Wire): void
    _updateWireInterest(wire: Wire): void
    _markVerified(index: number): void
    destroy(options: { destroyStore: boolean }, callback?: (error?: Error | null) => void): void
  }
  export interface ClientOptions {
    dht: false
    lsd: false
    utPex: boolean
    utp: false
    natUpnp: false
    natPmp: false
    webSeeds: boolean
    tracker: false | { rtcConfig: { iceServers: [] }; getAnnounceOpts?: () => object; wrtc?: false }
    /** Goes to `net.Server.listen` as it is, so that it can also name the host. */
    torrentPort: number | { host?: string; port: number }
    maxConns: number
    /** Bytes a second. */
    uploadLimit?: number
  }
  export interface AddOptions {
    preloadedStore: object
    storeCacheSlots: number
    skipVerify?: boolean
    /** Ask for nothing. */
    deselect?: boolean
    /** Pieces that are there. */
    bitfield?: Uint8Array
  }
  export default class WebTorrent extends EventEmitter {
    constructor(options: ClientOptions)
    destroyed: boolean
    torrentPort: number
    /** Hex. */
    peerId: string
    blocked?: { contains(ip: string): boolean }
    add(torrent: Uint8Array | { infoHash: string }, options: AddOptions): Torrent
    destroy(callback: (error?: Error | null) => void): void
  }
}
