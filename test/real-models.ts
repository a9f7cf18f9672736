import type { Keys, MemoryCase } from './llama-memory.ts'

type Model = Omit<MemoryCase, 'contexts'>

function model(name: string, architecture: string, keys: Keys, more: Partial<Model> = {}): Model {
  return {
    name,
    architecture,
    keys: {
      context_length: 131_072,
      'attention.layer_norm_rms_epsilon': { f32: 1e-5 },
      'attention.layer_norm_epsilon': { f32: 1e-5 },
      ...keys,
    },
    simulate: true,
    ...more,
  }
}

function shape(layers: number, embedding: number, feedForward: number, vocabulary: number): Keys {
  return {
    block_count: layers,
    embedding_length: embedding,
    feed_forward_length: feedForward,
    vocab_size: vocabulary,
  }
}

function heads(queries: number, shared: number | readonly number[], width?: number): Keys {
  return {
    'attention.head_count': queries,
    'attention.head_count_kv': shared,
    ...(width !== undefined && { 'attention.key_length': width, 'attention.value_length': width }),
  }
}

function experts(count: number, used: number, feedForward?: number): Keys {
  return {
    expert_count: count,
    expert_used_count: used,
    ...(feedForward !== undefined && { expert_feed_forward_length: feedForward }),
  }
}

function states(inner: number, size: number, rank: number, groups = 0): Keys {
  return {
    'ssm.conv_kernel': 4,
    'ssm.inner_size': inner,
    'ssm.state_size': size,
    'ssm.time_step_rank': rank,
    ...(groups > 0 && { 'ssm.group_count': groups }),
  }
}

const LATENT: Keys = {
  'attention.key_length': 576,
  'attention.value_length': 512,
  'attention.key_length_mla': 192,
  'attention.value_length_mla': 128,
  'attention.kv_lora_rank': 512,
  'rope.dimension_count': 64,
}

/** An encoder reads its whole text in one batch, so it is asked for the longest. */
function encoder(name: string, architecture: string, keys: Keys): Model {
  return model(name, architecture, { 'attention.causal': false, ...keys }, { alike: true, whole: true })
}

/** Of so many layers, those listed get `there`, the others nothing. */
function only(layers: number, which: readonly number[], there: number): number[] {
  return Array.from({ length: layers }, (_, i) => (which.includes(i) ? there : 0))
}

function everyLayer(layers: number, ...names: string[]): string[] {
  return Array.from({ length: layers }, (_, i) => names.map((name) => `blk.${i}.${name}`)).flat()
}

const NEXT_RECURRENT = Array.from({ length: 48 }, (_, i) => i).filter((i) => (i + 1) % 4 !== 0)

/** The hyper-parameters of published models, as their configuration files give them. */
export const REAL_MODELS: readonly Model[] = [
  model('SmolLM2 135M', 'llama', { ...shape(30, 576, 1536, 49_152), ...heads(9, 3) }, { alike: true }),
  model('Llama 3.2 1B', 'llama', { ...shape(16, 2048, 8192, 128_256), ...heads(32, 8) }, { alike: true }),
  model('Llama 2 7B', 'llama', { ...shape(32, 4096, 11_008, 32_000), ...heads(32, 32) }, { alike: true }),
  model('Llama 3.1 8B', 'llama', { ...shape(32, 4096, 14_336, 128_256), ...heads(32, 8) }, { alike: true }),
  model('Llama 3.1 70B', 'llama', { ...shape(80, 8192, 28_672, 128_256), ...heads(64, 8) }, { alike: true }),
  model(
    'Mixtral 8x7B',
    'llama',
    { ...shape(32, 4096, 14_336, 32_000), ...heads(32, 8), ...experts(8, 2) },
    { alike: true },
  ),
  model('Qwen2.5 0.5B', 'qwen2', { ...shape(24, 896, 4864, 151_936), ...heads(14, 2) }, { alike: true }),
  model('Qwen2.5 7B', 'qwen2', { ...shape(28, 3584, 18_944, 152_064), ...heads(28, 4) }, { alike: true }),
  model('Qwen3 8B', 'qwen3', { ...shape(36, 4096, 12_288, 151_936), ...heads(32, 8, 128) }, { alike: true }),
  model(
    'Qwen3 30B-A3B',
    'qwen3moe',
    { ...shape(48, 2048, 6144, 151_936), ...heads(32, 4, 128), ...experts(128, 8, 768) },
    { alike: true },
  ),
  model(
    'Gemma 2 9B',
    'gemma2',
    { ...shape(42, 3584, 14_336, 256_000), ...heads(16, 8, 256), 'attention.sliding_window': 4096 },
    { alike: true },
  ),
  model(
    'Gemma 3 1B',
    'gemma3',
    { ...shape(26, 1152, 6912, 262_144), ...heads(4, 1, 256), 'attention.sliding_window': 512 },
    { alike: true },
  ),
  model(
    'Gemma 3 27B',
    'gemma3',
    { ...shape(62, 5376, 21_504, 262_144), ...heads(32, 16, 128), 'attention.sliding_window': 1024 },
    { alike: true },
  ),
  model(
    'Phi-3 mini',
    'phi3',
    {
      ...shape(32, 3072, 8192, 32_064),
      ...heads(32, 32),
      'rope.dimension_count': 96,
      'attention.sliding_window': 262_144,
    },
    { alike: true, tensors: everyLayer(32, 'attn_qkv.weight') },
  ),
  model(
    'gpt-oss 20B',
    'gpt-oss',
    {
      ...shape(24, 2880, 2880, 201_088),
      ...heads(64, 8, 64),
      'attention.sliding_window': 128,
      ...experts(32, 4, 2880),
    },
    { alike: true },
  ),
  model(
    'Command R7B',
    'cohere2',
    {
      ...shape(32, 4096, 14_336, 256_000),
      ...heads(32, 8),
      'rope.dimension_count': 128,
      'attention.sliding_window': 4096,
      logit_scale: { f32: 0.25 },
    },
    { alike: true },
  ),
  model(
    'Llama 4 Scout',
    'llama4',
    {
      ...shape(48, 5120, 16_384, 202_048),
      ...heads(40, 8, 128),
      ...experts(16, 1, 8192),
      interleave_moe_layer_step: 1,
    },
    { alike: true },
  ),
  model('DeepSeek V2 Lite', 'deepseek2', {
    ...shape(27, 2048, 10_944, 102_400),
    ...heads(16, 1),
    ...LATENT,
    ...experts(64, 6, 1408),
    expert_shared_count: 2,
    leading_dense_block_count: 1,
    expert_weights_scale: { f32: 1 },
  }),
  model('DeepSeek V3', 'deepseek2', {
    ...shape(61, 7168, 18_432, 129_280),
    ...heads(128, 1),
    ...LATENT,
    'attention.q_lora_rank': 1536,
    ...experts(256, 8, 2048),
    expert_shared_count: 1,
    leading_dense_block_count: 3,
    expert_weights_scale: { f32: 2.5 },
    expert_gating_func: 2,
  }),
  model('DeepSeek V2 Lite before latent caches', 'deepseek2', {
    ...shape(27, 2048, 10_944, 102_400),
    ...heads(16, 16),
    'attention.key_length': 192,
    'attention.value_length': 128,
    'attention.kv_lora_rank': 512,
    'rope.dimension_count': 64,
    ...experts(64, 6, 1408),
    expert_shared_count: 2,
    leading_dense_block_count: 1,
    expert_weights_scale: { f32: 1 },
  }),
  model(
    'Mamba 2.8B',
    'mamba',
    { ...shape(64, 2560, 0, 50_280), 'attention.head_count': 0, ...states(5120, 16, 160) },
    { alike: true },
  ),
  model('RWKV 7 1.5B', 'rwkv7', {
    ...shape(24, 2048, 8192, 65_536),
    'attention.head_count': 0,
    'wkv.head_size': 64,
    'attention.decay_lora_rank': 96,
    'attention.iclr_lora_rank': 96,
    'attention.value_residual_mix_lora_rank': 64,
    'attention.gate_lora_rank': 256,
  }),
  model('Jamba mini', 'jamba', {
    ...shape(32, 4096, 14_336, 65_536),
    ...heads(32, only(32, [4, 12, 20, 28], 8)),
    ...states(8192, 16, 256),
    ...experts(16, 2),
  }),
  model(
    'Granite 4 H tiny',
    'granitehybrid',
    {
      ...shape(40, 1536, 512, 100_352),
      ...heads(12, only(40, [5, 15, 25, 35], 4)),
      'rope.dimension_count': 128,
      ...states(3072, 128, 48, 1),
      ...experts(64, 6),
      expert_shared_feed_forward_length: 1024,
      logit_scale: { f32: 6 },
    },
    { tensors: everyLayer(40, 'ssm_conv1d.bias').filter((_, i) => i % 10 !== 5) },
  ),
  model(
    'Qwen3 Next 80B',
    'qwen3next',
    {
      ...shape(48, 2048, 5120, 151_936),
      ...heads(16, 2, 256),
      'rope.dimension_count': 64,
      ...experts(512, 10, 512),
      expert_shared_feed_forward_length: 512,
      ...states(4096, 128, 32, 16),
    },
    { tensors: NEXT_RECURRENT.flatMap((i) => [`blk.${i}.attn_qkv.weight`, `blk.${i}.attn_gate.weight`]) },
  ),
  model('LFM2 1.2B', 'lfm2', {
    ...shape(16, 2048, 8192, 65_536),
    ...heads(32, only(16, [2, 5, 8, 10, 12, 14], 8)),
    'rope.dimension_count': 64,
    'shortconv.l_cache': 3,
  }),
  encoder('BGE large', 'bert', { ...shape(24, 1024, 4096, 30_522), ...heads(16, 16), context_length: 512 }),
  encoder('Nomic Embed', 'nomic-bert', {
    ...shape(12, 768, 3072, 30_528),
    ...heads(12, 12),
    context_length: 2048,
  }),
  encoder('ModernBERT large', 'modern-bert', {
    ...shape(28, 1024, 2624, 50_368),
    ...heads(16, 16),
    context_length: 8192,
    'attention.sliding_window': 128,
  }),
  encoder('EmbeddingGemma', 'gemma-embedding', {
    ...shape(24, 768, 1152, 262_144),
    ...heads(3, 1, 256),
    context_length: 2048,
    'attention.sliding_window': 512,
  }),
]
