import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { describe, it } from 'node:test'
import { isQalError } from '../src/core/error.ts'
import type { Blobs } from '../src/store/blobs.ts'

/** A store to be judged. What it opens is to be removed by `t.after`. */
export interface BlobsUnderTest {
  blobs: Blobs
  /** Another handle on the same blobs, as another process would have. */
  again: () => Promise<Blobs>
  /** Puts other bytes under a stored name, behind the store's back. */
  damage: (sha256: string, bytes: Uint8Array) => Promise<void>
}

export type OpenBlobs = (t: TestContext) => Promise<BlobsUnderTest>

/** The rules of src/store/blobs.ts, one test a rule or more; a store plugs in with what opens an empty one. */
export function blobsSuite(name: string, open: OpenBlobs): void {
  describe(`blobs: ${name}`, () => {
    for (const size of [0, 1, 55, 65_536, 5_000_001])
      it(`B1 B3 gives back ${size} bytes under their SHA-256`, async (t) => {
        const { blobs } = await open(t)
        const bytes = new Uint8Array(randomBytes(size))
        const sha256 = await blobs.put(bytes)
        assert.equal(sha256, sha256Of(bytes))
        assert.deepEqual(await blobs.get(sha256), bytes)
      })

    it('B1 changes nothing when the same bytes are put again, also at once and from elsewhere', async (t) => {
      const { blobs, again } = await open(t)
      const other = await again()
      const bytes = new Uint8Array(randomBytes(10_000))
      const names = await Promise.all(
        Array.from({ length: 16 }, (_, n) => (n % 2 === 0 ? blobs : other).put(bytes)),
      )
      assert.deepEqual(new Set(names), new Set([sha256Of(bytes)]))
      assert.deepEqual(await blobs.get(sha256Of(bytes)), bytes)
    })

    it('B1 hashes a view as what it shows, and keeps it when the caller writes into it', async (t) => {
      const { blobs } = await open(t)
      const whole = new Uint8Array(randomBytes(300))
      const view = whole.subarray(100, 200)
      const before = Uint8Array.from(view)
      const put = blobs.put(view)
      whole.fill(0)
      assert.equal(await put, sha256Of(before))
      assert.deepEqual(await blobs.get(sha256Of(before)), before)
    })

    it('B2 has what it acknowledged when another process looks', async (t) => {
      const { blobs, again } = await open(t)
      const bytes = new Uint8Array(randomBytes(1_000))
      const sha256 = await blobs.put(bytes)
      assert.deepEqual(await (await again()).get(sha256), bytes)
    })

    it('B2 never shows a blob half-written while it is put', async (t) => {
      const { blobs, again } = await open(t)
      const reader = await again()
      const bytes = new Uint8Array(randomBytes(3_000_000))
      const state = { done: false }
      const put = blobs.put(bytes).finally(() => (state.done = true))
      // A read of half a blob would throw store_blob_corrupt.
      while (!state.done) {
        const seen = await reader.get(sha256Of(bytes))
        assert.ok(seen === null || seen.length === bytes.length)
      }
      await put
      assert.deepEqual(await reader.get(sha256Of(bytes)), bytes)
    })

    it('B3 gives null for what is not there and for what is no name', async (t) => {
      const { blobs } = await open(t)
      await blobs.put(new Uint8Array([1]))
      const upper = sha256Of(new Uint8Array([1])).toUpperCase()
      for (const key of [
        '0'.repeat(64),
        '',
        '..',
        '../../etc/passwd',
        upper,
        'g'.repeat(64),
        `${'0'.repeat(64)}/`,
      ])
        assert.equal(await blobs.get(key), null, key)
    })

    for (const [what, bytes] of [
      ['other bytes', new Uint8Array([9, 9, 9])],
      ['no bytes', new Uint8Array()],
      ['a byte more', new Uint8Array([1, 2, 3, 4])],
    ] as const)
      it(`B3 throws store_blob_corrupt for ${what} under a name, and putting the bytes again heals it`, async (t) => {
        const { blobs, damage } = await open(t)
        const good = new Uint8Array([1, 2, 3])
        const sha256 = await blobs.put(good)
        await damage(sha256, bytes)
        await assert.rejects(
          blobs.get(sha256),
          (error) => isQalError(error) && error.code === 'store_blob_corrupt',
        )
        await blobs.put(good)
        assert.deepEqual(await blobs.get(sha256), good)
      })

    it('B4 erases a blob, and deleting what is not there is fine', async (t) => {
      const { blobs, again } = await open(t)
      const bytes = new Uint8Array([1, 2, 3])
      const kept = await blobs.put(new Uint8Array([4]))
      const sha256 = await blobs.put(bytes)
      await blobs.delete(sha256)
      await blobs.delete(sha256)
      for (const key of ['0'.repeat(64), '', '../..']) await blobs.delete(key)
      assert.equal(await blobs.get(sha256), null)
      assert.equal(await (await again()).get(sha256), null)
      assert.deepEqual(await blobs.get(kept), new Uint8Array([4]))
      await blobs.put(bytes)
      assert.deepEqual(await blobs.get(sha256), bytes)
    })
  })
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
