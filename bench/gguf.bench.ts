/**
 * How long does a header take? One of a 70B model (724 tensors, 128,256 tokens,
 * 280,147 merges) parsed strictly and its label proven, against
 * `@huggingface/gguf` parsing it loosely; how many bytes each reads of the file;
 * and how long 100,000 stored headers of catalogue size take to be checked again.
 * BENCH_HEADERS sets their number.
 */
import { open } from 'node:fs/promises'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'
import { openFileSource } from '../src/store/file-source.ts'
import type { ByteSource } from '../src/core/byte-source.ts'
import { inspect, parseGguf } from '../src/gguf/index.ts'
import { headerOf, SEVENTY_B, type HeaderShape } from './gguf-headers.ts'

const ROUNDS = 5
const HEADERS = Number(process.env['BENCH_HEADERS'] ?? 100_000)
/** The label's last 291 tensors and no vocabulary to speak of: what is stored of a listing's header. */
const STORED: HeaderShape = {
  layers: 32,
  embedding: 4096,
  feedForward: 14_336,
  heads: 32,
  sharedHeads: 8,
  vocabulary: 32,
  merges: 0,
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

function counting(source: ByteSource): ByteSource & { bytes: number; reads: number } {
  return {
    size: source.size,
    bytes: 0,
    reads: 0,
    read(offset, length) {
      this.bytes += length
      this.reads += 1
      return source.read(offset, length)
    },
  }
}

const dir = await mkdtemp(join(tmpdir(), 'qal-bench-'))
try {
  const { header, size } = headerOf(SEVENTY_B, 'Q4_K_M')
  const path = join(dir, 'bench-70B-Q4_K_M.gguf')
  const handle = await open(path, 'w')
  await handle.write(header)
  // The weights are a hole in the file: nobody reads them here.
  await handle.truncate(size)
  await handle.close()

  const source = await openFileSource(path)
  const prove = () => inspect(source, { fileName: 'bench-70B-Q4_K_M.gguf', sampleBytes: 0 })
  const { quantisation, verdict } = await prove()
  if (quantisation?.match !== 'exact')
    throw new Error(`Cannot use the header: ${verdict}, ${quantisation?.reason}`)
  const times: Record<'strict' | 'proven' | 'loose', number[]> = { strict: [], proven: [], loose: [] }
  for (let round = 0; round < ROUNDS; round += 1) {
    times.strict.push(await timed(() => parseGguf(source)))
    times.loose.push(await timed(() => gguf(path, { allowLocalFile: true })))
    times.proven.push(await timed(prove))
  }
  const counted = counting(source)
  const { headerBytes } = await parseGguf(counted)
  await source.close()

  const stored = headerOf(STORED, 'Q4_K_M')
  const small: ByteSource = {
    size: stored.size,
    // Beyond the stored header lie only weights, of which nothing is asked.
    read: (offset, length) => {
      const bytes = new Uint8Array(length)
      bytes.set(stored.header.subarray(offset, offset + length))
      return Promise.resolve(bytes)
    },
  }
  const again = await timed(async () => {
    for (let i = 0; i < HEADERS; i += 1) {
      const found = await inspect(small, { label: 'Q4_K_M', sampleBytes: 0 })
      if (found.quantisation?.match !== 'exact')
        throw new Error(`Cannot prove a stored header: ${found.verdict}`)
    }
  })

  const result = {
    bench: 'gguf',
    header_bytes: header.length,
    strict_ms: Math.round(median(times.strict) * 10) / 10,
    proven_ms: Math.round(median(times.proven) * 10) / 10,
    loose_ms: Math.round(median(times.loose) * 10) / 10,
    ratio: Math.round((median(times.proven) / median(times.loose)) * 1_000) / 1_000,
    bytes_read: counted.bytes,
    bytes_beyond_header: counted.bytes - headerBytes,
    reads: counted.reads,
    stored_headers: HEADERS,
    stored_header_bytes: stored.header.length,
    stored_s: Math.round(again) / 1_000,
    cpu: cpus()[0]?.model,
    node: process.version,
  }
  console.table({
    'parsed strictly': { ms: result.strict_ms },
    'parsed strictly and proven': { ms: result.proven_ms },
    '@huggingface/gguf, loosely': { ms: result.loose_ms },
  })
  console.log(JSON.stringify(result))
} finally {
  await rm(dir, { recursive: true, force: true })
}
