import { storeWeights, type WritableType } from './quantise.ts'
import { FILE_TYPES } from './types.ts'
import { writeGguf, type WriteTensor, type WriteValue } from './write.ts'

export interface TinyLlamaOptions {
  /** The same seed gives the same bytes, on every machine. */
  seed: number
  name: string
  /** How the weights are stored. */
  type: WritableType
  /** What `general.file_type` says; the truth unless the caller wants a mislabelled file. */
  fileType?: number
  organisation?: string
  licence?: string
  description?: string
}

const WIDTH = 256
const LAYERS = 2
const HEADS = 4
const FEED_FORWARD = 512
const CONTEXT = 128

/** Pieces beside the three control tokens and the 256 bytes; scores fall with their order. */
const PIECES =
  '▁ e t a o i n s h r d l u c m f w g y p b v k ▁t ▁a he in ▁the er on re ▁s ▁w at en ▁o nd it or is ou ▁b ed ▁of ing ▁and an ar es ▁to . , ! ? 0 1 2 3 ▁is ly \u2019'.split(
    ' ',
  )

const FIRST_PIECE = 3 + 256

/** llama.cpp's token types. */
const NORMAL = 1
const UNKNOWN = 2
const CONTROL = 3
const BYTE = 6

const CHAT_TEMPLATE =
  "{% for message in messages %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}"

/**
 * Makes a tiny but whole llama model (1.5 million random weights, a working SPM
 * tokenizer of 320 tokens) that llama.cpp loads and generates nonsense with. For
 * demonstrations and tests; deterministic.
 */
export function tinyLlama(options: TinyLlamaOptions): Uint8Array<ArrayBuffer> {
  const vocabulary = spmVocabulary()
  return writeGguf({
    metadata: metadataOf(options, vocabulary),
    tensors: tensorsOf(options, vocabulary.tokens.length),
  })
}

interface Vocabulary {
  tokens: string[]
  scores: number[]
  types: number[]
}

function spmVocabulary(): Vocabulary {
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`)
  return {
    tokens: ['<unk>', '<s>', '</s>', ...bytes, ...PIECES],
    scores: [0, 0, 0, ...bytes.map(() => 0), ...PIECES.map((_, i) => -i)],
    types: [UNKNOWN, CONTROL, CONTROL, ...bytes.map(() => BYTE), ...PIECES.map(() => NORMAL)],
  }
}

function text(value: string): WriteValue {
  return { type: 'string', value }
}

function u32(value: number): WriteValue {
  return { type: 'u32', value }
}

function f32(value: number): WriteValue {
  return { type: 'f32', value }
}

function metadataOf(
  { name, type, fileType, organisation, licence, description }: TinyLlamaOptions,
  { tokens, scores, types }: Vocabulary,
): [string, WriteValue][] {
  const entries: [string, WriteValue][] = [
    ['general.architecture', text('llama')],
    ['general.type', text('model')],
    ['general.name', text(name)],
    ['general.size_label', text('1.5M')],
    ['general.license', text(licence ?? 'cc0-1.0')],
    [
      'general.description',
      text(description ?? 'Random weights, made to show the index at work; its text is nonsense.'),
    ],
    ['general.tags', { type: 'array', of: 'string', values: ['demo', 'text-generation'] }],
    ['llama.block_count', u32(LAYERS)],
    ['llama.context_length', u32(CONTEXT)],
    ['llama.embedding_length', u32(WIDTH)],
    ['llama.feed_forward_length', u32(FEED_FORWARD)],
    ['llama.attention.head_count', u32(HEADS)],
    ['llama.attention.head_count_kv', u32(HEADS)],
    ['llama.rope.freq_base', f32(10_000)],
    ['llama.rope.dimension_count', u32(WIDTH / HEADS)],
    ['llama.attention.layer_norm_rms_epsilon', f32(1e-5)],
    ['llama.vocab_size', u32(tokens.length)],
    ['tokenizer.ggml.model', text('llama')],
    ['tokenizer.ggml.pre', text('default')],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', values: tokens }],
    ['tokenizer.ggml.scores', { type: 'array', of: 'f32', values: scores }],
    ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', values: types }],
    ['tokenizer.ggml.bos_token_id', u32(1)],
    ['tokenizer.ggml.eos_token_id', u32(2)],
    ['tokenizer.ggml.unknown_token_id', u32(0)],
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: true }],
    ['tokenizer.ggml.add_eos_token', { type: 'bool', value: false }],
    ['tokenizer.chat_template', text(CHAT_TEMPLATE)],
    ['general.quantization_version', u32(2)],
    ['general.file_type', u32(fileType ?? FILE_TYPES[type].id)],
  ]
  if (organisation !== undefined) entries.splice(3, 0, ['general.organization', text(organisation)])
  return entries
}

function tensorsOf({ seed, type }: TinyLlamaOptions, tokens: number): WriteTensor[] {
  const random = generator(seed)
  const matrix = (name: string, width: number, rows: number): WriteTensor => {
    const values = new Float32Array(width * rows)
    // Unit variance through the layer, so that activations neither die nor explode.
    const scale = 1 / Math.sqrt(width)
    for (let i = 0; i < values.length; i += 1) values[i] = bell(random) * scale
    // Control and byte tokens are made unlikely, so that generation neither stops at once nor prints broken characters.
    if (name === 'output.weight')
      for (let i = 0; i < width * FIRST_PIECE; i += 1) values[i] = (values[i] ?? 0) * 0.01
    return { name, dims: [width, rows], type, data: storeWeights(values, type) }
  }
  const norm = (name: string): WriteTensor => {
    const values = Float32Array.from({ length: WIDTH }, () => 1 + bell(random) * 0.05)
    return { name, dims: [WIDTH], type: 'F32', data: storeWeights(values, 'F32') }
  }
  const tensors = [
    matrix('output.weight', WIDTH, tokens),
    norm('output_norm.weight'),
    matrix('token_embd.weight', WIDTH, tokens),
  ]
  for (let layer = 0; layer < LAYERS; layer += 1) {
    const at = (name: string) => `blk.${layer}.${name}.weight`
    tensors.push(
      matrix(at('attn_k'), WIDTH, WIDTH),
      norm(at('attn_norm')),
      matrix(at('attn_output'), WIDTH, WIDTH),
      matrix(at('attn_q'), WIDTH, WIDTH),
      matrix(at('attn_v'), WIDTH, WIDTH),
      matrix(at('ffn_down'), FEED_FORWARD, WIDTH),
      matrix(at('ffn_gate'), WIDTH, FEED_FORWARD),
      norm(at('ffn_norm')),
      matrix(at('ffn_up'), WIDTH, FEED_FORWARD),
    )
  }
  return tensors
}

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0
    let word = Math.imul(state ^ (state >>> 15), state | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32
  }
}

// A sum of uniform numbers, nearly normal with variance 1: unlike Math.log and
// Math.cos, additions give the same bits in every engine.
function bell(random: () => number): number {
  return (random() + random() + random() + random() - 2) * Math.sqrt(3)
}
