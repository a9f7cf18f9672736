import { stringsOf } from './architectures.ts'
import type { Finding } from './finding.ts'
import { numberOf, stringBytes, stringOf, type GgufHeader } from './header.ts'
import { textHazards } from './text.ts'

/** What a GGUF file is for. */
export type FileKind = 'model' | 'vocabulary' | 'projector' | 'adapter' | 'imatrix' | 'shard' | 'safetensors'

/** The metadata a listing shows; every string is the uploader's word and unescaped. */
export interface MetadataSummary {
  name: string | null
  author: string | null
  organisation: string | null
  description: string | null
  licence: string | null
  quantised_by: string | null
  base_models: string[]
  languages: string[]
  tags: string[]
  context_length: number | null
  embedding_length: number | null
  block_count: number | null
  head_count: number | null
  vocabulary: number | null
  tokenizer: string | null
  imatrix: boolean
}

const MAX_TEXT = 500

/** Says what a file is for, from its own keys. */
export function kindOf(header: GgufHeader): Exclude<FileKind, 'safetensors'> {
  const type = stringOf(header, 'general.type')
  const architecture = stringOf(header, 'general.architecture')
  if ((numberOf(header, 'split.no') ?? 0) > 0) return 'shard'
  if (type === 'imatrix') return 'imatrix'
  if (type === 'adapter') return 'adapter'
  if (type === 'mmproj' || architecture === 'clip') return 'projector'
  // gguf-split can leave the first shard without tensors.
  const split = (numberOf(header, 'split.count') ?? 1) > 1
  return header.tensors.length === 0 && !split ? 'vocabulary' : 'model'
}

/** Picks what a listing shows. */
export function summariseMetadata(header: GgufHeader): MetadataSummary {
  const architecture = stringOf(header, 'general.architecture') ?? ''
  const text = (key: string) => stringOf(header, key)?.slice(0, MAX_TEXT) ?? null
  const tokens = header.metadata.get('tokenizer.ggml.tokens')
  const bases = Math.min(numberOf(header, 'general.base_model.count') ?? 0, 10)
  return {
    name: text('general.name'),
    author: text('general.author'),
    organisation: text('general.organization'),
    description: text('general.description'),
    licence: text('general.license'),
    quantised_by: text('general.quantized_by'),
    base_models: Array.from(
      { length: bases },
      (_, i) => text(`general.base_model.${i}.repo_url`) ?? text(`general.base_model.${i}.name`),
    ).filter((name) => name !== null),
    languages: stringsOf(header, 'general.languages').map((s) => s.slice(0, MAX_TEXT)),
    tags: stringsOf(header, 'general.tags').map((s) => s.slice(0, MAX_TEXT)),
    context_length: numberOf(header, `${architecture}.context_length`),
    embedding_length: numberOf(header, `${architecture}.embedding_length`),
    block_count: numberOf(header, `${architecture}.block_count`),
    head_count: numberOf(header, `${architecture}.attention.head_count`),
    vocabulary: tokens?.type === 'array' ? tokens.length : null,
    tokenizer: text('tokenizer.ggml.model'),
    imatrix: hasImatrix(header),
  }
}

/** Whether the quantiser says that it used an importance matrix. */
export function hasImatrix(header: GgufHeader): boolean {
  return [...header.metadata.keys()].some((key) => key.startsWith('quantize.imatrix.'))
}

const MARKUP = /<\/?[a-z!][^>]{0,200}>|javascript:/i
const MAX_ITEMS = 1_000

/** Finds texts that could deceive a reader, drive a terminal or run in a page that forgets to escape. */
export function lintTexts(header: GgufHeader): Finding[] {
  const findings: Finding[] = []
  for (const [key, value] of header.metadata) {
    // Templates have a lint of their own; vocabularies rightly hold anything.
    if (key.startsWith('tokenizer.')) continue
    const texts: string[] = []
    if (value.type === 'string') texts.push(value.value)
    else if (value.type === 'array' && value.of === 'string')
      for (let i = 0; i < Math.min(value.length, MAX_ITEMS); i += 1)
        texts.push(new TextDecoder().decode(stringBytes(value, i)))
    const hazards = new Set(texts.flatMap(textHazards))
    if (hazards.size > 0)
      findings.push({
        code: 'gguf_text_hazard',
        severity: 'warn',
        message: `"${key}" holds ${[...hazards].join(' and ')} characters`,
        offset: value.offset,
      })
    if (texts.some((text) => MARKUP.test(text)))
      findings.push({
        code: 'gguf_text_markup',
        severity: 'warn',
        message: `"${key}" holds markup`,
        offset: value.offset,
      })
    if (findings.length > 50) break
  }
  return findings
}
