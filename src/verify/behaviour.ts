import { existsSync } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import { constants, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { judgeOf, skippedJudge } from './judge.ts'
import { type ProcessResult, runLimited } from './process.ts'
import type { Check, Judge } from '../core/report.ts'
import { SANDBOX_NODE, type SandboxAvailability, runSandboxed, sandboxAvailable } from './sandbox.ts'

const TOKENS = 16
/** Beside the weights, which llama.cpp may repack into private memory: context, logits and the runtime. */
const WORKING_MEMORY_BYTES = 2 * 1024 ** 3
const RUNTIME_MEMORY_MB = 512

export interface BehaviourOptions {
  /** Runs llama.cpp without a sandbox where there is none; the operator's own risk. */
  allowUnsandboxed?: boolean
  /** The folder with `run.mjs` and node-llama-cpp. */
  llamaDir?: string
  timeoutMs?: number
  cpuSeconds?: number
  /** How sandboxing is found out; by default by trying it. */
  sandbox?: () => Promise<SandboxAvailability>
}

export interface Behaviour {
  judge: Judge
  /** Release and build of llama.cpp, where it ran. */
  llamaCpp: string | null
}

const count = z.int().min(0).max(1_000_000_000)
const seconds = z.number().min(0).max(1_000_000)
const log = z.array(z.string().max(400)).max(20)

/** What `llama/run.mjs` prints as its last line, from a process that a hostile model may have taken over. */
const RunResult = z.discriminatedUnion('ok', [
  z.strictObject({
    v: z.literal(1),
    ok: z.literal(true),
    llama_cpp: z.strictObject({
      release: z.string().max(40),
      build: z.enum(['prebuilt', 'localBuild']),
      node_llama_cpp: z.string().max(40),
      system: z.string().max(400),
    }),
    loaded: z.literal(true),
    load_seconds: seconds,
    context_tokens: count,
    prompt_tokens: count,
    prompt_seconds: seconds,
    tokens: count,
    token_ids: z.array(count).max(1_024),
    tokens_per_second: z.number().min(0).nullable(),
    output_sha256: z.string().regex(/^[0-9a-f]{64}$/),
    logits: z.strictObject({ checked: count, not_finite: count, vocabulary: count, positions: count }),
    log,
  }),
  z.strictObject({
    v: z.literal(1),
    ok: z.literal(false),
    stage: z.enum(['start', 'load', 'context', 'generate', 'logits']),
    message: z.string().max(500),
    log,
  }),
])
export type RunResult = z.infer<typeof RunResult>

export interface RunInput {
  /** The model's files in the order of its shards. */
  modelPaths: readonly string[]
  sizeBytes: number
  signal?: AbortSignal | undefined
}

/**
 * Does it run? Loads the model in llama.cpp inside the sandbox, tensors
 * checked, generates greedily and looks at every logit (T8). Without a sandbox
 * it is skipped with the reason, unless the operator allows it outside; so it
 * is where memory or time here did not suffice.
 */
export async function judgeBehaviour(input: RunInput, options: BehaviourOptions = {}): Promise<Behaviour> {
  const llamaDir = options.llamaDir ?? fileURLToPath(new URL('../../llama', import.meta.url))
  if (!existsSync(join(llamaDir, 'node_modules/node-llama-cpp')))
    return skippedBehaviour('Not run: llama.cpp is not installed on this verifier')
  if (input.sizeBytes > totalmem() * 0.9)
    return skippedBehaviour(
      `Not run: the model of ${input.sizeBytes} bytes does not fit this verifier's memory of ${totalmem()} bytes`,
    )
  // Ended for want of memory, an honest model would look like a broken one.
  const free = process.availableMemory()
  if (free < input.sizeBytes + RUNTIME_MEMORY_MB * 2 ** 20)
    return skippedBehaviour(
      `Not run: the model of ${input.sizeBytes} bytes needs more than the ${free} bytes of memory that are free here now`,
    )
  const sandbox = await (options.sandbox ?? sandboxAvailable)()
  if (!sandbox.available && options.allowUnsandboxed !== true)
    return skippedBehaviour(`Not run: no sandbox on this verifier: ${sandbox.reason}`)

  const result = sandbox.available
    ? await runInside(input, llamaDir, options)
    : await runOutside(input, llamaDir, options)
  input.signal?.throwIfAborted()
  if (isSetupFailure(result))
    return skippedBehaviour(`Not run: the sandbox could not be set up: ${lastLine(result.stderr)}`)
  const shortage = shortageOf(result)
  if (shortage !== null) return skippedBehaviour(`Not judged: llama.cpp ${shortage}`)
  const where = sandbox.available ? 'bubblewrap' : 'none, allowed by the operator'
  const answer = readAnswer(result)
  if (typeof answer === 'string')
    return { judge: judgeOf([failedRun(answer, result, where)], REQUIRED, ''), llamaCpp: null }
  if (!answer.ok) {
    // That llama.cpp itself does not start says nothing about the model.
    if (answer.stage === 'start')
      return skippedBehaviour(`Not run: llama.cpp does not start on this verifier: ${answer.message}`)
    return { judge: judgeOf([failedStage(answer, where)], REQUIRED, ''), llamaCpp: null }
  }
  const speed = answer.tokens_per_second === null ? '' : ` at ${answer.tokens_per_second} tokens/s`
  return {
    judge: judgeOf(
      passedChecks(answer, where),
      REQUIRED,
      `Loads in llama.cpp ${answer.llama_cpp.release}, generates ${answer.tokens} tokens${speed}, all logits finite`,
    ),
    llamaCpp: `${answer.llama_cpp.release} (node-llama-cpp ${answer.llama_cpp.node_llama_cpp}, ${answer.llama_cpp.build})`,
  }
}

/** A behaviour that nobody looked at, and why. */
export function skippedBehaviour(reason: string): Behaviour {
  return { judge: skippedJudge(reason), llamaCpp: null }
}

const REQUIRED = ['load', 'generate', 'finite_logits'] as const

/** llama.cpp finds the shards of a split model by their names, so all get names of ours. */
function shardNames(amount: number): string[] {
  if (amount === 1) return ['model.gguf']
  return Array.from(
    { length: amount },
    (_, index) => `model-${fiveDigits(index + 1)}-of-${fiveDigits(amount)}.gguf`,
  )
}

function fiveDigits(value: number): string {
  return String(value).padStart(5, '0')
}

async function runInside(
  input: RunInput,
  llamaDir: string,
  options: BehaviourOptions,
): Promise<ProcessResult> {
  const names = shardNames(input.modelPaths.length)
  const models = await Promise.all(
    input.modelPaths.map(async (path, index) => ({
      from: await realpath(path),
      to: `/sandbox/model/${names[index]}`,
    })),
  )
  const llama = await realpath(llamaDir)
  return runSandboxed({
    command: [SANDBOX_NODE, ...commandLine('/sandbox/llama/run.mjs', models[0]?.to ?? '')],
    bind: { readOnly: [{ from: llama, to: '/sandbox/llama' }, ...models] },
    binaries: await nativeBinaries(llama),
    memoryBytes: WORKING_MEMORY_BYTES + input.sizeBytes,
    mappedBytes: input.sizeBytes,
    ...limitsOf(input, options),
  })
}

function runOutside(input: RunInput, llamaDir: string, options: BehaviourOptions): Promise<ProcessResult> {
  return runLimited(
    [process.execPath, ...commandLine(join(llamaDir, 'run.mjs'), input.modelPaths[0] ?? '')],
    {
      maxOutputBytes: 65_536,
      ...limitsOf(input, options),
    },
  )
}

function commandLine(script: string, model: string): string[] {
  return [`--max-old-space-size=${RUNTIME_MEMORY_MB}`, script, model, String(TOKENS)]
}

/** By default so long that only a hang exceeds it: a disk of 10 MB/s, and one token in a few seconds. */
function limitsOf({ signal, sizeBytes }: RunInput, options: BehaviourOptions) {
  const allowance = 180 + Math.ceil(sizeBytes / 10_000_000)
  const { timeoutMs = allowance * 1_000, cpuSeconds = allowance * 4 } = options
  return { timeoutMs, cpuSeconds, ...(signal && { signal }) }
}

/** The prebuilt llama.cpp, trusted as installed, to learn which system libraries it needs. */
export async function nativeBinaries(llamaDir: string): Promise<string[]> {
  const packages = join(llamaDir, 'node_modules/@node-llama-cpp')
  const entries = await readdir(packages, { recursive: true }).catch(() => [])
  return entries.filter((path) => /\.(?:node|so)$/.test(path)).map((path) => join(packages, path))
}

/** bubblewrap itself failed, before the model was touched. */
function isSetupFailure({ exitCode, stdout, stderr }: ProcessResult): boolean {
  return exitCode === 1 && stdout === '' && stderr.startsWith('bwrap: ')
}

/**
 * What this machine did not have enough of, so that a slow or full verifier
 * does not call a good model broken; null where the run ended by itself. A
 * model that hangs on purpose gains nothing: skipped is not passed.
 */
function shortageOf({ killedFor, signal, exitCode, seconds: took }: ProcessResult): string | null {
  if (killedFor === 'timeout') return `did not finish within ${took} s here`
  if (killedFor !== null) return null
  if (signal === 'SIGXCPU' || exitCode === 128 + constants.signals.SIGXCPU)
    return `used up its CPU time after ${took} s here`
  // Not ours: the kernel's, when memory runs out or at the limit of CPU time.
  if (signal === 'SIGKILL' || exitCode === 128 + constants.signals.SIGKILL)
    return `was killed by this system after ${took} s, for want of memory or CPU time`
  return null
}

/** The answer of the child, or why there is none. */
function readAnswer({ stdout, signal, exitCode, killedFor }: ProcessResult): RunResult | string {
  if (killedFor === 'output') return 'llama.cpp printed more than 64 KiB'
  if (signal !== null) return `llama.cpp was ended by ${signal}`
  // bubblewrap reports a signal that ended its child as 128 and the signal's number.
  if (exitCode !== 0) return `llama.cpp crashed with exit code ${exitCode}`
  try {
    // The last line: the native library may have printed warnings of its own before it.
    return RunResult.parse(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? ''))
  } catch {
    return 'llama.cpp ended without an answer in the expected form'
  }
}

function failedRun(reason: string, { stderr, seconds: took }: ProcessResult, sandbox: string): Check {
  return {
    id: 'load',
    verdict: 'fail',
    message: reason,
    found: lastLine(stderr),
    figures: { seconds: took, sandbox },
  }
}

function failedStage(
  { stage, message, log: lines }: Extract<RunResult, { ok: false }>,
  sandbox: string,
): Check {
  const id =
    stage === 'load' || stage === 'context' ? 'load' : stage === 'logits' ? 'finite_logits' : 'generate'
  const cause = lines.find((line) => line.startsWith('error:')) ?? ''
  return {
    id,
    verdict: 'fail',
    message: plain(`llama.cpp fails to ${VERBS[stage]}: ${message}${cause === '' ? '' : ` (${cause})`}`),
    figures: { sandbox },
  }
}

const VERBS = {
  start: 'start',
  load: 'load the model',
  context: 'make a context',
  generate: 'generate',
  logits: 'evaluate',
}

function passedChecks(answer: Extract<RunResult, { ok: true }>, sandbox: string): Check[] {
  const { logits } = answer
  const wanted = logits.vocabulary * logits.positions
  const allSeen = logits.positions === TOKENS && logits.checked === wanted && wanted > 0
  return [
    {
      id: 'load',
      verdict: 'pass',
      message: `llama.cpp ${answer.llama_cpp.release} loads the model and finds its tensors valid`,
      figures: { seconds: answer.load_seconds, sandbox, system: plain(answer.llama_cpp.system) },
    },
    answer.tokens === TOKENS && answer.token_ids.length === TOKENS
      ? {
          id: 'generate',
          verdict: 'pass',
          message: `It generates ${TOKENS} tokens greedily from the fixed prompt`,
          found: answer.output_sha256,
          figures: {
            prompt_tokens: answer.prompt_tokens,
            tokens: answer.tokens,
            token_ids: answer.token_ids.join(' '),
            ...(answer.tokens_per_second !== null && { tokens_per_second: answer.tokens_per_second }),
          },
        }
      : {
          id: 'generate',
          verdict: 'fail',
          message: `It generates ${answer.tokens} tokens, expected ${TOKENS}`,
        },
    logits.not_finite > 0
      ? {
          id: 'finite_logits',
          verdict: 'fail',
          message: `${logits.not_finite} of ${logits.checked} logits are not finite`,
          figures: logits,
        }
      : allSeen
        ? {
            id: 'finite_logits',
            verdict: 'pass',
            message: `All ${logits.checked} logits are finite`,
            figures: logits,
          }
        : {
            id: 'finite_logits',
            verdict: 'skipped',
            message: 'Not every logit was looked at',
            figures: logits,
          },
  ]
}

function lastLine(stderr: string): string {
  return plain(stderr.trim().split('\n').at(-1) ?? '')
}

/** Text from the child, made safe to print. */
function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu, '\u{FFFD}').slice(0, 500)
}
