/** `bin/qal` as a process group of its own, so that a test can end it as a terminal or a power cut would. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const QAL = fileURLToPath(new URL('../bin/qal', import.meta.url))

export interface Running {
  pid: number
  /** To the whole group, as Ctrl-C in a terminal. */
  signal(name: NodeJS.Signals): void
  stdout(): string
  stderr(): string
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

/** Starts a command; what is still running when the test ends is ended then. */
export function running(t: Pick<TestContext, 'after'>, args: readonly string[], cwd?: string): Running {
  // Nothing may leave this machine: the DHT is asked only where a test names its routers.
  const env = { ...process.env, QAL_DHT: 'off', QAL_SITE: '' }
  const child = spawn(QAL, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], cwd, env })
  const { pid = 0 } = child
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }))
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-pid, name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) signal('SIGKILL')
    await ended
  })
  return { pid, signal, stdout: () => stdout, stderr: () => stderr, ended }
}
