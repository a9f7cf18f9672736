import { textTwins } from './text-twins.ts'
import {
  isTemplateKey,
  numbersOf,
  stringBytes,
  stringOf,
  type GgufNote,
  type MetaArray,
  type MetaValue,
  type ScalarType,
} from './header.ts'
import { refusal } from './rules.ts'
import { printable } from './text.ts'

type Metadata = ReadonlyMap<string, MetaValue>

const PREFIX = 'tokenizer.ggml.'
/** llama.cpp's LLAMA_TOKEN_TYPE_BYTE. */
const BYTE_TOKEN = 6
const MAX_TOKEN_TYPE = 6
/** Real vocabularies stay below a few hundred bytes; lengths past an int were CVE-2025-49847. */
const MAX_TOKEN_BYTES = 16_384

/** The tokenizers llama.cpp has; of another one it loads nothing. */
const MODELS: ReadonlySet<string> = new Set(
  'llama bert gpt2 t5 rwkv plamo2 gemma4 hybriddna whitespace none no_vocab'.split(' '),
)
const WITHOUT_VOCABULARY: ReadonlySet<string> = new Set(['none', 'no_vocab'])
/** Tokenizers that merge pairs and cannot do without the list. */
const MERGING: ReadonlySet<string> = new Set(['gpt2', 'gemma4', 'hybriddna', 'whitespace'])

const BOOLEANS = [
  'add_bos_token',
  'add_eos_token',
  'add_sep_token',
  'add_space_prefix',
  'remove_extra_whitespaces',
  'normalizer.lowercase',
  'normalizer.strip_accents',
] as const

/** Checks that a tokenizer's arrays fit each other; refuses, or notes what llama.cpp itself ignores. */
export function checkTokenizer(metadata: Metadata, notes: GgufNote[]): void {
  const tokens = arrayOf(metadata, 'tokens', 'string')
  const scores = arrayOf(metadata, 'scores', 'f32')
  const types = arrayOf(metadata, 'token_type', 'i32')
  const merges = arrayOf(metadata, 'merges', 'string')
  arrayOf(metadata, 'suppress_tokens', 'i32')
  demand(metadata, 'model', 'string')
  demand(metadata, 'pre', 'string')
  demand(metadata, 'token_type_count', 'u32')
  for (const key of BOOLEANS) demand(metadata, key, 'bool')
  demandChatTemplate(metadata)
  checkCharacterMap(metadata)
  const model = stringOf({ metadata }, `${PREFIX}model`)
  noteModel(metadata, model, notes)
  if (tokens === null) {
    if (scores !== null || types !== null || merges !== null)
      throw unfit('scores, types or merges stand without tokens', 'tokens', 0)
    noteIds(metadata, null, notes)
    return
  }
  if (tokens.array.length === 0) throw unfit('the vocabulary is empty', 'tokens', tokens.offset)
  if (model === null)
    throw refusal('gguf_key_missing', `the key "${PREFIX}model" is missing`, { field: `${PREFIX}model` })
  const size = tokens.array.length
  if (scores !== null && scores.array.length !== size)
    throw unfit(`${scores.array.length} scores stand beside ${size} tokens`, 'scores', scores.offset)
  if (types !== null && types.array.length !== size)
    throw unfit(`${types.array.length} types stand beside ${size} tokens`, 'token_type', types.offset)
  checkTokens(tokens, types, model)
  if (scores !== null && numbersOf(scores.array, size)?.some(Number.isNaN))
    throw unfit('a score is not a number', 'scores', scores.offset)
  checkUnknownToken(metadata, model, size)
  if (model === 'rwkv') checkEveryByte(tokens)
  if (model === 'llama') noteBytes(tokens, notes)
  checkMerges(merges, model, metadata, notes)
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

/** The bytes of a compiled normaliser: a length that points outside them was an out-of-bounds read. */
function checkCharacterMap(metadata: Metadata): void {
  const name = 'precompiled_charsmap'
  const value = metadata.get(PREFIX + name)
  if (value === undefined) return
  if (value.type !== 'array' || (value.of !== 'i8' && value.of !== 'u8'))
    throw unfit(`"${PREFIX}${name}" is not an array of bytes`, name, value.offset)
  if (value.length === 0) return
  const { bytes } = value
  const length =
    bytes.length < 4
      ? null
      : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true)
  if (length === null || length + 4 >= bytes.length || length % 4 !== 0)
    throw unfit(
      `"${PREFIX}${name}" promises a table of ${length ?? 'no'} bytes in ${bytes.length}`,
      name,
      value.offset,
    )
}

function noteModel(metadata: Metadata, model: string | null, notes: GgufNote[]): void {
  if (model === null) return
  const offset = metadata.get(`${PREFIX}model`)?.offset ?? 0
  if (!MODELS.has(model))
    notes.push({
      code: 'gguf_tokenizer_unknown',
      message: `The tokenizer "${printable(model, 40)}" is not one that llama.cpp has`,
      offset,
    })
  else if (WITHOUT_VOCABULARY.has(model) && metadata.has(`${PREFIX}tokens`))
    notes.push({
      code: 'gguf_tokenizer_unused',
      message: `The tokenizer "${model}" has no vocabulary, yet there are tokens`,
      offset,
    })
}

function checkTokens({ array, offset }: Found, types: Found | null, model: string): void {
  const kinds = types === null ? null : view(types.array)
  const { bytes, spans } = array
  for (let i = 0; i < array.length; i += 1) {
    const start = spans?.[i * 2] ?? 0
    const length = (spans?.[i * 2 + 1] ?? 0) - start
    if (length > MAX_TOKEN_BYTES)
      throw unfit(`token ${i} is ${length} bytes long, more than ${MAX_TOKEN_BYTES}`, `tokens.${i}`, offset)
    const kind = kinds?.getInt32(i * 4, true) ?? 1
    if (kind < 0 || kind > MAX_TOKEN_TYPE)
      throw unfit(
        `token ${i} is of type ${kind}, which does not exist`,
        `token_type.${i}`,
        types?.offset ?? offset,
      )
    if (kind === BYTE_TOKEN && WITHOUT_BYTES.has(model))
      throw unfit(
        `token ${i} is a byte token, which the tokenizer "${model}" has none of`,
        `token_type.${i}`,
        offset,
      )
    // A byte token such as <0x-1> became an index outside the loader's table (llama.cpp#27226).
    const isByte = kind === BYTE_TOKEN || (model === 'plamo2' && looksLikeByte(bytes, start, length))
    if (isByte && !isByteToken(bytes.subarray(start, start + length)))
      throw unfit(`token ${i} is a byte token but not written <0x00> to <0xFF>`, `tokens.${i}`, offset)
  }
  // llama.cpp counts its table of texts against its list of tokens, and aborts (llama.cpp#24885).
  const twins = WITHOUT_VOCABULARY.has(model) ? null : textTwins(array)
  if (twins !== null)
    throw unfit(`tokens ${twins[0]} and ${twins[1]} have the same text`, `tokens.${twins[1]}`, offset)
}

/** Asked for the byte of such a token, these tokenizers abort. */
const WITHOUT_BYTES: ReadonlySet<string> = new Set(['bert', 'rwkv'])

function view({ bytes }: MetaArray): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function looksLikeByte(bytes: Uint8Array, start: number, length: number): boolean {
  return length === 6 && bytes[start] === 0x3c && bytes[start + 1] === 0x30 && bytes[start + 2] === 0x78
}

function isByteToken(text: Uint8Array): boolean {
  return text.length === 6 && /^<0x[0-9A-Fa-f]{2}>$/.test(String.fromCharCode(...text))
}

/** The token for what is not in the vocabulary, where the file names none; these tokenizers index with it. */
const UNKNOWN_TOKENS: Record<string, number> = { bert: 100, t5: 2 }

function checkUnknownToken(metadata: Metadata, model: string, size: number): void {
  const usual = Object.hasOwn(UNKNOWN_TOKENS, model) ? UNKNOWN_TOKENS[model] : undefined
  const value = metadata.get(`${PREFIX}unknown_token_id`)
  if (usual === undefined || usual < size || (value?.type === 'u32' && value.value < size)) return
  throw unfit(
    `the tokenizer "${model}" needs a token for what it does not know, and none is named`,
    'unknown_token_id',
    metadata.get(`${PREFIX}model`)?.offset ?? 0,
  )
}

/** RWKV's tokenizer knows no unknown: a byte without a token is an index past the end of its tree. */
function checkEveryByte({ array, offset }: Found): void {
  const missing = new Set(Array.from({ length: 256 }, (_, byte) => byte))
  for (let i = 0; i < array.length; i += 1) {
    const byte = singleByte(stringBytes(array, i))
    if (byte !== null) missing.delete(byte)
  }
  const [first] = missing
  if (first !== undefined)
    throw unfit(`${missing.size} bytes have no token, the first is ${first}`, 'tokens', offset)
}

/** A character that is no token falls apart into bytes, and a byte that is none ends llama.cpp, though only when somebody writes it. */
function noteBytes({ array, offset }: Found, notes: GgufNote[]): void {
  const seen = new Uint8Array(256)
  const { bytes, spans } = array
  for (let i = 0; i < array.length; i += 1) {
    const start = spans?.[i * 2] ?? 0
    const length = (spans?.[i * 2 + 1] ?? 0) - start
    if (length === 1) seen[bytes[start] ?? 0] = 1
    else if (looksLikeByte(bytes, start, length)) {
      const value = Number.parseInt(String.fromCharCode(bytes[start + 3] ?? 0, bytes[start + 4] ?? 0), 16)
      if (value >= 0) seen[value] = 1
    }
  }
  const missing = seen.filter((present) => present === 0).length
  if (missing > 0)
    notes.push({
      code: 'gguf_tokenizer_bytes',
      message: `${missing} bytes have no token, so that some texts cannot be written in the vocabulary`,
      offset,
    })
}

const ESCAPES: Record<string, number> = { t: 9, n: 10, r: 13 }

/** The byte that a token stands for, written itself or escaped as Python does; null for longer ones. */
function singleByte(text: Uint8Array): number | null {
  if (text.length === 1) return text[0] ?? null
  if (text.length > 4 || text[0] !== 0x5c) return null
  const escape = String.fromCharCode(...text.subarray(1))
  if (/^x[0-9a-fA-F]{2}$/.test(escape)) return Number.parseInt(escape.slice(1), 16)
  return escape.length === 1 ? (ESCAPES[escape] ?? escape.charCodeAt(0)) : null
}

const SPACE = 0x20

/** Merges are pairs with a space between; llama.cpp takes another text for a pair of nothing. */
function checkMerges(merges: Found | null, model: string, metadata: Metadata, notes: GgufNote[]): void {
  if (merges === null) {
    // Kimi K2's tokenizer alone merges without a list.
    if (MERGING.has(model) && stringOf({ metadata }, `${PREFIX}pre`) !== 'kimi-k2')
      notes.push({
        code: 'gguf_tokenizer_merges',
        message: `The tokenizer "${model}" needs merges, and there are none`,
        offset: metadata.get(`${PREFIX}model`)?.offset ?? 0,
      })
    return
  }
  const { bytes, spans, length } = merges.array
  for (let i = 0; i < length; i += 1) {
    const start = spans?.[i * 2] ?? 0
    const end = spans?.[i * 2 + 1] ?? 0
    if (end - start > MAX_TOKEN_BYTES * 2 + 1)
      throw unfit(`merge ${i} is ${end - start} bytes long`, `merges.${i}`, merges.offset)
    // The first character may itself be a space.
    const space = bytes.indexOf(SPACE, start + 1)
    if (space > start && space < end - 1) continue
    notes.push({
      code: 'gguf_tokenizer_merges',
      message: `Merge ${i} is not a pair of texts`,
      offset: merges.offset,
    })
    return
  }
}

/** Tokenizers without a token of their own to begin a text with. */
const WITHOUT_BEGINNING: ReadonlySet<string> = new Set(['t5', 'rwkv', 'gemma4'])

function noteIds(metadata: Metadata, size: number | null, notes: GgufNote[]): void {
  for (const [key, value] of metadata) {
    if (!key.startsWith(PREFIX) || !/_token_ids?$/.test(key)) continue
    if (value.type === 'array' && key.endsWith('s')) continue
    if (value.type !== 'u32')
      throw refusal('gguf_key_type', `"${key}" is of type ${value.type}, not u32`, {
        field: key,
        offset: value.offset,
        expected: 'u32',
        found: value.type,
      })
    if (size !== null && value.value >= size)
      notes.push({
        code: 'gguf_token_id',
        message: `"${key}" is ${value.value}, outside the vocabulary of ${size}`,
        offset: value.offset,
      })
  }
  const begins = metadata.get(`${PREFIX}add_bos_token`)
  const model = stringOf({ metadata }, `${PREFIX}model`)
  if (begins?.type !== 'bool' || !begins.value || !WITHOUT_BEGINNING.has(model ?? '')) return
  if (!metadata.has(`${PREFIX}bos_token_id`))
    notes.push({
      code: 'gguf_token_id',
      message: `"${PREFIX}add_bos_token" asks for a token that "${PREFIX}bos_token_id" does not name`,
      offset: begins.offset,
    })
}

function unfit(what: string, field: string, offset: number): Error {
  return refusal('gguf_tokenizer', what, { field: PREFIX + field, offset })
}
