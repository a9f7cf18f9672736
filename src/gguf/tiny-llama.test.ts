import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inCi, runTool, tempDir } from '../../test/tools.ts'
import { inspect } from './inspect.ts'
import { memorySource } from './memory-source.ts'
import { tinyLlama } from './tiny-llama.ts'

const LLAMA = fileURLToPath(new URL('../../llama', import.meta.url))

/** Runs in a process of its own, since a native abort must not take the tests along; and from a file, since the library forks with the same flags. */
const GENERATE = `
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
const [folder, model] = process.argv.slice(2)
const entry = createRequire(pathToFileURL(folder + '/package.json')).resolve('node-llama-cpp')
const { getLlama } = await import(pathToFileURL(entry).href)
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' })
const model_ = await llama.loadModel({ modelPath: model, checkTensors: true })
const context = await model_.createContext({ contextSize: 64 })
const prompt = model_.tokenize('the end of an hour')
const tokens = []
for await (const token of context.getSequence().evaluate(prompt, { temperature: 0 })) {
  tokens.push(token)
  if (tokens.length === 8) break
}
const back = model_.detokenize(prompt)
process.stdout.write(JSON.stringify({ back, pieces: prompt.length, tokens, text: model_.detokenize(tokens) }))
await llama.dispose()
`

const SHA256 = {
  F32: 'cb64c6727f8a8e48f8bfff8f389d4b906f0ccd9810d392ea7841e9caf4aa797c',
  F16: '842d2dd83a0a0ca4dbc7e35c4e710bcdcad7ac212856d696c96ab16a6b7340cf',
  Q8_0: 'feab761a78653173948aba7164560c08387256743b79029af36798791ca1a57a',
}

test('the same seed gives the same bytes on every machine', () => {
  for (const type of ['F32', 'F16', 'Q8_0'] as const) {
    const digest = createHash('sha256')
      .update(tinyLlama({ seed: 1, name: 'Tiny', type }))
      .digest('hex')
    assert.equal(digest, SHA256[type], type)
  }
  assert.notDeepEqual(
    tinyLlama({ seed: 2, name: 'Tiny', type: 'Q8_0' }),
    tinyLlama({ seed: 1, name: 'Tiny', type: 'Q8_0' }),
  )
})

test('our own inspection accepts it, and sees through a false header', async () => {
  for (const type of ['F32', 'F16', 'Q8_0'] as const) {
    const bytes = tinyLlama({ seed: 3, name: 'Tiny', type, organisation: 'Somebody' })
    const { verdict, findings, quantisation, metadata, parameters } = await inspect(memorySource(bytes), {
      fileName: `tiny-${type}.gguf`,
    })
    assert.deepEqual(findings, [], type)
    assert.equal(verdict, 'accept')
    assert.equal(quantisation?.match, 'exact')
    assert.equal(metadata?.organisation, 'Somebody')
    assert.equal(metadata.vocabulary, 320)
    assert.equal(parameters, 1_475_840)
  }
  const lie = tinyLlama({ seed: 3, name: 'Tiny', type: 'Q8_0', fileType: 15 })
  const { verdict, quantisation } = await inspect(memorySource(lie))
  assert.equal(verdict, 'mislabelled')
  assert.equal(quantisation?.claimed, 'Q4_K_M')
  assert.deepEqual(quantisation.proven, ['Q8_0', 'MXFP4_MOE'])
})

test('llama.cpp loads it and generates', async (t) => {
  if (!existsSync(join(LLAMA, 'node_modules', 'node-llama-cpp'))) {
    const reason = 'llama/node_modules is absent (npm install in llama/)'
    assert.ok(!inCi(), reason)
    t.skip(reason)
    return
  }
  const dir = await tempDir(t)
  const script = join(dir, 'generate.mjs')
  await writeFile(script, GENERATE)
  for (const type of ['F32', 'F16', 'Q8_0'] as const) {
    const path = join(dir, `tiny-${type}.gguf`)
    await writeFile(path, tinyLlama({ seed: 4, name: 'Tiny', type }))
    const { code, stdout, stderr } = await runTool(process.execPath, [script, LLAMA, path])
    assert.equal(code, 0, stderr)
    const { back, pieces, tokens, text } = JSON.parse(stdout) as {
      back: string
      pieces: number
      tokens: number[]
      text: string
    }
    assert.equal(back, 'the end of an hour', 'the tokenizer reads back what it wrote')
    assert.ok(pieces < 'the end of an hour'.length, 'pieces are used, not only bytes')
    assert.equal(tokens.length, 8)
    assert.ok(new Set(tokens).size > 1, 'a broken model repeats one token')
    assert.ok(text.length > 0)
  }
})
