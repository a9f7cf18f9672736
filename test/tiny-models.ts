import type { Keys, MemoryCase } from './llama-memory.ts'

const LAYERS = 6
const WIDTH = 256
const HEADS = 4
const SHARED = 2
const HEAD = WIDTH / HEADS

function one(...names: string[]): Keys {
  return Object.fromEntries(names.map((name) => [name, { f32: 1 }]))
}

/** Every hyper-parameter some architecture asks for; the others do not look. */
function everyKey(): Keys {
  return {
    vocab_size: 512,
    context_length: 8192,
    embedding_length: WIDTH,
    block_count: LAYERS,
    leading_dense_block_count: 1,
    feed_forward_length: 384,
    'attention.head_count': HEADS,
    'attention.head_count_kv': SHARED,
    'rope.dimension_count': HEAD,
    'rope.dimension_sections': [16, 16, 16, 16],
    'attention.sliding_window': 1024,
    'attention.layer_norm_rms_epsilon': { f32: 1e-5 },
    'attention.layer_norm_epsilon': { f32: 1e-5 },
    'attention.group_norm_epsilon': { f32: 1e-5 },
    'attention.group_norm_groups': 8,
    'attention.q_lora_rank': 64,
    'attention.kv_lora_rank': 64,
    'attention.max_alibi_bias': { f32: 8 },
    ...one('attention.clamp_kqv', 'logit_scale', 'residual_scale', 'embedding_scale', 'expert_weights_scale'),
    ...one(
      'xielu.alpha_n',
      'xielu.alpha_p',
      'xielu.beta',
      'xielu.eps',
      'expert_group_scale',
      'swiglu_clamp_exp',
    ),
    expert_shared_feed_forward_length: 384,
    expert_weights_norm: true,
    use_parallel_residual: false,
    'attention.indexer.head_count': 64,
    'attention.indexer.key_length': 128,
    'attention.indexer.top_k': 2048,
    'ssm.inner_size': 2 * WIDTH,
    'ssm.conv_kernel': 4,
    'ssm.state_size': 16,
    'ssm.time_step_rank': HEADS,
    'ssm.group_count': 2,
    'kda.head_dim': 64,
    'wkv.head_size': 64,
    'shortconv.l_cache': 3,
    time_mix_extra_dim: 32,
    time_decay_extra_dim: 64,
    full_attention_interval: 3,
    'attention.decay_lora_rank': 64,
    'attention.iclr_lora_rank': 64,
    'attention.value_residual_mix_lora_rank': 32,
    'attention.gate_lora_rank': 64,
  }
}

const EXPERTS: Keys = {
  expert_count: 4,
  expert_used_count: 2,
  expert_shared_count: 1,
  expert_feed_forward_length: 384,
  expert_gating_func: 2,
  interleave_moe_layer_step: 2,
  experts_per_group: 1,
}

const LATENT: Keys = {
  'attention.head_count_kv': 1,
  'attention.kv_lora_rank': 512,
  'attention.key_length': 576,
  'attention.value_length': 512,
  'attention.key_length_mla': 192,
  'attention.value_length_mla': 128,
  'rope.dimension_count': 64,
}

const PLAIN_HEADS: Keys = { 'attention.head_count_kv': HEADS }
const NO_HEADS: Keys = { 'attention.head_count': 0, 'attention.head_count_kv': 0 }
const PATTERN: Keys = { 'attention.sliding_window_pattern': [1, 1, 0, 1, 1, 0] }
const ALTERNATE = [SHARED, 0, SHARED, 0, SHARED, 0]
const STATES: Keys = { 'attention.head_count_kv': ALTERNATE }
const NEXT: Keys = {
  'attention.key_length': 64,
  'attention.value_length': 64,
  'rope.dimension_count': 32,
  'ssm.inner_size': 256,
  'ssm.state_size': 64,
}
const NEXT_RECURRENT = [0, 1, 3, 4].flatMap((i) => [`blk.${i}.attn_qkv.weight`, `blk.${i}.attn_gate.weight`])

function each(...names: string[]): string[] {
  return Array.from({ length: LAYERS }, (_, i) => names.map((name) => `blk.${i}.${name}`)).flat()
}

type Own = [keys: Keys, tensors?: string[]]

/** What an architecture needs beside the common keys. */
const ARCHITECTURES: Record<string, Own> = {
  llama: [{}],
  deci: [{}],
  falcon: [PLAIN_HEADS],
  grok: [EXPERTS],
  gpt2: [PLAIN_HEADS],
  gptneox: [PLAIN_HEADS],
  mpt: [PLAIN_HEADS],
  baichuan: [PLAIN_HEADS],
  starcoder: [PLAIN_HEADS],
  refact: [{}],
  bloom: [PLAIN_HEADS],
  stablelm: [{}],
  qwen: [PLAIN_HEADS],
  qwen2: [{}],
  qwen2moe: [EXPERTS],
  qwen2vl: [{}],
  qwen3: [{}],
  qwen3moe: [EXPERTS],
  qwen3vl: [{}],
  qwen3vlmoe: [EXPERTS],
  phi2: [PLAIN_HEADS],
  phi3: [{}, each('attn_qkv.weight')],
  phimoe: [EXPERTS],
  plamo: [PLAIN_HEADS],
  codeshell: [{}],
  orion: [{}],
  internlm2: [{}],
  minicpm: [{}],
  minicpm3: [
    { ...PLAIN_HEADS, 'attention.key_length': 96, 'attention.value_length': 64, 'rope.dimension_count': 32 },
  ],
  gemma: [{}],
  starcoder2: [{}],
  xverse: [{}],
  'command-r': [{}],
  dbrx: [EXPERTS],
  olmo: [{}],
  olmoe: [{ ...PLAIN_HEADS, ...EXPERTS }],
  openelm: [{}],
  arctic: [EXPERTS],
  deepseek: [EXPERTS],
  deepseek2: [{ ...EXPERTS, ...LATENT }],
  'deepseek2-ocr': [{ ...EXPERTS, ...PLAIN_HEADS }],
  deepseek32: [{ ...EXPERTS, ...LATENT }],
  chatglm: [{}],
  glm4: [{}],
  glm4moe: [EXPERTS],
  bitnet: [{}],
  jais: [PLAIN_HEADS],
  jais2: [{}],
  nemotron: [{}],
  exaone: [{}],
  granite: [{}],
  granitemoe: [EXPERTS],
  bailingmoe: [EXPERTS],
  bailingmoe2: [EXPERTS],
  dots1: [{ ...EXPERTS, ...PLAIN_HEADS }],
  arcee: [{}],
  ernie4_5: [{}],
  'ernie4_5-moe': [EXPERTS],
  'hunyuan-moe': [EXPERTS],
  'hunyuan-dense': [{}],
  hunyuan_vl: [{}],
  hy_v3: [EXPERTS],
  smollm3: [{}],
  seed_oss: [{}],
  grovemoe: [EXPERTS],
  apertus: [{}],
  'minimax-m2': [EXPERTS],
  cogvlm: [PLAIN_HEADS],
  'pangu-embedded': [{}],
  mistral3: [{}],
  mistral4: [{ ...EXPERTS, ...LATENT }],
  paddleocr: [{}],
  'llama-embed': [{}],
  maincoder: [{}],
  gemma2: [{}],
  gemma3: [{}],
  gemma3n: [{ block_count: 24 }],
  gemma4: [
    {
      ...PATTERN,
      'attention.key_length_swa': 32,
      'attention.value_length_swa': 32,
      embedding_length_per_layer_input: 0,
      'attention.shared_kv_layers': 0,
      'rope.freq_base_swa': { f32: 10_000 },
    },
  ],
  cohere2: [{}],
  cohere2moe: [EXPERTS],
  llama4: [EXPERTS],
  'gpt-oss': [EXPERTS],
  olmo2: [PLAIN_HEADS],
  exaone4: [PLAIN_HEADS],
  'exaone-moe': [EXPERTS],
  plamo3: [{}],
  afmoe: [EXPERTS],
  laguna: [EXPERTS],
  smallthinker: [EXPERTS],
  mellum: [EXPERTS],
  'muse-glimmer': [{}],
  mimo2: [{ ...EXPERTS, ...PATTERN }],
  step35: [{ ...EXPERTS, ...PATTERN }],
  spark2_5: [PATTERN],
  granite_swa: [PATTERN],
  maple: [{ ...EXPERTS, ...PATTERN }],
  mamba: [NO_HEADS],
  mamba2: [NO_HEADS, each('ssm_conv1d.bias')],
  rwkv6: [NO_HEADS, each('time_mix_lerp_fused.weight')],
  rwkv6qwen2: [{ token_shift_count: 1 }, each('time_mix_lerp_fused.weight')],
  rwkv7: [NO_HEADS],
  jamba: [STATES],
  plamo2: [{ ...STATES, 'ssm.group_count': 0 }],
  granitehybrid: [STATES, each('ssm_conv1d.bias')],
  lfm2: [{ ...STATES, 'attention.sliding_window': 0 }],
  lfm2moe: [{ ...STATES, ...EXPERTS, 'attention.sliding_window': 0 }],
  'kimi-linear': [{ ...EXPERTS, ...LATENT, 'attention.head_count_kv': [1, 0, 1, 0, 1, 0] }],
  'falcon-h1': [{}, each('ssm_conv1d.bias')],
  nemotron_h: [
    { 'attention.head_count_kv': [0, SHARED, 0, 0, SHARED, 0], feed_forward_length: [0, 0, 384, 0, 0, 384] },
    each('ssm_conv1d.bias'),
  ],
  nemotron_h_moe: [
    {
      ...EXPERTS,
      'attention.head_count_kv': [0, SHARED, 0, 0, SHARED, 0],
      feed_forward_length: [0, 0, 384, 0, 0, 384],
    },
    each('ssm_conv1d.bias'),
  ],
  qwen3next: [{ ...EXPERTS, ...NEXT }, NEXT_RECURRENT],
  qwen35: [NEXT, NEXT_RECURRENT],
  qwen35moe: [{ ...EXPERTS, ...NEXT }, NEXT_RECURRENT],
  bert: [PLAIN_HEADS],
  'modern-bert': [PLAIN_HEADS],
  'nomic-bert': [PLAIN_HEADS],
  'neo-bert': [PLAIN_HEADS],
  'jina-bert-v2': [PLAIN_HEADS],
  'jina-bert-v3': [PLAIN_HEADS],
  eurobert: [PLAIN_HEADS],
  'gemma-embedding': [{}],
}

/** A tiny model of every architecture whose cache is known here, of many shapes; llama.cpp makes its tensors. */
export const TINY_MODELS: readonly Omit<MemoryCase, 'contexts'>[] = Object.entries(ARCHITECTURES).map(
  ([architecture, [own, tensors = []]]) => ({
    name: architecture,
    architecture,
    keys: { ...everyKey(), ...own },
    tensors,
  }),
)
