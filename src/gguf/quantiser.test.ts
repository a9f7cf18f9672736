import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inCi, requireTool, runTool, tempDir } from '../../test/tools.ts'
import { memorySource } from './memory-source.ts'
import { parseGguf } from './parse.ts'
import { planRecipes, recipe, recipeModelOf } from './recipe.ts'
import { FILE_TYPE_NAMES, FILE_TYPES, TENSOR_TYPES } from './types.ts'
import { writeGguf, type WriteTensor, type WriteValue } from './write.ts'

const LIBRARIES = fileURLToPath(
  new URL('../../llama/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/', import.meta.url),
)

/**
 * Asks llama.cpp's own quantiser, in a dry run, for every file type with and
 * without importance matrix. The structure is that of the pinned release; its
 * defaults are checked, so that another layout fails instead of misleading.
 */
const ASK = `
import ctypes, json, os, re, sys
folder, model, ids = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
def load(pattern):
    name = next(n for n in sorted(os.listdir(folder)) if re.fullmatch(pattern, n))
    return ctypes.CDLL(os.path.join(folder, name), mode=ctypes.RTLD_GLOBAL)
load(r'libggml-base\\.so'); load(r'libggml\\.v.*\\.so'); lib = load(r'libllama\\.v.*\\.so')
class Params(ctypes.Structure):
    _fields_ = ([(n, ctypes.c_int32) for n in ('threads', 'ftype', 'output', 'embedding')]
      + [(n, ctypes.c_bool) for n in ('requantize', 'quantize_output', 'copy', 'pure', 'keep_split', 'dry_run')]
      + [(n, ctypes.c_void_p) for n in ('imatrix', 'kv', 'tensors', 'prune')])
class Imatrix(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('data', ctypes.POINTER(ctypes.c_float)), ('size', ctypes.c_size_t)]
defaults = lib.llama_model_quantize_default_params
defaults.restype = Params
lib.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Params)]
d = defaults()
assert (d.threads, d.ftype, d.output == d.embedding, d.quantize_output, d.dry_run, d.imatrix, d.prune) == (0, 7, True, True, False, None, None)
lines = []
Log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
log = Log(lambda level, text, user: lines.append(text.decode(errors='replace')))
lib.llama_log_set(log, None)
one = (ctypes.c_float * 1)(1.0)
matrix = (Imatrix * 2)(Imatrix(b'none', ctypes.cast(one, ctypes.POINTER(ctypes.c_float)), 1), Imatrix(None, None, 0))
answers = []
for ftype in ids:
    for imatrix in (False, True):
        params = defaults()
        params.ftype, params.threads, params.dry_run = ftype, 1, True
        if imatrix: params.imatrix = ctypes.cast(matrix, ctypes.c_void_p)
        lines.clear()
        code = lib.llama_model_quantize(model.encode(), b'unused', ctypes.byref(params))
        types = {}
        for line in ''.join(lines).split('\\n'):
            m = re.match(r'\\[ *\\d+/ *\\d+\\] +(\\S+) +- \\[.*?\\], type = +\\w+, size = +[\\d.]+ MiB(?: -> +[\\d.]+ MiB \\((\\w+)\\))?', line)
            if m: types[m[1]] = m[2].upper() if m[2] else None
        answers.append([ftype, imatrix, types if code == 0 else None])
print(json.dumps(answers), flush=True)
os._exit(0)
`

interface Shape {
  architecture: string
  layers: number
  heads: number
  shared: number
  width?: number
  feedForward?: number
  experts?: number
  tied?: boolean
  fused?: boolean
}

const SHAPES: Record<string, Shape> = {
  'grouped heads': { architecture: 'llama', layers: 24, heads: 8, shared: 2 },
  'plain heads': { architecture: 'llama', layers: 33, heads: 4, shared: 4 },
  'tied embeddings': { architecture: 'qwen2', layers: 28, heads: 8, shared: 1, tied: true },
  'eight experts': { architecture: 'llama', layers: 17, heads: 8, shared: 2, experts: 8 },
  'four experts': { architecture: 'qwen3moe', layers: 9, heads: 8, shared: 4, experts: 4 },
  '80 layers': { architecture: 'llama', layers: 80, heads: 8, shared: 1 },
  falcon: { architecture: 'falcon', layers: 32, heads: 8, shared: 1, fused: true },
  'fused values': { architecture: 'phi3', layers: 16, heads: 4, shared: 4, fused: true },
  'widths of 32': { architecture: 'llama', layers: 9, heads: 8, shared: 2, width: 288, feedForward: 544 },
  'widths of 16': { architecture: 'llama', layers: 9, heads: 8, shared: 2, width: 288, feedForward: 528 },
}

function modelFile(shape: Shape): Uint8Array {
  const { architecture, layers, heads, shared, experts, tied, fused } = shape
  const width = shape.width ?? 256
  const ff = shape.feedForward ?? 256
  const keys = (width / heads) * shared
  const tensors: WriteTensor[] = []
  const add = (name: string, ...dims: number[]) => {
    const data = new Uint8Array(dims.reduce((product, n) => product * n, TENSOR_TYPES.F16.bytes))
    tensors.push({ name: `${name}.weight`, dims, type: 'F16', data })
  }
  add('token_embd', width, 32)
  add('output_norm', width)
  if (tied !== true) add('output', width, 32)
  for (let layer = 0; layer < layers; layer += 1) {
    const at = (name: string, ...dims: number[]) => add(`blk.${layer}.${name}`, ...dims)
    at('attn_norm', width)
    if (fused === true) at('attn_qkv', width, width + 2 * keys)
    else {
      at('attn_q', width, width)
      at('attn_k', width, keys)
      at('attn_v', width, keys)
    }
    at('attn_output', width, width)
    if (experts !== undefined) at('ffn_gate_inp', width, experts)
    const suffix = experts === undefined ? '' : '_exps'
    const more = experts === undefined ? [] : [experts]
    at(`ffn_down${suffix}`, ff, width, ...more)
    at(`ffn_gate${suffix}`, width, ff, ...more)
    at(`ffn_up${suffix}`, width, ff, ...more)
  }
  const numbers: Record<string, number> = {
    block_count: layers,
    context_length: 128,
    embedding_length: width,
    feed_forward_length: ff,
    vocab_size: 32,
    'attention.head_count': heads,
    'attention.head_count_kv': shared,
    'attention.sliding_window': 0,
    'rope.dimension_count': width / heads,
    ...(experts === undefined
      ? {}
      : { expert_count: experts, expert_used_count: 2, expert_feed_forward_length: ff }),
  }
  const metadata: [string, WriteValue][] = [
    ['general.architecture', { type: 'string', value: architecture }],
    [`${architecture}.attention.layer_norm_rms_epsilon`, { type: 'f32', value: 1e-5 }],
    [`${architecture}.attention.layer_norm_epsilon`, { type: 'f32', value: 1e-5 }],
  ]
  for (const [key, value] of Object.entries(numbers))
    metadata.push([`${architecture}.${key}`, { type: 'u32', value }])
  return writeGguf({ metadata, tensors })
}

test("every recipe is what llama.cpp's own quantiser chooses", async (t) => {
  if (!existsSync(LIBRARIES) || !readdirSync(LIBRARIES).some((name) => /^libllama\.v.*\.so$/.test(name))) {
    const reason = 'the llama.cpp library for Linux is absent from llama/node_modules'
    assert.ok(!inCi(), reason)
    t.skip(reason)
    return
  }
  if (!requireTool(t, 'python3')) return
  const dir = await tempDir(t)
  // NVFP4 comes from converters only: the quantiser does not make it.
  const fileTypes = FILE_TYPE_NAMES.filter((name) => name !== 'NVFP4')
  const ids = JSON.stringify(fileTypes.map((name) => FILE_TYPES[name].id))
  for (const [name, shape] of Object.entries(SHAPES))
    await t.test(name, async () => {
      const bytes = modelFile(shape)
      const path = join(dir, 'model.gguf')
      await writeFile(path, bytes)
      const { tensors, ...header } = await parseGguf(memorySource(bytes))
      const { code, stdout, stderr } = await runTool('python3', ['-c', ASK, LIBRARIES, path, ids])
      assert.equal(code, 0, stderr)
      const answers = JSON.parse(stdout) as [number, boolean, Record<string, string | null> | null][]
      assert.equal(answers.length, fileTypes.length * 2)
      const model = recipeModelOf(header, tensors)
      assert.ok(model !== null)
      const plan = planRecipes(tensors, 'current')
      for (const [id, imatrix, theirs] of answers) {
        const fileType = fileTypes.find((candidate) => FILE_TYPES[candidate].id === id)
        assert.ok(fileType !== undefined)
        const types = recipe(plan, fileType, model, { imatrix, is70b: model.is70b[0] === true })
        const what = `${fileType}${imatrix ? ' with an importance matrix' : ''}`
        if (types === null || theirs === null) assert.equal(types, theirs, what)
        else
          assert.deepEqual(
            // Where the type stays F16 the quantiser says nothing.
            Object.fromEntries(tensors.map(({ name: tensor }, i) => [tensor, types[i] ?? 'F16'])),
            Object.fromEntries(tensors.map(({ name: tensor }) => [tensor, theirs[tensor] ?? 'F16'])),
            what,
          )
      }
    })
})
