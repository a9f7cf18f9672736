import { open } from 'node:fs/promises'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { MAX_TORRENT_BYTES } from '../torrent/limits.ts'
import { parseMetainfo, type Metainfo } from '../torrent/metainfo.ts'
import { usageError } from './output.ts'

/** Reads and checks a .torrent file; never more of it than a torrent may have. */
export async function readTorrentFile(path: string): Promise<Metainfo> {
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
    return await parseMetainfo(buffer.slice(0, length), nodeHashes)
  } finally {
    await file.close()
  }
}
