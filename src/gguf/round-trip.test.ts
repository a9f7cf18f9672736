/** Every file type, made by llama.cpp's own quantiser from a model of ours, is proven to be what it is. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { requireGgml } from '../../test/llama-memory.ts'
import { QUANTISER_TYPES, quantiseWithLlama } from '../../test/llama-quantiser.ts'
import { requireTool, tempDir } from '../../test/tools.ts'
import { openFileSource } from '../store/file-source.ts'
import { inspect } from './inspect.ts'
import { memorySource } from './memory-source.ts'
import { parseGguf } from './parse.ts'
import { fixture, fixtureFile } from './model-fixture.ts'

test('every file type made by llama.cpp is proven', async (t) => {
  if (!requireGgml(t) || !requireTool(t, 'python3')) return
  const dir = await tempDir(t)
  const bytes = fixtureFile(fixture({ type: 'F32', width: 256 }))
  const from = join(dir, 'tiny-F32.gguf')
  await writeFile(from, bytes)
  const { tensors } = await parseGguf(memorySource(bytes))
  const rows = tensors.filter(({ dims }) => dims.length === 2).map(({ name, dims }) => [name, dims[0] ?? 0])
  const wanted = QUANTISER_TYPES.map((fileType) => ({ fileType, path: join(dir, `tiny-a-${fileType}.gguf`) }))
  await quantiseWithLlama(from, wanted, Object.fromEntries(rows))
  for (const { fileType, path } of wanted)
    await t.test(fileType, async () => {
      const source = await openFileSource(path)
      t.after(() => source.close())
      const { quantisation, findings, verdict } = await inspect(source, { fileName: `tiny-${fileType}.gguf` })
      assert.ok(quantisation !== null)
      assert.equal(quantisation.match, 'exact', quantisation.reason)
      assert.equal(quantisation.matched, tensors.length)
      // The quantiser was given its matrix by us, and so wrote no word of it into the file.
      const others = findings.filter(({ code }) => code !== 'gguf_imatrix_missing')
      assert.deepEqual(others, [], verdict)
    })
})
