import type { ByteSource } from '../core/byte-source.ts'
import type { Finding } from './finding.ts'
import { foreignFormat } from './foreign.ts'
import type { GgufHeader } from './header.ts'

/** Gaps are shorter than the alignment and rare: rows of most models fill it. More than this is told, not read. */
const MAX_GAPS = 4_096
const MAX_GAP_BYTES = 1024 * 1024

/** Looks into the padding between tensors, which holds zeroes or something that no loader would ever see. */
export async function checkGaps(source: ByteSource, { tensors }: GgufHeader): Promise<Finding[]> {
  let gaps = 0
  let read = 0
  for (let i = 0; i + 1 < tensors.length; i += 1) {
    const tensor = tensors[i]
    const next = tensors[i + 1]
    if (tensor === undefined || next === undefined) continue
    const start = tensor.offset + tensor.bytes
    const length = next.offset - start
    if (length === 0) continue
    gaps += 1
    read += length
    if (gaps > MAX_GAPS || read > MAX_GAP_BYTES)
      return [
        {
          code: 'gguf_padding_unread',
          severity: 'warn',
          message: 'Not all padding between tensors was looked into',
        },
      ]
    const bytes = await source.read(start, length)
    const at = bytes.findIndex((byte) => byte !== 0)
    if (at < 0) continue
    const name = foreignFormat(bytes.subarray(at), length - at)
    return [
      {
        code: 'gguf_trailing_data',
        severity: 'reject',
        message: `Data stands in the padding after "${tensor.name}"${name === null ? '' : `, and it begins like ${name}`}`,
        offset: start + at,
      },
    ]
  }
  return []
}
