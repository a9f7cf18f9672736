import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { gguf } from '@huggingface/gguf'
import { openFileSource } from '../store/file-source.ts'
import { corpusDir } from '../../test/tools.ts'
import { inspect, memorySource, TENSOR_TYPES, type Inspection } from './index.ts'
import { parseGguf } from './parse.ts'

interface Entry {
  file: string
  kind: string
  class: string
  expected: { verdict: string; also_acceptable?: string[]; ftype: string | null; reason: string }
  facts?: {
    architecture: string
    tensor_types: Record<string, number>
    weights: number
    bits_per_weight: number
  }
}

/** Files whose verdict differs from the manifest, with the reason; a file that comes to agree must leave the table. */
const SHORTFALLS: Record<string, string> = {}

function manifest(dir: string): Entry[] {
  return (JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as { files: Entry[] }).files
}

async function inspectFile(path: string): Promise<Inspection> {
  const source = await openFileSource(path)
  try {
    return await inspect(source, {
      fileName: basename(path),
      openShard: async (name) => {
        const shard = join(dirname(path), name)
        return existsSync(shard) ? memorySource(readFileSync(shard)) : null
      },
    })
  } finally {
    await source.close()
  }
}

test('the verdict on every file of the corpus is what its manifest says', async (t) => {
  const dir = corpusDir(t, 'gguf')
  if (dir === undefined) return
  for (const entry of manifest(dir)) {
    const { verdict, also_acceptable = [], reason } = entry.expected
    // The command has a verdict of its own where only the label lies; the manifest calls that reject.
    const accepted = [verdict, ...also_acceptable].flatMap((v) =>
      v === 'reject' && entry.class.startsWith('mislabel') ? ['reject', 'mislabelled'] : [v],
    )
    await t.test(entry.file, async () => {
      const inspection = await inspectFile(join(dir, entry.file))
      const agrees = accepted.includes(inspection.verdict)
      const why = `${inspection.verdict}, expected ${accepted.join(' or ')}: ${reason}`
      assert.equal(agrees, SHORTFALLS[entry.file] === undefined, why)
      if (verdict === 'accept')
        assert.deepEqual(
          inspection.findings.filter(({ severity }) => severity !== 'info'),
          [],
          'no false alarm on a good file',
        )
    })
  }
})

test('the proof names the true file type and the facts agree', async (t) => {
  const dir = corpusDir(t, 'gguf')
  if (dir === undefined) return
  for (const entry of manifest(dir)) {
    if (entry.expected.ftype === null || entry.expected.verdict === 'reject') continue
    await t.test(entry.file, async () => {
      const { quantisation, architecture, parameters } = await inspectFile(join(dir, entry.file))
      assert.ok(quantisation !== null)
      // A mix with one tensor left in F32 is rightly no recipe's.
      if (entry.class.startsWith('legit-mix')) assert.equal(quantisation.match, 'variant')
      else
        assert.ok(quantisation.proven.map(String).includes(entry.expected.ftype ?? ''), quantisation.reason)
      if (entry.facts === undefined || entry.kind === 'good-split') return
      assert.equal(architecture, entry.facts.architecture)
      assert.equal(parameters, entry.facts.weights)
      assert.deepEqual(quantisation.tensor_types, entry.facts.tensor_types)
      assert.equal(quantisation.bits_per_weight.toFixed(3), entry.facts.bits_per_weight.toFixed(3))
    })
  }
})

test('a mislabelled file is called what it is', async (t) => {
  const dir = corpusDir(t, 'gguf')
  if (dir === undefined) return
  const cases = [
    ['tiny-corpus-a-x-Q4_K_M.gguf', 'Q8_0'],
    ['tiny-corpus-a-y-Q8_0.gguf', 'Q4_0'],
    ['tiny-corpus-b-x-Q4_K_M.gguf', 'Q2_K'],
    ['tiny-corpus-micro-bf16-F16.gguf', 'BF16'],
  ] as const
  for (const [file, really] of cases) {
    const { verdict, quantisation } = await inspectFile(join(dir, 'mislabelled', file))
    assert.equal(verdict, 'mislabelled', file)
    assert.equal(quantisation?.match, 'mislabelled', file)
    assert.ok(quantisation.proven.map(String).includes(really), file)
    assert.match(quantisation.reason, new RegExp(really), file)
  }
})

test('the label of the listing is a claim too', async (t) => {
  const dir = corpusDir(t, 'gguf')
  if (dir === undefined) return
  const path = join(dir, 'good', 'tiny-corpus-a-Q4_K_M.gguf')
  for (const [label, match] of [
    ['Q4_K_M', 'exact'],
    ['q4_k', 'exact'],
    ['Q4_K_S', 'mislabelled'],
    ['Q5_K_M', 'mislabelled'],
    ['F16', 'mislabelled'],
  ] as const) {
    const source = await openFileSource(path)
    const { quantisation } = await inspect(source, { label })
    await source.close()
    assert.equal(quantisation?.match, match, label)
  }
})

test('another parser reads the same tensors from every good file', async (t) => {
  const dir = corpusDir(t, 'gguf')
  if (dir === undefined) return
  const names = new Map<number, string>(Object.entries(TENSOR_TYPES).map(([name, { id }]) => [id, name]))
  for (const entry of manifest(dir)) {
    if (!entry.kind.startsWith('good')) continue
    const path = join(dir, entry.file)
    const source = await openFileSource(path)
    const ours = await parseGguf(source)
    await source.close()
    const theirs = await gguf(path, { allowLocalFile: true })
    assert.deepEqual(
      ours.tensors.map(({ name, type, dims }) => ({ name, type, dims })),
      theirs.tensorInfos.map(({ name, dtype, shape }) => ({
        name,
        type: names.get(dtype),
        dims: shape.map(Number),
      })),
      entry.file,
    )
    assert.equal(BigInt(ours.dataOffset), theirs.tensorDataOffset, entry.file)
    const keys = Object.keys(theirs.metadata).filter(
      (key) => !/^(?:version|tensor_count|kv_count)$/.test(key),
    )
    assert.deepEqual([...ours.metadata.keys()].toSorted(), keys.toSorted(), entry.file)
  }
})

test('a split model needs every shard, and its own', async (t) => {
  const dir = corpusDir(t, 'gguf', 'good')
  if (dir === undefined) return
  const first = await openFileSource(join(dir, 'tiny-corpus-a-split-Q4_K_M-00001-of-00002.gguf'))
  const other = await openFileSource(join(dir, 'tiny-corpus-a-Q8_0.gguf'))
  t.after(() => Promise.all([first.close(), other.close()]))
  const fileName = 'tiny-corpus-a-split-Q4_K_M-00001-of-00002.gguf'
  const codes = async (options: Parameters<typeof inspect>[1]) => {
    const { verdict, findings, quantisation } = await inspect(first, options)
    assert.equal(verdict, 'reject')
    assert.equal(quantisation, null, 'nothing is proven of half a model')
    return findings.map(({ code }) => code)
  }
  assert.deepEqual(await codes({ fileName }), ['gguf_split_missing'])
  assert.deepEqual(await codes({ fileName, openShard: async () => null }), ['gguf_split_missing'])
  assert.deepEqual(await codes({ fileName, openShard: async () => other }), ['gguf_split_mixed'])
  assert.deepEqual(await codes({ fileName, openShard: async () => first }), ['gguf_split_mixed'])
  assert.deepEqual(await codes({ fileName: 'x-Q4_K_M-00001-of-00003.gguf', openShard: async () => other }), [
    'gguf_split_name',
  ])
})
