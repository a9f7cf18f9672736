import type { ByteSource } from '../../core/byte-source.ts'
import { QalError } from '../../core/error.ts'
import { isTemplateKey } from '../header.ts'
import { parseGguf } from '../parse.ts'
import { printable } from '../text.ts'
import { templateName } from './name.ts'

/** The chat templates that a model's publisher gives, by their names; `default` is the one without. */
export interface UpstreamTemplates {
  /** What to call it where it is spoken of, such as a file's name. */
  from: string
  templates: ReadonlyMap<string, string>
}

const MAX_BYTES = 64 * 1024 * 1024
const MAX_NAMED = 64
const MAGIC = 'GGUF'

/**
 * Reads templates to compare with: from a `tokenizer_config.json` or
 * `chat_template.json`, from a `.jinja` file, or from another GGUF file. Refuses
 * by `input_upstream` what is none of them.
 */
export async function readUpstream(source: ByteSource, from: string): Promise<UpstreamTemplates> {
  const magic = new TextDecoder('latin1').decode(await source.read(0, Math.min(4, source.size)))
  if (magic === MAGIC) return { from, templates: await templatesOfGguf(source, from) }
  if (source.size > MAX_BYTES)
    throw refused(from, `is ${source.size} bytes long`, `at most ${MAX_BYTES} bytes, or a GGUF file`)
  const text = decoded(await source.read(0, source.size), from)
  const json = parsedJson(text)
  if (json === undefined) return { from, templates: new Map([['default', text]]) }
  const templates = templatesOfJson(json)
  if (templates.size === 0) throw refused(from, 'holds no chat_template', 'a chat_template')
  return { from, templates }
}

async function templatesOfGguf(source: ByteSource, from: string): Promise<Map<string, string>> {
  const { metadata } = await parseGguf(source)
  const found = new Map<string, string>()
  for (const [key, value] of metadata)
    if (isTemplateKey(key) && value.type === 'string') found.set(templateName(key), value.value)
  if (found.size === 0) throw refused(from, 'holds no chat template', 'a GGUF file with a chat template')
  return found
}

function decoded(bytes: Uint8Array, from: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw refused(from, 'is not UTF-8', 'a tokenizer_config.json, a .jinja or a GGUF file')
  }
}

/** A template may begin with a brace too, but is no JSON. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** `chat_template` is one text, or a list of `{name, template}` (transformers, `PreTrainedTokenizerBase`). */
function templatesOfJson(json: unknown): Map<string, string> {
  const found = new Map<string, string>()
  const given = fieldOf(json, 'chat_template')
  if (typeof given === 'string') found.set('default', given)
  if (Array.isArray(given))
    for (const each of given.slice(0, MAX_NAMED) as unknown[]) {
      const [name, template] = [fieldOf(each, 'name'), fieldOf(each, 'template')]
      if (typeof name === 'string' && typeof template === 'string') found.set(name, template)
    }
  return found
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}

function refused(from: string, what: string, expected: string): QalError {
  return new QalError('input_upstream', `Cannot read upstream templates: "${printable(from, 120)}" ${what}`, {
    field: 'upstream',
    expected,
    exit: 4,
  })
}
