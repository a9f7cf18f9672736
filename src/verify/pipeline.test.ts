import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { EVENT_DATA, type ListedFile } from '../core/events.ts'
import { Sha256 } from '../core/ids.ts'
import { isQalError } from '../core/error.ts'
import { inspect } from '../gguf/inspect.ts'
import { tinyLlama } from '../gguf/tiny-llama.ts'
import { writeGguf } from '../gguf/write.ts'
import { generateSigningKey, signDetached } from '../sign/keys.ts'
import { createFromPath } from '../swarm/create-file.ts'
import type {
  FetchRequest,
  FetchedTorrent,
  VerificationJob,
  VerificationProgress,
  VerifierDeps,
} from './job.ts'
import { verifyListing } from './pipeline.ts'
import { recordOf } from '../core/record.ts'
import type { Judge } from '../core/report.ts'
import { sandboxAvailable } from './sandbox.ts'
import { inCi } from '../../test/tools.ts'

const corpus = resolve(process.env['QAL_CORPUS'] ?? '../shared/corpus', 'gguf')
const sandbox = await sandboxAvailable()
if (!sandbox.available && inCi()) throw new Error(sandbox.reason)
const noSandboxHere = sandbox.available ? false : sandbox.reason
const LISTING = '01JZZZZZZZZZZZZZZZZZZZZZZZ'

let root: string
before(() => {
  root = mkdtempSync(join(tmpdir(), 'qal-pipeline-'))
})
after(() => rmSync(root, { recursive: true, force: true }))

/** A folder of files as a torrent, its honest job, and a fetch that copies the real files. */
async function prepare(files: Record<string, Uint8Array>, label?: string) {
  const source = mkdtempSync(join(root, 'source-'))
  const name = Object.keys(files)[0] ?? ''
  for (const [path, bytes] of Object.entries(files)) writeFileSync(join(source, path), bytes)
  const single = Object.keys(files).length === 1
  const created = await createFromPath(single ? join(source, name) : source)
  const job: VerificationJob = {
    listing_id: LISTING,
    torrent: created.bytes,
    files: created.files.map((file) => ({
      ...(file as Omit<ListedFile, 'role'>),
      role: /-of-\d+\.gguf$/.test(file.path) ? 'shard' : file.path.endsWith('.gguf') ? 'model' : 'other',
    })),
    ...(label !== undefined && { label }),
  }
  const fetch = async ({ into, onProgress }: FetchRequest): Promise<FetchedTorrent> => {
    const fetched: FetchedTorrent['files'][number][] = []
    for (const { path, size_bytes } of created.files) {
      const diskPath = join(into, path)
      await mkdir(dirname(diskPath), { recursive: true })
      await copyFile(single ? join(source, name) : join(source, basename(path)), diskPath)
      onProgress({ doneBytes: size_bytes, totalBytes: created.size_bytes })
      fetched.push({ path, diskPath, size: size_bytes })
    }
    return { files: fetched, bytesFrom: { copy: created.size_bytes }, peersSeen: 0 }
  }
  return { job, fetch, source }
}

function deps(fetch: VerifierDeps['fetch'], more: Partial<VerifierDeps> = {}): VerifierDeps {
  const workDir = mkdtempSync(join(root, 'work-'))
  return { name: 'tester', fetch, workDir, ...more }
}

function check(judge: Judge, id: string) {
  const found = judge.checks.find((one) => one.id === id)
  assert.ok(found, `no check ${id} in ${JSON.stringify(judge)}`)
  return found
}

function verdicts({ judges }: { judges: Record<'integrity' | 'form' | 'behaviour', Judge> }) {
  return [judges.integrity.verdict, judges.form.verdict, judges.behaviour.verdict]
}

const TINY = tinyLlama({ seed: 1, name: 'Tiny', type: 'Q8_0' })
const MICRO = { 'tiny-Q8_0.gguf': TINY }
/** The header says Q4_K_M (15), the tensors are Q8_0. */
const FALSE_HEADER = tinyLlama({ seed: 1, name: 'Tiny', type: 'Q8_0', fileType: 15 })

/** A vocabulary and no tensor, so that there is no quantisation to prove. */
const VOCABULARY = writeGguf({
  metadata: [
    ['general.architecture', { type: 'string', value: 'llama' }],
    ['tokenizer.ggml.model', { type: 'string', value: 'llama' }],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', values: ['<unk>', '<s>', '</s>', 'a'] }],
  ],
  tensors: [],
})

/** The model with some bytes overwritten. */
function patched(at: number, bytes: readonly number[]): Uint8Array {
  const copy = TINY.slice()
  copy.set(bytes, at)
  return copy
}

/** Its last block: a scale in half precision, here NaN, and 32 weights. */
const NOT_A_NUMBER = patched(TINY.length - 34, [0x00, 0x7e])

/** Where a tensor's offset is written: after its name, number of dimensions, two dimensions and type. */
function offsetField(tensor: string): number {
  return Buffer.from(TINY.buffer).indexOf(tensor) + tensor.length + 4 + 2 * 8 + 4
}

// Only llama.cpp's own tool splits a model as models are split.
const noSplit = existsSync(corpus) ? noSandboxHere : 'the corpus is not here'

describe('when a listing is what it says', () => {
  it('passes all three judges, with evidence, and cleans up', { skip: noSandboxHere }, async () => {
    const { job, fetch } = await prepare(MICRO, 'Q8_0')
    const key = await generateSigningKey({ name: 'A', email: 'a@example.org' })
    const told: VerificationProgress[] = []
    const world = deps(fetch, { onProgress: (progress) => told.push(progress) })
    const report = await verifyListing(
      { ...job, signature: { signature: await signDetached(TINY, key), public_key: key.public_key } },
      world,
    )
    assert.deepEqual(verdicts(report), ['pass', 'pass', 'pass'], JSON.stringify(report.judges, null, 1))
    assert.equal(report.recommendation.decision, 'approve')
    assert.equal(report.signature?.state, 'good')
    assert.equal(report.signature.fingerprint, key.fingerprint)
    assert.equal(report.files[0]?.sha256, createHash('sha256').update(TINY).digest('hex'))
    assert.equal(report.files[0].md5, createHash('md5').update(TINY).digest('hex'))
    assert.equal(report.files[0].pieces_root, job.files[0]?.pieces_root)
    assert.equal(report.inspection?.quantisation?.match, 'exact')
    assert.match(report.verifier.software.llama_cpp ?? '', /^v0\.5\.0 /)
    const { figures } = check(report.judges.behaviour, 'finite_logits')
    assert.deepEqual(figures, { checked: 16 * 320, not_finite: 0, vocabulary: 320, positions: 16 })
    assert.equal(check(report.judges.behaviour, 'generate').figures?.['tokens'], 16)
    assert.equal(check(report.judges.behaviour, 'load').figures?.['sandbox'], 'bubblewrap')

    assert.deepEqual(
      [...new Set(told.map(({ step }) => step))],
      ['fetch', 'integrity', 'form', 'behaviour', 'report'],
    )
    assert.ok(told.every(({ fraction }) => fraction >= 0 && fraction <= 1))
    assert.deepEqual(readdirSync(world.workDir ?? ''), [])
    const recorded = EVENT_DATA.listing.verification_recorded.parse(
      recordOf(report, Sha256.parse('a'.repeat(64))),
    )
    assert.deepEqual(recorded.judges, { integrity: 'pass', form: 'pass', behaviour: 'pass' })
    assert.deepEqual(recorded.signature, { state: 'good', fingerprint: key.fingerprint })
  })

  it('gives the same output each time', { skip: noSandboxHere }, async () => {
    const { job, fetch } = await prepare(MICRO, 'Q8_0')
    const [one, two] = [await verifyListing(job, deps(fetch)), await verifyListing(job, deps(fetch))]
    assert.equal(check(one.judges.behaviour, 'generate').found, check(two.judges.behaviour, 'generate').found)
  })

  it('runs a split model beside other files', { skip: noSplit }, async () => {
    const shards = ['1', '2'].map((no) => `tiny-corpus-a-split-Q4_K_M-0000${no}-of-00002.gguf`)
    const { job, fetch } = await prepare(
      {
        ...Object.fromEntries(shards.map((name) => [name, readFileSync(join(corpus, 'good', name))])),
        'README.md': Buffer.from('# A split model'),
      },
      'Q4_K_M',
    )
    const report = await verifyListing(job, deps(fetch))
    assert.deepEqual(verdicts(report), ['pass', 'pass', 'pass'], JSON.stringify(report.judges, null, 1))
    assert.equal(report.inspection?.shards, 2)
    assert.equal(report.files.length, 3)
  })
})

describe('when a listing is not what it says', () => {
  const cases: [string, (job: VerificationJob) => VerificationJob, string][] = [
    ['another SHA-256', (job) => withFile(job, { sha256: Sha256.parse('0'.repeat(64)) }), 'sha256'],
    ['another MD5', (job) => withFile(job, { md5: 'f'.repeat(32) as ListedFile['md5'] }), 'md5'],
    ['another size', (job) => withFile(job, { size_bytes: 5 }), 'size'],
    ['another v2 root', (job) => withFile(job, { pieces_root: Sha256.parse('1'.repeat(64)) }), 'pieces_root'],
    ['another path', (job) => withFile(job, { path: 'else.gguf' }), 'complete'],
    ['no file', (job) => ({ ...job, files: [] }), 'complete'],
  ]
  for (const [name, alter, id] of cases)
    it(`fails integrity for ${name}, and does not run it`, async () => {
      const { job, fetch } = await prepare(MICRO, 'Q8_0')
      const report = await verifyListing(alter(job), deps(fetch))
      assert.equal(report.judges.integrity.verdict, 'fail')
      assert.ok(report.judges.integrity.checks.some((one) => one.id === id && one.verdict === 'fail'))
      assert.equal(report.judges.behaviour.verdict, 'skipped')
      // A file that is not there is no model to the strict parser either.
      if (id !== 'complete') assert.match(report.judges.behaviour.summary, /not the published bytes/)
      assert.equal(report.recommendation.decision, 'reject')
    })

  it('fails pieces, SHA-256, MD5 and root for one changed byte', async () => {
    const { job, fetch } = await prepare(MICRO, 'Q8_0')
    const report = await verifyListing(
      job,
      deps(async (request) => {
        const fetched = await fetch(request)
        const path = fetched.files[0]?.diskPath ?? ''
        const bytes = readFileSync(path)
        bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1
        writeFileSync(path, bytes)
        return fetched
      }),
    )
    for (const id of ['pieces', 'sha256', 'md5', 'pieces_root'])
      assert.equal(check(report.judges.integrity, id).verdict, 'fail', id)
    assert.equal(check(report.judges.integrity, 'size').verdict, 'pass')
  })

  it('fails integrity for a truncated and for a missing file', async () => {
    const { job, fetch } = await prepare(MICRO, 'Q8_0')
    const truncated = await verifyListing(
      job,
      deps(async (request) => {
        const fetched = await fetch(request)
        const path = fetched.files[0]?.diskPath ?? ''
        writeFileSync(path, readFileSync(path).subarray(0, 50_000))
        return fetched
      }),
    )
    assert.equal(check(truncated.judges.integrity, 'size').verdict, 'fail')
    assert.equal(check(truncated.judges.integrity, 'pieces').verdict, 'skipped')
    assert.equal(truncated.judges.form.verdict, 'fail')
    const missing = await verifyListing(
      job,
      deps(() => Promise.resolve({ files: [] })),
    )
    assert.equal(check(missing.judges.integrity, 'complete').verdict, 'fail')
    assert.equal(missing.judges.form.verdict, 'fail')
  })

  const lies: [string, Uint8Array, string | undefined][] = [
    ['its listing', TINY, 'Q4_K_M'],
    ['its header', FALSE_HEADER, undefined],
    ['its listing and its header', FALSE_HEADER, 'Q4_K_M'],
  ]
  for (const [where, bytes, label] of lies)
    it(`fails form for a Q8_0 that ${where} calls Q4_K_M, and does not run it`, async () => {
      const { job, fetch } = await prepare({ 'model.gguf': bytes }, label)
      const report = await verifyListing(job, deps(fetch))
      assert.deepEqual(verdicts(report), ['pass', 'fail', 'skipped'])
      const quantisation = check(report.judges.form, 'quantisation')
      assert.equal(quantisation.expected, 'Q4_K_M')
      assert.match(quantisation.found ?? '', /Q8_0/)
      assert.equal(report.recommendation.decision, 'reject')
      assert.equal(recordOf(report, Sha256.parse('a'.repeat(64))).quantisation?.match, 'mislabelled')
    })

  const malformed: [string, Uint8Array, string][] = [
    ['overlapping tensors', patched(offsetField('token_embd.weight'), [0, 0, 0]), 'gguf_tensor_offset'],
    ['a program', patched(0, [0x7f, 0x45, 0x4c, 0x46]), 'gguf_not_gguf'],
    ['2^60 metadata entries', patched(16, [0, 0, 0, 0, 0, 0, 0, 0x10]), 'gguf_count'],
    ['half a model', TINY.subarray(0, TINY.length / 2), 'gguf_tensor_bounds'],
    ['nothing but text', Buffer.from('version https://git-lfs.github.com/spec/v1'), 'gguf_not_gguf'],
    ['a weight that is no number', NOT_A_NUMBER, 'gguf_weights_not_finite'],
  ]
  for (const [what, bytes, code] of malformed)
    it(`fails form for ${what}, and does not run it`, async () => {
      const { job, fetch } = await prepare({ 'model.gguf': bytes })
      const report = await verifyListing(job, deps(fetch))
      assert.deepEqual(verdicts(report), ['pass', 'fail', 'skipped'])
      assert.ok(
        report.inspection?.findings.some((finding) => finding.code === code),
        JSON.stringify(report.inspection?.findings),
      )
    })

  it('fails behaviour for what form overlooked', { skip: noSandboxHere }, async () => {
    const { job, fetch } = await prepare({ 'model.gguf': NOT_A_NUMBER }, 'Q8_0')
    // As of a model so large that the parser's sample of its weights misses the one that is no number.
    const report = await verifyListing(
      job,
      deps(fetch, { inspect: (source, options) => inspect(source, { ...options, sampleBytes: 0 }) }),
    )
    assert.deepEqual(verdicts(report), ['pass', 'pass', 'fail'])
    assert.match(report.judges.behaviour.summary, /llama\.cpp/)
    assert.equal(report.recommendation.decision, 'reject')
  })

  it('says good only for the signature over this file', async () => {
    const { job, fetch } = await prepare(MICRO, 'Q8_0')
    const key = await generateSigningKey({ name: 'A', email: 'a@example.org' })
    const other = await generateSigningKey({ name: 'B', email: 'b@example.org' })
    const overElse = await signDetached(TINY.subarray(1), key)
    const over = await signDetached(TINY, key)
    const world = deps(fetch, { behaviour: { sandbox: noSandbox } })
    const run = async (signature: VerificationJob['signature']) =>
      verifyListing({ ...job, ...(signature && { signature }) }, world)

    const bad = await run({ signature: overElse, public_key: key.public_key })
    assert.equal(bad.signature?.state, 'bad')
    assert.equal(bad.judges.integrity.verdict, 'fail')
    const unknown = await run({ signature: over, public_key: other.public_key })
    assert.equal(unknown.signature?.state, 'unknown_key')
    assert.equal(unknown.judges.integrity.verdict, 'fail')
    const garbage = await run({ signature: 'no signature', public_key: key.public_key })
    assert.equal(garbage.signature, null)
    assert.equal(garbage.judges.integrity.verdict, 'fail')
    const keyless = await run({ signature: over })
    assert.equal(check(keyless.judges.integrity, 'signature').verdict, 'skipped')
    assert.equal(keyless.signature, null)
    assert.equal(keyless.judges.integrity.verdict, 'pass')
  })
})

describe('when something was not checked', () => {
  it('skips behaviour without a sandbox, with the reason, and asks for review', async () => {
    const { job, fetch } = await prepare(MICRO, 'Q8_0')
    const report = await verifyListing(job, deps(fetch, { behaviour: { sandbox: noSandbox } }))
    assert.deepEqual(verdicts(report), ['pass', 'pass', 'skipped'])
    assert.match(report.judges.behaviour.summary, /no sandbox on this verifier: none for the test/)
    assert.deepEqual(report.judges.behaviour.checks, [])
    assert.equal(report.recommendation.decision, 'review')
    assert.equal(report.verifier.software.llama_cpp, null)
  })

  it('runs outside a sandbox only where the operator allows it, and says so', async () => {
    const { job, fetch } = await prepare(MICRO, 'Q8_0')
    const report = await verifyListing(
      job,
      deps(fetch, { behaviour: { sandbox: noSandbox, allowUnsandboxed: true } }),
    )
    assert.equal(report.judges.behaviour.verdict, 'pass')
    assert.match(String(check(report.judges.behaviour, 'load').figures?.['sandbox']), /^none/)
  })

  it('skips behaviour where llama.cpp is not installed', async () => {
    const { job, fetch } = await prepare(MICRO, 'Q8_0')
    const report = await verifyListing(job, deps(fetch, { behaviour: { llamaDir: root } }))
    assert.equal(report.judges.behaviour.verdict, 'skipped')
    assert.match(report.judges.behaviour.summary, /not installed/)
  })

  it('skips integrity without a published SHA-256', async () => {
    const { job, fetch } = await prepare(MICRO, 'Q8_0')
    const report = await verifyListing(
      withFile(job, { sha256: null }),
      deps(fetch, { behaviour: { sandbox: noSandbox } }),
    )
    assert.equal(report.judges.integrity.verdict, 'skipped')
    assert.match(report.judges.integrity.summary, /No SHA-256 was published/)
  })

  it('skips form for an unproved quantisation', async () => {
    const { job, fetch } = await prepare({ 'model.gguf': VOCABULARY })
    const report = await verifyListing(job, deps(fetch))
    assert.equal(report.judges.form.verdict, 'skipped')
    assert.equal(report.judges.behaviour.verdict, 'skipped')
    assert.match(report.judges.behaviour.summary, /form did not pass/)
    assert.notEqual(report.recommendation.decision, 'approve')
  })
})

describe('when there is no verdict', () => {
  it('passes on what the download says, and cleans up', async () => {
    const { job } = await prepare(MICRO)
    const world = deps(({ into }) => {
      writeFileSync(join(into, 'partial'), 'x')
      return Promise.reject(new Error('no seeders'))
    })
    await assert.rejects(verifyListing(job, world), /no seeders/)
    assert.deepEqual(readdirSync(world.workDir ?? ''), [])
  })

  it('refuses a torrent that is none', async () => {
    const { job, fetch } = await prepare(MICRO)
    await assert.rejects(
      verifyListing({ ...job, torrent: new Uint8Array([1, 2, 3]) }, deps(fetch)),
      (error) => isQalError(error) && error.code.startsWith('torrent_'),
    )
  })

  it('stops when it is told to', async () => {
    const { job, fetch } = await prepare(MICRO, 'Q8_0')
    const control = new AbortController()
    const world = deps(fetch, {
      signal: control.signal,
      onProgress: ({ step }) => {
        if (step === 'form') control.abort(new Error('stopped'))
      },
    })
    await assert.rejects(verifyListing(job, world), /stopped/)
    assert.deepEqual(readdirSync(world.workDir ?? ''), [])
  })
})

function withFile(job: VerificationJob, change: Partial<ListedFile>): VerificationJob {
  return { ...job, files: job.files.map((file, index) => (index === 0 ? { ...file, ...change } : file)) }
}

function noSandbox() {
  return Promise.resolve({ available: false as const, reason: 'none for the test' })
}
