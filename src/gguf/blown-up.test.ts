import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { requireTool, runTool } from '../../test/tools.ts'
import { GGML_LIBRARIES, requireGgml } from '../../test/llama-memory.ts'
import { SpacingScan, type WideType } from './blown-up.ts'
import { TENSOR_TYPES, type TensorTypeName } from './types.ts'

/**
 * Lets ggml itself quantise weights to a narrow type, take them back and store
 * them in a wide one; and the same weights in the wide one alone.
 */
const MAKE = `
import base64, ctypes, json, math, os, random, re, sys
folder, types, narrow, wide = sys.argv[1], *map(json.loads, sys.argv[2:5])
name = next(n for n in sorted(os.listdir(folder)) if re.fullmatch(r'libggml-base\\.so', n))
lib = ctypes.CDLL(os.path.join(folder, name))
class Traits(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('block', ctypes.c_int64), ('interleave', ctypes.c_int64), ('size', ctypes.c_size_t), ('quantised', ctypes.c_bool), ('to_float', ctypes.c_void_p), ('from_float', ctypes.c_void_p)]
lib.ggml_get_type_traits.restype = ctypes.POINTER(Traits)
lib.ggml_quantize_chunk.restype = ctypes.c_size_t
lib.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
WIDTH, ROWS = 512, 4
COUNT = WIDTH * ROWS
matrix = (ctypes.c_float * WIDTH)(*[1.0] * WIDTH)
def store(values, type):
    out = ctypes.create_string_buffer(COUNT * 4)
    size = lib.ggml_quantize_chunk(type, values, out, 0, ROWS, WIDTH, matrix)
    return out.raw[:size]
def load(bytes, type):
    traits = lib.ggml_get_type_traits(type).contents
    assert traits.block == types_by_id[type][1], (traits.name, traits.block)
    values = (ctypes.c_float * COUNT)()
    if traits.to_float: ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(traits.to_float)(bytes, values, COUNT)
    else: ctypes.memmove(values, bytes, COUNT * 4)
    return values
types_by_id = {v['id']: (k, v['block']) for k, v in types.items()}
def weights(seed, kind, scale):
    r = random.Random(seed)
    draw = {'normal': lambda: r.gauss(0, 1), 'uniform': lambda: r.uniform(-1, 1), 'laplace': lambda: r.expovariate(1) * r.choice((-1, 1)), 'heavy': lambda: r.gauss(0, 1) / max(0.05, abs(r.gauss(0, 1)))}[kind]
    return (ctypes.c_float * COUNT)(*[draw() * scale for _ in range(COUNT)])
answers = []
for n, (kind, scale) in enumerate((('normal', 0.02), ('uniform', 0.05), ('laplace', 0.001), ('heavy', 0.3))):
    values = weights(n, kind, scale)
    for w in wide:
        answers.append([kind, None, w, base64.b64encode(store(values, types[w]['id'])).decode()])
        for q in narrow:
            back = load(store(values, types[q]['id']), types[q]['id'])
            answers.append([kind, q, w, base64.b64encode(store(back, types[w]['id'])).decode()])
print(json.dumps(answers))
`

const WIDE: readonly WideType[] = ['F32', 'F16', 'BF16', 'Q8_0']

/**
 * What must be found of weights that were in a narrow type before;
 * null where they cannot be told apart. Those of fewer than 3 bits are found alike, but
 * ggml computes their tables for seconds.
 */
const FOUND: Partial<Record<TensorTypeName, Record<WideType, 4 | 6 | 8 | null>>> = {}
for (const type of 'Q1_0 Q2_0 Q4_0 Q4_1 Q2_K Q3_K Q4_K IQ3_XXS IQ3_S IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4'.split(
  ' ',
))
  FOUND[type as TensorTypeName] = { F32: 4, F16: 4, BF16: 4, Q8_0: 4 }
for (const type of ['Q5_0', 'Q5_1', 'Q5_K'] as const) FOUND[type] = { F32: 6, F16: 6, BF16: 6, Q8_0: 6 }
FOUND.Q6_K = { F32: 6, F16: 6, BF16: 6, Q8_0: null }
FOUND.Q8_0 = { F32: 8, F16: 8, BF16: 8, Q8_0: null }

async function ggmlWeights(t: TestContext) {
  if (!requireGgml(t) || !requireTool(t, 'python3')) return null
  const { code, stdout, stderr } = await runTool('python3', [
    '-c',
    MAKE,
    GGML_LIBRARIES,
    ...[TENSOR_TYPES, Object.keys(FOUND), WIDE].map((value) => JSON.stringify(value)),
  ])
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as [kind: string, narrow: TensorTypeName | null, wide: WideType, data: string][]
}

test('weights that ggml blew up from fewer bits are found, and those of their own precision are not', async (t) => {
  const cases = await ggmlWeights(t)
  if (cases === null) return
  const wrong: string[] = []
  for (const [kind, narrow, wide, data] of cases) {
    const scan = new SpacingScan(wide)
    scan.look(Buffer.from(data, 'base64'))
    const wanted = narrow === null ? null : (FOUND[narrow]?.[wide] ?? null)
    // Beside outliers the other weights of a block use few of its steps.
    const fewer = kind === 'heavy' && wanted !== null && scan.bits !== null && scan.bits < wanted
    if (scan.bits !== wanted && !fewer)
      wrong.push(
        `${kind} weights, ${narrow ?? 'never narrow'}, in ${wide}: ${scan.bits} bits, expected ${wanted}`,
      )
  }
  assert.ok(cases.length > 250, String(cases.length))
  assert.deepEqual(wrong, [])
})
