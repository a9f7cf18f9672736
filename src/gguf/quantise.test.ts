import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { corpusDir } from '../../test/tools.ts'
import { memorySource } from './memory-source.ts'
import { parseGguf } from './parse.ts'
import { halfBits, storeWeights } from './quantise.ts'

test('half precision rounds as the hardware does', () => {
  const half = new Float16Array(1)
  const bits = new Uint16Array(half.buffer)
  const single = new Float32Array(1)
  const word = new Uint32Array(single.buffer)
  // Every exponent, with mantissas around the ties.
  for (let top = 0; top < 512; top += 1)
    for (const low of [
      0, 1, 0xfff, 0x1000, 0x1001, 0x2fff, 0x3000, 0x3001, 0x7f_e000, 0x7f_efff, 0x7f_f000, 0x7f_ffff,
    ]) {
      word[0] = top * 2 ** 23 + low
      if (Number.isNaN(single[0])) continue
      half[0] = single[0] ?? 0
      assert.equal(halfBits(single[0] ?? 0), bits[0], `${single[0]}`)
    }
  assert.equal(halfBits(Number.NaN) & 0x7c00, 0x7c00)
  assert.notEqual(halfBits(Number.NaN) & 0x3ff, 0)
})

test("Q8_0 is llama.cpp's own, to the byte", async (t) => {
  const dir = corpusDir(t, 'gguf', 'good')
  if (dir === undefined) return
  const load = async (name: string) => {
    const bytes = new Uint8Array(readFileSync(join(dir, name)))
    return { bytes, header: await parseGguf(memorySource(bytes)) }
  }
  const plain = await load('tiny-corpus-micro-F32.gguf')
  const theirs = await load('tiny-corpus-micro-Q8_0.gguf')
  let compared = 0
  for (const { name, type, offset, bytes } of theirs.header.tensors) {
    const source = plain.header.tensors.find((tensor) => tensor.name === name)
    assert.ok(source !== undefined)
    const values = new Float32Array(plain.bytes.slice(source.offset, source.offset + source.bytes).buffer)
    assert.ok(type === 'Q8_0' || type === 'F32')
    assert.deepEqual(storeWeights(values, type), theirs.bytes.slice(offset, offset + bytes), name)
    compared += 1
  }
  assert.equal(compared, 12)
})

test('Q8_0 of zeroes is zeroes, and a part of a block is refused', () => {
  assert.deepEqual(storeWeights(new Float32Array(32), 'Q8_0'), new Uint8Array(34))
  assert.throws(() => storeWeights(new Float32Array(33), 'Q8_0'), RangeError)
})
