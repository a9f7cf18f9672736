/**
 * How long does it take to get one large model ready to publish: torrent,
 * SHA-256, MD5 and size? Ours (`bin/qal create`, the whole command) against what
 * publishers run, whole commands too, and against the limit: the processor time
 * of each hash alone, shared by all cores, or that of MD5, which no two cores
 * can share. Every way once a round, in turn; the median of the rounds counts.
 * What helps us unfairly: Debian's sha256sum does without the processor's
 * SHA instructions, openssl does not.
 *
 *     QAL_BENCH_BYTES=400000000 QAL_BENCH_ROUNDS=1 node bench/create.bench.ts
 *
 * needs transmission-cli, mktorrent, openssl and python3-libtorrent.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash, hash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeHashes } from '../src/swarm/node-hashes.ts'
import { choosePieceLength } from '../src/torrent/create.ts'
import { parseMetainfo } from '../src/torrent/metainfo.ts'

const BYTES = Number(process.env['QAL_BENCH_BYTES'] ?? 3_200_000_000)
const ROUNDS = Number(process.env['QAL_BENCH_ROUNDS'] ?? 3)
const PIECE = choosePieceLength(BYTES)
const CHUNK = 262_144
const BLOCK = 16_384

const LIBTORRENT = `
import libtorrent as lt, os, sys
path, out, piece = sys.argv[1:]
files = lt.file_storage()
lt.add_files(files, path)
torrent = lt.create_torrent(files, int(piece))
lt.set_piece_hashes(torrent, os.path.dirname(path))
open(out, 'wb').write(lt.bencode(torrent.generate()))`

const dir = await mkdtemp(join(process.env['BENCH_DIR'] ?? tmpdir(), 'qal-bench-'))
const model = join(dir, 'model.gguf')
const out = (name: string): string => join(dir, `${name}.torrent`)

const qal = [fileURLToPath(new URL('../bin/qal', import.meta.url)), 'create', model, '--json']
const transmission = ['transmission-create', '-o', out('transmission'), model]
const libtorrent = ['/usr/bin/python3', '-c', LIBTORRENT, model, out('libtorrent'), String(PIECE)]
const openssl = (algorithm: string): string[] => ['openssl', 'dgst', `-${algorithm}`, '-r', model]

/** Each way: commands one after another, those of one step side by side. */
const WAYS: Record<string, string[][][]> = {
  'qal create': [[[...qal, '-o', out('qal')]]],
  'transmission-create, sha256sum, md5sum': [[transmission], [['sha256sum', model]], [['md5sum', model]]],
  'transmission-create, openssl sha256, openssl md5': [[transmission], [openssl('sha256')], [openssl('md5')]],
  'libtorrent hybrid & openssl sha256 & openssl md5': [[libtorrent, openssl('sha256'), openssl('md5')]],
  'libtorrent hybrid alone': [[libtorrent]],
  'mktorrent alone, v1': [
    [['mktorrent', '-l', String(Math.log2(PIECE)), '-a', 'udp://127.0.0.1:9', '-o', out('mktorrent'), model]],
  ],
  'qal create --no-md5': [[[...qal, '--no-md5', '-o', out('qal-no-md5')]]],
  'qal create --v1': [[[...qal, '--v1', '-o', out('qal-v1')]]],
}

try {
  console.log(`Writing ${BYTES} bytes; piece length ${PIECE}; ${ROUNDS} rounds`)
  writeModel()
  const seconds: Record<string, number[]> = {}
  const add = (name: string, value: number): void => void (seconds[name] ??= []).push(value)
  for (let round = 0; round < ROUNDS; round++) {
    const outputs: string[] = []
    for (const [name, steps] of Object.entries(WAYS)) {
      // It writes over nothing.
      if (name.startsWith('mktorrent')) await rm(out('mktorrent'), { force: true })
      const began = performance.now()
      for (const step of steps) outputs.push(...(await Promise.all(step.map(run))))
      add(name, (performance.now() - began) / 1_000)
    }
    for (const [name, value] of Object.entries(limits())) add(name, value)
    await checkEqual(outputs)
  }
  report(seconds)
} finally {
  await rm(dir, { recursive: true, force: true })
}

/** Random bytes, flushed, and in the page cache. */
function writeModel(): void {
  const file = openSync(model, 'w')
  const buffer = new Uint8Array(16 * 2 ** 20)
  for (let at = 0; at < BYTES; at += buffer.length) {
    randomFillSync(buffer)
    writeSync(file, buffer, 0, Math.min(buffer.length, BYTES - at))
  }
  fsyncSync(file)
  closeSync(file)
}

async function run([command = '', ...args]: string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()))
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`Cannot run ${command}: it ended with ${code}\n${stderr}`)
  return stdout
}

/** Processor seconds of each work alone, on one core, and what follows for all of them. */
function limits(): Record<string, number> {
  const read = cpu(() => () => undefined)
  const of = (begin: () => (chunk: Buffer) => void): number => Math.max(0, cpu(begin) - read)
  const md5 = of(stream('md5'))
  const sha256 = of(stream('sha256'))
  const sha1 = of(stream('sha1'))
  const leaves = of(() => (chunk) => {
    for (let at = 0; at < chunk.length; at += BLOCK) hash('sha256', chunk.subarray(at, at + BLOCK), 'latin1')
  })
  const without = read + sha256 + sha1 + leaves
  const cores = availableParallelism()
  return {
    'limit: read': read,
    'limit: MD5': md5,
    'limit: SHA-256': sha256,
    'limit: SHA-1 pieces': sha1,
    'limit: v2 leaves': leaves,
    limit: Math.max(md5, (without + md5) / cores),
    'limit without MD5': Math.max(sha256, without / cores),
  }
}

function stream(algorithm: string): () => (chunk: Buffer) => void {
  return () => {
    const running = createHash(algorithm)
    return (chunk) => void running.update(chunk)
  }
}

function cpu(begin: () => (chunk: Buffer) => void): number {
  const take = begin()
  const buffer = Buffer.alloc(CHUNK)
  const file = openSync(model, 'r')
  const before = process.cpuUsage()
  for (;;) {
    const bytes = readSync(file, buffer)
    if (bytes === 0) break
    take(buffer.subarray(0, bytes))
  }
  const { user, system } = process.cpuUsage(before)
  closeSync(file)
  return (user + system) / 1e6
}

/** A fast way that is wrong would prove nothing: every tool must have found the same. */
async function checkEqual(outputs: readonly string[]): Promise<void> {
  const ours = await readOut('qal')
  const theirs = await readOut('libtorrent')
  if (ours.root === undefined || ours.root !== theirs.root) throw new Error('Other v2 roots')
  for (const name of ['libtorrent', 'mktorrent', 'qal-v1'])
    if (!ours.pieces.equals((await readOut(name)).pieces)) throw new Error(`Other v1 pieces than ${name}`)
  const [{ sha256, md5 } = {}] = (JSON.parse(outputs[0] ?? '{}') as { files: Record<string, string>[] }).files
  for (const digest of [sha256, md5]) {
    const found = outputs.filter((text) => digest !== undefined && text.startsWith(digest)).length
    if (found < 3) throw new Error(`Only ${found} tools say ${digest}`)
  }
}

async function readOut(name: string): Promise<{ root: string | null | undefined; pieces: Buffer }> {
  const { files, pieces } = await parseMetainfo(readFileSync(out(name)), nodeHashes)
  return { root: files[0]?.pieces_root, pieces: Buffer.from(pieces ?? []) }
}

function report(seconds: Record<string, number[]>): void {
  const median = (name: string): number => {
    const sorted = (seconds[name] ?? []).toSorted((a, b) => a - b)
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  }
  const ours = median('qal create')
  const rows = Object.fromEntries(
    Object.keys(seconds).map((name) => [
      name,
      { s: median(name).toFixed(2), 'times ours': (median(name) / ours).toFixed(2) },
    ]),
  )
  console.table(rows)
  const figures = {
    bench: 'create',
    date: new Date().toISOString().slice(0, 10),
    bytes: BYTES,
    rounds: ROUNDS,
    cpu: cpus()[0]?.model,
    cores: availableParallelism(),
    node: process.version,
    openssl: spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout.trim(),
    'over the limit, %': Number(((ours / median('limit') - 1) * 100).toFixed(1)),
    seconds,
  }
  console.log(JSON.stringify(figures))
}
