/**
 * Headers of published models: llama.cpp makes each from its published
 * hyper-parameters and says its tensors, its quantiser says in a dry run what it
 * would make of them, and the proof must find every file type to be just that.
 */
import assert from 'node:assert/strict'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { askMemory, metadataOf, type MemoryAnswer, type MemoryCase } from '../../test/llama-memory.ts'
import { askQuantiser, type DryRun } from '../../test/llama-quantiser.ts'
import { REAL_MODELS } from '../../test/real-models.ts'
import { tempDir } from '../../test/tools.ts'
import type { ByteSource } from '../core/byte-source.ts'
import { inspect, type Inspection } from './inspect.ts'
import { isQuantisable } from './recipe.ts'
import { FILE_TYPES, type FileType, type TensorTypeName } from './types.ts'
import { writeGgufHeader, type WriteTensorInfo } from './write.ts'

type Asked = Omit<MemoryCase, 'contexts'> & { untied?: boolean }

/** Those of the other tests whose output matrix is their own, as published. */
const UNTIED = new Set([
  'Llama 2 7B',
  'Llama 3.1 8B',
  'Llama 3.1 70B',
  'Mixtral 8x7B',
  'Qwen2.5 7B',
  'Qwen3 8B',
  'Qwen3 30B-A3B',
  'Phi-3 mini',
  'Llama 4 Scout',
  'DeepSeek V2 Lite',
  'DeepSeek V3',
  'DeepSeek V2 Lite before latent caches',
  'Mamba 2.8B',
  'Jamba mini',
  'Qwen3 Next 80B',
])

/** Architectures with rules or widths of their own that the other tests have no need of. */
const MORE: Asked[] = [
  {
    name: 'Falcon 7B',
    architecture: 'falcon',
    keys: {
      ...basic(32, 4544, 18_176, 65_024),
      'attention.head_count': 71,
      'attention.head_count_kv': 1,
    },
    untied: true,
  },
  {
    name: 'StarCoder2 7B',
    architecture: 'starcoder2',
    keys: { ...basic(32, 4608, 18_432, 49_152), 'attention.head_count': 36, 'attention.head_count_kv': 4 },
  },
  {
    name: 'GLM-4 9B',
    architecture: 'glm4',
    keys: {
      ...basic(40, 4096, 13_696, 151_552),
      'attention.head_count': 32,
      'attention.head_count_kv': 2,
      'rope.dimension_count': 64,
    },
    untied: true,
  },
  {
    name: 'Command R 35B',
    architecture: 'command-r',
    keys: {
      ...basic(40, 8192, 22_528, 256_000),
      'attention.head_count': 64,
      'attention.head_count_kv': 64,
      logit_scale: { f32: 0.0625 },
    },
  },
  {
    name: 'Granite 3.1 8B',
    architecture: 'granite',
    keys: {
      ...basic(40, 4096, 12_800, 49_155),
      'attention.head_count': 32,
      'attention.head_count_kv': 8,
      logit_scale: { f32: 16 },
    },
  },
]

function basic(
  layers: number,
  embedding: number,
  feedForward: number,
  vocabulary: number,
): MemoryCase['keys'] {
  return {
    block_count: layers,
    context_length: 8192,
    embedding_length: embedding,
    feed_forward_length: feedForward,
    vocab_size: vocabulary,
    'attention.layer_norm_rms_epsilon': { f32: 1e-5 },
    'attention.layer_norm_epsilon': { f32: 1e-5 },
  }
}

/** A tenth in every run would hide a rule; a third holds every kind. All with QAL_FUZZ=all. */
const DEFAULT = new Set([
  'Llama 3.1 8B',
  'Llama 3.1 70B',
  'Mixtral 8x7B',
  'Qwen2.5 0.5B',
  'Qwen3 30B-A3B',
  'Gemma 2 9B',
  'Phi-3 mini',
  'gpt-oss 20B',
  'DeepSeek V2 Lite',
  'DeepSeek V2 Lite before latent caches',
  'Granite 4 H tiny',
  'Falcon 7B',
  'GLM-4 9B',
])

const MODELS: Asked[] = [
  ...REAL_MODELS.map((model) => ({ ...model, untied: UNTIED.has(model.name) })),
  ...MORE.map((model) => ({ ...model, simulate: true, alike: true })),
].filter(({ name }) => process.env['QAL_FUZZ'] === 'all' || DEFAULT.has(name))

/** The model's tensors in the order llama.cpp made them, and those that it leaves to the file. */
function shapesOf(asked: Asked, { tensors }: MemoryAnswer): Pick<WriteTensorInfo, 'name' | 'dims'>[] {
  const shapes = tensors.map(([name, dims]) => ({ name, dims }))
  const names = new Set(shapes.map(({ name }) => name))
  const add = (name: string, like: string) => {
    const dims = shapes.find((shape) => shape.name === like)?.dims
    if (!names.has(name) && dims !== undefined) shapes.push({ name, dims })
  }
  if (asked.untied === true) add('output.weight', 'token_embd.weight')
  if (asked.name.startsWith('Mixtral'))
    for (let layer = 0; layer < 32; layer += 1)
      add(`blk.${layer}.ffn_gate_exps.weight`, `blk.${layer}.ffn_up_exps.weight`)
  return shapes
}

type Types = (name: string, dims: readonly number[]) => TensorTypeName

function headerOf(asked: Asked, answer: MemoryAnswer, types: Types, fileType: FileType) {
  return writeGgufHeader({
    metadata: [
      ...metadataOf(asked),
      ['general.quantization_version', { type: 'u32', value: 2 }],
      ['general.file_type', { type: 'u32', value: FILE_TYPES[fileType].id }],
    ],
    tensors: shapesOf(asked, answer).map(({ name, dims }) => ({ name, dims, type: types(name, dims) })),
  })
}

/** As the converter leaves a model: matrices in F16, the rest in F32. */
const HALF: Types = (name, dims) => (isQuantisable({ name, dims: [...dims] }) ? 'F16' : 'F32')

function asQuantised(run: NonNullable<DryRun['types']>): Types {
  return (name, dims) => (run[name] as TensorTypeName | null | undefined) ?? HALF(name, dims)
}

function sourceOf({ header, size }: { header: Uint8Array; size: number }): ByteSource {
  return {
    size,
    read: (offset, length) => {
      const bytes = new Uint8Array(length)
      bytes.set(header.subarray(offset, offset + length))
      return Promise.resolve(bytes)
    },
  }
}

function look(header: ReturnType<typeof headerOf>, label: string): Promise<Inspection> {
  return inspect(sourceOf(header), { label, sampleBytes: 0 })
}

test('every file type of a published shape is proven to be what the quantiser makes', async (t) => {
  const answers = await askMemory(
    t,
    MODELS.map((model) => ({ ...model, contexts: [], shapes: true })),
  )
  if (answers === null) return
  assert.equal(answers.length, MODELS.length)
  const dir = await tempDir(t)
  for (const [i, answer] of answers.entries()) {
    const asked = MODELS[i]
    assert.ok(asked !== undefined && asked.name === answer.name)
    await t.test(asked.name, async () => {
      assert.equal(answer.error, null)
      const half = headerOf(asked, answer, HALF, 'F16')
      const path = join(dir, 'model.gguf')
      const file = await open(path, 'w')
      await file.write(half.header)
      // A hole: the quantiser reads no weight in a dry run.
      await file.truncate(half.size)
      await file.close()
      const runs = await askQuantiser(path)
      for (const { fileType, imatrix, types } of runs) {
        const what = `${fileType}${imatrix ? ' with an importance matrix' : ''}`
        if (types === null) continue
        const { quantisation, findings } = await look(
          headerOf(asked, answer, asQuantised(types), fileType),
          fileType,
        )
        assert.deepEqual(
          findings.filter(({ severity }) => severity === 'reject' || severity === 'mislabelled'),
          [],
          what,
        )
        assert.equal(quantisation?.match, 'exact', `${what}: ${quantisation?.reason}`)
        assert.equal(quantisation.compared_with?.rules, 'current', what)
        assert.equal(
          quantisation.reason,
          `${quantisation.total} of ${quantisation.total} tensors match ${fileType}`,
        )
      }
      await changesAreSeen(asked, answer, runs)
    })
  }
})

/** One tensor changed makes a variant that names it; another label is a lie that says what it really is. */
async function changesAreSeen(asked: Asked, answer: MemoryAnswer, runs: readonly DryRun[]): Promise<void> {
  const plain = (fileType: FileType) =>
    runs.find((run) => run.fileType === fileType && !run.imatrix)?.types ?? null
  const medium = plain('Q4_K_M')
  const small = plain('Q4_K_S')
  assert.ok(medium !== null && small !== null)
  const types = asQuantised(medium)
  const matrices = shapesOf(asked, answer)
  const changed = matrices.findLast(
    ({ name, dims }) => name.startsWith('blk.') && isQuantisable({ name, dims: [...dims] }),
  )
  assert.ok(changed !== undefined)
  const { quantisation } = await look(
    headerOf(asked, answer, (name, dims) => (name === changed.name ? 'F16' : types(name, dims)), 'Q4_K_M'),
    'Q4_K_M',
  )
  assert.ok(quantisation !== null)
  assert.equal(quantisation.match, 'variant', quantisation.reason)
  assert.deepEqual(quantisation.differs, [
    { tensor: changed.name, expected: types(changed.name, changed.dims), found: 'F16' },
  ])
  assert.match(quantisation.reason, new RegExp(`${changed.name.replaceAll('.', '\\.')} is F16 instead of`))
  const lie = await look(headerOf(asked, answer, asQuantised(small), 'Q5_K_M'), 'Q5_K_M')
  assert.equal(lie.verdict, 'mislabelled', asked.name)
  assert.ok(lie.quantisation?.proven.includes('Q4_K_S') === true)
  assert.match(lie.quantisation.reason, /^The listing says Q5_K_M, but every tensor matches Q4_K_S/)
}
