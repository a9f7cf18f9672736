/**
 * What tests share to call on outside judges (transmission, aria2, libtorrent,
 * gpg, Chromium …): an absent one skips its test with the reason, and fails it
 * in CI, so that a judge can never go missing unseen.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { accessSync, constants, existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The part of a test's context that these helpers use; `t` of a test and of a hook both have it. */
interface Skippable {
  skip(message?: string): void
}
interface Cleanable {
  after(fn: () => unknown): void
}

/** Debian's own Python: the only one for which python3-libtorrent is installed. */
export const DEBIAN_PYTHON = '/usr/bin/python3'

const known = new Map<string, boolean>()

/** Says whether a judge is there: a program on the PATH, or `libtorrent` for Debian's Python module. */
export function hasTool(name: string): boolean {
  let found = known.get(name)
  if (found === undefined) {
    found = name === 'libtorrent' ? hasLibtorrent() : findProgram(name) !== undefined
    known.set(name, found)
  }
  return found
}

/**
 * Use as `if (!requireTool(t, 'aria2c')) return`: skips the test with the
 * reason where the tool is absent, and throws instead when CI is set.
 */
export function requireTool(t: Skippable, ...names: string[]): boolean {
  const missing = names.filter((name) => !hasTool(name))
  if (missing.length === 0) return true
  const reason = `${missing.join(', ')} not installed`
  if (inCi()) throw new Error(`Cannot run this test in CI: ${reason}`)
  t.skip(reason)
  return false
}

/** Makes a directory under the system's temporary one and removes it, with all in it, after the test. */
export async function tempDir(t: Cleanable): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'qal-test-'))
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))
  return dir
}

/** Finds a loopback port free for TCP and UDP alike; prefer port 0 wherever the program under test can tell its port. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const tcp = createServer()
    tcp.listen(0, '127.0.0.1')
    await once(tcp, 'listening')
    const address = tcp.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const free = await udpFree(port)
    tcp.close()
    await once(tcp, 'close')
    if (free) return port
  }
  throw new Error('Cannot find a free port: 20 attempts')
}

/**
 * The corpus of good and hostile files beside the repository (or at
 * QAL_CORPUS). It is not part of a clone: where it is absent the test is
 * skipped with that reason, also in CI. Use as `if (dir === undefined) return`.
 */
export function corpusDir(t: Skippable, ...below: string[]): string | undefined {
  const root =
    process.env['QAL_CORPUS'] ?? resolve(fileURLToPath(new URL('../../shared/corpus', import.meta.url)))
  const dir = join(root, ...below)
  if (existsSync(dir)) return dir
  t.skip('the corpus ../shared/corpus is absent (set QAL_CORPUS)')
  return undefined
}

export interface ToolResult {
  /** Exit code; null when a signal ended it. */
  code: number | null
  stdout: string
  stderr: string
}

/** Runs a program to its end; it is killed after `timeoutMs` (default 60 s), which rejects. Output is kept whole. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string; timeoutMs?: number } = {},
): Promise<ToolResult> {
  const child = spawn(command, args, { cwd: options.cwd, env: options.env ?? process.env, stdio: 'pipe' })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  // A program may end before it read its input; its exit code tells what matters.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  const timeoutMs = options.timeoutMs ?? 60_000
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    child.kill('SIGKILL')
  }, timeoutMs)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    if (timedOut) throw new Error(`Cannot run ${command}: still running after ${timeoutMs} ms\n${stderr}`)
    return { code, stdout, stderr }
  } finally {
    clearTimeout(timer)
  }
}

/** Runs a Python script with libtorrent importable; arguments come as `sys.argv[1:]`. Guard with `requireTool(t, 'libtorrent')`. */
export function runLibtorrent(
  script: string,
  args: readonly string[] = [],
  options: { cwd?: string; timeoutMs?: number } = {},
): Promise<ToolResult> {
  return runTool(DEBIAN_PYTHON, ['-c', script, ...args], options)
}

/** Whether this is CI, where nothing may be skipped for want of a tool. */
export function inCi(): boolean {
  const value = process.env['CI']
  return value !== undefined && value !== '' && value !== 'false' && value !== '0'
}

function findProgram(name: string): string | undefined {
  // opentracker and the like live in sbin, which a user's PATH may lack.
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return dirs.map((dir) => join(dir, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function hasLibtorrent(): boolean {
  return spawnSync(DEBIAN_PYTHON, ['-c', 'import libtorrent'], { stdio: 'ignore' }).status === 0
}

async function udpFree(port: number): Promise<boolean> {
  const udp = createSocket('udp4')
  const free = new Promise<boolean>((done) => {
    udp.once('error', () => done(false))
    udp.bind(port, '127.0.0.1', () => done(true))
  })
  const answer = await free
  udp.close()
  return answer
}
