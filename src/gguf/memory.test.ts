import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempDir } from '../../test/tools.ts'
import { CACHE_ARCHITECTURES } from './cache-architectures.ts'
import { inspect } from './inspect.ts'
import {
  askMemory,
  F16,
  metadataFile,
  type Keys,
  type MemoryAnswer,
  type MemoryCase,
} from '../../test/llama-memory.ts'
import { deviceFits, hardwareSentence, memoryNeeds, type MemoryAt, type MemoryNeeds } from './memory.ts'
import { memorySource } from './memory-source.ts'
import { parseGguf } from './parse.ts'
import { REAL_MODELS } from '../../test/real-models.ts'
import { tinyLlama } from './tiny-llama.ts'
import { TINY_MODELS } from '../../test/tiny-models.ts'

/** How far the estimate of the compute buffer may lie from llama.cpp's own figure. */
const COMPUTE_TOLERANCE = 0.2
const GIB = 1024 ** 3

async function needsOf(asked: Pick<MemoryCase, 'architecture' | 'keys'>): Promise<MemoryNeeds> {
  return memoryNeeds(await parseGguf(memorySource(metadataFile(asked))), [])
}

/** One line for every figure that is not llama.cpp's. */
function differences(needs: MemoryNeeds, { name, error, answers }: MemoryAnswer): string[] {
  if (error !== null) return [`${name}: llama.cpp says ${error.join(' ')}`]
  if (needs.unknown !== null) return [`${name}: ${needs.unknown}`]
  return answers.flatMap(([context, type, sizes]) => {
    const at = needs.contexts.find((candidate) => candidate.context === context)
    const ours = type === F16 ? at?.cache_bytes : at?.cache_q8_0_bytes
    const theirs = sizes?.[1] ?? null
    const cache = type === F16 ? 'F16' : 'Q8_0'
    return ours === theirs ? [] : [`${name} at ${context} in ${cache}: ${ours} bytes, llama.cpp ${theirs}`]
  })
}

test('the cache of a tiny model of every known architecture is what llama.cpp allocates', async (t) => {
  assert.deepEqual(TINY_MODELS.map(({ name }) => name).toSorted(), [...CACHE_ARCHITECTURES].toSorted())
  const dir = await tempDir(t)
  const cases = TINY_MODELS.map((model, i) => ({
    ...model,
    contexts: [8192],
    // Each is 20 MB of zeroes; a quarter of them shows it.
    save: i % 4 === 0 ? join(dir, `${model.name}.gguf`) : '',
  }))
  const answers = await askMemory(t, cases)
  if (answers === null) return
  assert.equal(answers.length, cases.length)
  const wrong: string[] = []
  for (const [i, answer] of answers.entries()) {
    const model = cases[i]
    assert.ok(model !== undefined && model.name === answer.name)
    wrong.push(...differences(await needsOf(model), answer))
  }
  assert.deepEqual(wrong, [])
  await t.test(
    'and the files llama.cpp saves of them are accepted, their weights the size it says',
    async () => {
      const notes: string[] = []
      let saved = 0
      for (const [i, { answers: figures }] of answers.entries()) {
        const path = cases[i]?.save ?? ''
        if (!existsSync(path)) continue
        saved += 1
        const { verdict, findings, memory, tensors } = await inspect(memorySource(readFileSync(path)), {
          sampleBytes: 0,
        })
        const theirs = figures[0]?.[2]?.[0] ?? 0
        // Tensors are padded to 64 bytes in memory, and made without a file some architectures get their embeddings twice.
        const more = theirs - (memory?.weights_bytes ?? 0)
        const twice = 512 * 256 * 4
        if (verdict === 'reject') notes.push(`${cases[i]?.name}: ${findings[0]?.message}`)
        else if (!(more >= 0 && more < 64 * tensors) && !(more >= twice && more < twice + 64 * tensors))
          notes.push(`${cases[i]?.name}: ${memory?.weights_bytes} bytes of weights, llama.cpp ${theirs}`)
      }
      assert.deepEqual(notes, [])
      assert.ok(saved > 20, `${saved} saved`)
    },
  )
})

test('what published models take is what llama.cpp would allocate', async (t) => {
  const cases = REAL_MODELS.map((model) => ({
    ...model,
    contexts: model.whole === true ? [Number(model.keys['context_length'])] : [4096, 8192, 32_768, 131_072],
  }))
  const answers = await askMemory(t, cases)
  if (answers === null) return
  assert.equal(answers.length, cases.length)
  const wrong: string[] = []
  const ratios: number[] = []
  for (const [i, answer] of answers.entries()) {
    const model = cases[i]
    assert.ok(model !== undefined && model.name === answer.name)
    const needs = await needsOf(model)
    wrong.push(...differences(needs, answer))
    for (const [context, type, sizes] of answer.answers) {
      const ours = needs.contexts.find((one) => one.context === context)?.compute_bytes ?? 0
      const theirs = sizes?.[2] ?? 0
      const ratio = ours / theirs
      ratios.push(ratio)
      if (!(Math.abs(ratio - 1) <= COMPUTE_TOLERANCE))
        wrong.push(
          `${model.name} at ${context}, cache type ${type}: computes in ${ours} bytes, llama.cpp ${theirs}`,
        )
    }
  }
  assert.deepEqual(wrong, [])
  t.diagnostic(
    `compute buffers ${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} times llama.cpp's`,
  )
})

const LLAMA: Keys = {
  block_count: 2,
  context_length: 131_072,
  embedding_length: 64,
  feed_forward_length: 128,
  vocab_size: 32,
  'attention.head_count': 4,
  'attention.head_count_kv': 2,
}

function without(key: string): Keys {
  return Object.fromEntries(Object.entries(LLAMA).filter(([name]) => name !== key))
}

test('what cannot be known is said to be unknown, never guessed', async () => {
  const cases: [why: RegExp, architecture: string, keys: Keys][] = [
    [/qwen4exp is not known/, 'qwen4exp', LLAMA],
    [/constructor is not known/, 'constructor', LLAMA],
    [/block_count" is missing/, 'llama', without('block_count')],
    [/head_count" is missing/, 'llama', without('attention.head_count')],
    [/context length/, 'llama', without('context_length')],
    [/vocabulary/, 'llama', without('vocab_size')],
    [/width of an attention head/, 'llama', without('embedding_length')],
    [/no layer of its own/, 'llama', { ...LLAMA, nextn_predict_layers: 2 }],
    [/size of its sliding window/, 'gemma3n', LLAMA],
    [/size of its sliding window/, 'gemma4', { ...LLAMA, 'attention.sliding_window_pattern': [1, 0] }],
    [/Which layers have a sliding window/, 'gemma4', { ...LLAMA, 'attention.sliding_window': 512 }],
    [/recurrent state/, 'mamba', LLAMA],
    [/recurrent state/, 'jamba', LLAMA],
    [/Which layers are recurrent/, 'nemotron_h', without('feed_forward_length')],
    [/indexer/, 'deepseek32', LLAMA],
  ]
  for (const [why, architecture, keys] of cases) {
    const needs = await needsOf({ architecture, keys })
    assert.match(needs.unknown ?? '', why, architecture)
    assert.deepEqual(needs.contexts, [], architecture)
    assert.ok(deviceFits(needs).every(({ context }) => context === null))
  }
  assert.equal((await needsOf({ architecture: 'llama', keys: LLAMA })).unknown, null)
})

test('contexts go up to what the model was trained for', async () => {
  for (const [trained, contexts] of [
    [512, [512]],
    [4096, [4096]],
    [6000, [4096, 6000]],
    [40_960, [4096, 8192, 16_384, 32_768, 40_960]],
    [1_048_576, [4096, 8192, 16_384, 32_768, 131_072, 1_048_576]],
  ] as const) {
    const needs = await needsOf({ architecture: 'llama', keys: { ...LLAMA, context_length: trained } })
    assert.deepEqual(
      needs.contexts.map(({ context }) => context),
      contexts,
    )
  }
  // 2 layers, 2 heads of 16 for keys and for values, 2 bytes each; 6000 is rounded up to 6144 positions.
  const { contexts } = await needsOf({ architecture: 'llama', keys: { ...LLAMA, context_length: 6000 } })
  assert.equal(contexts[1]?.cache_bytes, 2 * 2 * (16 + 16) * 2 * 6144)
  // Heads of 16 values do not fill a block of 32.
  assert.equal(contexts[1]?.cache_q8_0_bytes, null)
})

function memoryAt(context: number, total: number): MemoryAt {
  return { context, cache_bytes: 0, cache_q8_0_bytes: null, compute_bytes: 0, total_bytes: total }
}

test('a device holds a model with all its parts and the margin, or does not', () => {
  const contexts = [memoryAt(4096, 7 * GIB), memoryAt(8192, 7 * GIB + 1), memoryAt(32_768, 23 * GIB)]
  assert.deepEqual(deviceFits({ contexts }, [7, 8, 12, 23, 24]), [
    { device_gb: 7, context: null, headroom_bytes: null },
    { device_gb: 8, context: 4096, headroom_bytes: GIB },
    { device_gb: 12, context: 8192, headroom_bytes: 5 * GIB - 1 },
    { device_gb: 23, context: 8192, headroom_bytes: 16 * GIB - 1 },
    { device_gb: 24, context: 32_768, headroom_bytes: GIB },
  ])
})

test('the sentence names memory as it is sold', async () => {
  const model = REAL_MODELS.find(({ name }) => name === 'Llama 3.1 8B')
  assert.ok(model !== undefined)
  const weights = 4_920_734_272
  const needs = await needsOf(model)
  const whole = {
    ...needs,
    weights_bytes: weights,
    contexts: needs.contexts.map((one) => ({ ...one, total_bytes: one.total_bytes + weights })),
  }
  assert.equal(
    hardwareSentence(whole),
    '8 GB of memory at 8k context (4.6 GiB of weights, 1.0 GiB of context, 0.3 GiB to compute)',
  )
  assert.equal(
    hardwareSentence({ ...whole, contexts: [], unknown: 'no' }),
    'More than 4.6 GiB of memory: the weights alone take that',
  )
  assert.equal(hardwareSentence(needs), null)
  const huge = whole.contexts.map((one) => ({ ...one, total_bytes: 4000 * GIB }))
  assert.match(hardwareSentence({ ...whole, contexts: huge }) ?? '', /^More than 2048 GB/)
})

test('the inspection of a file tells what it takes, and what stays in main memory', async () => {
  const { memory } = await inspect(memorySource(tinyLlama({ seed: 11, name: 'Tiny', type: 'F16' })))
  assert.ok(memory !== null)
  assert.equal(memory.weights_bytes, 2_954_240)
  assert.equal(memory.lookup_bytes, 256 * 320 * 2)
  const cache = 2 * 4 * (64 + 64) * 2 * 256
  assert.equal(memory.contexts.length, 1)
  const [only] = memory.contexts
  // 128 positions are rounded up to 256.
  assert.equal(only?.cache_bytes, cache)
  assert.equal(only.total_bytes, memory.weights_bytes + only.cache_bytes + only.compute_bytes)
})
