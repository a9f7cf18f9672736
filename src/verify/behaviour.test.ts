import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type BehaviourOptions, judgeBehaviour } from './behaviour.ts'
import { tinyLlama } from '../gguf/tiny-llama.ts'
import { sandboxAvailable } from './sandbox.ts'
import { inCi } from '../../test/tools.ts'

const corpus = resolve(process.env['QAL_CORPUS'] ?? '../shared/corpus', 'gguf')
const sandbox = await sandboxAvailable()
if (!sandbox.available && inCi()) throw new Error(sandbox.reason)
const noSandbox = sandbox.available ? false : sandbox.reason
const skip = existsSync(corpus) ? noSandbox : 'the corpus is not here'
const root = mkdtempSync(join(tmpdir(), 'qal-behaviour-'))
after(() => rmSync(root, { recursive: true, force: true }))

function judge(file: string, options: BehaviourOptions = {}) {
  const path = file.startsWith('/') ? file : join(corpus, file)
  return judgeBehaviour({ modelPaths: [path], sizeBytes: statSync(path).size }, options)
}

function write(name: string, content: Uint8Array): string {
  writeFileSync(join(root, name), content)
  return join(root, name)
}

describe('when llama.cpp runs a model in the sandbox', { skip: noSandbox }, () => {
  const bytes = tinyLlama({ seed: 1, name: 'Tiny', type: 'Q8_0' })

  it('passes a good one', async () => {
    const { judge: behaviour, llamaCpp } = await judge(write('good.gguf', bytes))
    assert.equal(behaviour.verdict, 'pass', behaviour.summary)
    assert.deepEqual(
      behaviour.checks.map(({ id, verdict }) => [id, verdict]),
      [
        ['load', 'pass'],
        ['generate', 'pass'],
        ['finite_logits', 'pass'],
      ],
    )
    assert.match(llamaCpp ?? '', /^v\d/)
  })

  it('fails one with a number that is none, and one cut short', async () => {
    const nan = bytes.slice()
    // A block of Q8_0 is a scale in half precision and 32 weights.
    nan.set([0x00, 0x7e], nan.length - 34)
    const cases: [string, Uint8Array][] = [
      ['nan.gguf', nan],
      ['short.gguf', bytes.subarray(0, bytes.length / 2)],
    ]
    for (const [name, content] of cases) {
      const { judge: behaviour } = await judge(write(name, content))
      assert.equal(behaviour.verdict, 'fail', name)
      assert.equal(behaviour.checks[0]?.id, 'load')
      assert.match(behaviour.summary, /llama\.cpp/)
    }
  })
})

describe('when llama.cpp runs a model of the corpus in the sandbox', { skip }, () => {
  for (const file of [
    'nan-in-F32',
    'nan-in-Q8_0-scales',
    'inf-in-F16',
    'missing-tensor',
    'truncated-tensor-data-half',
  ])
    it(`fails ${file}, with what llama.cpp says`, async () => {
      const { judge: behaviour } = await judge(`hostile/${file}.gguf`)
      assert.equal(behaviour.verdict, 'fail')
      assert.equal(behaviour.checks[0]?.id, 'load')
      assert.match(behaviour.summary, /llama\.cpp/)
    })
})

describe('when the child misbehaves', { skip: noSandbox }, () => {
  let folder: string
  let model: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qal-behaviour-'))
    model = join(folder, 'model.gguf')
    writeFileSync(model, 'GGUF')
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  /** A folder like llama/ whose child does something else. */
  function impostor(script: string): string {
    const dir = mkdtempSync(join(folder, 'llama-'))
    mkdirSync(join(dir, 'node_modules/node-llama-cpp'), { recursive: true })
    writeFileSync(join(dir, 'run.mjs'), script)
    return dir
  }

  const good = {
    v: 1,
    ok: true,
    llama_cpp: { release: 'v1', build: 'prebuilt', node_llama_cpp: '1', system: '' },
    loaded: true,
    load_seconds: 1,
    context_tokens: 128,
    prompt_tokens: 10,
    prompt_seconds: 1,
    tokens: 16,
    token_ids: Array.from({ length: 16 }, () => 7),
    tokens_per_second: 5,
    output_sha256: 'a'.repeat(64),
    logits: { checked: 160, not_finite: 0, vocabulary: 10, positions: 16 },
    log: [],
  }
  const cases: [string, string, 'pass' | 'fail' | 'skipped'][] = [
    ['answers as it should', say(good), 'pass'],
    ['warns before its answer', `console.log('warning');${say(good)}`, 'pass'],
    ['finds logits that are not finite', say({ ...good, logits: { ...good.logits, not_finite: 1 } }), 'fail'],
    ['has not looked at every logit', say({ ...good, logits: { ...good.logits, checked: 159 } }), 'skipped'],
    [
      'has looked at no logit',
      say({ ...good, logits: { checked: 0, not_finite: 0, vocabulary: 0, positions: 16 } }),
      'skipped',
    ],
    ['generates too few tokens', say({ ...good, tokens: 3, token_ids: [1, 2, 3] }), 'fail'],
    ['adds a field', say({ ...good, verdict: 'pass' }), 'fail'],
    ['leaves a field out', say({ ...good, output_sha256: undefined }), 'fail'],
    ['says nothing', '', 'fail'],
    ['says something else', 'console.log("pass")', 'fail'],
    ['answers and then fails', `${say(good)}; process.exitCode = 3`, 'fail'],
    ['aborts', 'process.abort()', 'fail'],
    ['hangs', 'for (;;);', 'skipped'],
    ['answers and then hangs', `${say(good)};for (;;);`, 'skipped'],
    ['is killed by another', 'process.kill(process.pid, "SIGKILL")', 'skipped'],
    ['exceeds a limit', 'process.kill(process.pid, "SIGXCPU")', 'skipped'],
    ['is ended by a fault of its own', 'process.kill(process.pid, "SIGSEGV")', 'fail'],
    [
      'floods',
      `${say(good)}; const more = () => process.stdout.write('x'.repeat(65536), more); more()`,
      'fail',
    ],
    ['fails to load', say({ v: 1, ok: false, stage: 'load', message: 'no', log: ['error: why'] }), 'fail'],
    ['cannot start llama.cpp', say({ v: 1, ok: false, stage: 'start', message: 'no', log: [] }), 'skipped'],
  ]
  for (const [name, script, verdict] of cases)
    it(`says ${verdict} where it ${name}`, async () => {
      const { judge: behaviour } = await judge(model, { llamaDir: impostor(script), timeoutMs: 2_000 })
      assert.equal(behaviour.verdict, verdict, JSON.stringify(behaviour))
    })

  it('makes text of the child printable', async () => {
    const message = 'a\u001B[31mb\u202Ec'
    const { judge: behaviour } = await judge(model, {
      llamaDir: impostor(say({ v: 1, ok: false, stage: 'load', message, log: [] })),
    })
    assert.ok(!behaviour.summary.includes('\u001B') && !behaviour.summary.includes('\u202E'))
    assert.match(behaviour.summary, /a\uFFFD\[31mb\uFFFDc/)
  })

  it('shows the child the model by a name of ours, whatever its own', async () => {
    const hostile = join(folder, '$(touch pwned) \n.gguf')
    symlinkSync(model, hostile)
    const script = `import { readFileSync } from 'node:fs'
      const answer = ${JSON.stringify(good)}
      answer.llama_cpp.release = process.argv[2] + ' ' + readFileSync(process.argv[2], 'utf8')
      console.log(JSON.stringify(answer))`
    const { llamaCpp } = await judge(hostile, { llamaDir: impostor(script) })
    assert.match(llamaCpp ?? '', /^\/sandbox\/model\/model\.gguf GGUF /)
  })

  it('skips a model that needs more CPU time than it is given, and says so', async () => {
    const { judge: behaviour } = await judge(model, { llamaDir: impostor('for (;;);'), cpuSeconds: 1 })
    assert.equal(behaviour.verdict, 'skipped', JSON.stringify(behaviour))
    assert.match(behaviour.summary, /CPU time/)
  })

  it('skips a model that is larger than the memory that is free', async () => {
    const full = await judgeBehaviour(
      { modelPaths: [model], sizeBytes: process.availableMemory() },
      { llamaDir: impostor(say(good)) },
    )
    assert.equal(full.judge.verdict, 'skipped')
    assert.match(full.judge.summary, /memory/)
  })

  it('skips a model that is larger than memory', async () => {
    const huge = await judgeBehaviour(
      { modelPaths: [model], sizeBytes: 1e15 },
      { llamaDir: impostor(say(good)) },
    )
    assert.equal(huge.judge.verdict, 'skipped')
    assert.match(huge.judge.summary, /memory/)
  })
})

/** A script that prints an answer. */
function say(answer: unknown): string {
  return `console.log(${JSON.stringify(JSON.stringify(answer))})`
}
