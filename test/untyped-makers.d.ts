/** Types of two packages of webtorrent's that have none, as far as tests use them. */
declare module 'create-torrent' {
  export interface Options {
    pieceLength?: number
    announceList?: string[][]
    urlList?: string[]
  }
  export default function createTorrent(
    input: string,
    options: Options,
    done: (error: Error | null, torrent: Uint8Array) => void,
  ): void
}
declare module 'parse-torrent' {
  export interface Parsed {
    infoHash: string
    name: string
    pieceLength: number
    announce: string[]
    files?: { path: string; name: string; length: number }[]
    pieces?: string[]
  }
  export default function parseTorrent(torrent: Uint8Array | string): Promise<Parsed>
}
