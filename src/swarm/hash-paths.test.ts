import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { appendFile, mkdir, open, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { runTool, tempDir } from '../../test/tools.ts'
import { isQalError } from '../core/error.ts'
import type { CreatedTorrent } from '../torrent/create.ts'
import { content, torrentOf } from '../torrent/torrent-fixture.ts'
import { createFromPath, type CreatedFromPath } from './create-file.ts'
import { hashPaths, planLanes, type Chain } from './hash-paths.ts'
import { CHUNK_BYTES, RING_CHUNKS } from './hash-ring.ts'
import { nodeHashes } from './node-hashes.ts'
import { findFiles, type FoundFile } from './read-files.ts'

const KIB = 1_024
const MIB = 1_024 * KIB
const RING = RING_CHUNKS * CHUNK_BYTES

/** Around blocks, pieces, chunks and the whole ring. */
const SIZES = [
  1,
  16 * KIB - 1,
  16 * KIB,
  16 * KIB + 1,
  64 * KIB - 1,
  64 * KIB,
  64 * KIB + 1,
  CHUNK_BYTES - 1,
  CHUNK_BYTES,
  CHUNK_BYTES + 1,
  CHUNK_BYTES + 16 * KIB,
  MIB - 1,
  MIB,
  MIB + 1,
  3 * MIB + 5 * 16 * KIB + 7,
  RING - 1,
  RING,
  RING + CHUNK_BYTES + 1,
]
const PIECES = [16 * KIB, 64 * KIB, CHUNK_BYTES, MIB, 16 * MIB]

const FOLDER: Record<string, number> = {
  empty: 0,
  'a.gguf': 2 * MIB + 3,
  'b/one': 1,
  'b/empty': 0,
  'b/exact': MIB,
  'b.gguf': 300_001,
  'c/chunk': CHUNK_BYTES,
  'c/less': CHUNK_BYTES - 1,
  'c/more': CHUNK_BYTES + 1,
  'ünï/模型.gguf': 16 * KIB,
  'z/large': RING + 77,
  'z/none': 0,
}

async function write(dir: string, files: Record<string, number>): Promise<Record<string, Uint8Array>> {
  const contents: Record<string, Uint8Array> = {}
  for (const [index, [path, size]] of Object.entries(files).entries()) {
    contents[path] = content(size, index + 1)
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), contents[path])
  }
  return contents
}

describe('when threads share the work of one read', () => {
  it('give byte for byte the torrent and checksums of the pure creator, one file of any size', async (t) => {
    const dir = await tempDir(t)
    const large = content(Math.max(...SIZES))
    for (const size of SIZES) {
      const bytes = large.subarray(0, size)
      await writeFile(join(dir, 'a.gguf'), bytes)
      // In v1 only pieces matter, which the folders below try in every length.
      for (const [pieceLength, v1] of [
        [16 * KIB, false],
        [CHUNK_BYTES, false],
        [MIB, false],
        [MIB, true],
      ] as const) {
        const options = { pieceLength, v1, noMd5: pieceLength === MIB }
        const expected = await torrentOf({ 'a.gguf': bytes }, nodeHashes, {
          ...options,
          creationDate: 1,
          createdBy: 'Qal.to',
        })
        const made = await createFromPath(join(dir, 'a.gguf'), { ...options, threads: 2, creationDate: 1 })
        const what = `${size} bytes in pieces of ${pieceLength}, v1 ${v1}`
        same(made, expected, what)
      }
    }
  })

  for (const v1 of [false, true]) {
    for (const pieceLength of PIECES) {
      it(`does so with a folder in pieces of ${pieceLength}${v1 ? ', v1' : ''}, however many threads`, async (t) => {
        const dir = join(await tempDir(t), 'model')
        const contents = await write(dir, FOLDER)
        for (const noMd5 of [false, true]) {
          const options = { pieceLength, v1, noMd5, creationDate: 1 }
          const expected = await torrentOf(contents, nodeHashes, {
            ...options,
            folder: 'model',
            createdBy: 'Qal.to',
          })
          for (const threads of [1, 2, 3, 7]) {
            const made = await createFromPath(dir, { ...options, threads })
            same(made, expected, `${threads} threads, MD5 ${!noMd5}`)
          }
        }
      })
    }
  }

  it('takes many small files, more than the ring has places', async (t) => {
    const dir = join(await tempDir(t), 'model')
    const files = Object.fromEntries(
      Array.from({ length: 500 }, (_, index) => [`f${index}`, (index * 977) % 40_000]),
    )
    const contents = await write(dir, files)
    for (const v1 of [false, true]) {
      const expected = await torrentOf(contents, nodeHashes, {
        v1,
        folder: 'model',
        createdBy: 'Qal.to',
        creationDate: 1,
      })
      for (const threads of [2, 4]) {
        same(await createFromPath(dir, { v1, threads, creationDate: 1 }), expected, `${threads} threads`)
      }
    }
  })

  it('gives digests alone where no torrent is wanted, and tells how far it is', async (t) => {
    const dir = await tempDir(t)
    const contents = await write(dir, { a: RING * 2 + 1, b: 0, c: 5 })
    const files: FoundFile[] = []
    for (const name of Object.keys(contents)) files.push(...(await findFiles(join(dir, name))).files)
    const seen: number[] = []
    const total = RING * 2 + 6
    const { hashed, pieces } = await hashPaths(files, {
      pieces: null,
      onProgress: (done, all) => {
        assert.equal(all, total)
        seen.push(done)
      },
    })
    assert.equal(pieces.length, 0)
    for (const { file, sha256, md5, root, layer } of hashed) {
      const bytes = contents[file.path] ?? new Uint8Array(0)
      assert.equal(sha256, createHash('sha256').update(bytes).digest('hex'))
      assert.equal(md5, createHash('md5').update(bytes).digest('hex'))
      assert.deepEqual([root, layer], [null, null])
    }
    assert.equal(seen.at(-1), total)
    assert.ok(seen.length >= 3, `${seen.length} reports`)
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    )
  })
})

describe('when work is shared out', () => {
  const hybrid = { pieces: { length: 65_536, v1: false }, md5: true }
  const cases: [what: string, threads: number, files: number, work: typeof hybrid, lanes: Chain[][][]][] = [
    ['one core', 1, 1, hybrid, [[['md5', 'sha256', 'sha1', 'read']]]],
    ['two cores', 2, 1, hybrid, [[['md5'], ['sha256', 'sha1', 'read']]]],
    ['two cores, many files', 2, 9, hybrid, [[['md5'], ['sha256', 'sha1', 'read']]]],
    ['eight cores, one file', 8, 1, hybrid, [[['md5'], ['sha1'], ['sha256', 'read']]]],
    [
      'four cores, two files',
      4,
      2,
      hybrid,
      [
        [['md5'], ['sha256', 'sha1', 'read']],
        [['md5'], ['sha256', 'sha1', 'read']],
      ],
    ],
    ['two cores without MD5', 2, 1, { ...hybrid, md5: false }, [[['sha1'], ['sha256', 'read']]]],
    [
      'four cores, v1, many files',
      4,
      9,
      { ...hybrid, pieces: { length: 65_536, v1: true } },
      [[['md5'], ['sha1'], ['sha256', 'read']]],
    ],
  ]
  for (const [what, threads, files, work, lanes] of cases) {
    it(`does so for ${what}`, () => assert.deepEqual(planLanes(threads, files, work), lanes))
  }

  it('gives every chain of every lane to one thread, and never takes more threads than it may', () => {
    for (let threads = 1; threads <= 40; threads++) {
      for (const files of [1, 2, 3, 100]) {
        for (const pieces of [null, { length: 65_536, v1: true }, { length: 65_536, v1: false }]) {
          for (const md5 of [true, false]) {
            const lanes = planLanes(threads, files, { pieces, md5 })
            const wanted = ['read', 'sha256', ...(md5 ? ['md5'] : []), ...(pieces === null ? [] : ['sha1'])]
            assert.ok(lanes.length >= 1 && lanes.length <= Math.max(1, files))
            for (const lane of lanes) assert.deepEqual(lane.flat().toSorted(), wanted.toSorted())
            assert.ok(lanes.flat().length <= threads)
            if (pieces?.v1 === true) assert.equal(lanes.length, 1)
          }
        }
      }
    }
  })
})

describe('when a file changes while threads read it', () => {
  const SIZE = 6 * RING
  const changes: [what: string, change: (path: string) => Promise<void>][] = [
    ['grows', (path) => appendFile(path, 'x')],
    ['shrinks', (path) => truncate(path, 3)],
    [
      'is written again in the same size',
      async (path) => {
        const file = await open(path, 'r+')
        await file.write(new Uint8Array([1]), 0, 1, 0)
        await file.close()
      },
    ],
  ]
  for (const [what, change] of changes) {
    for (const threads of [1, 2, 3]) {
      it(`refuses one that ${what}, ${threads} threads`, async (t) => {
        const path = await sparse(t, SIZE)
        let changed: Promise<void> | undefined
        await refused(createFromPath(path, { threads, onProgress: () => void (changed ??= change(path)) }))
        await changed
      })
    }
  }

  const before: [what: string, change: (path: string) => Promise<void>][] = [
    ['is gone', (path) => rm(path)],
    [
      'is another of the same size',
      async (path) => {
        await rename(path, `${path}.old`)
        await writeFile(path, 'x')
        await truncate(path, SIZE)
      },
    ],
    [
      'became a link',
      async (path) => {
        await rename(path, `${path}.old`)
        await symlink(`${path}.old`, path)
      },
    ],
  ]
  for (const [what, change] of before) {
    it(`refuses one that ${what} before it is opened`, async (t) => {
      const path = await sparse(t, SIZE)
      const { files } = await findFiles(path)
      await change(path)
      await refused(hashPaths(files, { pieces: null }))
    })
  }
})

function same(made: CreatedFromPath, expected: CreatedTorrent, what: string): void {
  const { bytes, skipped: _, trackers: _trackers, web_seeds: _seeds, ...facts } = made
  const { bytes: wanted, ...wantedFacts } = expected
  assert.deepEqual(facts, wantedFacts, what)
  assert.ok(Buffer.from(bytes).equals(wanted), `${what}: other bytes`)
}

/** A file that costs no disk. */
async function sparse(t: TestContext, size: number): Promise<string> {
  const path = join(await tempDir(t), 'a.gguf')
  await writeFile(path, '')
  await truncate(path, size)
  return path
}

async function refused(work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isQalError(error), String(error))
    assert.equal(error.code, 'torrent_create_changed')
    return error.facts.exit === 4 && error.facts.field === 'a.gguf'
  })
}

describe('when a file is much larger than memory should be', () => {
  it('holds no more of it', async (t) => {
    const path = await sparse(t, 0)
    const small = await memory(path, 64 * MIB)
    const large = await memory(path, 1_536 * MIB)
    assert.ok(large < small + 40, `${large.toFixed()} MiB for 1.5 GiB, ${small.toFixed()} for 64 MiB`)
  })
})

/** The most memory that a process of its own held while it read so many bytes, in MiB. */
async function memory(path: string, bytes: number): Promise<number> {
  await truncate(path, bytes)
  const script = `
    const { createFromPath } = await import(${JSON.stringify(new URL('create-file.ts', import.meta.url).href)})
    await createFromPath(${JSON.stringify(path)}, { noMd5: true })
    console.log(process.resourceUsage().maxRSS / 1024)`
  const { stdout, stderr } = await runTool(process.execPath, ['--input-type=module', '-e', script])
  assert.notEqual(stdout, '', stderr)
  return Number(stdout)
}
