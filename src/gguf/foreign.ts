interface Signature {
  name: string
  bytes: readonly number[] | string
  at?: number
}

/** What a file that is not GGUF may be instead, most telling first. */
const SIGNATURES: readonly Signature[] = [
  { name: 'an ELF program', bytes: '\x7fELF' },
  { name: 'a Windows program', bytes: 'MZ' },
  { name: 'a Mach-O program', bytes: [0xcf, 0xfa, 0xed, 0xfe] },
  { name: 'a Mach-O program', bytes: [0xca, 0xfe, 0xba, 0xbe] },
  { name: 'a script', bytes: '#!' },
  { name: 'a ZIP archive (perhaps a PyTorch checkpoint, which can run code)', bytes: 'PK\x03\x04' },
  { name: 'a ZIP archive', bytes: 'PK\x05\x06' },
  { name: 'a gzip archive', bytes: [0x1f, 0x8b] },
  { name: 'a Zstandard archive', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: 'an xz archive', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a] },
  { name: 'a 7-Zip archive', bytes: [0x37, 0x7a, 0xbc, 0xaf] },
  { name: 'a RAR archive', bytes: 'Rar!' },
  { name: 'a tar archive', bytes: 'ustar', at: 257 },
  { name: 'an HDF5 file', bytes: [0x89, 0x48, 0x44, 0x46] },
  { name: 'a NumPy array', bytes: [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] },
  { name: 'a PDF document', bytes: '%PDF' },
  { name: 'a PNG image', bytes: [0x89, 0x50, 0x4e, 0x47] },
  { name: 'a torrent', bytes: 'd8:announce' },
  // Formats before GGUF; their magic numbers are little-endian, so the letters stand reversed.
  { name: 'a GGML file from before GGUF', bytes: 'lmgg' },
  { name: 'a GGML file from before GGUF', bytes: 'fmgg' },
  { name: 'a GGML file from before GGUF', bytes: 'tjgg' },
  { name: 'a GGML adapter from before GGUF', bytes: 'algg' },
]

function matches(head: Uint8Array, { bytes, at = 0 }: Signature): boolean {
  for (let i = 0; i < bytes.length; i += 1) {
    const wanted = typeof bytes === 'string' ? bytes.charCodeAt(i) : bytes[i]
    if (head[at + i] !== wanted) return false
  }
  return true
}

/**
 * Names the format of a file that is not GGUF, from its first bytes (512 are
 * enough) and its size; null where nothing is recognised.
 */
export function foreignFormat(head: Uint8Array, size: number): string | null {
  const known = SIGNATURES.find((signature) => matches(head, signature))
  if (known !== undefined) return known.name
  const text = String.fromCharCode(...head.subarray(0, 256)).trimStart()
  if (text.startsWith('version https://git-lfs')) return 'a Git LFS pointer, not the model it stands for'
  if (/^(?:\ufeff|ï»¿)?<(?:!doctype html|html|head|body|!--)/i.test(text)) return 'an HTML page'
  if (text.startsWith('<?xml')) return 'an XML document'
  if (head.length >= 10 && isSafetensors(head, size)) return 'a safetensors file'
  // Pickle protocols 2 to 5 begin with PROTO and its number: unpickling runs code, so it is named as such.
  if (head[0] === 0x80 && (head[1] ?? 0) >= 2 && (head[1] ?? 0) <= 5)
    return 'a Python pickle, which can run code'
  if (/^[{[]/.test(text)) return 'a JSON document'
  if (head.length > 0 && head.every((byte) => byte === 0)) return 'a file of zero bytes'
  return null
}

// A u64 length of the JSON header, then `{`.
function isSafetensors(head: Uint8Array, size: number): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  return view.getBigUint64(0, true) <= BigInt(size) - 8n && head[8] === 0x7b
}
