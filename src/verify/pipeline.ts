import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { primaryFile } from '../core/files.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { type Metainfo, parseMetainfo } from '../torrent/metainfo.ts'
import { type Behaviour, judgeBehaviour, skippedBehaviour } from './behaviour.ts'
import { type Form, judgeForm } from './form.ts'
import { type Integrity, judgeIntegrity } from './integrity.ts'
import type { FetchedTorrent, VerificationJob, VerificationStep, VerifierDeps } from './job.ts'
import { recommend } from './judge.ts'
import { askPublisher } from './publisher.ts'
import { VerificationReport } from '../core/report.ts'

/**
 * Verifies one listing: fetch, integrity, form, behaviour, report. What is wrong
 * with the listing is in the report; an error means that there is no verdict and
 * the job may be tried again. The job's folder is removed in any case.
 */
export async function verifyListing(job: VerificationJob, deps: VerifierDeps): Promise<VerificationReport> {
  const now = deps.now ?? (() => new Date())
  const startedAt = now()
  const metainfo = await parseMetainfo(job.torrent, nodeHashes)
  const into = await mkdtemp(join(deps.workDir ?? tmpdir(), 'qal-verify-'))
  try {
    const fetched = await fetchStep(job, into, deps)
    const integrity = await integrityStep(job, metainfo, fetched, deps, startedAt)
    const form = await formStep(job, fetched, deps)
    const behaviour = await behaviourStep(job, { fetched, integrity, form }, deps)
    return reportStep(
      job,
      { metainfo, fetched, integrity, form, behaviour, startedAt, finishedAt: now() },
      deps,
    )
  } finally {
    await rm(into, { recursive: true, force: true, maxRetries: 3 })
  }
}

type Fetched = FetchedTorrent & { seconds: number }

async function fetchStep(job: VerificationJob, into: string, deps: VerifierDeps): Promise<Fetched> {
  tell(deps, 'fetch', 0, 'Downloading')
  const started = performance.now()
  const fetched = await deps.fetch({
    torrent: job.torrent,
    into,
    onProgress: ({ doneBytes, totalBytes, message }) =>
      tell(deps, 'fetch', share(doneBytes, totalBytes), message ?? 'Downloading'),
    ...(deps.signal && { signal: deps.signal }),
  })
  deps.signal?.throwIfAborted()
  tell(deps, 'fetch', 1, 'Downloaded')
  return { ...fetched, seconds: Math.round(performance.now() - started) / 1000 }
}

async function integrityStep(
  job: VerificationJob,
  metainfo: Metainfo,
  fetched: FetchedTorrent,
  deps: VerifierDeps,
  now: Date,
): Promise<Integrity> {
  // Both ask elsewhere, while the files are hashed.
  const publisher = askPublisher(job.source, job.files, deps.hub, deps.signal)
  const webSeeds = (deps.webSeeds?.(metainfo) ?? Promise.resolve([])).catch(() => [])
  const integrity = await judgeIntegrity({
    job,
    metainfo,
    fetched,
    publisher,
    webSeeds,
    now,
    onProgress: (done, total) => tell(deps, 'integrity', share(done, total), 'Hashing'),
    ...(deps.signal && { signal: deps.signal }),
  })
  tell(deps, 'integrity', 1, integrity.judge.summary)
  return integrity
}

async function formStep(job: VerificationJob, fetched: FetchedTorrent, deps: VerifierDeps): Promise<Form> {
  const form = await judgeForm({
    job,
    fetched,
    inspect: deps.inspect,
    onProgress: (done, total) => tell(deps, 'form', share(done, total), 'Parsing'),
  })
  deps.signal?.throwIfAborted()
  tell(deps, 'form', 1, form.judge.summary)
  return form
}

interface SoFar {
  fetched: FetchedTorrent
  integrity: Integrity
  form: Form
}

async function behaviourStep(job: VerificationJob, soFar: SoFar, deps: VerifierDeps): Promise<Behaviour> {
  const behaviour = await runBehaviour(job, soFar, deps)
  tell(deps, 'behaviour', 1, behaviour.judge.summary)
  return behaviour
}

/** Only what the strict parser passed, and only the published bytes, reach a native parser. */
async function runBehaviour(
  job: VerificationJob,
  { fetched, integrity, form }: SoFar,
  deps: VerifierDeps,
): Promise<Behaviour> {
  if (integrity.judge.verdict === 'fail')
    return skippedBehaviour('Not run: these are not the published bytes')
  if (form.judge.verdict !== 'pass')
    return skippedBehaviour(`Not run, because form did not pass: ${form.judge.summary}`)
  if (!form.runnable) return skippedBehaviour('Not run: the file is not a model that generates text')
  tell(deps, 'behaviour', 0, 'Loading in llama.cpp')
  return judgeBehaviour({ ...modelFiles(job, fetched), signal: deps.signal }, deps.behaviour)
}

/** The model, or its shards in order, on disk. */
function modelFiles(
  job: VerificationJob,
  fetched: FetchedTorrent,
): { modelPaths: string[]; sizeBytes: number } {
  const primary = primaryFile(job.files)
  const paths =
    primary?.role === 'shard'
      ? job.files
          .filter(({ role }) => role === 'shard')
          .map(({ path }) => path)
          .toSorted()
      : primary === undefined
        ? []
        : [primary.path]
  const files = paths.flatMap((path) => fetched.files.filter((file) => file.path === path))
  return {
    modelPaths: files.map(({ diskPath }) => diskPath),
    sizeBytes: files.reduce((sum, { size }) => sum + size, 0),
  }
}

interface Findings {
  metainfo: Metainfo
  fetched: Fetched
  integrity: Integrity
  form: Form
  behaviour: Behaviour
  startedAt: Date
  finishedAt: Date
}

function reportStep(job: VerificationJob, found: Findings, deps: VerifierDeps): VerificationReport {
  const { metainfo, fetched, integrity, form, behaviour } = found
  const judges = { integrity: integrity.judge, form: form.judge, behaviour: behaviour.judge }
  const report = VerificationReport.parse({
    v: 1,
    type: 'verification_report',
    listing: job.listing_id,
    torrent: { info_hash: metainfo.info_hash, info_hash_v2: metainfo.info_hash_v2 },
    verifier: {
      name: deps.name,
      software: { qal: packageJson.version, node: process.version, llama_cpp: behaviour.llamaCpp },
      hardware: hardware(),
    },
    started_at: found.startedAt.toISOString(),
    finished_at: found.finishedAt.toISOString(),
    fetch: {
      bytes: fetched.bytes ?? fetched.files.reduce((sum, { size }) => sum + size, 0),
      seconds: fetched.seconds,
      bytes_from: fetched.bytesFrom ?? {},
      peers_seen: fetched.peersSeen ?? null,
    },
    files: integrity.files,
    judges,
    signature: integrity.signature,
    publisher: integrity.publisher,
    inspection: form.inspection,
    recommendation: recommend({ judges }),
  })
  tell(deps, 'report', 1, `Recommended: ${report.recommendation.decision}`)
  return report
}

function hardware(): VerificationReport['verifier']['hardware'] {
  const cores = cpus()
  return {
    cpu: cores[0]?.model.trim().slice(0, 200) ?? 'unknown',
    cores: Math.max(1, cores.length),
    memory_bytes: totalmem(),
  }
}

function tell(deps: VerifierDeps, step: VerificationStep, fraction: number, message: string): void {
  deps.onProgress?.({ step, fraction, message })
}

function share(done: number, total: number): number {
  return total > 0 ? Math.min(1, done / total) : 1
}
