/** What we use of WebTorrent's browser bundle, which brings no types. */
declare module 'webtorrent/dist/webtorrent.min.js' {
  export interface TorrentFile extends AsyncIterable<Uint8Array> {
    readonly name: string
    readonly path: string
    readonly length: number
    readonly offset: number
    readonly downloaded: number
    select(priority?: number): void
    deselect(): void
  }
  export interface Torrent {
    readonly files: TorrentFile[]
    readonly numPeers: number
    readonly downloadSpeed: number
    on(event: 'error' | 'warning', listener: (error: Error | string) => void): void
    on(event: 'ready' | 'download' | 'wire', listener: () => void): void
    destroy(options?: { destroyStore?: boolean }): void
  }
  export default class WebTorrent {
    static readonly WEBRTC_SUPPORT: boolean
    constructor(options: {
      dht: boolean
      lsd: boolean
      utPex: boolean
      tracker: { rtcConfig: RTCConfiguration }
    })
    add(
      torrent: Uint8Array,
      options: { announce: string[]; store: unknown; storeCacheSlots?: number; deselect?: boolean },
    ): Torrent
    on(event: 'error', listener: (error: Error | string) => void): void
    destroy(done?: (error?: Error) => void): void
  }
}
