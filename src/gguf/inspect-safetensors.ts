import type { ByteSource } from '../core/byte-source.ts'
import type { Finding } from './finding.ts'
import type { GgufTensor } from './header.ts'
import { parseSafetensors, type SafetensorsTensor } from './safetensors.ts'
import { sampleWeights } from './sample.ts'
import { textHazards } from './text.ts'
import type { TensorTypeName } from './types.ts'

/** What the strict reader found in a safetensors file. */
export interface SafetensorsSummary {
  /** How many tensors are of which type. */
  dtypes: Record<string, number>
  /** The uploader's words, at most 50 of them, shortened. */
  metadata: Record<string, string>
}

export interface SafetensorsInspection {
  summary: SafetensorsSummary
  tensors: number
  parameters: number
  bytes: number
  weights: { bytes_read: number; bytes_total: number }
  findings: Finding[]
}

const MAX_TEXTS = 50
const MAX_TEXT = 500

/** Types whose values ggml has too, so that the same look into the weights serves both. */
const SAMPLED: Partial<Record<SafetensorsTensor['dtype'], TensorTypeName>> = {
  F32: 'F32',
  F16: 'F16',
  BF16: 'BF16',
  F64: 'F64',
}

/** Reads a safetensors file strictly and looks into its weights; refuses by QalError. */
export async function inspectSafetensors(
  source: ByteSource,
  sampleBytes: number,
): Promise<SafetensorsInspection> {
  const { metadata, tensors } = await parseSafetensors(source)
  const dtypes: Record<string, number> = {}
  for (const { dtype } of tensors) dtypes[dtype] = (dtypes[dtype] ?? 0) + 1
  const findings: Finding[] = []
  for (const [key, value] of metadata)
    if (textHazards(key).length > 0 || textHazards(value).length > 0)
      findings.push({
        code: 'safetensors_text_hazard',
        severity: 'warn',
        message: '"__metadata__" holds control, bidi or hidden characters',
      })
  const sampled = tensors.flatMap(asGguf)
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)
  let read = 0
  if (sampleBytes > 0 && sampled.length > 0) {
    const sample = await sampleWeights(source, sampled, { maxBytes: sampleBytes })
    findings.push(...sample.findings)
    read = sample.bytes_read
  }
  const texts = [...metadata].slice(0, MAX_TEXTS)
  return {
    summary: {
      dtypes,
      metadata: Object.fromEntries(
        texts.map(([key, value]) => [key.slice(0, MAX_TEXT), value.slice(0, MAX_TEXT)]),
      ),
    },
    tensors: tensors.length,
    parameters: tensors.reduce((sum, tensor) => sum + tensor.elements, 0),
    bytes,
    weights: { bytes_read: read, bytes_total: bytes },
    findings: findings.slice(0, 20),
  }
}

function asGguf({ name, dtype, shape, elements, offset, bytes }: SafetensorsTensor): GgufTensor[] {
  const type = SAMPLED[dtype]
  if (type === undefined || elements === 0) return []
  return [{ name, dims: shape.toReversed(), elements, type, offset, bytes }]
}
