import { FILE_TYPE_NAMES, FILE_TYPES, type FileType } from '../src/gguf/types.ts'
import { GGML_LIBRARIES } from './llama-memory.ts'
import { runTool } from './tools.ts'

/**
 * llama.cpp's own quantiser. The structure is that of the pinned release; its
 * defaults are checked, so that another layout fails instead of misleading.
 */
const SETUP = `
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
lib.llama_log_set(log, None)`

const ASK = `${SETUP}
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

/** Really quantises, with an importance matrix in which everything is as important. */
const MAKE = `${SETUP}
names = json.loads(sys.argv[4])
values = {name: (ctypes.c_float * size)(*([1.0] * size)) for name, size in names.items()}
entries = [Imatrix(n.encode(), ctypes.cast(v, ctypes.POINTER(ctypes.c_float)), len(v)) for n, v in values.items()]
matrix = (Imatrix * (len(entries) + 1))(*entries, Imatrix(None, None, 0))
for ftype, path in ids:
    params = defaults()
    params.ftype, params.threads = ftype, 2
    params.imatrix = ctypes.cast(matrix, ctypes.c_void_p)
    lines.clear()
    code = lib.llama_model_quantize(model.encode(), path.encode(), ctypes.byref(params))
    if code: sys.exit('file type %d: %s' % (ftype, ''.join(lines)[-500:]))
os._exit(0)
`

/** NVFP4 comes from converters only: the quantiser does not make it. */
export const QUANTISER_TYPES = FILE_TYPE_NAMES.filter((name) => name !== 'NVFP4')

/** What the quantiser would make of a file: a type for each tensor, null as a whole where it refuses. */
export interface DryRun {
  fileType: FileType
  imatrix: boolean
  /** By the tensor's name; null for a tensor that it leaves as it is. */
  types: Record<string, string | null> | null
}

/** llama.cpp's own word on every file type, with and without importance matrix. Guard with `requireGgml`. */
export async function askQuantiser(path: string): Promise<DryRun[]> {
  const ids = JSON.stringify(QUANTISER_TYPES.map((name) => FILE_TYPES[name].id))
  const { code, stdout, stderr } = await runTool('python3', ['-c', ASK, GGML_LIBRARIES, path, ids], {
    timeoutMs: 300_000,
  })
  if (code !== 0) throw new Error(`Cannot ask llama.cpp's quantiser: ${stderr}`)
  const answers = JSON.parse(stdout) as [number, boolean, DryRun['types']][]
  return answers.map(([id, imatrix, types]) => {
    const fileType = QUANTISER_TYPES.find((name) => FILE_TYPES[name].id === id)
    if (fileType === undefined) throw new Error(`Cannot read the answer: no file type ${id}`)
    return { fileType, imatrix, types }
  })
}

/** Has llama.cpp quantise a file to each file type, at the path given with it. `rows` are the widths of its matrices by their names. */
export async function quantiseWithLlama(
  path: string,
  wanted: readonly { fileType: FileType; path: string }[],
  rows: Record<string, number>,
): Promise<void> {
  const ids = JSON.stringify(wanted.map(({ fileType, path: to }) => [FILE_TYPES[fileType].id, to]))
  const { code, stderr } = await runTool(
    'python3',
    ['-c', MAKE, GGML_LIBRARIES, path, ids, JSON.stringify(rows)],
    { timeoutMs: 300_000 },
  )
  if (code !== 0) throw new Error(`Cannot quantise with llama.cpp: ${stderr}`)
}
