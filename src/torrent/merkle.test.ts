import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { nodeHashes } from '../swarm/node-hashes.ts'
import type { HashProvider } from './hash-provider.ts'
import { leavesOf, pieceLayerRoot, pieceNode, smallFileRoot } from './merkle.ts'
import { content } from './torrent-fixture.ts'

const BLOCK = 16_384

/** BEP 52 by its words: all leaves, zero leaves up to a power of two, then pairs up to one. */
function plainRoot(bytes: Uint8Array, width: number): Buffer {
  let row: Buffer[] = []
  for (let at = 0; at < bytes.length; at += BLOCK) row.push(sha256(bytes.subarray(at, at + BLOCK)))
  while (row.length < width) row.push(Buffer.alloc(32))
  while (row.length > 1) {
    row = row
      .filter((_, index) => index % 2 === 0)
      .map((left, index) => sha256(Buffer.concat([left, row[index * 2 + 1] ?? left])))
  }
  return row[0] ?? Buffer.alloc(0)
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function powerOfTwo(least: number): number {
  return 2 ** Math.ceil(Math.log2(least))
}

/** As a browser hashes: later. */
const slow: HashProvider = {
  ...nodeHashes,
  sha1: async (bytes) => await nodeHashes.sha1(bytes),
  sha256: async (bytes) => {
    await new Promise((done) => setImmediate(done))
    return await nodeHashes.sha256(bytes)
  },
}

describe('when a tree is built', () => {
  const sizes = [
    1,
    BLOCK - 1,
    BLOCK,
    BLOCK + 1,
    2 * BLOCK,
    3 * BLOCK,
    5 * BLOCK + 7,
    8 * BLOCK,
    9 * BLOCK - 1,
    17 * BLOCK + 1,
    33 * BLOCK,
  ]
  for (const size of sizes) {
    it(`gives the root of ${size} bytes, whole and by pieces of any length`, async () => {
      const bytes = content(size)
      const expected = plainRoot(bytes, powerOfTwo(Math.ceil(size / BLOCK))).toString('hex')
      assert.equal(hex(await smallFileRoot(bytes, nodeHashes)), expected)
      for (const pieceLength of [BLOCK, 2 * BLOCK, 4 * BLOCK, 8 * BLOCK]) {
        if (size <= pieceLength) continue
        const nodes: Uint8Array[] = []
        for (let at = 0; at < size; at += pieceLength) {
          const piece = bytes.subarray(at, at + pieceLength)
          const node = await pieceNode(piece, pieceLength, slow)
          assert.equal(hex(node), plainRoot(piece, pieceLength / BLOCK).toString('hex'))
          nodes.push(node)
        }
        assert.equal(hex(await pieceLayerRoot(Buffer.concat(nodes), pieceLength, slow)), expected)
      }
    })
  }

  it('has a leaf a block, the last one over what is left', async () => {
    const bytes = content(BLOCK + 10)
    const leaves = await leavesOf(bytes, nodeHashes)
    assert.equal(hex(leaves), hex(sha256(bytes.subarray(0, BLOCK))) + hex(sha256(bytes.subarray(BLOCK))))
  })
})

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
