import { arrayItem, layerNumbersOf, numberOf, stringOf, type GgufHeader, type GgufTensor } from './header.ts'
import type { Finding } from './finding.ts'
import { perRole, takeApart, type TensorName } from './tensor-names.ts'

/** Architectures of llama.cpp whose quantisation follows the recipes; a name outside the list gets no badge. */
const KNOWN: ReadonlySet<string> = new Set(
  `llama llama4 deci falcon grok gpt2 gptj gptneox mpt baichuan starcoder refact bert modern-bert nomic-bert
  nomic-bert-moe neo-bert jina-bert-v2 jina-bert-v3 eurobert bloom stablelm qwen qwen2 qwen2moe qwen2vl qwen3
  qwen3moe qwen3next qwen3vl qwen3vlmoe qwen35 qwen35moe phi2 phi3 phimoe plamo plamo2 plamo3 codeshell orion
  internlm2 minicpm minicpm3 gemma gemma2 gemma3 gemma3n gemma4 gemma-embedding starcoder2 mamba mamba2 jamba
  falcon-h1 xverse command-r cohere2 cohere2moe dbrx olmo olmo2 olmoe openelm arctic deepseek deepseek2
  deepseek2-ocr deepseek32 deepseek4 chatglm glm4 glm4moe glm-dsa bitnet t5 t5encoder jais jais2 nemotron
  nemotron_h nemotron_h_moe exaone exaone4 exaone-moe rwkv6 rwkv6qwen2 rwkv7 arwkv7 granite granitemoe
  granitehybrid chameleon wavtokenizer-dec plm bailingmoe bailingmoe2 dots1 arcee afmoe ernie4_5 ernie4_5-moe
  hunyuan-moe hunyuan-dense hunyuan_vl smollm3 gpt-oss lfm2 lfm2moe dream smallthinker llada llada-moe seed_oss
  grovemoe apertus minimax-m2 cogvlm rnd1 pangu-embedded mistral3 mistral4 paddleocr mimo2 step35 llama-embed
  maincoder kimi-linear`.split(/\s+/),
)

/** Whether llama.cpp's recipes are known to hold for an architecture. */
export function isKnownArchitecture(architecture: string): boolean {
  return KNOWN.has(architecture)
}

/** Architectures built exactly like llama: their tensors and shapes follow from the hyper-parameters. */
const LLAMA_SHAPED: ReadonlySet<string> = new Set(['llama', 'qwen2', 'qwen3', 'qwen2moe', 'qwen3moe'])

interface Shape {
  embedding: number
  layers: number
  /** Null, here and below, where it differs from layer to layer or is not said. */
  vocabulary: number | null
  head: number | null
  queries: number | null
  keys: number | null
  values: number | null
  feedForward: number | null
  experts: number
  expertFeedForward: number | null
}

/**
 * Checks a whole model (all shards) of a known architecture: layers outside or
 * missing, and tensor types with which llama.cpp does not compute. Of the llama
 * family also missing and foreign tensors, and shapes that do not follow from
 * the hyper-parameters.
 */
export function checkArchitecture(header: GgufHeader, tensors: readonly GgufTensor[]): Finding[] {
  const architecture = stringOf(header, 'general.architecture') ?? ''
  const named = tensors.map((tensor) => ({ ...takeApart(tensor.name), tensor }))
  const findings = checkLayers(header, architecture, named)
  if (!isKnownArchitecture(architecture)) return findings
  for (const name of ['block_count', 'context_length', 'embedding_length'])
    if (!header.metadata.has(`${architecture}.${name}`)) findings.push(missingKey(`${architecture}.${name}`))
  findings.push(...checkTypes(named))
  if (!LLAMA_SHAPED.has(architecture)) return findings
  const shape = shapeOf(header, architecture)
  if ('code' in shape) return [...findings, shape]
  return [
    ...findings,
    ...checkPresence(tensors, shape),
    ...checkForeign(architecture, named),
    ...checkShapes(named, shape),
  ]
}

interface Named extends TensorName {
  tensor: GgufTensor
}

/** Every layer the model promises is there, and none beyond. */
function checkLayers(header: GgufHeader, architecture: string, tensors: readonly Named[]): Finding[] {
  const layers = numberOf(header, `${architecture}.block_count`)
  if (layers === null) return []
  const present = new Set<number>()
  for (const { layer, tensor } of tensors) {
    if (layer === null) continue
    if (layer >= layers)
      return [reject('gguf_model_layers', `"${tensor.name}" lies outside the ${layers} layers of the model`)]
    present.add(layer)
  }
  // Layers that only predict further tokens may have been left out; an encoder and decoder name theirs otherwise.
  const needed = layers - (numberOf(header, `${architecture}.nextn_predict_layers`) ?? 0)
  if (present.size === 0 || !isKnownArchitecture(architecture)) return []
  for (let layer = 0; layer < needed; layer += 1)
    if (!present.has(layer))
      return [reject('gguf_model_layers', `Of layer ${layer} of ${layers} the file holds no tensor`)]
  return []
}

/** What llama.cpp multiplies matrices of: all but integers, doubles and types for intermediate results. */
const NEVER_WEIGHTS: ReadonlySet<string> = new Set(['I8', 'I16', 'I32', 'I64', 'F64', 'Q8_1', 'Q8_K'])

/**
 * Types with which llama.cpp stops the whole process: weights that are no
 * weights, and vectors (norms, biases, rotations) that are not F32.
 */
function checkTypes(tensors: readonly Named[]): Finding[] {
  const isRotation = perRole((role) => /(?:^|\.)rope_(?:freqs|factors_\w+)\.weight$/.test(role))
  const mayBeVector = perRole((role) => /\.(?:weight|bias|scale)$/.test(role))
  for (const { role, tensor } of tensors) {
    const { name, type, dims } = tensor
    if (type === 'F32') continue
    // A routing table rightly holds integers.
    if (NEVER_WEIGHTS.has(type) && !role.includes('tid2eid'))
      return [
        reject('gguf_tensor_type', `"${name}" is of type ${type}, with which llama.cpp does not compute`),
      ]
    const vector = dims.every((n, i) => i === 0 || n === 1) && mayBeVector(role)
    if (vector || isRotation(role))
      return [reject('gguf_tensor_type', `"${name}" is a vector of type ${type}, llama.cpp needs F32`)]
  }
  return []
}

function reject(code: Finding['code'], message: string): Finding {
  return { code, severity: 'reject', message }
}

function shapeOf(header: GgufHeader, architecture: string): Shape | Finding {
  const key = (name: string) => `${architecture}.${name}`
  for (const name of ['attention.head_count', 'attention.layer_norm_rms_epsilon'])
    if (!header.metadata.has(key(name))) return missingKey(key(name))
  if (
    !header.metadata.has(key('feed_forward_length')) &&
    !header.metadata.has(key('expert_feed_forward_length'))
  )
    return missingKey(key('feed_forward_length'))
  const embedding = numberOf(header, key('embedding_length')) ?? 0
  const heads = uniform(header, key('attention.head_count'))
  const shared = header.metadata.has(key('attention.head_count_kv'))
    ? uniform(header, key('attention.head_count_kv'))
    : heads
  const width = heads === null || heads === 0 ? null : Math.floor(embedding / heads)
  const keyLength = numberOf(header, key('attention.key_length')) ?? width
  const valueLength = numberOf(header, key('attention.value_length')) ?? width
  if (keyLength !== valueLength)
    return reject(
      'gguf_hyperparameter',
      `The keys of a head are ${keyLength} wide and its values ${valueLength}, which this architecture wants equal`,
    )
  const tokens = header.metadata.get('tokenizer.ggml.tokens')
  const feedForward = uniform(header, key('feed_forward_length'))
  return {
    embedding,
    layers: numberOf(header, key('block_count')) ?? 0,
    vocabulary: tokens?.type === 'array' ? tokens.length : numberOf(header, key('vocab_size')),
    head: keyLength,
    queries: product(heads, keyLength),
    keys: product(shared, keyLength),
    values: product(shared, valueLength),
    feedForward,
    experts: numberOf(header, key('expert_count')) ?? 0,
    expertFeedForward:
      architecture === 'llama' ? feedForward : uniform(header, key('expert_feed_forward_length')),
  }
}

function missingKey(key: string): Finding {
  return reject('gguf_key_missing', `The key "${key}" is missing`)
}

/** The one value of a hyper-parameter; null where layers differ or it is absent. */
function uniform(header: GgufHeader, key: string): number | null {
  const [first, ...rest] = layerNumbersOf(header, key) ?? []
  return first === undefined || rest.some((n) => n !== first) ? null : first
}

function product(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a * b
}

const EACH_LAYER = ['attn_norm', 'attn_output', 'ffn_norm'] as const

function checkPresence(tensors: readonly GgufTensor[], { layers }: Shape): Finding[] {
  const byName = new Set(tensors.map(({ name }) => name))
  const missing: string[] = []
  const want = (...names: string[]) => {
    if (!names.some((name) => byName.has(`${name}.weight`))) missing.push(`${names[0]}.weight`)
  }
  want('token_embd')
  want('output_norm')
  for (let layer = 0; layer < layers; layer += 1) {
    const at = (name: string) => `blk.${layer}.${name}`
    for (const name of EACH_LAYER) want(at(name))
    for (const name of ['attn_q', 'attn_k', 'attn_v']) want(at(name), at('attn_qkv'))
    for (const name of ['ffn_down', 'ffn_gate', 'ffn_up'])
      want(
        at(name),
        at(`${name}_exps`),
        at(`${name}.0`),
        ...(name === 'ffn_down' ? [] : [at('ffn_gate_up_exps')]),
      )
    if (byName.has(`${at('ffn_down_exps')}.weight`)) want(at('ffn_gate_inp'))
    if (missing.length > 20) break
  }
  if (missing.length === 0) return []
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : ''
  return [reject('gguf_model_tensor_missing', `The model lacks ${missing.slice(0, 3).join(', ')}${more}`)]
}

/** The tensors of the llama family; llama.cpp loads no file with others. */
const ROLES = [
  /^(?:token_embd|output|output_norm|rope_freqs|rope_factors_(?:long|short))\.weight$/,
  /^blk\.(?:attn_(?:norm|q|k|v|qkv|output|q_norm|k_norm)|rope_freqs|rope_factors_(?:long|short)|ffn_(?:norm|gate_inp(?:_shexp)?|(?:gate|up|down)(?:_exps|_shexp|\.\d+)?|gate_up_exps))\.weight$/,
  /^blk\.(?:attn_(?:q|k|v|qkv|output)|ffn_(?:gate|up|down))\.bias$/,
  // One factor a matrix, or one an expert, of types that have no wide enough scales of their own.
  /^(?:output|blk\.(?:attn_(?:q|k|v|qkv|output)|ffn_(?:gate|up|down)(?:_exps|_shexp)?))\.(?:scale|input_scale)$/,
]
/** What some of the family have besides: rerankers a classifier, Qwen2 a bias of its output. */
const MORE_ROLES: Record<string, RegExp> = {
  qwen2: /^(?:output\.bias|cls(?:\.output)?\.(?:weight|bias))$/,
  qwen3: /^cls(?:\.output)?\.(?:weight|bias)$/,
}

function checkForeign(architecture: string, tensors: readonly Named[]): Finding[] {
  const roles = [...ROLES, MORE_ROLES[architecture] ?? []].flat()
  const isOwn = perRole((role) => roles.some((pattern) => pattern.test(role)))
  const foreign = tensors.find(({ role }) => !isOwn(role))?.tensor
  if (foreign === undefined) return []
  return [
    reject(
      'gguf_model_tensor_foreign',
      `"${foreign.name}" is no tensor of this architecture: ${foreign.bytes} bytes that no loader reads`,
    ),
  ]
}

function checkShapes(tensors: readonly Named[], shape: Shape): Finding[] {
  const { embedding, vocabulary, head, queries, keys, values, feedForward, experts, expertFeedForward } =
    shape
  const wanted: Record<string, (number | null)[]> = {
    'token_embd.weight': [embedding, vocabulary],
    'output.weight': [embedding, vocabulary],
    'output_norm.weight': [embedding],
    'attn_norm.weight': [embedding],
    'ffn_norm.weight': [embedding],
    'attn_q.weight': [embedding, queries],
    'attn_k.weight': [embedding, keys],
    'attn_v.weight': [embedding, values],
    'attn_output.weight': [queries, embedding],
    'attn_q.bias': [queries],
    'attn_k.bias': [keys],
    'attn_v.bias': [values],
    'attn_output.bias': [embedding],
    'ffn_gate.bias': [feedForward],
    'ffn_up.bias': [feedForward],
    'ffn_down.bias': [embedding],
    'rope_freqs.weight': [head === null ? null : head / 2],
    'attn_q_norm.weight': [head],
    'attn_k_norm.weight': [head],
    'ffn_gate.weight': [embedding, feedForward],
    'ffn_up.weight': [embedding, feedForward],
    'ffn_down.weight': [feedForward, embedding],
    'ffn_gate_inp.weight': [embedding, experts],
    'ffn_gate_exps.weight': [embedding, expertFeedForward, experts],
    'ffn_up_exps.weight': [embedding, expertFeedForward, experts],
    'ffn_down_exps.weight': [expertFeedForward, embedding, experts],
  }
  const wantedOf = perRole((role) => {
    const bare = role.replace(/^blk\./, '')
    if (bare.endsWith('scale')) return [bare.includes('_exps.') ? experts : 1]
    return Object.hasOwn(wanted, bare) ? (wanted[bare] ?? null) : null
  })
  for (const { role, tensor } of tensors) {
    const { name, dims } = tensor
    const want = wantedOf(role)
    if (want === null) continue
    const real = dims.filter((n, i) => i < want.length || n !== 1)
    const fits = real.length === want.length && want.every((n, i) => n === null || n === real[i])
    if (!fits)
      return [
        reject(
          'gguf_model_shape',
          `"${name}" is ${dims.join(' x ')}, the hyper-parameters want ${want.map((n) => n ?? 'any').join(' x ')}`,
        ),
      ]
  }
  return []
}

/** The licence, languages or tags as a short list of strings; empty where absent. */
export function stringsOf(header: GgufHeader, key: string, limit = 20): string[] {
  const value = header.metadata.get(key)
  if (value?.type !== 'array' || value.of !== 'string') return []
  return Array.from({ length: Math.min(limit, value.length) }, (_, i) => String(arrayItem(value, i)))
}
