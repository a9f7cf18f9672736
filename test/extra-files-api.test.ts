/** What a torrent may hold beside its model, as a submission is refused for it at once (T8). */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { createFromPath } from '../src/swarm/create-file.ts'
import { openApiSite, type ApiSite } from './api-site.ts'
import { tempDir } from './tools.ts'

describe('when a torrent holds more than its model', () => {
  let site: ApiSite
  before(async () => {
    site = await openApiSite()
    await site.signUp('alice')
  })
  after(() => site.close())

  let seed = 0
  const submit = async (t: TestContext, names: readonly string[]) => {
    const dir = join(await tempDir(t), 'torrent')
    await mkdir(dir)
    for (const name of names)
      await writeFile(join(dir, name), `${name} ${++seed} `.repeat(name.endsWith('.gguf') ? 9 : 1))
    const { bytes, files } = await createFromPath(dir)
    const sha256 = files.find(({ path }) => path.endsWith(names[0] ?? ''))?.sha256
    return site.call('POST', '/api/submissions', 'alice', {
      name: `Model ${seed}`,
      torrent: bytes.toBase64(),
      sha256,
    })
  }

  it('takes what explains the model, and knows the roles', async (t) => {
    const names = [
      'model-Q8_0.gguf',
      'mmproj-F16.gguf',
      'style-lora.gguf',
      'imatrix.dat',
      'README.md',
      'model-Q8_0.gguf.asc',
      'LICENSE',
      'config.json',
    ]
    const { status, body } = await submit(t, names)
    assert.equal(status, 201, JSON.stringify(body))
    const { files } = body['model'] as { files: { path: string; role: string }[] }
    assert.deepEqual(Object.fromEntries(files.map(({ path, role }) => [path.split('/').at(-1), role])), {
      'model-Q8_0.gguf': 'model',
      'mmproj-F16.gguf': 'mmproj',
      'style-lora.gguf': 'lora',
      'imatrix.dat': 'imatrix',
      'README.md': 'readme',
      'model-Q8_0.gguf.asc': 'signature',
      LICENSE: 'other',
      'config.json': 'other',
    })
  })

  it('refuses at once what may not stand beside it, naming the files and the rule', async (t) => {
    const head = await site.stores.ledger.head()
    const { status, body } = await submit(t, [
      'model-Q8_0.gguf',
      'setup.exe',
      'run.py',
      'README.md',
      'notes.xyz',
    ])
    assert.equal(status, 422)
    assert.equal(body['field'], 'torrent')
    const expected = String(body['expected'])
    for (const words of [
      'T8',
      'setup.exe (it is named like a program)',
      'run.py (it is named like a script)',
      'notes.xyz',
      '.safetensors',
    ])
      assert.ok(expected.includes(words), `${words} in: ${expected}`)
    assert.ok(!expected.includes('README.md ('), expected)
    assert.equal(await site.stores.ledger.head(), head, 'nothing is stored')
  })

  it('names a few of many', async (t) => {
    const { body } = await submit(t, ['model-Q8_0.gguf', ...Array.from({ length: 9 }, (_, i) => `${i}.exe`)])
    assert.match(String(body['expected']), /and 4 more/)
  })

  it('refuses a lone file that does harm, and takes one whose name says nothing', async (t) => {
    assert.equal((await submit(t, ['model.pth'])).status, 422)
    assert.equal((await submit(t, ['model'])).status, 201)
  })
})
