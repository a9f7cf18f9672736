/* oxlint-disable no-underscore-dangle -- the library has no other way to its bytes */
import type { Wire } from 'webtorrent'

/** Takes a part of a block, `at` bytes after its start. */
export type BlockSink = (bytes: Uint8Array, at: number) => void

/** No message that we want is longer: blocks have 16 KiB, a bitfield of the most pieces 256 KiB. */
const MAX_MESSAGE_BYTES = 2 ** 20
/** Before a block's bytes: the message's kind, the piece and where in it. */
const BLOCK_HEAD_BYTES = 9
const BLOCK_MESSAGE = 7

/**
 * Has a peer's blocks written where they belong as they arrive: the library
 * collects each message first, whatever length a peer announces for it, and
 * copies all it has with every packet. `sinkFor` says where a block goes, null
 * for one that was not asked for, whose bytes are thrown away.
 */
export function readBlocks(
  wire: Wire,
  sinkFor: (index: number, offset: number, length: number) => BlockSink | null,
): void {
  const readLength = wire._onMessageLength.bind(wire)
  const write = wire._write.bind(wire)
  let block: { index: number; offset: number; length: number; at: number; sink: BlockSink | null } | undefined

  wire._onMessageLength = (header) => {
    const length = uint32(header, 0)
    if (length > MAX_MESSAGE_BYTES) wire.destroy()
    else if (length <= BLOCK_HEAD_BYTES) readLength(header)
    else wire._parse(BLOCK_HEAD_BYTES, (head) => readHead(head, length))
  }

  function readHead(head: Uint8Array, length: number): void {
    if (head[0] !== BLOCK_MESSAGE) {
      wire._parse(length - BLOCK_HEAD_BYTES, (rest) => wire._onMessage(Buffer.concat([head, rest])))
      return
    }
    const index = uint32(head, 1)
    const offset = uint32(head, 5)
    const size = length - BLOCK_HEAD_BYTES
    block = { index, offset, length: size, at: 0, sink: sinkFor(index, offset, size) }
    // Until its bytes are there no parser gets any.
    wire._parse(Number.MAX_VALUE, () => undefined)
    const [there = new Uint8Array()] = wire._buffer
    setBuffer(take(there))
  }

  /** Takes what is the block's, and answers what is left. */
  function take(bytes: Uint8Array): Uint8Array {
    if (!block) return bytes
    const part = bytes.subarray(0, block.length - block.at)
    block.sink?.(part, block.at)
    block.at += part.length
    if (block.at === block.length) end()
    return bytes.subarray(part.length)
  }

  function end(): void {
    if (!block) return
    const { index, offset, length } = block
    block = undefined
    wire._parse(4, (header) => wire._onMessageLength(header))
    wire._callback(wire._pull(wire.requests, index, offset, length), null, new Uint8Array())
    wire.downloaded += length
    wire.downloadSpeed(length)
    wire.emit('download', length)
  }

  function setBuffer(left: Uint8Array): void {
    wire._buffer = left.length > 0 ? [left] : []
    wire._bufferSize = left.length
  }

  wire._write = (bytes, callback) => {
    if (!block) {
      write(bytes, callback)
      return
    }
    // The library's own first step.
    setBuffer(take(wire._encryptor ? wire._encryptor.decrypt(bytes) : bytes))
    wire._processBuffer()
    callback(null)
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at)
}
