import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { it } from 'node:test'
import { freePort, hasTool, requireTool, runTool, tempDir } from './tools.ts'

it('finds programs on the PATH and says so when one is absent', () => {
  assert.equal(hasTool('node'), true)
  assert.equal(hasTool('no-such-tool-of-anyone'), false)
})

it('skips for an absent tool, and refuses to skip in CI', (t) => {
  const reasons: (string | undefined)[] = []
  const context = { skip: (reason?: string) => void reasons.push(reason) }
  const before = process.env['CI']
  t.after(() => {
    if (before === undefined) delete process.env['CI']
    else process.env['CI'] = before
  })
  delete process.env['CI']
  assert.equal(requireTool(context, 'no-such-tool-of-anyone'), false)
  assert.deepEqual(reasons, ['no-such-tool-of-anyone not installed'])
  process.env['CI'] = 'true'
  assert.throws(() => requireTool(context, 'no-such-tool-of-anyone'), /CI/)
})

it('gives directories that are gone after the test, and ports', async (t) => {
  const dirs: string[] = []
  await t.test('inner', async (inner) => {
    dirs.push(await tempDir(inner))
    assert.ok(existsSync(dirs[0] ?? ''))
  })
  assert.equal(existsSync(dirs[0] ?? ''), false)
  assert.ok((await freePort()) > 1023)
})

it('runs a tool with input, and kills one that hangs', async () => {
  assert.deepEqual(await runTool('cat', [], { input: 'hé' }), { code: 0, stdout: 'hé', stderr: '' })
  await assert.rejects(runTool('sleep', ['30'], { timeoutMs: 100 }))
})
