import {
  isTemplateKey,
  numbersOf,
  stringBytes,
  type GgufNote,
  type MetaArray,
  type MetaValue,
  type ScalarType,
} from './header.ts'
import { refusal } from './rules.ts'

type Metadata = ReadonlyMap<string, MetaValue>

const PREFIX = 'tokenizer.ggml.'
/** llama.cpp's LLAMA_TOKEN_TYPE_BYTE. */
const BYTE_TOKEN = 6
const MAX_TOKEN_TYPE = 6
/** Real vocabularies stay below a few hundred bytes; lengths past an int were CVE-2025-49847. */
const MAX_TOKEN_BYTES = 16_384

/** Checks that a tokenizer's arrays fit each other; refuses, or notes what llama.cpp itself ignores. */
export function checkTokenizer(metadata: Metadata, notes: GgufNote[]): void {
  const tokens = arrayOf(metadata, 'tokens', 'string')
  const scores = arrayOf(metadata, 'scores', 'f32')
  const types = arrayOf(metadata, 'token_type', 'i32')
  arrayOf(metadata, 'merges', 'string')
  demand(metadata, 'model', 'string')
  demand(metadata, 'pre', 'string')
  for (const key of ['add_bos_token', 'add_eos_token', 'add_space_prefix'] as const)
    demand(metadata, key, 'bool')
  demandChatTemplate(metadata)
  if (tokens === null) {
    if (scores !== null || types !== null) throw unfit('scores or types stand without tokens', 'tokens', 0)
    return
  }
  if (tokens.array.length === 0) throw unfit('the vocabulary is empty', 'tokens', tokens.offset)
  if (!metadata.has(`${PREFIX}model`))
    throw refusal('gguf_key_missing', `the key "${PREFIX}model" is missing`, { field: `${PREFIX}model` })
  const size = tokens.array.length
  if (scores !== null && scores.array.length !== size)
    throw unfit(`${scores.array.length} scores stand beside ${size} tokens`, 'scores', scores.offset)
  if (types !== null && types.array.length !== size)
    throw unfit(`${types.array.length} types stand beside ${size} tokens`, 'token_type', types.offset)
  checkTokens(tokens, types)
  if (scores !== null && numbersOf(scores.array, size)?.some(Number.isNaN))
    throw unfit('a score is not a number', 'scores', scores.offset)
  noteIds(metadata, size, notes)
}

interface Found {
  array: MetaArray
  offset: number
}

function arrayOf(metadata: Metadata, name: string, of: ScalarType): Found | null {
  const value = metadata.get(PREFIX + name)
  if (value === undefined) return null
  if (value.type === 'array' && value.of === of) return { array: value, offset: value.offset }
  const found = value.type === 'array' ? `an array of ${value.of}` : value.type
  throw unfit(`"${PREFIX}${name}" is ${found}, not an array of ${of}`, name, value.offset)
}

function demand(metadata: Metadata, name: string, type: ScalarType): void {
  const value = metadata.get(PREFIX + name)
  if (value !== undefined && value.type !== type)
    throw refusal('gguf_key_type', `"${PREFIX}${name}" is of type ${value.type}, not ${type}`, {
      field: PREFIX + name,
      offset: value.offset,
      expected: type,
      found: value.type,
    })
}

function demandChatTemplate(metadata: Metadata): void {
  for (const [key, value] of metadata) {
    if (!isTemplateKey(key)) continue
    if (value.type !== 'string')
      throw refusal('gguf_key_type', `"${key}" is of type ${value.type}, not string`, {
        field: key,
        offset: value.offset,
        expected: 'string',
        found: value.type,
      })
  }
}

function checkTokens({ array, offset }: Found, types: Found | null): void {
  const kinds = types === null ? null : (numbersOf(types.array, array.length) ?? null)
  for (let i = 0; i < array.length; i += 1) {
    const text = stringBytes(array, i)
    if (text.length > MAX_TOKEN_BYTES)
      throw unfit(
        `token ${i} is ${text.length} bytes long, more than ${MAX_TOKEN_BYTES}`,
        `tokens.${i}`,
        offset,
      )
    const kind = kinds?.[i] ?? 1
    if (kind < 0 || kind > MAX_TOKEN_TYPE)
      throw unfit(
        `token ${i} is of type ${kind}, which does not exist`,
        `token_type.${i}`,
        types?.offset ?? offset,
      )
    // A byte token such as <0x-1> became an index outside the loader's table (llama.cpp#27226).
    if (kind === BYTE_TOKEN && !isByteToken(text))
      throw unfit(`token ${i} is a byte token but not written <0x00> to <0xFF>`, `tokens.${i}`, offset)
  }
}

function isByteToken(text: Uint8Array): boolean {
  return text.length === 6 && /^<0x[0-9A-Fa-f]{2}>$/.test(String.fromCharCode(...text))
}

function noteIds(metadata: Metadata, size: number, notes: GgufNote[]): void {
  for (const [key, value] of metadata) {
    if (!key.startsWith(PREFIX) || !/_token_ids?$/.test(key)) continue
    if (value.type === 'array') continue
    if (value.type !== 'u32')
      throw refusal('gguf_key_type', `"${key}" is of type ${value.type}, not u32`, {
        field: key,
        offset: value.offset,
        expected: 'u32',
        found: value.type,
      })
    if (value.value >= size)
      notes.push({
        code: 'gguf_token_id',
        message: `"${key}" is ${value.value}, outside the vocabulary of ${size}`,
        offset: value.offset,
      })
  }
}

function unfit(what: string, field: string, offset: number): Error {
  return refusal('gguf_tokenizer', what, { field: PREFIX + field, offset })
}
