/** Small whole models for tests, which llama.cpp loads as they are and which a test changes in one place. */
import { storeWeights } from './quantise.ts'
import { writeGguf, type WriteTensor, type WriteValue } from './write.ts'

export type Entries = Record<string, WriteValue>

export interface Fixture {
  metadata: Entries
  tensors: WriteTensor[]
}

export interface FixtureOptions {
  tokenizer?: 'llama' | 'gpt2' | 'bert' | 't5' | 'rwkv' | 'none'
  experts?: number
  tied?: boolean
  layers?: number
  type?: 'F32' | 'F16' | 'Q8_0'
  /** Of the embedding and, if more than 64, of the feed-forward; a multiple of 64. */
  width?: number
}

export function text(value: string): WriteValue {
  return { type: 'string', value }
}
export function u32(value: number): WriteValue {
  return { type: 'u32', value }
}
export function f32(value: number): WriteValue {
  return { type: 'f32', value }
}
export function bool(value: boolean): WriteValue {
  return { type: 'bool', value }
}
export function strings(values: readonly string[]): WriteValue {
  return { type: 'array', of: 'string', values }
}
export function floats(values: readonly number[]): WriteValue {
  return { type: 'array', of: 'f32', values }
}
export function integers(values: readonly number[]): WriteValue {
  return { type: 'array', of: 'i32', values }
}

const WIDTH = 64
const FEED_FORWARD = 96
const HEADS = 4

/** A model of the llama family, 64 wide if not told otherwise; `experts` makes it a mixture. */
export function fixture(options: FixtureOptions = {}): Fixture {
  const { experts, layers = 1, tied = false, type = 'Q8_0', tokenizer = 'llama', width = WIDTH } = options
  const feedForward = width === WIDTH ? FEED_FORWARD : width
  const vocabulary = VOCABULARIES[tokenizer]()
  const tokens = vocabulary['tokenizer.ggml.tokens']
  const size = tokens?.type === 'array' ? tokens.values.length : 64
  return {
    metadata: {
      'general.architecture': text('llama'),
      'general.type': text('model'),
      'general.name': text('Fixture'),
      'llama.block_count': u32(layers),
      'llama.context_length': u32(128),
      'llama.embedding_length': u32(width),
      'llama.feed_forward_length': u32(feedForward),
      'llama.attention.head_count': u32(HEADS),
      'llama.attention.head_count_kv': u32(HEADS / 2),
      'llama.attention.layer_norm_rms_epsilon': f32(1e-5),
      'llama.rope.dimension_count': u32(width / HEADS),
      'llama.rope.freq_base': f32(10_000),
      'llama.vocab_size': u32(size),
      ...(experts === undefined
        ? {}
        : { 'llama.expert_count': u32(experts), 'llama.expert_used_count': u32(2) }),
      ...vocabulary,
      'general.quantization_version': u32(2),
      'general.file_type': u32({ F32: 0, F16: 1, Q8_0: 7 }[type]),
    },
    tensors: tensorsOf({ experts, layers, tied, type, size, width, feedForward }),
  }
}

/** Writes a fixture with some of its metadata set anew; `null` leaves a key out. */
export function fixtureFile(
  { metadata, tensors }: Fixture = fixture(),
  changes: Record<string, WriteValue | null> = {},
  alignment = 32,
): Uint8Array<ArrayBuffer> {
  const entries = Object.entries({ ...metadata, ...changes }).filter(
    (entry): entry is [string, WriteValue] => entry[1] !== null,
  )
  return writeGguf({ metadata: entries, tensors, alignment })
}

const BYTE_TOKENS = Array.from(
  { length: 256 },
  (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`,
)
const WORDS = ['▁', '▁the', '▁end', 'e', 't', 'h', 'n', 'd', 'a', 'x']

const VOCABULARIES: Record<NonNullable<FixtureOptions['tokenizer']>, () => Entries> = {
  llama: () => ({
    'tokenizer.ggml.model': text('llama'),
    'tokenizer.ggml.pre': text('default'),
    'tokenizer.ggml.tokens': strings(['<unk>', '<s>', '</s>', ...BYTE_TOKENS, ...WORDS]),
    'tokenizer.ggml.scores': floats([0, 0, 0, ...BYTE_TOKENS.map(() => 0), ...WORDS.map((_, i) => -i)]),
    'tokenizer.ggml.token_type': integers([2, 3, 3, ...BYTE_TOKENS.map(() => 6), ...WORDS.map(() => 1)]),
    'tokenizer.ggml.bos_token_id': u32(1),
    'tokenizer.ggml.eos_token_id': u32(2),
    'tokenizer.ggml.unknown_token_id': u32(0),
    'tokenizer.ggml.add_bos_token': bool(true),
  }),
  gpt2: () => {
    const pieces = [...byteCharacters(), 'th', 'the', 'Ġthe', '<|endoftext|>']
    return {
      'tokenizer.ggml.model': text('gpt2'),
      'tokenizer.ggml.pre': text('gpt-2'),
      'tokenizer.ggml.tokens': strings(pieces),
      'tokenizer.ggml.token_type': integers(pieces.map((_, i) => (i === pieces.length - 1 ? 3 : 1))),
      'tokenizer.ggml.merges': strings(['t h', 'th e', 'Ġ the']),
      'tokenizer.ggml.bos_token_id': u32(pieces.length - 1),
      'tokenizer.ggml.eos_token_id': u32(pieces.length - 1),
    }
  },
  bert: () => {
    const pieces = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '▁the', '▁end', 's', '▁']
    return {
      'tokenizer.ggml.model': text('bert'),
      'tokenizer.ggml.pre': text('default'),
      'tokenizer.ggml.tokens': strings(pieces),
      'tokenizer.ggml.token_type': integers(pieces.map((_, i) => (i < 5 ? 3 : 1))),
      'tokenizer.ggml.token_type_count': u32(2),
      'tokenizer.ggml.padding_token_id': u32(0),
      'tokenizer.ggml.unknown_token_id': u32(1),
      'tokenizer.ggml.bos_token_id': u32(2),
      'tokenizer.ggml.seperator_token_id': u32(3),
      'tokenizer.ggml.mask_token_id': u32(4),
    }
  },
  t5: () => {
    const pieces = ['<pad>', '</s>', '<unk>', ...WORDS]
    return {
      'tokenizer.ggml.model': text('t5'),
      'tokenizer.ggml.pre': text('default'),
      'tokenizer.ggml.tokens': strings(pieces),
      'tokenizer.ggml.scores': floats(pieces.map((_, i) => (i < 3 ? 0 : -i))),
      'tokenizer.ggml.token_type': integers(pieces.map((_, i) => (i === 2 ? 2 : i < 2 ? 3 : 1))),
      'tokenizer.ggml.padding_token_id': u32(0),
      'tokenizer.ggml.eos_token_id': u32(1),
      'tokenizer.ggml.unknown_token_id': u32(2),
      'tokenizer.ggml.add_bos_token': bool(false),
      'tokenizer.ggml.add_eos_token': bool(true),
      'tokenizer.ggml.remove_extra_whitespaces': bool(true),
    }
  },
  rwkv: () => {
    const bytes = Array.from({ length: 256 }, (_, i) => `\\x${i.toString(16).padStart(2, '0')}`)
    const pieces = ['<s>', ...bytes, ' the', 'the', ' end']
    return {
      'tokenizer.ggml.model': text('rwkv'),
      'tokenizer.ggml.pre': text('default'),
      'tokenizer.ggml.tokens': strings(pieces),
      'tokenizer.ggml.token_type': integers(pieces.map((_, i) => (i === 0 ? 3 : 1))),
      'tokenizer.ggml.eos_token_id': u32(0),
    }
  },
  none: () => ({ 'tokenizer.ggml.model': text('none') }),
}

/** The characters that stand for bytes in a byte-level vocabulary: printable ones for themselves, others from U+0100. */
function byteCharacters(): string[] {
  const characters: string[] = []
  let next = 256
  for (let byte = 0; byte < 256; byte += 1) {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
    characters.push(String.fromCodePoint(printable ? byte : next++))
  }
  return characters
}

interface Plan {
  experts: number | undefined
  layers: number
  tied: boolean
  type: NonNullable<FixtureOptions['type']>
  size: number
  width: number
  feedForward: number
}

function tensorsOf({ experts, layers, tied, type, size, width, feedForward }: Plan): WriteTensor[] {
  const tensors: WriteTensor[] = []
  let state = 1
  const add = (name: string, kind: typeof type, ...dims: number[]) => {
    const values = new Float32Array(dims.reduce((product, n) => product * n, 1))
    for (let i = 0; i < values.length; i += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      values[i] = dims.length === 1 ? 1 : (state / 2 ** 32 - 0.5) / 4
    }
    tensors.push({ name: `${name}.weight`, dims, type: kind, data: storeWeights(values, kind) })
  }
  add('token_embd', type, width, size)
  add('output_norm', 'F32', width)
  if (!tied) add('output', type, width, size)
  for (let layer = 0; layer < layers; layer += 1) {
    const at = (name: string) => `blk.${layer}.${name}`
    add(at('attn_norm'), 'F32', width)
    add(at('attn_q'), type, width, width)
    add(at('attn_k'), type, width, width / 2)
    add(at('attn_v'), type, width, width / 2)
    add(at('attn_output'), type, width, width)
    add(at('ffn_norm'), 'F32', width)
    if (experts !== undefined) add(at('ffn_gate_inp'), 'F32', width, experts)
    const suffix = experts === undefined ? '' : '_exps'
    const more = experts === undefined ? [] : [experts]
    add(at(`ffn_gate${suffix}`), type, width, feedForward, ...more)
    add(at(`ffn_up${suffix}`), type, width, feedForward, ...more)
    add(at(`ffn_down${suffix}`), type, feedForward, width, ...more)
  }
  return tensors
}
