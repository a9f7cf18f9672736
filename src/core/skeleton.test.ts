import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { skeletonOf } from './skeleton.ts'

describe('names that look alike have one skeleton (T21)', () => {
  const alike: [string, string][] = [
    ['meta-llama', 'rneta-llama'],
    ['meta-llama', 'meta_1lama'],
    ['meta-llama', 'MetaLIama'],
    ['meta-llama', 'meta.llama'],
    ['mistralai', 'mistraIai'],
    ['mistralai', 'm1stralai'],
    ['qwen', 'qvven'],
    ['google', 'g00gle'],
    // Cyrillic.
    ['meta-llama', 'mеtа-llаmа'],
    ['Llama-3.3-70B', 'LIama-3.3-7OB'],
    ['Llama-3.3-70B', 'Ｌｌａｍａ 3.3 70B'],
    ['Qwen2.5', 'Qwén2.5'],
  ]
  for (const [a, b] of alike) it(`${a} and ${b}`, () => assert.equal(skeletonOf(a), skeletonOf(b)))

  const apart: [string, string][] = [
    ['meta-llama', 'meta-lama'],
    ['mistral', 'mixtral'],
    ['Llama-3.1-8B', 'Llama-3.2-8B'],
    ['qwen2', 'qwen3'],
    ['google', 'gogle'],
  ]
  for (const [a, b] of apart) it(`not ${a} and ${b}`, () => assert.notEqual(skeletonOf(a), skeletonOf(b)))
})
