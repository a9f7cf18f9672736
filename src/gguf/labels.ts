import { FILE_TYPE_NAMES, type FileType } from './types.ts'

/** A quantisation label as somebody wrote it. */
export interface Label {
  /** As written, upper case: `Q4_K_L`, `UD-Q4_K_XL`. */
  text: string
  /** The file type it names or is a variation of; null where it names none. */
  fileType: FileType | null
  /** Whether the label itself says that the mix is not llama.cpp's own. */
  custom: boolean
}

/** Names in use that llama.cpp spells otherwise. */
const ALIASES: Record<string, FileType> = {
  Q3_K: 'Q3_K_M',
  Q4_K: 'Q4_K_M',
  Q5_K: 'Q5_K_M',
  FP16: 'F16',
  FP32: 'F32',
  MXFP4: 'MXFP4_MOE',
}

/** Community mixes: larger embeddings and output (`_L`), or per-layer choices (`_XL`, `UD-`). */
const CUSTOM: Record<string, FileType> = {
  Q2_K_L: 'Q2_K',
  Q2_K_XL: 'Q2_K',
  Q3_K_XL: 'Q3_K_L',
  Q4_K_L: 'Q4_K_M',
  Q4_K_XL: 'Q4_K_M',
  Q5_K_L: 'Q5_K_M',
  Q5_K_XL: 'Q5_K_M',
  Q6_K_L: 'Q6_K',
  Q6_K_XL: 'Q6_K',
  Q8_0_L: 'Q8_0',
  Q8_K_XL: 'Q8_0',
}

const NAMES = [...FILE_TYPE_NAMES, ...Object.keys(ALIASES), ...Object.keys(CUSTOM)].toSorted(
  (a, b) => b.length - a.length,
)
const IN_TEXT = new RegExp(`(?<![A-Za-z0-9_])(UD[-_])?(${NAMES.join('|')})(?![A-Za-z0-9_])`, 'gi')

/** Reads one label, such as a listing's; unknown names are kept with no file type. */
export function readLabel(text: string): Label {
  const name = text.trim().toUpperCase()
  const dynamic = /^UD[-_]/.test(name)
  const bare = dynamic ? name.slice(3) : name
  if ((FILE_TYPE_NAMES as string[]).includes(bare))
    return { text: name, fileType: bare as FileType, custom: dynamic }
  const custom = Object.hasOwn(CUSTOM, bare) ? CUSTOM[bare] : undefined
  if (custom !== undefined) return { text: name, fileType: custom, custom: true }
  const alias = Object.hasOwn(ALIASES, bare) ? ALIASES[bare] : undefined
  return { text: name, fileType: alias ?? null, custom: dynamic }
}

/** The label in a file name, the last one where there are several (`model-bf16-Q4_K_M.gguf`); null without one. */
export function labelOfFileName(fileName: string): Label | null {
  const base = (fileName.split(/[\\/]/).at(-1) ?? '').slice(0, 512)
  const last = [...base.matchAll(IN_TEXT)].at(-1)
  return last === undefined ? null : readLabel(last[0])
}
