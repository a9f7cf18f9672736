import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { inspect, type Inspection } from './inspect.ts'
import { memorySource } from './memory-source.ts'
import { fixture, fixtureFile, text, u32, type Entries } from './model-fixture.ts'
import type { WriteTensor, WriteValue } from './write.ts'

const WHOLE = fixture({ layers: 2 })
const u16 = (value: number): WriteValue => ({ type: 'u16', value })
const i32 = (value: number): WriteValue => ({ type: 'i32', value })

interface Shard {
  metadata: Entries
  tensors: WriteTensor[]
}

/** The model cut into `count` shards as gguf-split does: the first has all metadata, the others their place alone. */
function cut(count: number, emptyFirst = false): Shard[] {
  const each = Math.ceil(WHOLE.tensors.length / (emptyFirst ? count - 1 : count))
  return Array.from({ length: count }, (_, no) => {
    const part = emptyFirst ? no - 1 : no
    return {
      metadata: {
        ...(no === 0 ? WHOLE.metadata : {}),
        'split.no': u16(no),
        'split.count': u16(count),
        'split.tensors.count': i32(WHOLE.tensors.length),
      },
      tensors: part < 0 ? [] : WHOLE.tensors.slice(part * each, (part + 1) * each),
    }
  })
}

function nameOf(no: number, count: number): string {
  return `model-Q8_0-${String(no + 1).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf`
}

async function look(shards: Shard[], count = shards.length): Promise<Inspection> {
  const files = new Map(shards.map((shard, no) => [nameOf(no, count), fixtureFile(shard)]))
  const first = files.get(nameOf(0, count))
  assert.ok(first !== undefined)
  return inspect(memorySource(first), {
    fileName: nameOf(0, count),
    openShard: async (name) => {
      const bytes = files.get(name)
      return bytes === undefined ? null : memorySource(bytes)
    },
  })
}

async function codeOf(shards: Shard[]): Promise<string> {
  const { verdict, findings } = await look(shards)
  return verdict === 'accept' ? 'accept' : `${verdict} ${findings[0]?.code}`
}

function changed(no: number, change: (shard: Shard) => Shard, count = 3): Shard[] {
  return cut(count).map((shard, i) => (i === no ? change(shard) : shard))
}

function key(no: number, name: string, value: WriteValue | null): Shard[] {
  return changed(no, ({ metadata, tensors }) => {
    const next: Entries = { ...metadata }
    if (value === null) Reflect.deleteProperty(next, name)
    else next[name] = value
    return { metadata: next, tensors }
  })
}

test('the proof speaks of all shards together', async () => {
  const { quantisation, parameters, tensors, shards, size_bytes, tensor_table, kind } = await look(cut(3))
  assert.equal(quantisation?.match, 'exact')
  assert.equal(quantisation.matched, WHOLE.tensors.length)
  assert.equal(tensors, WHOLE.tensors.length)
  assert.equal(shards, 3)
  assert.equal(kind, 'model')
  assert.equal(tensor_table, null)
  assert.ok(size_bytes > 90_000)
  assert.equal(
    parameters,
    WHOLE.tensors.reduce((sum, { dims }) => sum + dims.reduce((a, b) => a * b, 1), 0),
  )
})

describe('when a model is split', () => {
  const cases: [string, Shard[], string][] = [
    ['in two', cut(2), 'accept'],
    ['in three', cut(3), 'accept'],
    // gguf-split --no-tensor-first-split
    ['with no tensor in the first', cut(3, true), 'accept'],
    ['no number of its own', key(1, 'split.no', null), 'reject gguf_key_missing'],
    ['the wrong number', key(1, 'split.no', u16(2)), 'reject gguf_split_mixed'],
    ['the number of the first', key(1, 'split.no', u16(0)), 'reject gguf_key_missing'],
    ['a number past the end', key(2, 'split.no', u16(3)), 'reject gguf_split_count'],
    ['another count', key(1, 'split.count', u16(4)), 'reject gguf_split_mixed'],
    ['another count of tensors', key(1, 'split.tensors.count', i32(5)), 'reject gguf_split_mixed'],
    ['a count of 65,535', key(0, 'split.count', u16(65_535)), 'reject gguf_split_count'],
    ['a count of 0, and a number', key(1, 'split.count', u16(0)), 'reject gguf_split_count'],
    ['a negative count of tensors', key(0, 'split.tensors.count', i32(-1)), 'reject gguf_split_count'],
    ['no count of tensors', key(0, 'split.tensors.count', null), 'reject gguf_split_count'],
    ['no number in the first', key(0, 'split.no', null), 'reject gguf_split_count'],
    ['the count as u32', key(0, 'split.count', u32(3)), 'reject gguf_key_type'],
    ['the number as u32', key(1, 'split.no', u32(1)), 'reject gguf_key_type'],
    ['the tensors as u32', key(0, 'split.tensors.count', u32(21)), 'reject gguf_key_type'],
    ['metadata that agrees', key(1, 'general.architecture', text('llama')), 'accept'],
    ['metadata of its own', key(1, 'general.comment', text('hello')), 'accept'],
    ['metadata of another model', key(1, 'general.architecture', text('gemma')), 'reject gguf_split_mixed'],
    ['another name', key(2, 'general.name', text('Other')), 'reject gguf_split_mixed'],
    [
      'a tensor in two shards',
      changed(2, ({ metadata, tensors }) => ({
        metadata,
        tensors: [...tensors, ...WHOLE.tensors.slice(0, 1)],
      })),
      'reject gguf_tensor_duplicate',
    ],
    [
      'a tensor in none',
      changed(1, ({ metadata, tensors }) => ({ metadata, tensors: tensors.slice(1) })),
      'reject gguf_split_count',
    ],
    [
      'a shard without tensors',
      changed(1, ({ metadata }) => ({ metadata, tensors: [] })),
      'reject gguf_split_count',
    ],
  ]
  for (const [name, shards, code] of cases)
    it(`${name}: ${code}`, async () => assert.equal(await codeOf(shards), code))

  it('refuses a model with a shard missing, and proves nothing of it', async () => {
    const { verdict, findings, quantisation } = await look(cut(3).slice(0, 2), 3)
    assert.equal(verdict, 'reject')
    assert.equal(findings[0]?.code, 'gguf_split_missing')
    assert.equal(quantisation, null)
  })

  it('refuses a shard that is damaged, with its own code', async () => {
    const shards = changed(1, ({ metadata, tensors }) => ({
      metadata: { ...metadata, 'general.alignment': u32(3) },
      tensors,
    }))
    assert.equal(await codeOf(shards), 'reject gguf_alignment')
  })

  it('reads a whole file that was once made of one shard, and tells a wrong promise', async () => {
    const one = (count: number) => ({
      ...WHOLE,
      metadata: {
        ...WHOLE.metadata,
        'split.no': u16(0),
        'split.count': u16(1),
        'split.tensors.count': i32(count),
      },
    })
    const good = await inspect(memorySource(fixtureFile(one(WHOLE.tensors.length))))
    assert.equal(good.verdict, 'accept')
    const wrong = await inspect(memorySource(fixtureFile(one(3))))
    assert.equal(wrong.verdict, 'warn')
    assert.equal(wrong.findings[0]?.code, 'gguf_split_count')
  })
})
