import type { ByteSource } from '../core/byte-source.ts'
import { refusal } from './rules.ts'
import { isUtf8, printable } from './text.ts'

/** One read of the source; the parser reads at most one of these past the header. */
const CHUNK_BYTES = 512 * 1024

/** No model's header comes near this (the largest vocabularies take about 15 MiB); a larger one is an attack on memory. */
const MAX_HEADER_BYTES = 64 * 1024 * 1024

/**
 * Reads a header forwards. Callers first `need` bytes (a promise only when the
 * source must be read) and then take them; every length is checked against what
 * remains before anything is allocated for it.
 */
export class HeaderReader {
  position = 0
  readonly #source: ByteSource
  #buffer = new Uint8Array(0)
  #view = new DataView(this.#buffer.buffer)
  #loaded = 0

  constructor(source: ByteSource) {
    this.#source = source
  }

  /** Bytes of the file not yet taken. */
  get remaining(): number {
    return this.#source.size - this.position
  }

  /** The header's bytes as read so far, from the file's start. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#loaded)
  }

  /**
   * Makes `count` bytes available; refuses where the file or the header's limit
   * ends before. `later` bytes are known to follow: where the source must be read
   * at all, they are read in the same go, since a request costs more than bytes.
   */
  need(count: number, what: string, later = 0): Promise<void> | undefined {
    if (this.position + count <= this.#loaded) return undefined
    if (count > this.remaining)
      throw refusal('gguf_truncated', `the file ends inside ${what}`, {
        offset: this.position,
        expected: `${count} bytes`,
        found: `${this.remaining} bytes before the end`,
      })
    if (this.position + count > MAX_HEADER_BYTES)
      throw refusal(
        'gguf_header_size',
        `${what} lies beyond the ${MAX_HEADER_BYTES} bytes a header may take`,
        {
          offset: this.position,
          expected: `a header of at most ${MAX_HEADER_BYTES} bytes`,
        },
      )
    return this.#load(Math.min(this.position + count + later, MAX_HEADER_BYTES))
  }

  async #load(until: number): Promise<void> {
    const end = Math.min(this.#source.size, Math.max(until, this.#loaded) + CHUNK_BYTES)
    const more = await this.#source.read(this.#loaded, end - this.#loaded)
    if (end > this.#buffer.length) {
      const grown = new Uint8Array(Math.min(this.#source.size, Math.max(end, this.#buffer.length * 2)))
      grown.set(this.#buffer.subarray(0, this.#loaded))
      this.#buffer = grown
      this.#view = new DataView(grown.buffer)
    }
    this.#buffer.set(more, this.#loaded)
    this.#loaded = end
  }

  u32(): number {
    const value = this.#view.getUint32(this.position, true)
    this.position += 4
    return value
  }

  u64(): bigint {
    const value = this.#view.getBigUint64(this.position, true)
    this.position += 8
    return value
  }

  get view(): DataView {
    return this.#view
  }

  /** What is read so far and, beyond it, room: for loops that know their bounds. */
  get buffer(): Uint8Array {
    return this.#buffer
  }

  /**
   * Takes a u64 length that must not exceed `limit` or what remains: -1 where it
   * does, and then nothing is taken. Without BigInt, for the many strings of a vocabulary.
   */
  shortLength(limit: number): number {
    const low = this.#view.getUint32(this.position, true)
    const high = this.#view.getUint32(this.position + 4, true)
    if (high !== 0 || low > limit || low > this.#source.size - this.position - 8) return -1
    this.position += 8
    return low
  }

  /** Reads a u64 length and checks it against what remains, `each` bytes an item, and against `limit`. */
  async length(what: string, each: number, limit: number): Promise<number> {
    await this.need(8, what)
    const offset = this.position
    const value = this.u64()
    // BigInt before any product: a count whose byte size wraps 64 bits is a known attack.
    if (value * BigInt(each) > BigInt(this.remaining))
      throw refusal('gguf_length', `${what} is ${value}, more than the ${this.remaining} bytes that remain`, {
        offset,
        expected: `at most ${this.remaining} bytes`,
        found: String(value),
      })
    if (value > BigInt(limit))
      throw refusal('gguf_length', `${what} is ${value}, more than the limit of ${limit}`, {
        offset,
        expected: `at most ${limit}`,
        found: String(value),
      })
    return Number(value)
  }

  /** The bytes from here to `end`, where the data begins: mostly read already. */
  async padding(end: number): Promise<Uint8Array> {
    const start = this.position
    if (end <= start) return new Uint8Array(0)
    return end <= this.#loaded ? this.#buffer.subarray(start, end) : this.#source.read(start, end - start)
  }

  /**
   * Takes a name of printable ASCII without spaces whose bytes are there already
   * (`need` them with its length first); null, and nothing taken, for anything else.
   */
  plainName(limit: number): string | null {
    const from = this.position + 8
    if (from > this.#loaded) return null
    const length = this.shortLength(limit)
    if (length < 0) return null
    const end = from + length
    let plain = length > 0 && end <= this.#loaded
    for (let at = from; plain && at < end; at += 1) {
      const byte = this.#buffer[at] ?? 0
      plain = byte > 0x20 && byte < 0x7f
    }
    this.position = plain ? end : from - 8
    return plain ? decoder.decode(this.#buffer.subarray(from, end)) : null
  }

  /** Reads a string: length, then bytes that must be UTF-8. */
  async string(what: string, limit: number): Promise<string> {
    const length = await this.length(`the length of ${what}`, 1, limit)
    await this.need(length, what)
    const start = this.position
    if (!isUtf8(this.#buffer, start, start + length))
      throw refusal('gguf_utf8', `${what} is not UTF-8`, {
        offset: start,
        expected: 'UTF-8',
        found: printable(latin1(this.#buffer.subarray(start, start + Math.min(length, 40))), 60),
      })
    this.position += length
    return decoder.decode(this.#buffer.subarray(start, start + length))
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}
