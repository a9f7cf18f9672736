import assert from 'node:assert/strict'
import { readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isQalError } from '../core/error.ts'
import { blobsSuite } from '../../test/blobs.suite.ts'
import { requireTool, runTool, tempDir } from '../../test/tools.ts'
import { openFolderBlobs } from './blobs-folder.ts'
import { getText, putText } from './texts.ts'

blobsSuite('folder', async (t) => {
  const dir = join(await tempDir(t), 'blobs')
  return {
    blobs: await openFolderBlobs(dir),
    again: () => openFolderBlobs(dir),
    damage: (sha256, bytes) => writeFile(join(dir, sha256.slice(0, 2), sha256.slice(2)), bytes),
  }
})

describe('blobs in a folder', () => {
  it('lie as ab/cdef… where sha256sum finds them, readable by the owner only', async (t) => {
    if (!requireTool(t, 'sha256sum')) return
    const dir = join(await tempDir(t), 'blobs')
    const sha256 = await (await openFolderBlobs(dir)).put(new TextEncoder().encode('a torrent'))
    const path = join(dir, sha256.slice(0, 2), sha256.slice(2))
    const { stdout } = await runTool('sha256sum', [path])
    assert.equal(stdout.slice(0, 64), sha256)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(join(dir, 'tmp')), [])
  })

  it('lose what a killed process left half-written, and nothing younger', async (t) => {
    const dir = join(await tempDir(t), 'blobs')
    await openFolderBlobs(dir)
    for (const name of ['old', 'new']) await writeFile(join(dir, 'tmp', name), 'half')
    await utimes(join(dir, 'tmp', 'old'), new Date(0), new Date(0))
    await openFolderBlobs(dir)
    assert.deepEqual(await readdir(join(dir, 'tmp')), ['new'])
  })

  it('refuse a place that is no folder', async (t) => {
    const file = join(await tempDir(t), 'file')
    await writeFile(file, '')
    await assert.rejects(openFolderBlobs(file), (error) => isQalError(error) && error.code === 'store_failed')
  })
})

describe('a text beside the ledger', () => {
  const salt = new Uint8Array(16).fill(7)

  it('is named by its salt and its UTF-8, as sha256sum says too', async (t) => {
    if (!requireTool(t, 'sha256sum')) return
    const blobs = await openFolderBlobs(join(await tempDir(t), 'blobs'))
    const sha256 = await putText(blobs, 'plain', salt)
    const { stdout } = await runTool('sha256sum', ['-'], { input: `${'\u0007'.repeat(16)}plain` })
    assert.equal(stdout.slice(0, 64), sha256)
  })

  for (const text of ['', 'plain', 'Größe 量子 🦙', '\uFEFFwith a mark', 'a\0b', 'x'.repeat(100_000)])
    it(`comes back: ${JSON.stringify(text.slice(0, 20))}`, async (t) => {
      const blobs = await openFolderBlobs(join(await tempDir(t), 'blobs'))
      const sha256 = await putText(blobs, text, salt)
      assert.equal(await getText(blobs, sha256), text)
      assert.notEqual(await putText(blobs, text, new Uint8Array(16)), sha256)
      await blobs.delete(sha256)
      assert.equal(await getText(blobs, sha256), null)
    })

  it('needs 16 bytes of salt, and what is no text is refused', async (t) => {
    const blobs = await openFolderBlobs(join(await tempDir(t), 'blobs'))
    for (const length of [0, 15, 17])
      await assert.rejects(putText(blobs, 'text', new Uint8Array(length)), coded('store_salt'))
    for (const bytes of [new Uint8Array(15), new Uint8Array(20).fill(0xff)])
      await assert.rejects(getText(blobs, await blobs.put(bytes)), coded('store_text'))
  })
})

function coded(code: string): (error: unknown) => boolean {
  return (error) => isQalError(error) && error.code === code
}
