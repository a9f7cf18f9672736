import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { QalError } from '../core/error.ts'

/** How a limited process ended, and what it said within its limits. */
export interface ProcessResult {
  /** Null where a signal ended it. */
  exitCode: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** Which of the parent's limits ended it. */
  killedFor: 'timeout' | 'output' | 'abort' | null
  seconds: number
}

export interface ProcessLimits {
  timeoutMs: number
  /** For stdout and for stderr, each. */
  maxOutputBytes: number
  signal?: AbortSignal
}

/**
 * Runs a program with no input and an empty environment, and takes at most so
 * much output for at most so long; beyond either it is killed. Throws
 * `verify_process_not_started` where it cannot be started.
 */
export async function runLimited(command: readonly string[], limits: ProcessLimits): Promise<ProcessResult> {
  const [program, ...args] = command
  if (program === undefined) throw new TypeError('Cannot run a program: expected a command')
  limits.signal?.throwIfAborted()
  const started = performance.now()
  const child = spawn(program, args, { env: {}, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] })
  let killedFor: ProcessResult['killedFor'] = null
  const kill = (reason: NonNullable<ProcessResult['killedFor']>): void => {
    killedFor ??= reason
    child.kill('SIGKILL')
  }
  const timer = setTimeout(() => kill('timeout'), limits.timeoutMs)
  const abort = (): void => kill('abort')
  limits.signal?.addEventListener('abort', abort, { once: true })
  const stdout = collect(child.stdout, limits.maxOutputBytes, () => kill('output'))
  const stderr = collect(child.stderr, limits.maxOutputBytes, () => kill('output'))
  try {
    const { exitCode, signal } = await ended(child, program)
    return {
      exitCode,
      signal,
      stdout: stdout(),
      stderr: stderr(),
      killedFor,
      seconds: Math.round(performance.now() - started) / 1000,
    }
  } finally {
    clearTimeout(timer)
    limits.signal?.removeEventListener('abort', abort)
  }
}

/** Waits for `close`, not `exit`: only then no descendant holds the pipes any more. */
function ended(
  child: ChildProcessByStdio<null, Readable, Readable>,
  program: string,
): Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(
        new QalError('verify_process_not_started', `Cannot start ${program}: ${cause.message}`, { cause }),
      )
    })
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal }))
  })
}

function collect(stream: Readable, maxBytes: number, tooMuch: () => void): () => string {
  const chunks: Buffer[] = []
  let length = 0
  stream.on('data', (chunk: Buffer) => {
    const room = maxBytes - length
    length += chunk.length
    if (room > 0) chunks.push(chunk.subarray(0, room))
    if (length > maxBytes) tooMuch()
  })
  return () => Buffer.concat(chunks).toString('utf8')
}
