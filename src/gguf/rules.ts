import { QalError, type ErrorCode, type QalErrorFacts } from '../core/error.ts'

/** Codes of what is found in a model's file, whichever of the two formats it has. */
export type GgufCode = Extract<ErrorCode, `gguf_${string}` | `safetensors_${string}`>

/** Why a code exists: the rule in one sentence, and where the danger was seen. */
export interface Rule {
  rule: string
  cites?: readonly string[]
}

/**
 * The rule behind every structural refusal. Identifiers marked in upstream's
 * advisories are cited so that a reader can see which known attack it stops.
 */
export const RULES: Partial<Record<GgufCode, Rule>> = {
  gguf_count: {
    rule: 'Counts and lengths may not promise more than the bytes that remain',
    cites: ['CVE-2024-21802', 'CVE-2024-21825', 'CVE-2024-21836', 'CVE-2024-23496', 'CVE-2024-23605'],
  },
  gguf_length: {
    rule: 'Counts and lengths may not promise more than the bytes that remain',
    cites: ['CVE-2024-21802', 'CVE-2024-21825', 'CVE-2024-21836', 'CVE-2024-23496', 'CVE-2024-23605'],
  },
  gguf_tensor_size: {
    rule: 'The product of the dimensions stays below 2^63 and the bytes within the file',
    cites: ['CVE-2025-53630', 'CVE-2026-27940', 'CVE-2026-33298'],
  },
  gguf_tensor_offset: {
    rule: 'Tensors lie one after another, each at the padded end of the one before',
    cites: ['CVE-2026-7482'],
  },
  gguf_tensor_bounds: {
    rule: 'Every tensor ends within the file',
    cites: ['CVE-2026-7482', 'CVE-2024-39720'],
  },
  gguf_alignment: {
    rule: 'The alignment is a u32, a power of two from 8 to 256 KiB, and tensor data begins at a multiple of 32',
  },
  gguf_key_type: {
    rule: 'Keys that llama.cpp reads have the type it expects',
    cites: ['CVE-2024-41130', 'CVE-2024-32878', 'CVE-2025-0312'],
  },
  gguf_key_missing: {
    rule: 'The keys a loader needs are present',
    cites: ['CVE-2024-41130', 'CVE-2024-32878', 'CVE-2025-0312'],
  },
  gguf_tokenizer: {
    rule: 'Tokens, scores and types are arrays of their types and of one length; byte tokens are <0x00> to <0xFF>',
    cites: ['CVE-2025-49847', 'CVE-2025-52566', 'llama.cpp#27226'],
  },
  gguf_hyperparameter: {
    rule: 'Hyper-parameters lie in the range that llama.cpp can hold',
    cites: ['llama.cpp#25821', 'llama.cpp#26051', 'CVE-2025-0315'],
  },
  gguf_array_nested: { rule: 'Arrays hold scalars or strings, never arrays' },
  safetensors_duplicate: { rule: 'Every key occurs once, so that all readers take the same' },
  safetensors_length: {
    rule: 'The header is no longer than the file, and than the 100 MB that the format allows',
  },
  safetensors_offset: { rule: 'Tensors fill the file one after another, without gap or overlap' },
  safetensors_size: { rule: 'The data of a tensor is as large as its type and shape say' },
  safetensors_trailing_data: { rule: 'Nothing follows the last tensor' },
  gguf_projector: {
    rule: 'A projector has the keys, types and sizes that its loader takes without looking',
    cites: ['llama.cpp#24976', 'llama.cpp#24142'],
  },
  gguf_adapter: { rule: 'An adapter is made of pairs of tensors of one rank' },
  gguf_imatrix: { rule: 'An importance matrix is made of sums and counts in F32' },
  gguf_trailing_data: { rule: 'Nothing but zero padding follows the last tensor' },
  gguf_key_duplicate: { rule: 'Every key occurs once' },
  gguf_tensor_duplicate: { rule: 'Every tensor name occurs once' },
  gguf_template_parse: { rule: 'What cannot be parsed is not taken for harmless' },
  gguf_template_unknown: {
    rule: 'Only filters, tests, functions and methods that real templates need are known to be harmless',
  },
  gguf_template_dynamic: {
    rule: 'A template reaches fields by names that cannot be the interpreter’s own',
    cites: ['CVE-2024-34359', 'CVE-2026-5760'],
  },
  gguf_template_include: { rule: 'A template loads no other' },
  gguf_template_loop: { rule: 'How long a template runs is bounded by the conversation it is given' },
  gguf_template_trigger: {
    rule: 'What a template adds does not depend on words that a person writes, or on the day',
  },
  gguf_template_code: {
    rule: 'A chat template formats text; it does not reach into the interpreter',
    cites: ['CVE-2024-34359', 'CVE-2026-5760'],
  },
}

/** Builds the refusal of a hostile or broken file: exit code 4. */
export function refusal(code: GgufCode, what: string, facts: QalErrorFacts = {}): QalError {
  const format = code.startsWith('safetensors_') ? 'safetensors' : 'GGUF'
  return new QalError(code, `Cannot read ${format}: ${what}`, { exit: 4, ...facts })
}
