import { accessSync, constants, realpathSync } from 'node:fs'
import { basename } from 'node:path'
import { type ProcessLimits, type ProcessResult, runLimited } from './process.ts'
import { sharedLibrariesOf } from './shared-libraries.ts'

/** The runtime inside the sandbox. */
export const SANDBOX_NODE = '/sandbox/node'

/** What a program may still map beyond its private memory: its own code and the runtime's reservations. */
const ADDRESS_SPACE_SLACK_BYTES = 2 * 1024 ** 3

export interface SandboxOptions extends Partial<ProcessLimits> {
  /** As seen inside; `SANDBOX_NODE` is the runtime that runs this. */
  command: readonly string[]
  /** Files and folders it may read, and where it sees them. Nothing is writable. */
  bind?: { readOnly: readonly { from: string; to: string }[] }
  /** Private memory (`RLIMIT_DATA`), in bytes. */
  memoryBytes?: number
  /** How much it may map of the files it reads, in bytes; with the private memory this bounds its address space. */
  mappedBytes?: number
  cpuSeconds?: number
  /** Trusted binaries besides the runtime whose system libraries it needs. */
  binaries?: readonly string[]
}

const DEFAULTS = {
  memoryBytes: 2 * 1024 ** 3,
  mappedBytes: 0,
  cpuSeconds: 600,
  timeoutMs: 300_000,
  maxOutputBytes: 65_536,
}

/**
 * Runs a program under bubblewrap: no network, no other processes, an empty
 * environment, no capabilities, and of the file system only the runtime, its
 * libraries and what is bound, all read-only. `prlimit` bounds memory, CPU time,
 * open files and written bytes; the parent ends it on time-out or long output.
 * Throws `verify_process_not_started` where the tools are missing.
 */
export async function runSandboxed(options: SandboxOptions): Promise<ProcessResult> {
  const limits = { ...DEFAULTS, ...options }
  const node = realpathSync(process.execPath)
  const { loader, libraries } = await librariesOf([node, ...(options.binaries ?? [])])
  const reads = [
    { from: node, to: SANDBOX_NODE },
    ...(loader === null ? [] : [{ from: loader, to: loader }]),
    ...libraries.map((from) => ({ from, to: `/sandbox/lib/${basename(from)}` })),
    ...(options.bind?.readOnly ?? []),
  ]
  return runLimited(
    [
      toolPath('prlimit'),
      `--data=${limits.memoryBytes}`,
      `--as=${limits.memoryBytes + limits.mappedBytes + ADDRESS_SPACE_SLACK_BYTES}`,
      `--cpu=${limits.cpuSeconds}`,
      '--core=0',
      // Also for files in memory, which no limit on mappings would count.
      '--fsize=0',
      '--nofile=256',
      toolPath('bwrap'),
      ...ISOLATION,
      ...reads.flatMap(({ from, to }) => ['--ro-bind', from, to]),
      '--dev',
      '/dev',
      // The root and /dev are file systems in memory: left writable they would be memory without limit.
      '--remount-ro',
      '/dev',
      '--remount-ro',
      '/',
      '--',
      ...options.command,
    ],
    limits,
  )
}

const ISOLATION = [
  '--unshare-all',
  '--die-with-parent',
  '--new-session',
  '--cap-drop',
  'ALL',
  '--hostname',
  'sandbox',
  '--chdir',
  '/',
  '--clearenv',
  // node-llama-cpp asks for a home folder; there is nothing in this one.
  '--setenv',
  'HOME',
  '/',
  '--setenv',
  'LANG',
  'C.UTF-8',
  '--setenv',
  'LD_LIBRARY_PATH',
  '/sandbox/lib',
] as const

/** Whether untrusted models can be run natively here, and if not, why. */
export type SandboxAvailability = { available: true } | { available: false; reason: string }

let tried: Promise<SandboxAvailability> | undefined

/** Really runs the runtime in the sandbox, once a process. */
export function sandboxAvailable(): Promise<SandboxAvailability> {
  tried ??= trySandbox()
  return tried
}

async function trySandbox(): Promise<SandboxAvailability> {
  if (process.platform !== 'linux')
    return { available: false, reason: `bubblewrap needs Linux, this is ${process.platform}` }
  for (const tool of ['bwrap', 'prlimit', 'ldd'])
    if (findTool(tool) === undefined)
      return {
        available: false,
        reason: `${tool} is not installed (Debian: apt install bubblewrap util-linux)`,
      }
  try {
    const { exitCode, signal, stdout, stderr } = await runSandboxed({
      command: [SANDBOX_NODE, '-e', 'process.stdout.write("isolated")'],
      timeoutMs: 20_000,
    })
    if (exitCode === 0 && stdout === 'isolated') return { available: true }
    const said = stderr.trim().split('\n')[0]?.slice(0, 200)
    return {
      available: false,
      reason: `bubblewrap does not run here: ${said || `ended with ${signal ?? exitCode}`}`,
    }
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

const known = new Map<string, ReturnType<typeof sharedLibrariesOf>>()

function librariesOf(binaries: readonly string[]): ReturnType<typeof sharedLibrariesOf> {
  const key = binaries.join('\0')
  const found = known.get(key) ?? sharedLibrariesOf(binaries)
  known.set(key, found)
  return found
}

/** Fixed folders, not PATH: what encloses hostile files is not to be found by an environment. */
function findTool(name: string): string | undefined {
  return ['/usr/bin', '/bin', '/usr/local/bin'].map((folder) => `${folder}/${name}`).find(isExecutable)
}

function toolPath(name: string): string {
  return findTool(name) ?? `/usr/bin/${name}`
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
