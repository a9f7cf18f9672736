import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import type { HashStream } from '../../torrent/hash-provider.ts'
import { browserHashes } from './browser-hashes.ts'

const SIZES = [0, 1, 63, 64, 16_384, 100_003]

async function streamed(stream: HashStream, bytes: Uint8Array): Promise<string> {
  for (let at = 0; at < bytes.length; at += 1_000) await stream.update(bytes.subarray(at, at + 1_000))
  return stream.digestHex()
}

function sha256Of(byte: number): string {
  return createHash('sha256').update(Uint8Array.of(byte)).digest('hex')
}

describe('when a browser hashes', () => {
  for (const secure of [true, false])
    it(`gives what OpenSSL gives, ${secure ? 'with' : 'without'} crypto.subtle`, async (t) => {
      if (!secure) t.mock.getter(globalThis.crypto, 'subtle', () => undefined)
      const hash = await browserHashes()
      for (const size of SIZES) {
        const bytes = Uint8Array.from(randomBytes(size))
        const expected = (name: string): string => createHash(name).update(bytes).digest('hex')
        assert.equal((await hash.sha1(bytes)).toHex(), expected('sha1'))
        assert.equal((await hash.sha256(bytes)).toHex(), expected('sha256'))
        assert.equal(await streamed(await hash.sha256Stream(), bytes), expected('sha256'))
        assert.equal(await streamed(await hash.md5Stream(), bytes), expected('md5'))
      }
    })

  it('keeps two streams apart', async () => {
    const hash = await browserHashes()
    const [a, b] = [await hash.sha256Stream(), await hash.sha256Stream()]
    await a.update(new Uint8Array([1]))
    await b.update(new Uint8Array([2]))
    assert.equal(await a.digestHex(), sha256Of(1))
    assert.equal(await b.digestHex(), sha256Of(2))
  })
})
