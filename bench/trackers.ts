/** Starts the trackers that the benchmarks compare, each a process of its own, and ends them with the benchmark. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const TSX = fileURLToPath(new URL('../scripts/tsx.mjs', import.meta.url))
const PROCESS = fileURLToPath(new URL('tracker-process.ts', import.meta.url))

export interface Cleaner {
  after(fn: () => unknown): void
  /** Last first. */
  clean(): Promise<void>
}

export function cleaner(): Cleaner {
  const all: (() => unknown)[] = []
  return {
    after: (fn) => void all.push(fn),
    async clean() {
      while (all.length > 0) await all.pop()?.()
    },
  }
}

/** Starts `tracker-process.ts KIND …` and gives its port, HTTP and UDP, and process id. */
export async function startProcess(
  cleanUp: Cleaner,
  ...args: string[]
): Promise<{ port: number; pid: number }> {
  const child = spawn(process.execPath, ['--import', TSX, PROCESS, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  cleanUp.after(async () => {
    const gone = child.exitCode === null ? once(child, 'exit') : undefined
    child.stdin.end()
    await gone
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { port: Number(line.toString()), pid: child.pid ?? 0 }
}

/** What a process has used of a processor until now, in seconds; the kernel counts hundredths (proc(5)). */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
