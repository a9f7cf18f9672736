/** What a file beside a model may be, by its name; its content must then be that. */
export type ExtraKind =
  | 'gguf'
  | 'safetensors'
  | 'imatrix'
  | 'text'
  | 'json'
  | 'tokenizer'
  | 'checksum'
  | 'signature'
  | 'png'
  | 'jpeg'
  | 'webp'

/** What the list says of a name. */
export type NameVerdict =
  | { kind: ExtraKind }
  /** Why not, in words that follow a colon, and whether it is named like what does harm when it is opened. */
  | { refused: string; harmful: boolean }

const ALLOWED: Record<string, ExtraKind> = {
  gguf: 'gguf',
  safetensors: 'safetensors',
  imatrix: 'imatrix',
  md: 'text',
  txt: 'text',
  yaml: 'text',
  yml: 'text',
  jinja: 'text',
  json: 'json',
  model: 'tokenizer',
  sha256: 'checksum',
  md5: 'checksum',
  sig: 'signature',
  asc: 'signature',
  minisig: 'signature',
  png: 'png',
  jpg: 'jpeg',
  jpeg: 'jpeg',
  webp: 'webp',
}

/** Names without an ending that texts of law and explanation have. */
const TEXT_NAME =
  /^(?:readme|licen[cs]e|notice|copying|copyright|authors|contributors|changelog|citation|use[_-]policy)(?:[-_][a-z0-9_-]{1,40})?$/i
const CHECKSUM_NAME = /^(?:sha256|md5)sums$/i

const PROGRAMS = endings(
  'exe com scr pif msi dll sys drv cpl so dylib app dmg pkg deb rpm apk jar class wasm elf out run appimage lnk hta',
)
const SCRIPTS = endings(
  'sh bash zsh fish bat cmd ps1 psm1 vbs vbe js mjs cjs jse wsf wsh py pyw pyc pyo ipynb rb pl php lua tcl r desktop url command reg',
)
const ARCHIVES = endings('zip tar gz tgz bz2 xz zst lz4 7z rar cab iso img vhd')
const PICKLES = endings('pt pth ckpt pkl pickle joblib bin npy npz h5 hdf5 keras pb onnx msgpack')
const DOCUMENTS = endings(
  'html htm xhtml mht svg xml pdf rtf doc docx docm xls xlsx xlsm ppt pptx pptm odt ods odp swf chm',
)

const ODD = 'nothing that belongs beside a model'

function endings(text: string): ReadonlySet<string> {
  return new Set(text.split(' '))
}

/**
 * Whether a torrent may hold a file of this name beside its model (T8). It is a
 * list of what is allowed: an ending that nobody thought of is refused, too.
 */
export function judgeName(path: string): NameVerdict {
  const name = path.split('/').at(-1) ?? ''
  const [stem, ...parts] = name.toLowerCase().split('.')
  const ending = parts.at(-1)
  if (ending === undefined) {
    if (CHECKSUM_NAME.test(name)) return { kind: 'checksum' }
    return TEXT_NAME.test(name)
      ? { kind: 'text' }
      : { refused: 'its name says nothing of what it is', harmful: false }
  }
  // The one file that comes with every clone of a repository.
  if (stem === '' && parts.length === 1 && ending === 'gitattributes') return { kind: 'text' }
  const inner = parts.slice(0, -1).find((part) => PROGRAMS.has(part) || SCRIPTS.has(part))
  if (inner !== undefined && !/^(?:js|r|out|com|run|app|class|pl|so)$/.test(inner))
    return { refused: `it is named like ${nounOf(inner)} with another ending after it`, harmful: true }
  if (ending === 'dat' && name.toLowerCase().includes('imatrix')) return { kind: 'imatrix' }
  const kind = Object.hasOwn(ALLOWED, ending) ? ALLOWED[ending] : undefined
  if (kind !== undefined) return { kind }
  const noun = nounOf(ending)
  return { refused: `it is named like ${noun}`, harmful: noun !== ODD }
}

function nounOf(ending: string): string {
  if (PROGRAMS.has(ending)) return 'a program'
  if (SCRIPTS.has(ending)) return 'a script'
  if (ARCHIVES.has(ending)) return 'an archive'
  if (PICKLES.has(ending)) return 'weights in a format that can run code'
  if (DOCUMENTS.has(ending)) return 'a document that can run scripts'
  return ODD
}

/** What an allowed torrent holds, for a message. */
export const ALLOWED_WORDS =
  'models (.gguf, .safetensors), imatrix files, texts (.md, .txt, .json, .yaml, .jinja, README, LICENSE, NOTICE), tokenizers (.model), signatures and checksums (.sig, .asc, .minisig, .sha256, .md5) and images (.png, .jpg, .webp)'
