import type { ByteSource } from '../core/byte-source.ts'
import { isQalError } from '../core/error.ts'
import { checkArchitecture, isKnownArchitecture } from './architectures.ts'
import { isAsWanted, wantedName } from './compare.ts'
import { isSafetensors } from './foreign.ts'
import { checkGaps } from './gaps.ts'
import { verdictOf, type Finding, type Verdict } from './finding.ts'
import { stringOf, weigh, type GgufHeader } from './header.ts'
import { labelOfFileName, readLabel } from './labels.ts'
import { memoryNeeds, type MemoryNeeds } from './memory.ts'
import { kindOf, lintTexts, summariseMetadata, type FileKind, type MetadataSummary } from './metadata.ts'
import { parseGguf } from './parse.ts'
import { proveTensors, type Claim, type Proof, type Quantisation } from './proof.ts'
import { claimOfHeader, quantisationFindings } from './quantisation-findings.ts'
import { RULES, type GgufCode } from './rules.ts'
import { sampleWeights } from './sample.ts'
import { sizeFindings } from './size-claims.ts'
import { inspectSafetensors, type SafetensorsSummary } from './inspect-safetensors.ts'
import { checkOtherKind } from './other-kinds.ts'
import { gatherShards, lonelyShard, splitOf, tensorsOf, type OpenShard, type Shard } from './split.ts'
import type { TensorTypeName } from './types.ts'
import { lintTemplates, type TemplateHashes, type TemplateSummary } from './template.ts'
import type { UpstreamTemplates } from './template/upstream.ts'

/** What `qal inspect` says of a file. */
export interface Inspection {
  verdict: Verdict
  findings: Finding[]
  file_name: string | null
  /** Of all shards. */
  size_bytes: number
  kind: FileKind | null
  gguf_version: number | null
  architecture: string | null
  /** Weights in all tensors. */
  parameters: number | null
  quantisation: Quantisation | null
  metadata: MetadataSummary | null
  tensors: number
  /** Every tensor with what its recipe wants of it; null unless it was asked for. */
  tensor_table: TensorRow[] | null
  shards: number
  template: TemplateSummary | null
  memory: MemoryNeeds | null
  /** Of a safetensors file; null for GGUF. */
  safetensors: SafetensorsSummary | null
  /** How many bytes of the weights were looked into, of how many. */
  weights: { bytes_read: number; bytes_total: number } | null
}

export interface InspectOptions {
  /** Its label is a claim, and shards are found by it. */
  fileName?: string | undefined
  /** The label the listing claims, such as `Q4_K_M`. */
  label?: string | undefined
  openShard?: OpenShard | undefined
  /** Bytes of weights to look into for NaN, zeroes and blown-up values; 0 looks at none. */
  sampleBytes?: number
  /** Whether to give the table of tensors. */
  tensorTable?: boolean
  /** Without it the templates are linted, but no hash of them is told. */
  hashes?: TemplateHashes
  /** The publisher's templates, to compare this file's with. */
  upstream?: UpstreamTemplates | undefined
}

/** One tensor beside what the recipe wants that `quantisation.compared_with` names. */
export interface TensorRow {
  name: string
  /** Innermost dimension first, as in the file. */
  shape: number[]
  type: TensorTypeName
  bytes: number
  /** Counted from 0. */
  shard: number
  /** A type, or in words which are allowed; null where there is no recipe to compare with. */
  expected: string | null
  matches: boolean | null
}

const DEFAULT_SAMPLE_BYTES = 32 * 1024 * 1024

/**
 * Inspects a GGUF file: structure, label, template, weights. What is wrong with
 * the file is in the result; only errors of the source itself are thrown.
 */
export async function inspect(source: ByteSource, options: InspectOptions = {}): Promise<Inspection> {
  const nothing = emptyInspection(source, options)
  let header: GgufHeader
  try {
    header = await parseGguf(source)
  } catch (error) {
    const refused = refusalOf(error)
    if (refused.code === 'gguf_not_gguf' && (await looksLikeSafetensors(source, options)))
      return inspectOther(source, options, nothing)
    return conclude(nothing, [refused])
  }
  const findings: Finding[] = header.notes.map((note) => ({ ...note, severity: 'warn' }))
  const shards = await allShards({ source, header }, options, findings)
  const tensors = tensorsOf(shards)
  // The first shard of a split may hold no tensor itself.
  const kind = kindOf({ ...header, tensors })
  // With a shard missing or foreign nothing may be said of the whole.
  const broken = findings.some(({ severity }) => severity === 'reject')
  if (kind !== 'model')
    findings.push(
      { code: 'gguf_not_a_model', severity: 'warn', message: `The file is ${KINDS[kind]}, not a model` },
      ...checkOtherKind(header, kind),
    )
  else if (!broken) findings.push(...checkArchitecture(header, tensors))
  const template = await lintTemplates(header, options)
  findings.push(...lintTexts(header), ...template.findings)

  const architecture = stringOf(header, 'general.architecture')
  let proof: Proof | null = null
  if (kind === 'model' && !broken) {
    const ofHeader = claimOfHeader(header)
    proof = proveTensors(header, tensors, claimsOf(options, ofHeader.claim), {
      knownArchitecture: architecture !== null && isKnownArchitecture(architecture),
    })
    findings.push(
      ...ofHeader.findings,
      ...quantisationFindings(header, tensors, proof.quantisation),
      ...sizeFindings(header, { parameters: weigh(tensors).elements, fileName: options.fileName }),
    )
  }
  const weights = await lookIntoWeights(
    shards,
    { budget: options.sampleBytes ?? DEFAULT_SAMPLE_BYTES, architecture },
    findings,
  )
  return conclude(
    {
      ...nothing,
      size_bytes: shards.reduce((sum, shard) => sum + shard.source.size, 0),
      kind,
      gguf_version: header.version,
      architecture,
      parameters: weigh(tensors).elements,
      quantisation: proof?.quantisation ?? null,
      metadata: summariseMetadata(header),
      tensors: tensors.length,
      tensor_table: options.tensorTable === true ? tableOf(shards, proof?.expected ?? null) : null,
      shards: shards.length,
      template: { ...template, findings: template.findings.map(withRule) },
      memory: memoryNeeds(header, tensors),
      weights,
    },
    findings,
  )
}

/** A refusal by a strict reader as a finding; any other error is thrown on. */
function refusalOf(error: unknown): Finding {
  if (!isQalError(error) || !/^(?:gguf|safetensors)_/.test(error.code)) throw error
  const { offset } = error.facts
  return {
    code: error.code as GgufCode,
    severity: 'reject',
    message: error.message,
    ...(offset !== undefined && { offset }),
  }
}

async function looksLikeSafetensors(source: ByteSource, { fileName }: InspectOptions): Promise<boolean> {
  const name = fileName?.toLowerCase() ?? ''
  if (name.endsWith('.safetensors')) return true
  // What is named GGUF must be GGUF.
  if (name.endsWith('.gguf')) return false
  return source.size >= 10 && isSafetensors(await source.read(0, 9), source.size)
}

async function inspectOther(
  source: ByteSource,
  { sampleBytes }: InspectOptions,
  nothing: Inspection,
): Promise<Inspection> {
  try {
    const found = await inspectSafetensors(source, sampleBytes ?? DEFAULT_SAMPLE_BYTES)
    const { summary, tensors, parameters, weights, findings } = found
    const inspection = { ...nothing, kind: 'safetensors' as const, tensors, parameters, weights }
    return conclude({ ...inspection, safetensors: summary }, findings)
  } catch (error) {
    return conclude(nothing, [refusalOf(error)])
  }
}

const KINDS: Record<Exclude<FileKind, 'model' | 'safetensors'>, string> = {
  vocabulary: 'a vocabulary without tensors',
  projector: 'a multimodal projector',
  adapter: 'a LoRA adapter',
  imatrix: 'an importance matrix',
  shard: 'a later shard of a split model',
}

function emptyInspection(source: ByteSource, { fileName }: InspectOptions): Inspection {
  return {
    verdict: 'reject',
    findings: [],
    file_name: fileName ?? null,
    size_bytes: source.size,
    kind: null,
    gguf_version: null,
    architecture: null,
    parameters: null,
    quantisation: null,
    metadata: null,
    tensors: 0,
    tensor_table: null,
    shards: 1,
    template: null,
    memory: null,
    safetensors: null,
    weights: null,
  }
}

function tableOf(shards: readonly Shard[], expected: Proof['expected']): TensorRow[] {
  const rows: TensorRow[] = []
  shards.forEach(({ header }, shard) => {
    for (const tensor of header.tensors) {
      const wanted = expected === null ? undefined : (expected[rows.length] ?? null)
      rows.push({
        name: tensor.name,
        shape: tensor.dims,
        type: tensor.type,
        bytes: tensor.bytes,
        shard,
        expected: wanted === undefined ? null : wantedName(wanted),
        matches: wanted === undefined ? null : isAsWanted(tensor, wanted),
      })
    }
  })
  return rows
}

function withRule(finding: Finding): Finding {
  return { ...finding, ...RULES[finding.code] }
}

const WEIGHT = { reject: 0, mislabelled: 1, warn: 2, info: 3 } as const

function conclude(inspection: Inspection, found: readonly Finding[]): Inspection {
  const findings = found.map(withRule).toSorted((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity])
  return { ...inspection, verdict: verdictOf(findings), findings }
}

async function allShards(first: Shard, options: InspectOptions, findings: Finding[]): Promise<Shard[]> {
  const split = splitOf(first.header)
  if (split === null) {
    findings.push(...lonelyShard(first.header))
    return [first]
  }
  const gathered = await gatherShards(first, split, options)
  findings.push(...gathered.findings)
  return gathered.shards
}

function claimsOf({ fileName, label }: InspectOptions, ofHeader: Claim | null): Claim[] {
  const claims: Claim[] = []
  if (label !== undefined) claims.push({ source: 'listing', label: readLabel(label) })
  const named = fileName === undefined ? null : labelOfFileName(fileName)
  if (named !== null) claims.push({ source: 'file_name', label: named })
  if (ofHeader !== null) claims.push(ofHeader)
  return claims
}

async function lookIntoWeights(
  shards: readonly Shard[],
  { budget, architecture }: { budget: number; architecture: string | null },
  findings: Finding[],
): Promise<Inspection['weights']> {
  const total = weigh(tensorsOf(shards)).bytes
  if (budget <= 0 || total === 0) return { bytes_read: 0, bytes_total: total }
  let read = 0
  for (const { source, header } of shards) {
    findings.push(...(await checkGaps(source, header)))
    const share = Math.ceil((weigh(header.tensors).bytes / total) * budget)
    const sample = await sampleWeights(source, header.tensors, { maxBytes: share, architecture })
    // A tensor that is empty in one shard says nothing of the whole, so only a single file is refused for it.
    for (const finding of sample.findings)
      findings.push(
        shards.length > 1 && finding.code === 'gguf_weights_empty'
          ? { ...finding, severity: 'warn' }
          : finding,
      )
    read += sample.bytes_read
  }
  return { bytes_read: read, bytes_total: total }
}
