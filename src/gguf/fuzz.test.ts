import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isQalError } from '../core/error.ts'
import { inspect } from './inspect.ts'
import { memorySource } from './memory-source.ts'
import { tinyLlama } from './tiny-llama.ts'
import { writeGguf } from './write.ts'

const ROUNDS = 5_000
const SLOWEST_MS = 2_000
const INTERESTING = [0, 1, 2, 7, 8, 9, 13, 31, 32, 63, 64, 127, 128, 254, 255]

/** A fixed seed, so that a failure can be run again. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Of an architecture whose tensors are not all demanded, so that a small file passes. */
function smallModel(): Uint8Array {
  return writeGguf({
    metadata: [
      ['general.architecture', { type: 'string', value: 'gemma' }],
      ['general.file_type', { type: 'u32', value: 7 }],
      ['general.alignment', { type: 'u32', value: 32 }],
      ['gemma.block_count', { type: 'u32', value: 1 }],
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

/** One to four changes: bytes, whole fields, pieces cut out, doubled or swapped. */
function mutate(original: Uint8Array, random: (below: number) => number): Uint8Array {
  let bytes = original.slice()
  for (let change = random(4); change >= 0; change -= 1) {
    const at = random(Math.min(bytes.length, 1200))
    const kind = random(6)
    if (kind === 0) bytes[at] = random(256)
    else if (kind === 1) bytes[at] = INTERESTING[random(INTERESTING.length)] ?? 0
    else if (kind === 2) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
    else if (kind === 3)
      bytes.set([255, 255, 255, 255, 255, 255, 255, random(256)].slice(0, Math.max(0, bytes.length - at)), at)
    else {
      const length = 1 + random(40)
      const piece = bytes.slice(at, at + length)
      const rest = bytes.slice(kind === 4 ? at + length : at)
      bytes = new Uint8Array(
        Buffer.concat([bytes.slice(0, at), kind === 4 ? new Uint8Array(0) : piece, rest]),
      )
    }
    if (bytes.length === 0) return bytes
  }
  return bytes
}

test(`${ROUNDS} mutated headers give a verdict, never a crash or a hang`, async () => {
  const random = generator(20_261_123)
  const original = smallModel()
  const verdicts = new Map<string, number>()
  for (let round = 0; round < ROUNDS; round += 1) {
    const bytes = mutate(original, random)
    const source = memorySource(bytes)
    const started = performance.now()
    const { verdict } = await inspect(source, { fileName: 'model-Q8_0.gguf' }).catch((error: unknown) => {
      const kind = isQalError(error) ? error.code : String((error as Error).stack)
      throw new Error(`Round ${round}: inspect threw ${kind}`, { cause: error })
    })
    assert.ok(performance.now() - started < SLOWEST_MS, `round ${round} took too long`)
    assert.ok(source.bytesRead <= bytes.length * 4 + 4096, `round ${round} read ${source.bytesRead}`)
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
  }
  // Were all refused at the magic number, nothing deeper would have been tried.
  assert.ok((verdicts.get('reject') ?? 0) > ROUNDS / 2)
  assert.ok(ROUNDS - (verdicts.get('reject') ?? 0) > 50, JSON.stringify([...verdicts]))
})

test('a cut at any byte of a real header is refused', async () => {
  const whole = tinyLlama({ seed: 5, name: 'Tiny', type: 'Q8_0' })
  for (let length = 0; length < 12_000; length += 37) {
    const { verdict } = await inspect(memorySource(whole.subarray(0, length)), { sampleBytes: 0 })
    assert.equal(verdict, 'reject', `cut at ${length}`)
  }
})
