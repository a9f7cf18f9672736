/** llama.cpp as a judge of many small files: loads them one after another in the sandbox and goes on after a crash. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nativeBinaries } from '../src/verify/behaviour.ts'
import { runSandboxed, sandboxAvailable, SANDBOX_NODE } from '../src/verify/sandbox.ts'
import { inCi } from './tools.ts'

const LLAMA = fileURLToPath(new URL('../llama', import.meta.url))
const PER_FILE_MS = 20_000

export interface LoadOutcome {
  outcome: 'ok' | 'error' | 'timeout' | 'crash'
  stage?: string
  message?: string
  log?: string[]
}

/** Why llama.cpp cannot be asked here, undefined where it can; throws in CI. */
export async function withoutLlama(): Promise<string | undefined> {
  const sandbox = await sandboxAvailable()
  const reason = !existsSync(join(LLAMA, 'node_modules', 'node-llama-cpp'))
    ? 'llama/node_modules is absent (npm install in llama/)'
    : sandbox.available
      ? undefined
      : `no sandbox: ${sandbox.reason}`
  if (reason !== undefined && inCi()) throw new Error(`Cannot run this test in CI: ${reason}`)
  return reason
}

/** Loads each file, made when its turn comes, and tells by name how that went. */
export async function loadInLlama(
  files: readonly { name: string; bytes: Uint8Array }[],
): Promise<Map<string, LoadOutcome>> {
  const outcomes = new Map<string, LoadOutcome>()
  const dir = await mkdtemp(join(tmpdir(), 'qal-llama-'))
  try {
    const folder = join(dir, 'models')
    await mkdir(folder)
    for (const { name, bytes } of files) await writeFile(join(folder, name), bytes)
    const llama = await realpath(LLAMA)
    const binaries = await nativeBinaries(llama)
    while (outcomes.size < files.length) {
      const before = outcomes.size
      const { stdout, stderr, signal, exitCode, killedFor } = await runSandboxed({
        command: [
          SANDBOX_NODE,
          '--max-old-space-size=512',
          '/sandbox/llama/load.mjs',
          '/sandbox/models',
          String(outcomes.size),
          String(PER_FILE_MS),
        ],
        bind: {
          readOnly: [
            { from: llama, to: '/sandbox/llama' },
            { from: folder, to: '/sandbox/models' },
          ],
        },
        binaries,
        timeoutMs: 120_000 + files.length * 1_000,
        cpuSeconds: 120 + files.length,
        maxOutputBytes: 4 * 1024 * 1024,
      })
      let begun: string | undefined
      for (const line of stdout.split('\n')) {
        if (!line.startsWith('{')) continue
        const { file, ...outcome } = JSON.parse(line) as LoadOutcome & { file: string }
        if ((outcome.outcome as string) === 'begun') begun = file
        else {
          outcomes.set(file, outcome)
          begun = undefined
        }
      }
      if (begun !== undefined)
        outcomes.set(begun, {
          outcome: 'crash',
          message: `${killedFor ?? signal ?? exitCode}: ${stderr.trim().split('\n').slice(-3).join(' | ').slice(0, 400)}`,
        })
      if (outcomes.size === before)
        throw new Error(`Cannot run llama.cpp: ${stderr.slice(-500)} (${signal ?? exitCode})`)
    }
    return outcomes
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
