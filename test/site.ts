import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const node = join(root, 'node_modules/node/bin/node')
const tsx = join(root, 'scripts/tsx.mjs')

export interface RunningSite {
  url: string
  data: string
  pid: number
  output(): string
  /** SIGINT, to its whole group as Ctrl-C in a terminal or else to it alone, then waits for its end; resolves with the exit code. */
  stop(to?: 'group'): Promise<number | null>
}

/** What users start the site with: `npm start` runs it in a process below its own, bin/qal becomes it. */
const WRAPPERS = {
  'bin/qal serve': [join(root, 'bin/qal'), 'serve'],
  'npm start': [node, join(root, 'scripts/start.mjs'), '--empty'],
} as const
export type Wrapper = keyof typeof WRAPPERS

/**
 * Runs the real site in a process of its own on a free port with a fresh data
 * folder; the caller stops it. Through a wrapper it is empty, and leads a
 * process group as a command in a terminal does; `pid` is then the wrapper's.
 */
export async function runSite({
  demo = false,
  data,
  through,
  args = [],
}: {
  demo?: boolean
  data?: string
  through?: Wrapper
  args?: readonly string[]
} = {}): Promise<RunningSite> {
  const folder = data ?? (await mkdtemp(join(tmpdir(), 'qal-site-')))
  const [command, ...program] = through
    ? WRAPPERS[through]
    : [node, '--import', tsx, join(root, 'src/deploy/start.ts'), ...(demo ? [] : ['--empty'])]
  const child = spawn(command, [...program, '--port', '0', '--data', folder, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: through !== undefined,
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  let output = ''
  const url = await new Promise<string>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      output += chunk.toString()
      const found = /^(?: *Qal.to is at )?(http:\S+)$/m.exec(output)
      if (found?.[1]) resolve(found[1])
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('exit', (code) => reject(new Error(`The site ended with ${code}:\n${output}`)))
  })
  // It prints its address just before it listens to signals; when it answers, it does.
  await (await fetch(url)).text()
  return {
    url,
    data: folder,
    pid: child.pid ?? 0,
    output: () => output,
    async stop(to) {
      const gone = once(child, 'exit')
      if (child.exitCode === null) {
        process.kill(to === 'group' ? -(child.pid ?? 0) : (child.pid ?? 0), 'SIGINT')
        await gone
      }
      if (data === undefined) await rm(folder, { recursive: true, force: true })
      return child.exitCode
    },
  }
}

/** A token as the operator makes one. */
export async function tokenFor(
  site: Pick<RunningSite, 'data'>,
  handle: string,
  role?: string,
): Promise<string> {
  const args = [
    'admin',
    'token',
    '--as',
    handle,
    '--data',
    site.data,
    '--json',
    ...(role ? ['--role', role] : []),
  ]
  const { stdout, stderr } = await qal(args)
  try {
    return (JSON.parse(stdout) as { token: string }).token
  } catch (cause) {
    throw new Error(`bin/qal admin token: ${stdout}${stderr}`, { cause })
  }
}

/** Runs `bin/qal` as a user does. */
export async function qal(
  args: readonly string[],
  options: { cwd?: string } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(join(root, 'bin/qal'), args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd ?? root,
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}
