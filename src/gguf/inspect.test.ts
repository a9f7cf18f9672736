import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from './inspect.ts'
import { memorySource } from './memory-source.ts'
import { parseGguf } from './parse.ts'
import { tinyLlama } from './tiny-llama.ts'
import type { TensorTypeName } from './types.ts'
import { TENSOR_TYPES } from './types.ts'
import { writeGguf } from './write.ts'

function rename(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const copy = bytes.slice()
  copy.set(Buffer.from(to), Buffer.from(copy).lastIndexOf(from))
  return copy
}

async function findings(bytes: Uint8Array, options: Parameters<typeof inspect>[1] = {}): Promise<string[]> {
  return (await inspect(memorySource(bytes), options)).findings.map(
    ({ severity, code }) => `${severity} ${code}`,
  )
}

function tiny(type: 'F32' | 'F16' | 'Q8_0' = 'Q8_0') {
  return tinyLlama({ seed: 11, name: 'Tiny', type })
}

async function tensorOf(bytes: Uint8Array, name: string) {
  const header = await parseGguf(memorySource(bytes))
  const tensor = header.tensors.find((candidate) => candidate.name === name)
  assert.ok(tensor !== undefined)
  return tensor
}

test('a value that is not finite is found wherever a small file holds it', async () => {
  for (const [type, bits] of [
    ['F32', [0, 0, 0xc0, 0x7f]],
    ['F16', [0, 0x7c]],
    ['Q8_0', [0, 0xfe]],
  ] as const) {
    const bytes = tiny(type)
    const { offset, bytes: size } = await tensorOf(bytes, 'blk.1.ffn_up.weight')
    const unit = type === 'Q8_0' ? 34 : bits.length
    const at = offset + size - unit
    bytes.set(bits, at)
    const { verdict, findings: found } = await inspect(memorySource(bytes))
    assert.equal(verdict, 'reject', type)
    assert.equal(found[0]?.code, 'gguf_weights_not_finite')
    assert.equal(found[0]?.offset, at)
  }
})

/** A file of one tensor of any type, its bytes given; a scale of 1 in half precision is 0x3c00. */
function single(type: TensorTypeName, fill: (block: Uint8Array, index: number) => void): Uint8Array {
  const { block, bytes } = TENSOR_TYPES[type]
  const count = 4
  const data = new Uint8Array(count * bytes)
  for (let i = 0; i < count; i += 1) fill(data.subarray(i * bytes, (i + 1) * bytes), i)
  return writeGguf({
    metadata: [
      ['general.architecture', { type: 'string', value: 'gemma' }],
      ['gemma.block_count', { type: 'u32', value: 1 }],
    ],
    tensors: [{ name: 'blk.0.ffn_up.weight', dims: [block, count], type, data }],
  })
}

test('the scale of every block type is looked at where it stands', async () => {
  const scales: [TensorTypeName, number, number[]][] = [
    ['Q4_0', 0, [0, 0x7c]],
    ['Q4_1', 2, [0, 0x7e]],
    ['Q5_0', 0, [0, 0xfc]],
    ['Q5_1', 2, [0, 0x7c]],
    ['Q2_K', 80, [0, 0x7c]],
    ['Q2_K', 82, [0, 0x7c]],
    ['Q3_K', 108, [0, 0x7c]],
    ['Q4_K', 2, [0, 0x7c]],
    ['Q5_K', 0, [0, 0x7c]],
    ['Q6_K', 208, [0, 0x7c]],
    ['IQ2_XXS', 0, [0, 0x7c]],
    ['IQ3_S', 0, [0, 0x7c]],
    ['IQ4_XS', 0, [0, 0x7c]],
    ['IQ1_M', 54, [0, 0x70]],
    ['TQ1_0', 52, [0, 0x7c]],
    ['TQ2_0', 64, [0, 0x7c]],
    ['MXFP4', 0, [0xff]],
    ['NVFP4', 3, [0x7f]],
    ['Q1_0', 0, [0, 0x7c]],
    ['Q2_0', 0, [0, 0x7c]],
  ]
  for (const [type, at, bits] of scales) {
    const good = single(type, (block, i) => block.fill(i + 1))
    assert.ok(!(await findings(good)).some((f) => f.includes('not_finite')), `${type} without`)
    const bad = single(type, (block, i) => {
      block.fill(i + 1)
      if (type === 'IQ1_M') block.set([0, 0, 0, 0, 0, 0xc0, 0, 0x70], 48)
      if (i === 2 && type !== 'IQ1_M') block.set(bits, at)
    })
    assert.ok((await findings(bad)).includes('reject gguf_weights_not_finite'), `${type} at ${at}`)
  }
})

test('weights of one value are refused, a single empty tensor is told', async () => {
  const zero = single('Q8_0', (block) => block.fill(0))
  assert.ok((await findings(zero)).includes('reject gguf_weights_empty'))
  const same = single('Q8_0', (block) => block.fill(9))
  assert.ok((await findings(same)).includes('reject gguf_weights_empty'))
  const bytes = tiny('F16')
  const { offset, bytes: size } = await tensorOf(bytes, 'blk.0.attn_q.weight')
  bytes.fill(0, offset, offset + size)
  assert.deepEqual(await findings(bytes), ['warn gguf_weights_empty'])
})

test('looking into the weights reads no more than it was given', async () => {
  const bytes = tiny('F32')
  const source = memorySource(bytes)
  const { weights } = await inspect(source, { sampleBytes: 100_000 })
  assert.ok(weights !== null)
  // Every tensor gets at least sixteen blocks.
  assert.ok(weights.bytes_read > 50_000 && weights.bytes_read < 150_000, String(weights.bytes_read))
  assert.equal(weights.bytes_total, 5_903_360)
  const none = await inspect(memorySource(bytes), { sampleBytes: 0 })
  assert.equal(none.weights?.bytes_read, 0)
})

test('a model of the llama family has the tensors and shapes it promises', async () => {
  assert.deepEqual(await findings(tiny()), [])
  assert.ok(
    (await findings(rename(tiny(), 'blk.1.ffn_up.weight', 'blk.1.ffn_xx.weight'))).includes(
      'reject gguf_model_tensor_missing',
    ),
  )
  assert.ok(
    (await findings(rename(tiny(), 'blk.1.ffn_up.weight', 'blk.9.ffn_up.weight'))).includes(
      'reject gguf_model_layers',
    ),
  )
  const bytes = tiny()
  const at = Buffer.from(bytes).indexOf('llama.feed_forward_length') + 'llama.feed_forward_length'.length + 4
  bytes.set([0, 1], at)
  assert.ok((await findings(bytes)).includes('reject gguf_model_shape'))
})

test('an architecture nobody knows gets no badge', async () => {
  const bytes = single('Q8_0', (block, i) => block.fill(i + 1))
  const known = await inspect(memorySource(bytes), { label: 'Q8_0' })
  assert.equal(known.quantisation?.match, 'exact')
  const copy = bytes.slice()
  for (const from of ['gemma.block_count', 'gemma'])
    copy.set(Buffer.from('gommo'), Buffer.from(copy).indexOf(from))
  const unknown = await inspect(memorySource(copy), { label: 'Q8_0' })
  assert.equal(unknown.architecture, 'gommo')
  assert.equal(unknown.quantisation?.match, 'unknown')
  assert.equal(unknown.verdict, 'warn')
})

test('refusals cite the rule and the known attacks', async () => {
  const bytes = tiny()
  const { findings: found } = await inspect(memorySource(bytes.slice(0, bytes.length - 64)))
  assert.equal(found[0]?.code, 'gguf_tensor_bounds')
  assert.match(found[0]?.rule ?? '', /ends within the file/)
  assert.ok(found[0]?.cites?.includes('CVE-2026-7482'))
})

test('an error of the source is thrown, not judged', async () => {
  const failing = { size: 100, read: () => Promise.reject(new Error('unplugged')) }
  await assert.rejects(inspect(failing), /unplugged/)
})
