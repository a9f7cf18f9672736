import { open } from 'node:fs/promises'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { MAX_TORRENT_BYTES } from '../torrent/limits.ts'
import { parseMetainfo, type Metainfo } from '../torrent/metainfo.ts'
import { usageError } from './output.ts'

/** Reads and checks a .torrent file. */
export async function readTorrentFile(path: string): Promise<Metainfo> {
  return parseMetainfo(await readTorrentBytes(path), nodeHashes)
}

/** The bytes of a .torrent file; never more of it than a torrent may have. */
export async function readTorrentBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const file = await open(path).catch(() => {
    throw usageError('the torrent', 'a .torrent file that can be read', path)
  })
  try {
    if (!(await file.stat()).isFile()) throw usageError('the torrent', 'a .torrent file', path)
    // One byte more than allowed tells that there are more, without reading them.
    const buffer = new Uint8Array(MAX_TORRENT_BYTES + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length)
      length += bytesRead
      if (bytesRead === 0 || length === buffer.length) break
    }
    return buffer.slice(0, length)
  } finally {
    await file.close()
  }
}
