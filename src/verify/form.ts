import { basename } from 'node:path'
import type { ByteSource } from '../core/byte-source.ts'
import type { ListedFile } from '../core/events.ts'
import { isQalError } from '../core/error.ts'
import { type InspectOptions, type Inspection, inspect as inspectGguf } from '../gguf/inspect.ts'
import { openFileSource } from '../store/file-source.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { printable } from '../torrent/refuse.ts'
import { primaryFile } from '../core/files.ts'
import { extraFileCheck, namedKindCheck } from './extra-files.ts'
import type { FetchedTorrent, VerificationJob } from './job.ts'
import { judgeOf, skippedJudge } from './judge.ts'
import type { Check, InspectionReport, Judge } from '../core/report.ts'
import { recordedTemplates, templateCheck } from './template-check.ts'

export interface Form {
  judge: Judge
  /** Of the model, or its first shard. */
  inspection: InspectionReport | null
  /** Whether the strict parser took the main file for a model that can run. */
  runnable: boolean
}

export interface FormInput {
  job: VerificationJob
  fetched: FetchedTorrent
  inspect?: ((source: ByteSource, options: InspectOptions) => Promise<Inspection>) | undefined
  onProgress?: (done: number, total: number) => void
}

/**
 * Is it what its label says? The strict parser over every GGUF file, the
 * quantisation proved tensor by tensor, and every other file held against the
 * list of what may stand beside a model (T8). An unknown quantisation is no
 * proof: the check is skipped, never passed.
 */
export async function judgeForm({
  job,
  fetched,
  inspect = inspectGguf,
  onProgress,
}: FormInput): Promise<Form> {
  const primary = primaryFile(job.files)
  if (primary === undefined)
    return {
      judge: skippedJudge('The listing names no model file to look into'),
      inspection: null,
      runnable: false,
    }
  const places = new Map(fetched.files.map(({ path, diskPath }) => [path, diskPath]))
  const files = job.files.filter((file) => isFirst(file, primary))
  const checks: Check[] = []
  let found: Inspection | undefined
  for (const [index, file] of files.entries()) {
    onProgress?.(index, files.length)
    const diskPath = places.get(file.path)
    if (diskPath === undefined) {
      checks.push({
        id: 'structure',
        verdict: 'fail',
        path: file.path,
        message: `${printable(file.path)} is not there`,
      })
      continue
    }
    if (!isGguf(file)) {
      checks.push(await extraFileCheck(file, diskPath))
      continue
    }
    const isMain = file === primary
    const inspection = await inspectAt(diskPath, file, {
      places,
      inspect,
      ...(isMain && job.label !== undefined && { label: job.label }),
    })
    if ('failed' in inspection) checks.push(inspection.failed)
    else {
      const named = namedKindCheck(file, inspection)
      // Of another model beside it only a lie is told: it is not what is listed.
      const lies = inspection.quantisation?.match === 'mislabelled'
      checks.push(
        structureCheck(file, inspection),
        ...(isModel(file) || lies ? [quantisationCheck(file, inspection)] : []),
        ...(named === null ? [] : [named]),
        ...(isModel(file) ? templateChecks(file, inspection) : []),
      )
      if (isMain) found = inspection
    }
  }
  const extras = checks.some(({ id }) => id === 'extra_files') ? ['extra_files'] : []
  const judge = judgeOf(checks, ['structure', 'quantisation', ...extras], passedSummary(found))
  return {
    judge,
    inspection: found === undefined ? null : summed(primary.path, found),
    runnable: judge.verdict === 'pass' && found?.kind === 'model',
  }
}

function templateChecks({ path }: ListedFile, { template }: Inspection): Check[] {
  const check = template && templateCheck(path, template)
  return check === null ? [] : [check]
}

function isModel({ role }: ListedFile): boolean {
  return role === 'model' || role === 'shard'
}

function isGguf(file: ListedFile): boolean {
  return isModel(file) || /\.gguf$/i.test(file.path)
}

/** Later shards are inspected with the first. */
function isFirst(file: ListedFile, primary: ListedFile): boolean {
  return file.role !== 'shard' || file === primary
}

interface InspectAt {
  places: ReadonlyMap<string, string>
  inspect: (source: ByteSource, options: InspectOptions) => Promise<Inspection>
  label?: string
}

async function inspectAt(
  diskPath: string,
  file: ListedFile,
  { places, inspect, label }: InspectAt,
): Promise<Inspection | { failed: Check }> {
  const opened = [await openFileSource(diskPath)]
  const folder = file.path.slice(0, file.path.length - basename(file.path).length)
  try {
    const [source] = opened
    if (source === undefined) throw new TypeError('unreachable: no source')
    return await inspect(source, {
      hashes: nodeHashes,
      fileName: basename(file.path),
      label,
      openShard: async (name) => {
        const shardPath = places.get(`${folder}${name}`)
        if (shardPath === undefined) return null
        const shard = await openFileSource(shardPath)
        opened.push(shard)
        return shard
      },
    })
  } catch (error) {
    if (!isQalError(error) || !error.code.startsWith('gguf_')) throw error
    return {
      failed: { id: 'structure', verdict: 'fail', path: file.path, message: error.message.slice(0, 500) },
    }
  } finally {
    for (const source of opened) await source.close()
  }
}

function structureCheck(
  { path }: ListedFile,
  { verdict, findings, tensors, gguf_version }: Inspection,
): Check {
  const figures = { tensors, findings: findings.length, ...(gguf_version !== null && { gguf_version }) }
  const worst = findings.find(({ severity }) => severity === 'reject')
  if (verdict === 'reject')
    return {
      id: 'structure',
      verdict: 'fail',
      path,
      message: (worst?.message ?? `The strict parser refuses ${printable(path)}`).slice(0, 500),
      found: worst?.code ?? 'reject',
      figures,
    }
  const warnings = findings.filter(({ severity }) => severity === 'warn').length
  return {
    id: 'structure',
    verdict: 'pass',
    path,
    message: `The strict parser accepts ${printable(path)}${warnings > 0 ? `, with ${warnings} warnings` : ''}`,
    figures,
  }
}

function quantisationCheck(
  { path }: ListedFile,
  { verdict, quantisation, findings, kind }: Inspection,
): Check {
  const base = { id: 'quantisation', path }
  const mislabelled = findings.find(({ severity }) => severity === 'mislabelled')
  if (verdict === 'mislabelled' || quantisation?.match === 'mislabelled')
    return {
      ...base,
      verdict: 'fail',
      message: (mislabelled?.message ?? quantisation?.reason ?? 'The label does not fit the tensors').slice(
        0,
        500,
      ),
      ...(quantisation !== null && {
        expected: quantisation.claimed ?? 'no claim',
        found:
          quantisation.proven.join(', ') || (quantisation.nearest?.file_type ?? 'none of the known recipes'),
        figures: figuresOf(quantisation),
      }),
    }
  if (quantisation === null)
    return {
      ...base,
      verdict: 'skipped',
      message: `There is no quantisation to prove in a ${kind ?? 'file of unknown kind'}`,
    }
  const figures = figuresOf(quantisation)
  if (quantisation.match === 'unknown')
    return {
      ...base,
      verdict: 'skipped',
      message: `The quantisation is not proved: ${quantisation.reason}`.slice(0, 500),
      figures,
    }
  return {
    ...base,
    verdict: 'pass',
    message: quantisation.reason.slice(0, 500),
    found: quantisation.proven.join(', '),
    figures,
  }
}

function figuresOf({ matched, total, bits_per_weight }: NonNullable<Inspection['quantisation']>) {
  return { matched, total, bits_per_weight }
}

function passedSummary(found: Inspection | undefined): string {
  const quantisation = found?.quantisation
  if (!quantisation) return 'The strict parser accepts the file'
  return `${quantisation.claimed ?? quantisation.proven[0] ?? 'The quantisation'} proved: ${quantisation.matched} of ${quantisation.total} tensors`
}

function summed(path: string, inspection: Inspection): InspectionReport {
  const { quantisation, findings, template } = inspection
  return {
    path,
    verdict: inspection.verdict,
    kind: inspection.kind,
    architecture: inspection.architecture?.slice(0, 64) ?? null,
    parameters: inspection.parameters,
    tensors: inspection.tensors,
    shards: inspection.shards,
    quantisation: quantisation && {
      claimed: quantisation.claimed?.slice(0, 40) ?? null,
      proven: quantisation.proven.slice(0, 8),
      match: quantisation.match,
      matched: quantisation.matched,
      total: quantisation.total,
      bits_per_weight: quantisation.bits_per_weight,
      tensor_types: quantisation.tensor_types,
      reason: quantisation.reason.slice(0, 500),
    },
    templates: template && recordedTemplates(template),
    memory: inspection.memory,
    findings: findings
      .slice(0, 50)
      .map(({ code, severity, message }) => ({ code, severity, message: message.slice(0, 500) })),
  }
}
