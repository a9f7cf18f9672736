import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { isQalError } from '../core/error.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { choosePieceLength, createTorrent, type CreateOptions } from './create.ts'
import type { HashProvider } from './hash-provider.ts'
import { parseMetainfo } from './metainfo.ts'
import { content, inChunks, torrentOf } from './torrent-fixture.ts'

const KIB = 1_024
const MIB = 1_024 * KIB

describe('when a piece length is chosen', () => {
  const cases: [size: number, length: number][] = [
    [1, 16 * KIB],
    [2_000 * 16 * KIB, 16 * KIB],
    [2_000 * 16 * KIB + 1, 32 * KIB],
    [4 * 1_024 * MIB, 4 * MIB],
    [32_000 * MIB, 16 * MIB],
    [40 * 1_024 * MIB, 16 * MIB],
    [1_000_000 * MIB, 16 * MIB],
  ]
  for (const [size, length] of cases) {
    it(`takes ${length / KIB} KiB for ${size} bytes`, () => {
      assert.equal(choosePieceLength(size), length)
      if (length > 16 * KIB && length < 16 * MIB) {
        assert.ok(size / length > 1_000 && size / length <= 2_000)
      }
    })
  }
})

/** As a browser hashes: later, and keeping what it is given until then. */
const slow: HashProvider = {
  sha1: async (bytes) => {
    await new Promise((done) => setImmediate(done))
    return await nodeHashes.sha1(bytes)
  },
  sha256: async (bytes) => {
    await new Promise((done) => setImmediate(done))
    return await nodeHashes.sha256(bytes)
  },
  sha256Stream: async () => await nodeHashes.sha256Stream(),
  md5Stream: async () => {
    const inner = await nodeHashes.md5Stream()
    return {
      update: async (bytes) => {
        await new Promise((done) => setImmediate(done))
        await inner.update(bytes)
      },
      digestHex: async () => await inner.digestHex(),
    }
  },
}

describe('when a torrent is made and read back', () => {
  const sizes = [1, 16_383, 16_384, 16_385, 32_768, 40_000, 65_536, 65_537, 131_072, 200_001]
  for (const size of sizes) {
    for (const pieceLength of [16_384, 65_536]) {
      for (const v1 of [false, true]) {
        it(`says the same of ${size} bytes in pieces of ${pieceLength}${v1 ? ', v1' : ''}`, async () => {
          const bytes = content(size)
          const made = await torrentOf({ 'a.gguf': bytes }, nodeHashes, { pieceLength, v1, chunk: 10_007 })
          const read = await parseMetainfo(made.bytes, nodeHashes)
          assert.equal(read.version, v1 ? 'v1' : 'hybrid')
          assert.equal(made.info_hash_v2 === null, v1)
          for (const key of [
            'info_hash',
            'info_hash_v2',
            'name',
            'size_bytes',
            'piece_length',
            'piece_count',
          ] as const) {
            assert.equal(read[key], made[key], key)
          }
          assert.deepEqual(made.files, [
            {
              path: 'a.gguf',
              size_bytes: size,
              sha256: createHash('sha256').update(bytes).digest('hex'),
              md5: createHash('md5').update(bytes).digest('hex'),
              pieces_root: read.files[0]?.pieces_root ?? null,
            },
          ])
          assert.deepEqual(Buffer.from(read.pieces ?? []), pieceHashes(bytes, pieceLength))
        })
      }
    }
  }

  it('gives the same bytes whatever the chunks, the order of files and the pace of hashing', async () => {
    const files = {
      'b/a.gguf': content(50_000),
      'a.gguf': content(16_384, 2),
      'b.gguf': content(5, 3),
      'b/empty': new Uint8Array(0),
      'z/last': content(70_000, 4),
      é: content(3, 5),
    }
    const first = await torrentOf(files, nodeHashes, { folder: 't' })
    const turned = Object.fromEntries(Object.entries(files).toReversed())
    for (const chunk of [4_096, 16_384, 1_000_000]) {
      const again = await torrentOf(turned, chunk === 4_096 ? slow : nodeHashes, { folder: 't', chunk })
      assert.deepEqual(Buffer.from(again.bytes), Buffer.from(first.bytes))
      assert.deepEqual(again.files, first.files)
    }
    // A folder's names sort before those that only begin like it: byte by byte, name by name.
    assert.deepEqual(
      first.files.map(({ path }) => path),
      ['t/a.gguf', 't/b/a.gguf', 't/b/empty', 't/b.gguf', 't/z/last', 't/é'],
    )
  })

  it('runs v1 pieces over file ends without pad files, and pads a hybrid', async () => {
    const files = { a: content(20_000), b: content(20_000, 2) }
    const old = await torrentOf(files, nodeHashes, { folder: 't', v1: true })
    assert.deepEqual(
      Buffer.from((await parseMetainfo(old.bytes, nodeHashes)).pieces ?? []),
      pieceHashes(Buffer.concat([files.a, files.b]), 16_384),
    )
    const hybrid = await torrentOf(files, nodeHashes, { folder: 't' })
    assert.deepEqual(
      Buffer.from((await parseMetainfo(hybrid.bytes, nodeHashes)).pieces ?? []),
      pieceHashes(Buffer.concat([files.a, new Uint8Array(32_768 - 20_000), files.b]), 16_384),
    )
  })

  it('writes what it was told beside info', async () => {
    const made = await torrentOf({ a: content(1) }, nodeHashes, {
      trackers: [['udp://a.example:1', 'udp://b.example:1'], ['wss://c.example']],
      webSeeds: ['https://d.example/a'],
      comment: 'ö',
      createdBy: 'us',
      creationDate: 1_700_000_000,
    })
    const read = await parseMetainfo(made.bytes, nodeHashes)
    assert.deepEqual(
      [read.trackers, read.web_seeds, read.comment, read.created_by, read.creation_date, read.ignored],
      [
        [['udp://a.example:1', 'udp://b.example:1'], ['wss://c.example']],
        ['https://d.example/a'],
        'ö',
        'us',
        1_700_000_000,
        [],
      ],
    )
    const bare = await torrentOf({ a: content(1) }, nodeHashes)
    assert.equal(bare.info_hash, made.info_hash)
  })

  it('leaves MD5 out where told', async () => {
    assert.equal((await torrentOf({ a: content(1) }, nodeHashes, { noMd5: true })).files[0]?.md5, null)
  })

  it('tells how far it is, to the end', async () => {
    const seen: number[] = []
    await torrentOf({ a: content(100_000), b: content(5) }, nodeHashes, {
      folder: 't',
      onProgress: (done, total) => {
        assert.equal(total, 100_005)
        seen.push(done)
      },
    })
    assert.deepEqual(seen, [40_000, 80_000, 100_000, 100_005])
  })
})

describe('when a torrent cannot be made', () => {
  const cases: [what: string, code: string, act: () => Promise<unknown>][] = [
    ['a file that grew', 'torrent_create_changed', lying(49_999)],
    ['a file that shrank', 'torrent_create_changed', lying(50_001)],
    ['an empty file alone', 'torrent_empty', make({ a: new Uint8Array(0) })],
    ['no file', 'torrent_files_count', make({}, { folder: 't' })],
    ['two files without a folder', 'torrent_create_single', make({ a: content(1), b: content(1) })],
    ['an unsafe name', 'torrent_path_parent', make({ a: content(1) }, { folder: '..' })],
    ['an unsafe path', 'torrent_path_parent', make({ '../a': content(1) }, { folder: 't' })],
    ['a name that Windows reserves', 'torrent_path_reserved', make({ 'con.gguf': content(1) })],
    [
      'two paths for one place',
      'torrent_path_collision',
      make({ a: content(1), A: content(1) }, { folder: 't' }),
    ],
    ['a tracker that is none', 'torrent_tracker_url', make({ a: content(1) }, { trackers: [['x']] })],
    ['a web seed that is none', 'torrent_web_seed_url', make({ a: content(1) }, { webSeeds: ['x'] })],
    ['an endless comment', 'torrent_comment', make({ a: content(1) }, { comment: 'x'.repeat(4_097) })],
    ['an odd piece length', 'torrent_piece_length', make({ a: content(1) }, { pieceLength: 20_000 })],
    ['a small piece length', 'torrent_piece_length', make({ a: content(1) }, { pieceLength: 8_192 })],
  ]
  for (const [what, code, act] of cases) {
    it(`refuses ${what} with ${code}`, () =>
      assert.rejects(act, (error) => isQalError(error) && error.code === code && error.facts.exit === 4))
  }
})

function make(
  contents: Record<string, Uint8Array>,
  options: CreateOptions & { folder?: string } = {},
): () => Promise<unknown> {
  return () => torrentOf(contents, nodeHashes, options)
}

/** A file of 50,000 bytes that is said to have another size. */
function lying(size: number): () => Promise<unknown> {
  const files = [{ path: 'a', size, chunks: inChunks(content(50_000), 7_000) }]
  return () => createTorrent({ name: 'a', folder: false, files }, nodeHashes)
}

function pieceHashes(bytes: Uint8Array, pieceLength: number): Buffer {
  const hashes: Buffer[] = []
  for (let at = 0; at < bytes.length; at += pieceLength) {
    hashes.push(
      createHash('sha1')
        .update(bytes.subarray(at, at + pieceLength))
        .digest(),
    )
  }
  return Buffer.concat(hashes)
}
