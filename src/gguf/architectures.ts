import { arrayItem, layerNumbersOf, numberOf, stringOf, type GgufHeader, type GgufTensor } from './header.ts'
import type { Finding } from './finding.ts'

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
  vocabulary: number | null
  queries: number
  keys: number
  values: number
  feedForward: number | null
}

/**
 * Checks a whole model (all shards) of the llama family for missing tensors and
 * shapes that do not follow from its hyper-parameters. Other architectures are
 * only checked for layers outside the model.
 */
export function checkArchitecture(header: GgufHeader, tensors: readonly GgufTensor[]): Finding[] {
  const architecture = stringOf(header, 'general.architecture') ?? ''
  const layers = numberOf(header, `${architecture}.block_count`)
  const findings: Finding[] = []
  if (layers !== null) {
    const outside = tensors.find(({ name }) => Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1) >= layers)
    if (outside !== undefined)
      findings.push(
        reject('gguf_model_layers', `"${outside.name}" lies outside the ${layers} layers of the model`),
      )
  }
  if (!LLAMA_SHAPED.has(architecture)) return findings
  const shape = shapeOf(header, architecture)
  if (typeof shape === 'string') return [...findings, reject('gguf_key_missing', shape)]
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  return [...findings, ...checkPresence(byName, shape), ...checkShapes(tensors, shape)]
}

function reject(code: Finding['code'], message: string): Finding {
  return { code, severity: 'reject', message }
}

function shapeOf(header: GgufHeader, architecture: string): Shape | string {
  const key = (name: string) => `${architecture}.${name}`
  for (const name of [
    'block_count',
    'context_length',
    'embedding_length',
    'attention.head_count',
    'attention.layer_norm_rms_epsilon',
  ])
    if (!header.metadata.has(key(name))) return `The key "${key(name)}" is missing`
  const embedding = numberOf(header, key('embedding_length')) ?? 0
  const heads = layerNumbersOf(header, key('attention.head_count')) ?? []
  const shared = layerNumbersOf(header, key('attention.head_count_kv')) ?? heads
  // Per-layer head counts would need per-layer shapes; none of these architectures is published so.
  const [head = 0] = heads
  const [kv = 0] = shared
  const keyLength = numberOf(header, key('attention.key_length')) ?? Math.floor(embedding / head)
  const valueLength = numberOf(header, key('attention.value_length')) ?? Math.floor(embedding / head)
  const tokens = header.metadata.get('tokenizer.ggml.tokens')
  return {
    embedding,
    layers: numberOf(header, key('block_count')) ?? 0,
    vocabulary: tokens?.type === 'array' ? tokens.length : numberOf(header, key('vocab_size')),
    queries: head * keyLength,
    keys: kv * keyLength,
    values: kv * valueLength,
    feedForward: layerNumbersOf(header, key('feed_forward_length'))?.[0] ?? null,
  }
}

const EACH_LAYER = ['attn_norm', 'attn_output', 'ffn_norm'] as const

function checkPresence(byName: ReadonlyMap<string, GgufTensor>, { layers }: Shape): Finding[] {
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
    for (const name of ['ffn_down', 'ffn_gate', 'ffn_up']) want(at(name), at(`${name}_exps`), at(`${name}.0`))
    if (missing.length > 20) break
  }
  if (missing.length === 0) return []
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : ''
  return [reject('gguf_model_tensor_missing', `The model lacks ${missing.slice(0, 3).join(', ')}${more}`)]
}

function checkShapes(tensors: readonly GgufTensor[], shape: Shape): Finding[] {
  const { embedding, vocabulary, queries, keys, values, feedForward } = shape
  const wanted: Record<string, (number | null)[]> = {
    token_embd: [embedding, vocabulary],
    output: [embedding, vocabulary],
    output_norm: [embedding],
    attn_norm: [embedding],
    ffn_norm: [embedding],
    attn_q: [embedding, queries],
    attn_k: [embedding, keys],
    attn_v: [embedding, values],
    attn_output: [queries, embedding],
    ffn_gate: [embedding, feedForward],
    ffn_up: [embedding, feedForward],
    ffn_down: [feedForward, embedding],
  }
  for (const { name, dims } of tensors) {
    const role = /^(?:blk\.\d+\.)?(\w+)\.weight$/.exec(name)?.[1] ?? ''
    const want = Object.hasOwn(wanted, role) ? wanted[role] : undefined
    if (want === undefined) continue
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
