function names(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/))
}

/** How an encoder computes. */
export interface Encoder {
  /** Whether its feed-forward layers have a gate. */
  gated: boolean
  /** Which position sees which: two answers where some layers have a window. */
  masks: number
}

/** Encoders see the whole text at once and keep nothing between tokens (the first cases of `create_memory`). */
export const ENCODERS: Record<string, Encoder> = {
  bert: { gated: false, masks: 1 },
  'jina-bert-v3': { gated: false, masks: 1 },
  'nomic-bert': { gated: true, masks: 1 },
  'neo-bert': { gated: true, masks: 1 },
  'jina-bert-v2': { gated: true, masks: 1 },
  eurobert: { gated: true, masks: 1 },
  'modern-bert': { gated: true, masks: 2 },
  'gemma-embedding': { gated: true, masks: 2 },
}

/** Every layer attends to the whole context. llama.cpp ignores the window that llama and phi3 files may name. */
export const WHOLE =
  names(`llama deci falcon grok gpt2 gptneox mpt baichuan starcoder refact bloom stablelm qwen qwen2
  qwen2moe qwen2vl qwen3 qwen3moe qwen3vl qwen3vlmoe phi2 phi3 phimoe plamo codeshell orion internlm2 minicpm
  minicpm3 gemma starcoder2 xverse command-r dbrx olmo olmoe openelm arctic deepseek deepseek2 deepseek2-ocr
  chatglm glm4 glm4moe bitnet jais jais2 nemotron exaone granite granitemoe bailingmoe
  bailingmoe2 dots1 arcee ernie4_5 ernie4_5-moe hunyuan-moe hunyuan-dense hunyuan_vl hy_v3 smollm3 seed_oss
  grovemoe apertus minimax-m2 cogvlm pangu-embedded mistral3 mistral4 paddleocr llama-embed maincoder`)

/** Which layers have a window, and how wide. */
export interface WindowRule {
  /** Of so many layers one attends to the whole context; null where the file must say which. */
  every: number | null
  /** Whether that one is the first of them, not the last. */
  wholeFirst?: boolean
  /** The window where the file names none. */
  window?: number
  /** The window whatever the file names, unless that is none. */
  always?: number
  /** What a file means that names no window, or none of 0: that every layer attends to the whole context. */
  wholeWhere?: 'absent_or_zero' | 'zero'
}

/** Architectures of which some layers attend to a sliding window or chunk. */
export const WINDOWED: Record<string, WindowRule> = {
  gemma2: { every: 2, window: 4096 },
  gemma3: { every: 6, wholeWhere: 'absent_or_zero' },
  gemma3n: { every: 5 },
  gemma4: { every: null },
  cohere2: { every: 4 },
  cohere2moe: { every: 4, wholeFirst: true },
  // Chunks, which llama.cpp keeps as a window of their size.
  llama4: { every: 4, always: 8192, wholeWhere: 'zero' },
  'gpt-oss': { every: 2 },
  olmo2: { every: 4, wholeWhere: 'absent_or_zero' },
  exaone4: { every: 4, window: 4096 },
  'exaone-moe': { every: 4, window: 128 },
  plamo3: { every: 8, wholeWhere: 'absent_or_zero' },
  afmoe: { every: 4, wholeWhere: 'absent_or_zero' },
  laguna: { every: 4, wholeFirst: true, wholeWhere: 'absent_or_zero' },
  smallthinker: { every: 4, wholeFirst: true, always: 4096, wholeWhere: 'absent_or_zero' },
  mellum: { every: 4, wholeWhere: 'absent_or_zero' },
  'muse-glimmer': { every: 4 },
  mimo2: { every: null },
  step35: { every: null },
  spark2_5: { every: null },
  granite_swa: { every: null },
  maple: { every: null },
}

/** They may keep one latent vector in place of keys and values; files from before that lack the keys. */
export const LATENT = names('deepseek2 mistral4 deepseek32 kimi-linear')

/** No layer attends; all keep a state. */
export const RECURRENT = names('mamba mamba2 rwkv6 rwkv6qwen2 rwkv7')

/** How a model with both kinds of layers says which is which. */
export type Hybrid = 'no_heads' | 'both' | 'no_heads_no_feed_forward' | 'interval'

export const HYBRID: Record<string, { which: Hybrid; interval?: number }> = {
  jamba: { which: 'no_heads' },
  plamo2: { which: 'no_heads' },
  granitehybrid: { which: 'no_heads' },
  lfm2: { which: 'no_heads' },
  lfm2moe: { which: 'no_heads' },
  'kimi-linear': { which: 'no_heads' },
  'falcon-h1': { which: 'both' },
  nemotron_h: { which: 'no_heads_no_feed_forward' },
  nemotron_h_moe: { which: 'no_heads_no_feed_forward' },
  qwen3next: { which: 'interval', interval: 4 },
  qwen35: { which: 'interval', interval: 4 },
  qwen35moe: { which: 'interval', interval: 4 },
}

/** The architectures whose cache is known here; each is held against llama.cpp in memory.test.ts. */
export const CACHE_ARCHITECTURES: readonly string[] = [
  ...Object.keys(ENCODERS),
  ...WHOLE,
  ...Object.keys(WINDOWED),
  ...RECURRENT,
  ...Object.keys(HYBRID),
  'deepseek32',
]
