import { isPlain } from '../../../core/fields.ts'
import { Tag } from '../../../core/events.ts'
import { readHubUrl } from '../../../core/hub.ts'
import { hardwareSentence, labelOfFileName, type Inspection } from '../../../gguf/index.ts'
import { chooseModelFile } from '../../commands/listed-files.ts'
import { parseMagnet, type Magnet } from '../../../torrent/magnet.ts'
import type { ModelReport, TorrentReport } from '../inspect/report.ts'

/** Fields of the form that a file can fill. */
export type FilledField =
  | 'name'
  | 'size_bytes'
  | 'quantisation'
  | 'licence'
  | 'tags'
  | 'hardware'
  | 'quantised_by'
  | 'source_repository'
  | 'source_url'
  | 'source_commit'
  | 'source_path'
  | 'sha256'
  | 'md5'
export type FormValues = Partial<Record<FilledField, string>>

const MAX_NAME = 120
const MAX_SHORT = 80
const MAX_TAGS = 16
const LABEL = /^[A-Z0-9][A-Z0-9_]{1,23}$/
const SHARD = /-\d{5}-of-\d{5}(?=\.gguf$)/i
const HUB = /^https:\/\/huggingface\.co\/([\w.-]{1,96}\/[\w.-]{1,96})\/?$/

/** What a model's header says of itself, as far as a listing's fields can hold it; every word is still the uploader's claim. */
export function valuesOfModel({ inspection, files }: ModelReport): FormValues {
  const { metadata, memory } = inspection
  const label = provenLabel(inspection)
  const base = metadata?.base_models.find((url) => HUB.test(url))
  return present({
    name: nameOf(metadata?.name ?? null, files[0]?.name ?? '', label),
    quantisation: label,
    licence: plain(metadata?.licence, MAX_SHORT),
    tags: tagsOf(inspection),
    hardware: memory === null ? null : plain(hardwareSentence(memory), 200),
    quantised_by: plain(metadata?.quantised_by, MAX_SHORT),
    source_repository: base === undefined ? null : (HUB.exec(base)?.[1] ?? null),
    source_url: base ?? null,
  })
}

/** What a .torrent says of the model in it. */
export function valuesOfTorrent({ torrent }: TorrentReport): FormValues {
  const model = chooseModelFile(torrent.files)
  if (model === null) return {}
  const fileName = model.path.split('/').at(-1) ?? ''
  const label = labelOfFileName(fileName)?.text ?? null
  return present({
    name: nameOf(null, fileName, null),
    size_bytes: String(model.size_bytes),
    quantisation: label !== null && LABEL.test(label) ? label : null,
  })
}

/** A magnet or an info hash as it was typed: what it says, or what is wrong with it; null while there is nothing. */
export function readTyped(text: string): { magnet: Magnet } | { error: string } | null {
  const typed = text.trim()
  if (typed === '') return null
  if (/^[0-9a-f]{40}$/i.test(typed)) return { magnet: { ...NO_MAGNET, infoHash: typed.toLowerCase() } }
  if (/^[0-9a-f]{64}$/i.test(typed)) return { magnet: { ...NO_MAGNET, infoHashV2: typed.toLowerCase() } }
  if (!/^magnet:/i.test(typed))
    return { error: 'expected 40 hexadecimal digits (v1), 64 (v2), or a magnet link' }
  try {
    return { magnet: parseMagnet(typed) }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

const NO_MAGNET: Magnet = {
  infoHash: null,
  infoHashV2: null,
  name: null,
  size: null,
  trackers: [],
  webSeeds: [],
  select: [],
}

export function valuesOfMagnet({ name, size }: Magnet): FormValues {
  const label = name === null ? null : (labelOfFileName(name)?.text ?? null)
  return present({
    name: name === null ? null : nameOf(null, name, null),
    size_bytes: size === null ? null : String(size),
    quantisation: label !== null && LABEL.test(label) ? label : null,
  })
}

/** What an address of the Hub names, and whether it is pinned; null for another address. What it does not name is emptied. */
export function valuesOfHubUrl(text: string): { values: FormValues; said: string } | null {
  const named = readHubUrl(text.trim())
  if (named === null) return null
  const { repository, commit, revision, path } = named
  const values = { source_repository: repository, source_commit: commit ?? '', source_path: path ?? '' }
  const pinned =
    commit !== null
      ? 'Pinned by its commit.'
      : revision === null
        ? 'It names no commit, so that nothing is pinned: the source stays a claim.'
        : `${plain(revision, 80) ?? 'It'} is a branch or tag and can change, so that nothing is pinned: the source stays a claim. The file’s page has the commit under History.`
  return {
    values,
    said: `${pinned}${path === null ? '' : ' Empty the path below unless this very file is there.'}`,
  }
}

/** What the tensors prove; a label that they contradict is never filled in. */
function provenLabel({ quantisation }: Inspection): string | null {
  if (quantisation === null) return null
  const { match, claimed, proven } = quantisation
  const label = match === 'mislabelled' ? proven[0] : match === 'unknown' ? null : (claimed ?? proven[0])
  return label !== null && label !== undefined && LABEL.test(label) ? label : null
}

function nameOf(own: string | null, fileName: string, label: string | null): string | null {
  const fromFile = fileName
    .replace(SHARD, '')
    .replace(/\.(?:gguf|safetensors)$/i, '')
    .replaceAll('_', ' ')
  const name = plain(own, MAX_NAME) ?? plain(restoreLabel(fromFile), MAX_NAME)
  if (name === null || label === null || labelOfFileName(name) !== null) return name
  return plain(`${name} ${label}`, MAX_NAME) ?? name
}

/** `model Q4 K M` is no label: underlines inside one stay. */
function restoreLabel(name: string): string {
  return name
    .replaceAll(/\b(I?Q\d|TQ\d|BF16|F16|MXFP4) (?=(?:K|0|1|XXS|XS|S|M|NL|MOE)\b)/g, '$1_')
    .replaceAll(/(Q\d_K) (?=(?:S|M|L|XL)\b)/g, '$1_')
}

function tagsOf({ architecture, kind, metadata }: Inspection): string | null {
  const wished = [
    architecture,
    kind === 'adapter' ? 'lora' : null,
    kind === 'projector' ? 'mmproj' : null,
    ...(metadata?.tags ?? []),
    ...(metadata?.languages ?? []),
  ]
  const tags = wished
    .filter((tag) => tag !== null)
    .map((tag) => tag.toLowerCase().trim())
    .filter((tag) => Tag.safeParse(tag).success)
  return [...new Set(tags)].slice(0, MAX_TAGS).join(' ')
}

/** One line of visible text that fits, or nothing: what would be refused is not filled in. */
function plain(text: string | null | undefined, max: number): string | null {
  const trimmed = text?.trim() ?? ''
  return trimmed === '' || trimmed.length > max || !isPlain(trimmed) ? null : trimmed
}

function present(values: Record<string, string | null>): FormValues {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== ''))
}
