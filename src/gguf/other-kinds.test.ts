import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from './inspect.ts'
import { readLegacyImatrix } from './legacy-imatrix.ts'
import { memorySource } from './memory-source.ts'
import { writeGguf, type WriteTensor, type WriteValue } from './write.ts'

type Metadata = Record<string, WriteValue>

function u32(value: number): WriteValue {
  return { type: 'u32', value }
}

function text(value: string): WriteValue {
  return { type: 'string', value }
}

function f32(value: number): WriteValue {
  return { type: 'f32', value }
}

function flag(value: boolean): WriteValue {
  return { type: 'bool', value }
}

function tensor(name: string, ...dims: number[]): WriteTensor {
  const count = dims.reduce((product, n) => product * n, 1)
  const data = new Uint8Array(Float32Array.from({ length: count }, (_, i) => ((i * 7) % 101) / 50).buffer)
  return { name, dims, type: 'F32', data }
}

const PROJECTOR: Metadata = {
  'general.architecture': text('clip'),
  'general.type': text('mmproj'),
  'clip.has_vision_encoder': flag(true),
  'clip.projector_type': text('mlp'),
  'clip.vision.image_size': u32(336),
  'clip.vision.patch_size': u32(14),
  'clip.vision.embedding_length': u32(32),
  'clip.vision.feed_forward_length': u32(64),
  'clip.vision.block_count': u32(1),
  'clip.vision.projection_dim': u32(32),
  'clip.vision.attention.head_count': u32(2),
  'clip.vision.attention.layer_norm_epsilon': f32(1e-5),
  'clip.vision.image_mean': { type: 'array', of: 'f32', values: [0.5, 0.5, 0.5] },
  'clip.vision.image_std': { type: 'array', of: 'f32', values: [0.5, 0.5, 0.5] },
  'clip.use_gelu': flag(true),
}

const ADAPTER: Metadata = {
  'general.architecture': text('llama'),
  'general.type': text('adapter'),
  'adapter.type': text('lora'),
  'adapter.lora.alpha': f32(16),
}

const IMATRIX: Metadata = {
  'general.type': text('imatrix'),
  'imatrix.datasets': { type: 'array', of: 'string', values: ['calibration.txt'] },
  'imatrix.chunk_count': u32(10),
  'imatrix.chunk_size': u32(512),
}

const V = tensor('v.blk.0.attn_q.weight', 32, 32)
const PAIR = [tensor('blk.0.attn_q.weight.lora_a', 64, 8), tensor('blk.0.attn_q.weight.lora_b', 8, 64)]
const SUMS = [tensor('blk.0.attn_q.weight.in_sum2', 64, 1), tensor('blk.0.attn_q.weight.counts', 1, 1)]

function without(metadata: Metadata, key: string): Metadata {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => name !== key))
}

async function judged(metadata: Metadata, tensors: WriteTensor[]) {
  const bytes = writeGguf({ metadata: Object.entries(metadata), tensors })
  const { verdict, kind, findings } = await inspect(memorySource(bytes))
  return {
    verdict,
    kind,
    codes: findings.filter(({ severity }) => severity === 'reject').map(({ code }) => code),
  }
}

test('a projector, an adapter and an importance matrix are known for what they are', async () => {
  for (const [kind, metadata, tensors] of [
    ['projector', PROJECTOR, [V]],
    ['adapter', ADAPTER, PAIR],
    ['imatrix', IMATRIX, SUMS],
  ] as const)
    assert.deepEqual(await judged(metadata, [...tensors]), { verdict: 'warn', kind, codes: [] })
  const audio = {
    ...without(PROJECTOR, 'clip.has_vision_encoder'),
    'clip.has_audio_encoder': flag(true),
    ...Object.fromEntries(
      Object.entries(PROJECTOR)
        .filter(([key]) => key.startsWith('clip.vision.') && !key.includes('image'))
        .map(([key, value]) => [key.replace('vision', 'audio'), value]),
    ),
    'clip.audio.num_mel_bins': u32(128),
  }
  assert.deepEqual((await judged(audio, [V])).codes, [])
})

test('a projector whose loader would divide by zero, read another type or go astray is refused', async () => {
  const cases: [what: string, metadata: Metadata, tensors?: WriteTensor[]][] = [
    ['no encoder', without(PROJECTOR, 'clip.has_vision_encoder')],
    ['an encoder of another type', { ...PROJECTOR, 'clip.has_vision_encoder': u32(1) }],
    ['no projector type', without(PROJECTOR, 'clip.projector_type')],
    ['no patch size', without(PROJECTOR, 'clip.vision.patch_size')],
    ['a patch size of 0', { ...PROJECTOR, 'clip.vision.patch_size': u32(0) }],
    ['no heads', { ...PROJECTOR, 'clip.vision.attention.head_count': u32(0) }],
    ['heads as i32', { ...PROJECTOR, 'clip.vision.attention.head_count': { type: 'i32', value: 2 } }],
    ['an image of 2^31', { ...PROJECTOR, 'clip.vision.image_size': u32(2 ** 31) }],
    ['too many layers', { ...PROJECTOR, 'clip.vision.block_count': u32(513) }],
    ['a scale of 0', { ...PROJECTOR, 'clip.vision.projector.scale_factor': u32(0) }],
    ['a merge of 0', { ...PROJECTOR, 'clip.vision.spatial_merge_size': u32(0) }],
    ['an epsilon of 2', { ...PROJECTOR, 'clip.vision.attention.layer_norm_epsilon': f32(2) }],
    ['gelu and silu', { ...PROJECTOR, 'clip.use_silu': flag(true) }],
    ['a version as u32', { ...PROJECTOR, 'clip.minicpmv_version': u32(3) }],
    [
      'a feature of layer 9',
      { ...PROJECTOR, 'clip.vision.feature_layer': { type: 'array', of: 'i32', values: [9] } },
    ],
    [
      'features that are texts',
      { ...PROJECTOR, 'clip.vision.feature_layer': { type: 'array', of: 'string', values: ['9'] } },
    ],
    ['a layer outside', PROJECTOR, [tensor('v.blk.1.attn_q.weight', 32, 32)]],
    ['no tensors', PROJECTOR, []],
    [
      'a mean of two colours',
      { ...PROJECTOR, 'clip.vision.image_mean': { type: 'array', of: 'f32', values: [1, 1] } },
    ],
    [
      'odd pinpoints',
      { ...PROJECTOR, 'clip.vision.image_grid_pinpoints': { type: 'array', of: 'i32', values: [1, 2, 3] } },
    ],
  ]
  for (const [what, metadata, tensors = [V]] of cases) {
    const { verdict, codes } = await judged(metadata, tensors)
    assert.equal(verdict, 'reject', what)
    // The parser itself may refuse a key's type or range first.
    assert.match(codes.join(), /^(?:gguf_(?:projector|key_type|hyperparameter),?)+$/, what)
  }
  const good = {
    ...PROJECTOR,
    'clip.vision.image_grid_pinpoints': { type: 'array', of: 'i32', values: [1, 2] },
  } as const
  assert.equal((await judged(good, [V])).verdict, 'warn')
})

test('an adapter is pairs of one rank', async () => {
  const [a, b] = PAIR
  assert.ok(a !== undefined && b !== undefined)
  const cases: [what: string, metadata: Metadata, tensors?: WriteTensor[]][] = [
    ['no type', without(ADAPTER, 'adapter.type')],
    ['another type', { ...ADAPTER, 'adapter.type': text('control_vector') }],
    ['an infinite alpha', { ...ADAPTER, 'adapter.lora.alpha': f32(Infinity) }],
    ['alpha as a whole number', { ...ADAPTER, 'adapter.lora.alpha': u32(16) }],
    [
      'tokens that are texts',
      { ...ADAPTER, 'adapter.alora.invocation_tokens': { type: 'array', of: 'string', values: ['a'] } },
    ],
    ['half a pair', ADAPTER, [a]],
    ['the other half', ADAPTER, [b]],
    ['two ranks', ADAPTER, [a, tensor('blk.0.attn_q.weight.lora_b', 16, 64)]],
    ['a whole tensor', ADAPTER, [a, b, tensor('blk.0.attn_k.weight', 64, 64)]],
    ['no tensors', ADAPTER, []],
  ]
  for (const [what, metadata, tensors = PAIR] of cases) {
    const { verdict, codes } = await judged(metadata, tensors)
    assert.equal(verdict, 'reject', what)
    assert.ok(codes.includes('gguf_adapter') || codes.includes('gguf_key_type'), `${what}: ${codes.join()}`)
  }
  const more = [
    a,
    b,
    tensor('blk.0.attn_norm.weight', 64),
    tensor('token_embd.weight.lora_a', 8, 90),
    tensor('token_embd.weight.lora_b', 64, 8),
  ]
  assert.deepEqual((await judged(ADAPTER, more)).codes, [])
})

test('an importance matrix is sums and counts', async () => {
  const [sums, counts] = SUMS
  assert.ok(sums !== undefined && counts !== undefined)
  const cases: [what: string, metadata: Metadata, tensors?: WriteTensor[]][] = [
    [
      'data sets that are numbers',
      { ...IMATRIX, 'imatrix.datasets': { type: 'array', of: 'u32', values: [1] } },
    ],
    ['a count as text', { ...IMATRIX, 'imatrix.chunk_count': text('10') }],
    ['no counts', IMATRIX, [sums]],
    ['no sums', IMATRIX, [counts]],
    ['counts that do not divide', IMATRIX, [sums, tensor('blk.0.attn_q.weight.counts', 1, 3)]],
    ['something else', IMATRIX, [...SUMS, tensor('blk.0.attn_q.weight', 64, 64)]],
    ['F16', IMATRIX, [counts, { ...sums, type: 'F16', data: sums.data.slice(0, 128) }]],
    ['no tensors', IMATRIX, []],
  ]
  for (const [what, metadata, tensors = SUMS] of cases) {
    const { verdict, codes } = await judged(metadata, tensors)
    assert.equal(verdict, 'reject', what)
    assert.ok(codes.includes('gguf_imatrix') || codes.includes('gguf_key_type'), `${what}: ${codes.join()}`)
  }
})

test('a file without tensors is a vocabulary, unless its shards have them', async () => {
  const metadata: Metadata = { 'general.architecture': text('llama') }
  assert.equal((await judged(metadata, [])).kind, 'vocabulary')
  const first: Metadata = {
    ...metadata,
    'split.no': { type: 'u16', value: 0 },
    'split.count': { type: 'u16', value: 2 },
    'split.tensors.count': { type: 'i32', value: 1 },
  }
  assert.equal((await judged(first, [])).kind, 'model')
})

/** The layout llama.cpp wrote before its importance matrices were GGUF. */
function legacy(entries: [name: string, values: number[]][], after: number[] | string[] = []): Uint8Array {
  const parts: Buffer[] = []
  const i32 = (value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32LE(value)
    parts.push(bytes)
  }
  i32(entries.length)
  for (const [name, values] of entries) {
    i32(name.length)
    parts.push(Buffer.from(name, 'latin1'))
    i32(7)
    i32(values.length)
    parts.push(Buffer.from(Float32Array.from(values).buffer))
  }
  for (const item of after)
    if (typeof item === 'number') i32(item)
    else parts.push(Buffer.from(item))
  return new Uint8Array(Buffer.concat(parts))
}

function read(bytes: Uint8Array) {
  return readLegacyImatrix(memorySource(bytes))
}

test('an importance matrix from before GGUF is read to its last byte', async () => {
  const good: [string, number[]][] = [
    ['blk.0.attn_q.weight', [1, 2, 0]],
    ['blk.0.ffn_up.weight', [3, 4]],
  ]
  assert.deepEqual(await read(legacy(good)), { entries: 2, values: 5 })
  assert.deepEqual(await read(legacy(good, [10])), { entries: 2, values: 5 })
  assert.deepEqual(await read(Buffer.concat([legacy(good, [10, 5]), Buffer.from('wikit')])), {
    entries: 2,
    values: 5,
  })
  for (const [what, bytes] of [
    ['nothing', new Uint8Array(0)],
    ['no entries', legacy([])],
    ['a count only', legacy(good).slice(0, 4)],
    ['cut off', legacy(good).slice(0, -1)],
    ['a byte more', Buffer.concat([legacy(good), Buffer.from('x')])],
    ['a script behind it', Buffer.concat([legacy(good, [10, 5]), Buffer.from('wikitimport os')])],
    ['NaN', legacy([['a', [NaN]]])],
    ['a negative sum', legacy([['a', [-1]]])],
    ['a name with a space', legacy([['a b', [1]]])],
    ['a pickle', Buffer.from([0x80, 4, 0x95, 0, 0, 0, 0, 0])],
  ] as const)
    assert.equal(typeof (await read(bytes)), 'string', what)
})
