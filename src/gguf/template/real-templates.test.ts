/** The chat templates that llama.cpp ships, of some seventy models: an honest template must pass without an alarm. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { tempDir } from '../../../test/tools.ts'
import { lintSource } from './lint.ts'

/** llama.cpp's sources as git objects: node-llama-cpp brings them along. */
const BUNDLE = new URL('../../../llama/node_modules/node-llama-cpp/llama/gitRelease.bundle', import.meta.url)
  .pathname
const FOLDER = 'models/templates'

test('no template that llama.cpp ships raises an alarm', async (t) => {
  if (!existsSync(BUNDLE)) {
    t.skip('llama.cpp is not installed (npm ci in llama/)')
    return
  }
  const dir = await tempDir(t)
  const git = (...args: string[]) => promisify(execFile)('git', args, { cwd: dir })
  await git('clone', '--quiet', '--no-checkout', BUNDLE, '.')
  await git('checkout', 'HEAD', '--', FOLDER)
  const files = (await readdir(join(dir, FOLDER))).filter((name) => name.endsWith('.jinja'))
  assert.ok(files.length > 50, `only ${files.length} templates are there`)
  for (const file of files)
    await t.test(file, async () => {
      const { body, findings } = lintSource(await readFile(join(dir, FOLDER, file), 'utf8'))
      assert.notEqual(body, null)
      assert.deepEqual(
        findings.filter(({ severity }) => severity !== 'info'),
        [],
      )
    })
})
