import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GGML_LIBRARIES, requireGgml } from '../../test/llama-memory.ts'
import { requireTool, runTool } from '../../test/tools.ts'
import { memorySource } from './memory-source.ts'
import { sampleWeights } from './sample.ts'
import { TENSOR_TYPES, type TensorTypeName } from './types.ts'

const VALIDATE = `
import base64, ctypes, json, os, re, sys
folder = sys.argv[1]
lib = ctypes.CDLL(os.path.join(folder, 'libggml-base.so'))
lib.ggml_validate_row_data.restype = ctypes.c_bool
lib.ggml_validate_row_data.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]
lib.ggml_log_set.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
print(json.dumps([lib.ggml_validate_row_data(type, base64.b64decode(data), len(base64.b64decode(data))) for type, data in json.load(sys.stdin)]))
`

/** Uniform numbers in [0, 1) from a seed, so that a failure can be repeated. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const BLOCKS = 150

test("a block's scales are judged as ggml judges them, for every type", async (t) => {
  if (!requireGgml(t) || !requireTool(t, 'python3')) return
  const random = generator(7)
  const cases: { type: TensorTypeName; data: Uint8Array }[] = []
  // Q8_1 is no type of a file. A scale of NVFP4 that is not a number by its own definition is 0 to ggml alone.
  const types = (Object.keys(TENSOR_TYPES) as TensorTypeName[]).filter(
    (type) => type !== 'Q8_1' && type !== 'NVFP4',
  )
  for (const type of types) {
    const { block, bytes } = TENSOR_TYPES[type]
    for (let i = 0; i < BLOCKS; i += 1) {
      const data = new Uint8Array(block === 1 ? bytes * 32 : bytes)
      // Bits of exponents are mostly set, so that about half of the blocks hold an infinity or NaN somewhere.
      for (let b = 0; b < data.length; b += 1)
        data[b] = random() < 0.5 ? 0x7c | (random() * 4) : random() * 256
      if (random() < 0.5)
        for (let b = 0; b < data.length; b += 1) if (random() < 0.9) data[b] = (data[b] ?? 0) & 0x3b
      if (type === 'MXFP4' && random() < 0.5) data[0] = 0xff
      cases.push({ type, data })
    }
  }
  const input = JSON.stringify(
    cases.map(({ type, data }) => [TENSOR_TYPES[type].id, Buffer.from(data).toString('base64')]),
  )
  const { code, stdout, stderr } = await runTool('python3', ['-c', VALIDATE, GGML_LIBRARIES], { input })
  assert.equal(code, 0, stderr)
  const theirs = JSON.parse(stdout) as boolean[]
  const wrong: string[] = []
  const seen = new Map<TensorTypeName, Set<boolean>>()
  for (const [i, { type, data }] of cases.entries()) {
    const { block } = TENSOR_TYPES[type]
    const elements = block === 1 ? 32 : block
    const tensor = {
      name: 'blk.0.ffn_up.weight',
      dims: [elements],
      elements,
      type,
      offset: 0,
      bytes: data.length,
    }
    const { findings } = await sampleWeights(memorySource(data), [tensor], { maxBytes: data.length })
    const good = !findings.some(({ code: found }) => found === 'gguf_weights_not_finite')
    seen.set(type, (seen.get(type) ?? new Set()).add(theirs[i] === true))
    if (good !== theirs[i])
      wrong.push(`${type}: ${good}, ggml ${theirs[i]}: ${Buffer.from(data).toString('hex').slice(0, 80)}`)
  }
  assert.deepEqual(wrong.slice(0, 5), [])
  for (const [type, verdicts] of seen)
    // Integers have no value that is not finite.
    assert.equal(verdicts.size, /^I\d+$/.test(type) ? 1 : 2, `${type} was good and bad`)
})
