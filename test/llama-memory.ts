import { existsSync, readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inCi, requireTool, runTool, tempDir } from './tools.ts'
import { writeGguf, type WriteValue } from '../src/gguf/write.ts'

/** Where llama.cpp's libraries for Linux are, if they are installed. */
export const GGML_LIBRARIES = fileURLToPath(
  new URL('../llama/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64/', import.meta.url),
)

/**
 * Asks llama.cpp itself what a model takes: it loads a model from its metadata
 * alone, makes a context and says what it allocated, or with `simulate` what it
 * would allocate (`no_alloc`, as its own fitting to a device's memory does). Each
 * in a process of its own, because a wrong model aborts. The structures are those
 * of the pinned release; its defaults are checked, so that another layout fails
 * instead of misleading.
 */
const ASK = `
import ctypes, json, os, re, sys
folder, cases = sys.argv[1], json.load(sys.stdin)
def load(pattern):
    name = next(n for n in sorted(os.listdir(folder)) if re.fullmatch(pattern, n))
    return ctypes.CDLL(os.path.join(folder, name), mode=ctypes.RTLD_GLOBAL)
base = load(r'libggml-base\\.so'); ggml = load(r'libggml\\.v.*\\.so'); lib = load(r'libllama\\.v.*\\.so')
flag, i32, u32, f32, ptr, size = ctypes.c_bool, ctypes.c_int32, ctypes.c_uint32, ctypes.c_float, ctypes.c_void_p, ctypes.c_size_t
class ModelParams(ctypes.Structure):
    _fields_ = ([(n, ptr) for n in ('devices', 'overrides')]
      + [(n, i32) for n in ('gpu_layers', 'split_mode', 'load_mode', 'lazy_mode', 'main_gpu')]
      + [(n, ptr) for n in ('tensor_split', 'progress', 'progress_data', 'kv_overrides')]
      + [(n, flag) for n in ('vocab_only', 'check_tensors', 'extra_bufts', 'no_host', 'no_alloc', 'load_mtp')])
class ContextParams(ctypes.Structure):
    _fields_ = ([(n, u32) for n in ('n_ctx', 'n_batch', 'n_ubatch', 'n_seq_max', 'n_rs_seq', 'outputs', 'outputs_seq')]
      + [(n, i32) for n in ('threads', 'threads_batch', 'ctx_type', 'rope', 'pooling', 'attention', 'flash')]
      + [(n, f32) for n in ('freq_base', 'freq_scale', 'ext', 'attn', 'fast', 'slow')]
      + [('orig_ctx', u32), ('defrag', f32), ('cb', ptr), ('cb_data', ptr), ('type_k', i32), ('type_v', i32), ('abort', ptr), ('abort_data', ptr)]
      + [(n, flag) for n in ('embeddings', 'offload_kqv', 'no_perf', 'op_offload', 'swa_full', 'unified')]
      + [('samplers', ptr), ('n_samplers', size), ('other', ptr)])
class GgufParams(ctypes.Structure):
    _fields_ = [('no_alloc', flag), ('ctx', ptr)]
class InitParams(ctypes.Structure):
    _fields_ = [('mem_size', size), ('mem_buffer', ptr), ('no_alloc', flag)]
# std::map from a buffer type to three sizes, as libstdc++ lays it out.
class Node(ctypes.Structure): pass
Node._fields_ = ([('colour', ctypes.c_int)] + [(n, ctypes.POINTER(Node)) for n in ('parent', 'left', 'right')]
  + [('buffer_type', ptr)] + [(n, size) for n in ('model', 'context', 'compute')])
class Map(ctypes.Structure):
    _fields_ = [('compare', ptr), ('colour', ctypes.c_int), ('root', ctypes.POINTER(Node)), ('first', ptr), ('last', ptr), ('count', size)]
Set = ctypes.CFUNCTYPE(None, ptr, ptr)
def declare(function, result, *arguments):
    function.restype, function.argtypes = result, arguments
    return function
model_defaults = declare(lib.llama_model_default_params, ModelParams)
context_defaults = declare(lib.llama_context_default_params, ContextParams)
from_user = declare(lib.llama_model_init_from_user, ptr, ptr, Set, ptr, ModelParams)
new_context = declare(lib.llama_init_from_model, ptr, ptr, ContextParams)
free_context = declare(lib.llama_free, None, ptr)
save = declare(lib.llama_model_save_to_file, None, ptr, ctypes.c_char_p)
tensor_map = declare(lib._Z29llama_internal_get_tensor_mapB5cxx11PK11llama_model, ptr, ptr)
breakdown = declare(lib._Z26llama_get_memory_breakdownPK13llama_context, ptr, ptr, ptr)
read_gguf = declare(base.gguf_init_from_file, ptr, ctypes.c_char_p, GgufParams)
add_tensor = declare(base.gguf_add_tensor, None, ptr, ptr)
ggml_init = declare(base.ggml_init, ptr, InitParams)
new_tensor = declare(base.ggml_new_tensor_1d, ptr, ptr, ctypes.c_int, ctypes.c_int64)
set_name = declare(base.ggml_set_name, ptr, ptr, ctypes.c_char_p)
m, c = model_defaults(), context_defaults()
assert (m.gpu_layers, m.split_mode, m.load_mode, m.lazy_mode, m.extra_bufts, m.no_alloc, m.load_mtp) == (-1, 1, -1, 1, True, False, False)
assert (c.n_ctx, c.n_batch, c.n_ubatch, c.n_seq_max, c.outputs, c.flash, c.type_k, c.type_v, c.offload_kqv, c.swa_full, c.unified, c.n_samplers) == (512, 2048, 512, 1, 0, -1, 1, 1, True, True, False, 0)
lines = []
Log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ptr)
log = Log(lambda level, text, user: lines.append(text.decode(errors='replace')))
lib.llama_log_set(log, None)
declare(ggml.ggml_backend_load_all_from_path, None, ctypes.c_char_p)(folder.encode())
nothing = Set(lambda tensor, user: None)

def add(gguf, name):
    tensor = new_tensor(ggml_init(InitParams(4096, None, True)), 1 if re.search(r'(?<!norm)\\.weight$', name) and 'ssm' not in name and 'shortconv' not in name and 'sinks' not in name else 0, 256)
    set_name(tensor, name.encode())
    add_tensor(gguf, tensor)

def open_model(case):
    gguf = read_gguf(case['path'].encode(), GgufParams(True, None))
    params = model_defaults()
    params.no_alloc, params.extra_bufts = case['simulate'], False
    names = set()
    for name in case['tensors']:
        names.add(name); add(gguf, name)
    for attempt in range(5000):
        lines.clear()
        model = from_user(gguf, nothing, None, params)
        if model: return model, None
        text = ''.join(lines)
        # This build counts the tensors a file names against those the model has, and where it only simulates, wants each named.
        count = re.search(r'too many tensors created; expected (\\d+), got (\\d+)', text)
        missing = re.search(r"missing tensor '(.*?)'", text)
        if count and not case['simulate'] and attempt == 0:
            for i in range(int(count[2]) - int(count[1])): add(gguf, 'placeholder.%d' % i)
        elif missing and case['simulate']:
            layer = re.match(r'blk\\.(\\d+)\\.(.*)', missing[1])
            wanted = [missing[1]]
            if layer and case['alike']: wanted = ['blk.%d.%s' % (i, layer[2]) for i in range(int(layer[1]), case['layers'])]
            for name in wanted:
                if name not in names: names.add(name); add(gguf, name)
        else: break
    return None, [line for line in ''.join(lines).split('\\n') if line][-2:]

def sizes(context):
    found = Map()
    breakdown(ctypes.byref(found), context)
    assert 0 < found.count < 16
    total, stack = [0, 0, 0], [found.root]
    seen = 0
    while stack:
        node = stack.pop()
        if not node: continue
        n = node.contents
        seen += 1
        total = [total[0] + n.model, total[1] + n.context, total[2] + n.compute]
        stack += [n.left, n.right]
    assert seen == found.count
    return total

def shapes(model):
    # A std::vector of pairs of a std::string and a tensor, whose dimensions come after its type and buffer.
    first, last = (ctypes.c_uint64 * 2).from_address(tensor_map(model))
    assert (last - first) % 40 == 0
    found = []
    for at in range(first, last, 40):
        text, length = (ctypes.c_uint64 * 2).from_address(at)
        tensor = ctypes.c_uint64.from_address(at + 32).value
        dims = list((ctypes.c_int64 * 4).from_address(tensor + 16))
        while len(dims) > 1 and dims[-1] == 1: dims.pop()
        found.append([ctypes.string_at(text, length).decode(), dims])
    return found

def answer(case):
    model, why = open_model(case)
    if model is None:
        print(json.dumps({'name': case['name'], 'error': why, 'answers': []}), flush=True)
        return
    answers = []
    for n_ctx in case['contexts']:
        for type in case['types']:
            params = context_defaults()
            # llama.cpp's programs keep only the window of windowed layers; its library would keep all.
            params.n_ctx, params.swa_full, params.type_k, params.type_v = n_ctx, False, type, type
            # An encoder reads its whole text in one batch.
            if case['whole']: params.n_batch = params.n_ubatch = n_ctx
            context = new_context(model, params)
            answers.append([n_ctx, type, sizes(context) if context else None])
            if context: free_context(context)
    tensors = shapes(model) if case['shapes'] else []
    print(json.dumps({'name': case['name'], 'error': None, 'answers': answers, 'tensors': tensors}), flush=True)
    if case['save']: save(model, case['save'].encode())

for case in cases:
    sys.stdout.flush()
    child = os.fork()
    if child:
        status = os.waitpid(child, 0)[1]
        if status: print(json.dumps({'name': case['name'], 'error': ['ended by signal %d' % status], 'answers': []}))
        continue
    answer(case)
    os._exit(0)
`

export const F16 = 1
export const Q8_0 = 8

export type Keys = Record<string, number | boolean | readonly number[] | { f32: number } | string>

export interface MemoryCase {
  name: string
  architecture: string
  /** Hyper-parameters without the architecture's name before them. */
  keys: Keys
  contexts: readonly number[]
  /** Only say what would be allocated: for models that do not fit here. */
  simulate?: boolean
  /** Tensors that the architecture leaves to the file, and its graph then needs. */
  tensors?: readonly string[]
  /** Whether every layer has the same tensors, which makes the question quicker. */
  alike?: boolean
  types?: readonly number[]
  /** Whether it reads its whole text in one batch. */
  whole?: boolean
  /** Where llama.cpp shall save the model it made, if it can. */
  save?: string
  /** Whether to list the tensors that the model has. */
  shapes?: boolean
}

export interface MemoryAnswer {
  name: string
  error: string[] | null
  /** Context, cache type, and bytes of model, context and compute buffers; null where llama.cpp refuses it. */
  answers: [context: number, type: number, sizes: [number, number, number] | null][]
  /** Names and dimensions, innermost first, where they were asked for. */
  tensors: [name: string, dims: number[]][]
}

/** The metadata of a case as a GGUF file without tensors. */
export function metadataFile(asked: Pick<MemoryCase, 'architecture' | 'keys'>) {
  return writeGguf({ metadata: metadataOf(asked), tensors: [] })
}

/** The metadata of a case, without a vocabulary. */
export function metadataOf({
  architecture,
  keys,
}: Pick<MemoryCase, 'architecture' | 'keys'>): [string, WriteValue][] {
  const metadata: [string, WriteValue][] = [['general.architecture', { type: 'string', value: architecture }]]
  for (const [key, value] of Object.entries(keys))
    metadata.push([key.startsWith('xielu.') ? key : `${architecture}.${key}`, valueOf(value)])
  metadata.push(['tokenizer.ggml.model', { type: 'string', value: 'no_vocab' }])
  metadata.push(['tokenizer.ggml.token_type_count', { type: 'u32', value: 2 }])
  return metadata
}

function valueOf(value: Keys[string]): WriteValue {
  if (typeof value === 'boolean') return { type: 'bool', value }
  if (typeof value === 'string') return { type: 'string', value }
  if (typeof value === 'number') return { type: 'u32', value }
  if ('f32' in value) return { type: 'f32', value: value.f32 }
  return { type: 'array', of: 'u32', values: value }
}

/** Use as `if (!requireGgml(t)) return`: skips the test where the libraries are not installed, and throws in CI. */
export function requireGgml(t: TestContext): boolean {
  const found =
    existsSync(GGML_LIBRARIES) && readdirSync(GGML_LIBRARIES).some((name) => /^libllama\.v.*\.so$/.test(name))
  if (found) return true
  const reason = 'the llama.cpp library for Linux is absent from llama/node_modules'
  if (inCi()) throw new Error(reason)
  t.skip(reason)
  return false
}

/** llama.cpp's own word on each case; null, after skipping the test, where its library is not installed. */
export async function askMemory(
  t: TestContext,
  cases: readonly MemoryCase[],
): Promise<MemoryAnswer[] | null> {
  if (!requireGgml(t)) return null
  if (!requireTool(t, 'python3')) return null
  const dir = await tempDir(t)
  const questions = await Promise.all(
    cases.map(async (asked, i) => {
      const path = join(dir, `${i}.gguf`)
      await writeFile(path, metadataFile(asked))
      const { name, contexts, simulate = false, tensors = [], alike = false, whole = false } = asked
      const { save = '', shapes = false } = asked
      const layers = Number(asked.keys['block_count'])
      const types = asked.types ?? [F16, Q8_0]
      return { name, path, contexts, simulate, tensors, alike, whole, layers, types, save, shapes }
    }),
  )
  const { code, stdout, stderr } = await runTool('python3', ['-c', ASK, GGML_LIBRARIES], {
    input: JSON.stringify(questions),
    env: { ...process.env, GGML_NO_BACKTRACE: '1' },
  })
  if (code !== 0) throw new Error(stderr)
  const answers = new Map<string, MemoryAnswer>()
  for (const line of stdout.trim().split('\n')) {
    const answer = JSON.parse(line) as MemoryAnswer
    // The first word counts: some architectures answer, and then cannot be saved.
    if (!answers.has(answer.name)) answers.set(answer.name, answer)
  }
  return [...answers.values()]
}
