import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempDir } from '../../test/tools.ts'
import { openFileSource } from './file-source.ts'

test('reads exactly what is asked for, anywhere in the file', async (t) => {
  const path = join(await tempDir(t), 'f')
  const bytes = new Uint8Array(300_000).map((_, i) => i % 251)
  await writeFile(path, bytes)
  const source = await openFileSource(path)
  t.after(() => source.close())
  assert.equal(source.size, 300_000)
  for (const [offset, length] of [
    [0, 0],
    [0, 300_000],
    [299_999, 1],
    [300_000, 0],
    [1234, 200_000],
  ] as const)
    assert.deepEqual(await source.read(offset, length), bytes.slice(offset, offset + length))
  for (const [offset, length] of [
    [0, 300_001],
    [300_000, 1],
    [-1, 1],
    [0, -1],
    [0.5, 1],
  ] as const)
    await assert.rejects(source.read(offset, length), RangeError)
})

test('a file that shrinks while it is read rejects', async (t) => {
  const path = join(await tempDir(t), 'f')
  await writeFile(path, new Uint8Array(1000))
  const source = await openFileSource(path)
  t.after(() => source.close())
  await truncate(path, 500)
  await assert.rejects(source.read(0, 1000), { code: 'input_file' })
})

test('what is no regular file is refused, a named pipe without waiting', async (t) => {
  const dir = await tempDir(t)
  await assert.rejects(openFileSource(join(dir, 'absent')), { code: 'input_file' })
  await assert.rejects(openFileSource(dir), { code: 'input_file' })
  const pipe = join(dir, 'pipe')
  execFileSync('mkfifo', [pipe])
  await assert.rejects(openFileSource(pipe), { code: 'input_file' })
})
