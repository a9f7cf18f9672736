import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { ByteSource } from '../core/byte-source.ts'
import { QalError } from '../core/error.ts'

// Without blocking, so that a named pipe is refused below instead of waited for.
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/** A file on disk as a byte source; the caller closes it. */
export interface FileSource extends ByteSource {
  close(): Promise<void>
}

/**
 * Opens a file for reading at its size of now. Refuses what is not a regular
 * file; a file that shrinks while it is read rejects instead of giving less.
 */
export async function openFileSource(path: string): Promise<FileSource> {
  const handle = await open(path, READ_FLAGS).catch((cause: unknown) => {
    throw new QalError('input_file', `Cannot open "${path}": ${reasonOf(cause)}`, {
      subject: path,
      cause,
      exit: 2,
    })
  })
  try {
    const stat = await handle.stat()
    if (!stat.isFile())
      throw new QalError('input_file', `Cannot read "${path}": expected a regular file`, {
        subject: path,
        exit: 2,
      })
    const { size } = stat
    return {
      size,
      async read(offset, length) {
        if (!Number.isSafeInteger(offset) || offset < 0 || length < 0 || offset + length > size)
          throw new RangeError(`Cannot read ${length} bytes at ${offset} of ${size}`)
        const bytes = new Uint8Array(length)
        let done = 0
        while (done < length) {
          // One read may give fewer bytes than asked for.
          const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
          if (bytesRead === 0)
            throw new QalError('input_file', `Cannot read "${path}": it became shorter while being read`, {
              subject: path,
              offset: offset + done,
            })
          done += bytesRead
        }
        return bytes
      },
      close: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
}

function reasonOf(cause: unknown): string {
  const code = (cause as { code?: unknown }).code
  return (typeof code === 'string' ? (REASONS[code] ?? code) : null) ?? 'unknown error'
}
