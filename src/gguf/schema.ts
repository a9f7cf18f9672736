import { checkHyperParameters } from './hyper-parameters.ts'
import type { GgufNote, MetaValue, ScalarType, ValueType } from './header.ts'
import { refusal } from './rules.ts'
import { checkTokenizer } from './tokenizer.ts'

type Metadata = ReadonlyMap<string, MetaValue>

/** Types that llama.cpp or the specification demands of a key; a key of another type makes a loader throw or read garbage. */
const TYPES: Record<string, ValueType> = {
  'general.architecture': 'string',
  'general.type': 'string',
  'general.name': 'string',
  'general.author': 'string',
  'general.version': 'string',
  'general.organization': 'string',
  'general.basename': 'string',
  'general.finetune': 'string',
  'general.size_label': 'string',
  'general.description': 'string',
  'general.quantized_by': 'string',
  'general.license': 'string',
  'general.license.name': 'string',
  'general.license.link': 'string',
  'general.url': 'string',
  'general.repo_url': 'string',
  'general.doi': 'string',
  'general.uuid': 'string',
  'general.file_type': 'u32',
  'general.quantization_version': 'u32',
  'general.base_model.count': 'u32',
  'split.no': 'u16',
  'split.count': 'u16',
  'split.tensors.count': 'i32',
  'adapter.type': 'string',
  'adapter.lora.alpha': 'f32',
  'clip.has_vision_encoder': 'bool',
  'clip.has_audio_encoder': 'bool',
  'clip.has_text_encoder': 'bool',
  'clip.has_llava_projector': 'bool',
  'clip.use_gelu': 'bool',
  'clip.use_silu': 'bool',
  'clip.projector_type': 'string',
}

/** Lists that a listing shows and no loader reads: told, not refused. */
const TOLD_TYPES: Record<string, ScalarType> = {
  'general.tags': 'string',
  'general.languages': 'string',
  'general.datasets': 'string',
}

const FILE_TYPES: ReadonlySet<string> = new Set(
  'model adapter mmproj imatrix vocab template controlvector'.split(' '),
)

/** The specification wants hierarchical lower_snake_case; architectures bring hyphens into it. */
const KEY_SHAPE = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/

/** Checks key types, hyper-parameters, the tokenizer's arrays and a projector's arrays; refuses or adds notes. */
export function checkMetadata(metadata: Metadata, notes: GgufNote[]): void {
  for (const [key, type] of Object.entries(TYPES)) demandType(metadata, key, type)
  tellOddities(metadata, notes)
  checkSplit(metadata)
  const architecture = architectureOf(metadata)
  if (architecture !== null) checkHyperParameters(metadata, architecture, notes)
  checkTokenizer(metadata, notes)
  checkProjector(metadata)
}

function demandType(metadata: Metadata, key: string, type: ValueType): void {
  const value = metadata.get(key)
  if (value === undefined || value.type === type) return
  throw refusal('gguf_key_type', `"${key}" is of type ${value.type}, not ${type}`, {
    field: key,
    offset: value.offset,
    expected: type,
    found: value.type,
  })
}

function tellOddities(metadata: Metadata, notes: GgufNote[]): void {
  const lower = new Set<string>()
  let told = 0
  for (const [key, { offset }] of metadata) {
    const twin = lower.has(key.toLowerCase())
    lower.add(key.toLowerCase())
    if ((!twin && KEY_SHAPE.test(key)) || told >= MAX_TOLD) continue
    told += 1
    const why = twin ? 'differs from another only in its letters’ case' : 'is not lower_snake_case'
    notes.push({ code: 'gguf_key_name', message: `The key "${key.slice(0, 100)}" ${why}`, offset })
  }
  for (const [key, of] of Object.entries(TOLD_TYPES)) {
    const value = metadata.get(key)
    if (value === undefined || (value.type === 'array' && value.of === of)) continue
    notes.push({ code: 'gguf_key_type', message: `"${key}" is not a list of texts`, offset: value.offset })
  }
  const type = metadata.get('general.type')
  if (type?.type === 'string' && !FILE_TYPES.has(type.value))
    notes.push({
      code: 'gguf_file_kind',
      message: '"general.type" is not a kind of file that the specification knows',
      offset: type.offset,
    })
}

const MAX_TOLD = 20

function checkSplit(metadata: Metadata): void {
  const no = metadata.get('split.no')
  const count = metadata.get('split.count')
  const tensors = metadata.get('split.tensors.count')
  if (tensors?.type === 'i32' && tensors.value < 0)
    throw badSplit('split.tensors.count', tensors, 'at least 0', String(tensors.value))
  if (no?.type !== 'u16') return
  const total = count?.type === 'u16' ? count.value : 0
  if (no.value > 0 && no.value >= total)
    throw badSplit('split.no', no, `less than the ${total} of "split.count"`, String(no.value))
}

function badSplit(key: string, { offset }: MetaValue, expected: string, found: string): Error {
  return refusal('gguf_split_count', `"${key}" is ${found}, expected ${expected}`, {
    field: key,
    offset,
    expected,
    found,
  })
}

function architectureOf(metadata: Metadata): string | null {
  const value = metadata.get('general.architecture')
  if (value?.type !== 'string') {
    const type = metadata.get('general.type')
    const laterShard = metadata.get('split.no')
    if (type?.type === 'string' && type.value === 'imatrix') return null
    if (laterShard?.type === 'u16' && laterShard.value > 0) return null
    throw refusal('gguf_key_missing', 'the key "general.architecture" is missing', {
      field: 'general.architecture',
    })
  }
  if (!/^[a-z0-9][a-z0-9_.-]{0,63}$/.test(value.value))
    throw refusal('gguf_architecture', 'the architecture is not a plain lower-case name', {
      field: 'general.architecture',
      offset: value.offset,
      expected: '1 to 64 of a-z, 0-9, _ . -',
    })
  return value.value
}

/** A vision projector's arrays are copied by length without looking (llama.cpp#24976, #24142). */
function checkProjector(metadata: Metadata): void {
  for (const [key, value] of metadata) {
    if (!key.startsWith('clip.')) continue
    const colours = key.endsWith('.image_mean') || key.endsWith('.image_std')
    const pins = key.endsWith('.image_grid_pinpoints')
    if (!colours && !pins) continue
    const right =
      value.type === 'array' &&
      (colours ? value.of === 'f32' && value.length === 3 : value.of === 'i32' && value.length % 2 === 0)
    if (!right)
      throw refusal('gguf_projector', `"${key}" is not the array that an image encoder needs`, {
        field: key,
        offset: value.offset,
        expected: colours ? 'three f32' : 'pairs of i32',
        found: value.type === 'array' ? `${value.length} of ${value.of}` : value.type,
      })
  }
}
