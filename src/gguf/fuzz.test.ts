import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isQalError } from '../core/error.ts'
import { corpusDir } from '../../test/tools.ts'
import { inspect } from './inspect.ts'
import { memorySource } from './memory-source.ts'
import { fixture } from './model-fixture.ts'
import { mutate, mutateBytes, randomFrom, type Random } from './mutate-fixture.ts'
import { tinyLlama } from './tiny-llama.ts'
import { writeGguf } from './write.ts'

/** A tenth in every run, all of them with QAL_FUZZ=all. */
const ALL = process.env['QAL_FUZZ'] === 'all'
const ROUNDS = ALL ? 200_000 : 20_000
const SLOWEST_MS = 2_000
/** What looking into a file of a few kB may take at its height; a promise of 2^40 items must not be allocated for. */
const MEMORY_BYTES = 512 * 1024 * 1024
const LOOK_EVERY = 250

/** Of an architecture whose tensors are not all demanded, so that a file of a kilobyte passes. */
function smallModel(): Uint8Array {
  return writeGguf({
    metadata: [
      ['general.architecture', { type: 'string', value: 'gemma' }],
      ['general.file_type', { type: 'u32', value: 7 }],
      ['general.alignment', { type: 'u32', value: 32 }],
      ['gemma.block_count', { type: 'u32', value: 1 }],
      ['gemma.context_length', { type: 'u32', value: 64 }],
      ['gemma.embedding_length', { type: 'u32', value: 32 }],
      ['gemma.attention.head_count', { type: 'u32', value: 2 }],
      ['gemma.attention.head_count_kv', { type: 'array', of: 'i32', values: [2] }],
      ['gemma.attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-5 }],
      ['tokenizer.ggml.model', { type: 'string', value: 'llama' }],
      ['tokenizer.ggml.tokens', { type: 'array', of: 'string', values: ['<unk>', '<0x00>', 'é'] }],
      ['tokenizer.ggml.scores', { type: 'array', of: 'f32', values: [0, -1, -2] }],
      ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', values: [2, 6, 1] }],
      ['tokenizer.chat_template', { type: 'string', value: "{{ messages[0]['content'] }}" }],
      ['split.count', { type: 'u16', value: 1 }],
    ],
    tensors: [
      { name: 'token_embd.weight', dims: [32, 3], type: 'Q8_0', data: new Uint8Array(102).fill(3) },
      { name: 'output_norm.weight', dims: [32], type: 'F32', data: new Uint8Array(128).fill(63) },
    ],
  })
}

const BASES = [
  fixture(),
  fixture({ tokenizer: 'gpt2' }),
  fixture({ experts: 4 }),
  fixture({ tied: true, tokenizer: 'bert' }),
  fixture({ tokenizer: 't5' }),
  fixture({ tokenizer: 'rwkv', type: 'F16' }),
]

/** Verdicts counted over the rounds; fails on anything but a verdict, on slowness and on memory. */
async function fuzz(rounds: number, make: (random: Random) => Uint8Array): Promise<Record<string, number>> {
  const random = randomFrom(20_261_123)
  const verdicts: Record<string, number> = {}
  const before = process.memoryUsage.rss()
  for (let round = 0; round < rounds; round += 1) {
    const bytes = make(random)
    const source = memorySource(bytes)
    const started = performance.now()
    const { verdict } = await inspect(source, { fileName: 'model-Q8_0.gguf' }).catch((error: unknown) => {
      const kind = isQalError(error) ? error.code : String((error as Error).stack)
      throw new Error(`Round ${round}: inspect threw ${kind}`, { cause: error })
    })
    assert.ok(performance.now() - started < SLOWEST_MS, `round ${round} took too long`)
    assert.ok(source.bytesRead <= bytes.length * 4 + 4096, `round ${round} read ${source.bytesRead}`)
    if (round % LOOK_EVERY === 0)
      assert.ok(process.memoryUsage.rss() - before < MEMORY_BYTES, `round ${round} takes too much memory`)
    verdicts[verdict] = (verdicts[verdict] ?? 0) + 1
  }
  return verdicts
}

test(`${ROUNDS} damaged headers give a verdict, never a crash or a hang, in bounded memory`, async () => {
  const small = smallModel()
  const bytesOnly = await fuzz(ROUNDS * 0.7, (random) => mutateBytes(random, small, 1_200))
  const structured = await fuzz(ROUNDS * 0.3, (random) => mutate(random, BASES))
  // Were all refused at the magic number, nothing deeper would have been tried.
  for (const [verdicts, rounds] of [
    [bytesOnly, ROUNDS * 0.7],
    [structured, ROUNDS * 0.3],
  ] as const) {
    const rejected = verdicts['reject'] ?? 0
    assert.ok(rejected > rounds / 4, JSON.stringify(verdicts))
    assert.ok(rounds - rejected > rounds / 200, JSON.stringify(verdicts))
  }
})

test('so do damaged files of the corpus', async (t) => {
  const dir = corpusDir(t, 'gguf')
  if (dir === undefined) return
  const files = ['good', 'hostile', 'mislabelled'].flatMap((folder) =>
    readdirSync(join(dir, folder))
      .map((name) => readFileSync(join(dir, folder, name)))
      .filter(({ length }) => length < 200_000),
  )
  await fuzz(ALL ? 20_000 : 1_000, (random) =>
    mutateBytes(random, files[random(files.length)] ?? new Uint8Array(0), 8_000),
  )
})

test('a cut at any byte of a real header is refused', async () => {
  const whole = tinyLlama({ seed: 5, name: 'Tiny', type: 'Q8_0' })
  for (let length = 0; length < 12_000; length += 37) {
    const { verdict } = await inspect(memorySource(whole.subarray(0, length)), { sampleBytes: 0 })
    assert.equal(verdict, 'reject', `cut at ${length}`)
  }
})
