import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import type { Step } from './hash-chains.ts'
import type { FromReader, LaneWork } from './hash-paths.ts'
import {
  CHUNK_BYTES,
  CONTROL,
  FIRST,
  LAST,
  META,
  placeOf,
  RESULT_BYTES,
  RING_CHUNKS,
  type Ring,
} from './hash-ring.ts'
import { describeChange, type FoundFile } from './read-files.ts'

/** Of a chunk that everybody has passed, in this order; see `FromReader`. */
export const SENT_WORDS = 4

interface OpenFile {
  index: number
  file: FoundFile
  handle: number
  at: number
}

/**
 * Reads file after file into the ring, as places become free, and sends away
 * what was worked out of the chunk that lay there before. A file that is not as
 * it was found, before or after it is read, ends everything.
 */
export function createReadStep(ring: Ring, work: LaneWork, port: MessagePort): Step {
  const tickets = new Int32Array(work.tickets)
  const passed = passedBy(ring, work)
  const sender = createSender(ring, port)
  let next = 0
  let sent = 0
  let current: OpenFile | undefined
  let last = false
  return () => {
    if (last && sent === next) {
      sender.flush()
      return 'ended'
    }
    if (last || next - sent === RING_CHUNKS) {
      if (!passed(sent)) return 'idle'
      sender.add(sent++)
      if (last) return 'went on'
    }
    current ??= openNext(work, tickets)
    if (current === undefined) {
      last = true
      Atomics.store(ring.control, CONTROL.end, next)
      return 'went on'
    }
    if (readChunk(ring, next, current)) current = undefined
    Atomics.store(ring.control, CONTROL.read, ++next)
    return 'went on'
  }
}

/** Whether every chain, and whoever took its leaves, is done with a chunk. */
function passedBy(ring: Ring, { md5, pieces }: LaneWork): (chunk: number) => boolean {
  const counters: number[] = [CONTROL.sha256]
  if (md5) counters.push(CONTROL.md5)
  if (pieces !== null) counters.push(CONTROL.sha1)
  const leaves = pieces !== null && !pieces.v1
  return (chunk) =>
    counters.every((counter) => Atomics.load(ring.control, counter) > chunk) &&
    (!leaves || Atomics.load(placeOf(ring, chunk).meta, META.leavesDone) === chunk + 1)
}

function openNext(work: LaneWork, tickets: Int32Array): OpenFile | undefined {
  const index = work.order[Atomics.add(tickets, 0, 1)]
  const file = index === undefined ? undefined : work.files[index]
  if (index === undefined || file === undefined) return undefined
  const open = { index, file, handle: openFound(index, file), at: 0 }
  checkUnchanged(open)
  return open
}

function openFound(index: number, file: FoundFile): number {
  try {
    // Not following links: one may have been put there since the walk.
    return openSync(file.location, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR') throw new ChangedFile(index, 'none')
    throw error
  }
}

/** Reads the file's next chunk; answers whether it was the last one. */
function readChunk(ring: Ring, number: number, open: OpenFile): boolean {
  const { chunk, meta } = placeOf(ring, number)
  const { file, handle } = open
  const length = Math.min(CHUNK_BYTES, file.size - open.at)
  for (let filled = 0; filled < length;) {
    const bytes = readSync(handle, chunk, filled, length - filled, open.at + filled)
    if (bytes === 0) {
      checkUnchanged(open)
      throw new ChangedFile(open.index, `${open.at + filled} bytes`)
    }
    filled += bytes
  }
  const first = open.at === 0
  open.at += length
  const last = open.at === file.size
  if (last) {
    checkUnchanged(open)
    closeSync(handle)
  }
  meta[META.file] = open.index
  meta[META.length] = length
  meta[META.flags] = (first ? FIRST : 0) | (last ? LAST : 0)
  meta[META.pieces] = 0
  meta[META.nodes] = 0
  return last
}

/** A file is another than when it was found; its number among the lane's files, and how it shows. */
export class ChangedFile extends Error {
  readonly index: number
  readonly found: string
  constructor(index: number, found: string) {
    super('A file changed while it was read')
    this.index = index
    this.found = found
  }
}

function checkUnchanged({ index, file, handle }: OpenFile): void {
  const found = describeChange(file, fstatSync(handle, { bigint: true }))
  if (found !== undefined) throw new ChangedFile(index, found)
}

/** Gathers results to one message a ring: a message for each chunk would cost more than the tree. */
function createSender(ring: Ring, port: MessagePort): { add(chunk: number): void; flush(): void } {
  const meta = new Int32Array(RING_CHUNKS * SENT_WORDS)
  const results = Buffer.alloc(RING_CHUNKS * RESULT_BYTES)
  let count = 0
  let bytes = 0
  const flush = (): void => {
    if (count === 0) return
    port.postMessage({
      type: 'chunks',
      bytes,
      meta: meta.slice(0, count * SENT_WORDS),
      results: new Uint8Array(results.subarray(0, count * RESULT_BYTES)),
    } satisfies FromReader)
    count = 0
    bytes = 0
  }
  return {
    add(chunk) {
      const place = placeOf(ring, chunk)
      const { file, flags, pieces, nodes, length } = META
      for (const [at, word] of [file, flags, pieces, nodes].entries())
        meta[count * SENT_WORDS + at] = place.meta[word] ?? 0
      place.result.copy(results, count * RESULT_BYTES)
      bytes += place.meta[length] ?? 0
      count++
      if (count === RING_CHUNKS) flush()
    },
    flush,
  }
}
