/** What the strict checks let through does not stop llama.cpp: damaged models, loaded in the sandbox. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadInLlama, withoutLlama } from '../../test/llama-loader.ts'
import { inspect, type Inspection } from './inspect.ts'
import { memorySource } from './memory-source.ts'
import { fixture, fixtureFile } from './model-fixture.ts'
import { mutate, randomFrom } from './mutate-fixture.ts'

/** A tenth in every run, all of them with QAL_FUZZ=all. */
const SURVIVORS = process.env['QAL_FUZZ'] === 'all' ? 1_000 : 100
const SEED = 20_261_125

const BASES = [
  fixture(),
  fixture({ tokenizer: 'gpt2' }),
  fixture({ experts: 4, layers: 2 }),
  fixture({ tied: true, layers: 2 }),
  fixture({ tokenizer: 'bert' }),
  fixture({ tokenizer: 't5' }),
  fixture({ tokenizer: 'rwkv', type: 'F16' }),
]

/** Crashes that are no rule, each with its reason. */
const LISTED: { reason: string; excuses: (inspection: Inspection) => boolean }[] = [
  {
    reason:
      'A model without a vocabulary is a legitimate file; node-llama-cpp tokenizes while it loads one, and llama.cpp asserts',
    excuses: ({ metadata }) => metadata?.tokenizer === 'none',
  },
  {
    reason:
      'llama.cpp ends when a text falls apart into bytes that are no token. Vocabularies without all bytes exist, so it is told',
    excuses: ({ findings }) => findings.some(({ code }) => code === 'gguf_tokenizer_bytes'),
  },
]

test(`${SURVIVORS} damaged models that pass the strict checks do not stop llama.cpp`, async (t) => {
  const reason = await withoutLlama()
  if (reason !== undefined) {
    t.skip(reason)
    return
  }
  const random = randomFrom(SEED)
  const survivors: { name: string; bytes: Uint8Array; inspection: Inspection }[] = []
  for (let round = 0; survivors.length < SURVIVORS; round += 1) {
    const bytes = mutate(random, BASES)
    const inspection = await inspect(memorySource(bytes))
    if (inspection.verdict === 'reject') continue
    survivors.push({ name: `${String(round).padStart(7, '0')}.gguf`, bytes, inspection })
  }
  const outcomes = await loadInLlama(survivors)
  assert.equal(outcomes.size, SURVIVORS)
  const stopped = survivors.filter(({ name, inspection }) => {
    const outcome = outcomes.get(name)?.outcome
    const died = outcome === 'crash' || outcome === 'timeout'
    return died && !LISTED.some(({ excuses }) => excuses(inspection))
  })
  assert.deepEqual(
    stopped.map(({ name }) => `${name}: ${JSON.stringify(outcomes.get(name))}`),
    [],
  )
  // Were the damage such that nothing loads any more, nothing would have been tried.
  const loaded = [...outcomes.values()].filter(({ outcome }) => outcome === 'ok').length
  assert.ok(loaded > SURVIVORS / 2, `${loaded} loaded`)
})

test('the models they are made from load, and the loader goes on after a crash', async (t) => {
  const reason = await withoutLlama()
  if (reason !== undefined) {
    t.skip(reason)
    return
  }
  const files = BASES.map((base, i) => ({ name: `base-${i}.gguf`, bytes: fixtureFile(base) }))
  // llama.cpp asserts on a layer count past its arrays: the very crash that the strict parser is there to prevent.
  const crash = fixtureFile(fixture(), { 'llama.block_count': { type: 'u32', value: 2 ** 31 } })
  const outcomes = await loadInLlama([{ name: 'a-crash.gguf', bytes: crash }, ...files])
  assert.equal(outcomes.get('a-crash.gguf')?.outcome, 'crash')
  for (const { name, bytes } of files) {
    assert.deepEqual(outcomes.get(name), { outcome: 'ok' }, name)
    assert.equal((await inspect(memorySource(bytes))).verdict, 'accept', name)
  }
  assert.equal((await inspect(memorySource(crash))).verdict, 'reject')
})
