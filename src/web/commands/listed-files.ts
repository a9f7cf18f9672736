import type { FileRole } from '../../core/events.ts'
import { judgeName, printable } from '../../gguf/index.ts'

interface Named {
  path: string
  size_bytes: number
}

/** Whether a file is named as gguf-split names shards. */
export function isShard(path: string): boolean {
  return /-\d{5}-of-\d{5}\.gguf$/i.test(path)
}

/** What a file beside a model is for, by its name. */
export function roleOf(path: string): FileRole {
  if (isShard(path)) return 'shard'
  if (/mmproj.*\.gguf$/i.test(path)) return 'mmproj'
  if (/(?:^|[-_./])(?:lora|adapter)[^/]*\.gguf$/i.test(path)) return 'lora'
  if (/\.imatrix$|imatrix[^/]*\.(?:gguf|dat)$/i.test(path)) return 'imatrix'
  if (/\.(?:sig|asc|minisig)$/i.test(path)) return 'signature'
  return /(?:^|\/)readme(?:\.\w+)?$/i.test(path) ? 'readme' : 'other'
}

/** The file of a torrent that stands for the model: the largest, or the first of shards; null where there is none. */
export function chooseModelFile<File extends Named>(files: readonly File[]): File | null {
  const named = files.filter(({ path }) => /\.(?:gguf|safetensors)$/i.test(path))
  const whole = named.filter(({ path }) => !['mmproj', 'lora', 'imatrix'].includes(roleOf(path)))
  const models = whole.length > 0 ? whole : named
  const [first] = models.length > 0 ? models : files
  if (first === undefined) return null
  // Shards carry their number before the ending; the first stands for the model.
  return models.length > 1 && !models.every(({ path }) => isShard(path))
    ? models.reduce((largest, file) => (file.size_bytes > largest.size_bytes ? file : largest))
    : first
}

/** Files of a torrent that no listing may hold, by their names alone, each with why (trust.md T8). */
export function extraFilesRefused<File extends Named>(files: readonly File[], model: File): string[] {
  return files.flatMap((file) => {
    const name = judgeName(file.path)
    // Where one file is all there is, its name may be anything that does no harm.
    if ('kind' in name || (file === model && !name.harmful)) return []
    return [`${printable(file.path, 80)} (${name.refused})`]
  })
}
