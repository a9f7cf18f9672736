import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BlobStore } from './blob-store.ts'

const PIECE = 16
const DATA = Uint8Array.from({ length: 3 * PIECE + 5 }, (_, index) => index)

async function filled(): Promise<BlobStore> {
  const store = new BlobStore(PIECE)
  for (let index = 3; index >= 0; index -= 1)
    // oxlint-disable-next-line no-await-in-loop -- pieces come one by one, in any order
    await new Promise<void>((resolve) => {
      store.put(index, DATA.slice(index * PIECE, (index + 1) * PIECE), () => resolve())
    })
  return store
}

function get(
  store: BlobStore,
  index: number,
  options: { offset?: number; length?: number } | null,
): Promise<unknown> {
  return new Promise((resolve) => {
    store.get(index, options, (error, bytes) => resolve(error ?? [...(bytes ?? [])]))
  })
}

describe('when pieces are kept as blobs', () => {
  for (const [offset, length] of [
    [0, DATA.length],
    [7, 1],
    [7, 30],
    [16, 16],
    [33, 20],
    [52, 1],
    [20, 0],
  ] as const)
    it(`gives the file of ${length} bytes at ${offset}`, async () => {
      const file = (await filled()).file(offset, length)
      assert.deepEqual(new Uint8Array(await file.arrayBuffer()), DATA.slice(offset, offset + length))
    })

  it('gives parts of a piece as a chunk store does', async () => {
    const store = await filled()
    assert.deepEqual(await get(store, 1, null), Array.from(DATA.subarray(16, 32)))
    assert.deepEqual(await get(store, 1, { offset: 3, length: 4 }), [19, 20, 21, 22])
    assert.deepEqual(await get(store, 3, { offset: 2 }), [50, 51, 52])
    assert.ok((await get(store, 9, null)) instanceof Error)
  })

  it('gives no file with a hole in it', async () => {
    const store = new BlobStore(PIECE)
    await new Promise<void>((resolve) => store.put(0, DATA.slice(0, PIECE), () => resolve()))
    assert.throws(() => store.file(0, PIECE + 1))
    await new Promise<void>((resolve) => store.destroy(() => resolve()))
    assert.throws(() => store.file(0, 1))
  })
})
