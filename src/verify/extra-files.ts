import type { ListedFile } from '../core/events.ts'
import { judgeExtraFile, judgeName, type Inspection } from '../gguf/index.ts'
import { openFileSource } from '../store/file-source.ts'
import { printable } from '../torrent/refuse.ts'
import type { Check } from '../core/report.ts'

const ID = 'extra_files'
const MAX_MESSAGE = 500

/** Judges a file beside the model by its name and content (T8). */
export async function extraFileCheck({ path }: ListedFile, diskPath: string): Promise<Check> {
  const source = await openFileSource(diskPath)
  try {
    const { verdict, message, found } = await judgeExtraFile(path, source)
    return {
      id: ID,
      verdict,
      path,
      message: message.slice(0, MAX_MESSAGE),
      ...(found !== undefined && { found }),
    }
  } finally {
    await source.close()
  }
}

const KIND_OF_ROLE: Partial<Record<ListedFile['role'], NonNullable<Inspection['kind']>>> = {
  mmproj: 'projector',
  lora: 'adapter',
  imatrix: 'imatrix',
}

/** A GGUF file that the strict parser has seen: is it named for what it is? Null where the name says nothing of it. */
export function namedKindCheck({ path, role }: ListedFile, { kind }: Inspection): Check | null {
  const name = judgeName(path)
  if ('refused' in name && name.harmful)
    return {
      id: ID,
      verdict: 'fail',
      path,
      message: `${printable(path)} has no place in a model's torrent: ${name.refused}`.slice(0, MAX_MESSAGE),
    }
  const wanted = KIND_OF_ROLE[role]
  if (wanted === undefined) return null
  return {
    id: ID,
    verdict: kind === wanted ? 'pass' : 'fail',
    path,
    message: `${printable(path)} is ${kind === wanted ? '' : 'named like '}${NOUNS[wanted]}${kind === wanted ? '' : `, but holds ${kind === null ? 'nothing known' : (NOUNS[kind] ?? kind)}`}`,
  }
}

const NOUNS: Record<string, string> = {
  projector: 'a multimodal projector',
  adapter: 'a LoRA adapter',
  imatrix: 'an importance matrix',
  model: 'a model',
  vocabulary: 'a vocabulary',
  shard: 'a shard of a model',
  safetensors: 'a safetensors file',
}
