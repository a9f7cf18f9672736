import assert from 'node:assert/strict'
import { appendFile, mkdir, open, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { requireTool, runTool, tempDir } from '../../test/tools.ts'
import { isQalError } from '../core/error.ts'
import { parseMetainfo } from '../torrent/metainfo.ts'
import { content, torrentOf } from '../torrent/torrent-fixture.ts'
import { createFromPath } from './create-file.ts'
import { nodeHashes } from './node-hashes.ts'
import { findFiles, readChunks } from './read-files.ts'

const refusedWith =
  (code: string, exit: number) =>
  (error: unknown): boolean =>
    isQalError(error) && error.code === code && error.facts.exit === exit

describe('when a torrent is made of a path', () => {
  it('gives what the same bytes in memory give', async (t) => {
    const dir = await tempDir(t)
    const files = { 'a.gguf': content(700_001), 'b/c': content(300_000, 2), 'b/empty': new Uint8Array(0) }
    await mkdir(join(dir, 'model/b'), { recursive: true })
    for (const [path, bytes] of Object.entries(files)) await writeFile(join(dir, 'model', path), bytes)
    const inMemory = await torrentOf(files, nodeHashes, { folder: 'model' })
    const onDisk = await createFromPath(`${join(dir, 'model')}/`)
    assert.equal(onDisk.info_hash_v2, inMemory.info_hash_v2)
    assert.deepEqual(onDisk.files, inMemory.files)
  })

  it('agrees with sha256sum and md5sum, also where MD5 has a thread of its own', async (t) => {
    if (!requireTool(t, 'sha256sum', 'md5sum')) return
    const path = join(await tempDir(t), 'large.gguf')
    await writeFile(path, '')
    for (let part = 0; part < 9; part++) await appendFile(path, content(4 * 2 ** 20 + 11, part + 1))
    const [file] = (await createFromPath(path)).files
    assert.equal(file?.sha256, (await runTool('sha256sum', [path])).stdout.slice(0, 64))
    assert.equal(file?.md5, (await runTool('md5sum', [path])).stdout.slice(0, 32))
  })

  it('leaves out and names what begins with a dot, but takes what is named outright', async (t) => {
    const dir = join(await tempDir(t), 'model')
    await mkdir(join(dir, '.git'), { recursive: true })
    await mkdir(join(dir, 'sub'))
    for (const path of ['.git/x', '.DS_Store', 'sub/.cache', 'a']) await writeFile(join(dir, path), 'x')
    const made = await createFromPath(dir)
    assert.deepEqual(
      made.files.map(({ path }) => path),
      ['model/a'],
    )
    assert.deepEqual(made.skipped, ['.DS_Store', '.git', 'sub/.cache'])
    assert.equal((await createFromPath(join(dir, '.DS_Store'))).name, '.DS_Store')
  })

  it('refuses links inside a folder, and follows one that is named', async (t) => {
    const dir = await tempDir(t)
    await mkdir(join(dir, 'model'))
    await writeFile(join(dir, 'blob'), content(10))
    await symlink(join(dir, 'blob'), join(dir, 'model/model.gguf'))
    await assert.rejects(createFromPath(join(dir, 'model')), refusedWith('torrent_path_symlink', 4))
    const made = await createFromPath(join(dir, 'model/model.gguf'))
    assert.deepEqual([made.name, made.size_bytes], ['model.gguf', 10])
  })

  it('refuses a pipe', async (t) => {
    if (!requireTool(t, 'mkfifo')) return
    const path = join(await tempDir(t), 'pipe')
    await runTool('mkfifo', [path])
    await assert.rejects(createFromPath(path), refusedWith('torrent_path_special', 4))
  })

  it('says what is not there', async (t) => {
    const dir = await tempDir(t)
    await assert.rejects(createFromPath(join(dir, 'nope')), refusedWith('input_path', 2))
    await assert.rejects(createFromPath(dir, { onlyFile: true }), refusedWith('input_path', 2))
    await assert.rejects(createFromPath(dir), refusedWith('torrent_files_count', 4))
  })

  it('gives the same bytes with SOURCE_DATE_EPOCH, and the time without', async (t) => {
    const path = join(await tempDir(t), 'a')
    await writeFile(path, 'x')
    const before = process.env['SOURCE_DATE_EPOCH']
    t.after(() => {
      if (before === undefined) delete process.env['SOURCE_DATE_EPOCH']
      else process.env['SOURCE_DATE_EPOCH'] = before
    })
    process.env['SOURCE_DATE_EPOCH'] = '1700000000'
    const first = await createFromPath(path)
    await utimes(path, 1, 1)
    assert.deepEqual((await createFromPath(path)).bytes, first.bytes)
    assert.equal((await parseMetainfo(first.bytes, nodeHashes)).creation_date, 1_700_000_000)
    process.env['SOURCE_DATE_EPOCH'] = 'yesterday'
    await assert.rejects(createFromPath(path), refusedWith('input_source_date', 2))
    delete process.env['SOURCE_DATE_EPOCH']
    const { creation_date } = await parseMetainfo((await createFromPath(path)).bytes, nodeHashes)
    assert.ok(Math.abs((creation_date ?? 0) - Date.now() / 1_000) < 60)
  })
})

describe('when a file changes while it is read', () => {
  const changes: [what: string, change: (path: string) => Promise<void>][] = [
    ['grows', (path) => appendFile(path, 'x')],
    ['shrinks', (path) => writeFile(path, 'x')],
    ['is written again in the same size', writeInPlace],
  ]
  for (const [what, change] of changes) {
    it(`refuses one that ${what}`, async (t) => {
      const path = join(await tempDir(t), 'a')
      await writeFile(path, content(1_000_000))
      let changed: Promise<void> | undefined
      await assert.rejects(
        createFromPath(path, { onProgress: () => void (changed ??= change(path)) }),
        refusedWith('torrent_create_changed', 4),
      )
      await changed
    })
  }

  it('refuses one that changed before it was opened', async (t) => {
    const path = join(await tempDir(t), 'a')
    await writeFile(path, 'before')
    const [file] = (await findFiles(path)).files
    assert.ok(file)
    await writeFile(path, 'after.')
    await utimes(path, 1, 1)
    await assert.rejects(readChunks(file).next(), refusedWith('torrent_create_changed', 4))
  })
})

/** Changes one byte that was read already; size and file stay the same. */
async function writeInPlace(path: string): Promise<void> {
  const file = await open(path, 'r+')
  await file.write(new Uint8Array([1]), 0, 1, 0)
  await file.close()
}
