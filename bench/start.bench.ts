/**
 * How long from `npm start` to the first page: in a clone made just now, with
 * everything to install and build, and a second time. A peer does not exist;
 * the limit is `npm ci` alone in the same clone. Needs the npm registry.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const dir = await mkdtemp(join(tmpdir(), 'qal-start-'))
const clone = join(dir, 'qal')
// The clone must find its own Node and packages, not this run's.
const PATH = (process.env['PATH'] ?? '')
  .split(':')
  .filter((folder) => !folder.includes('node_modules'))
  .join(':')
const env = { ...process.env, PATH, NODE_OPTIONS: '' }

try {
  execFileSync('git', ['clone', '-q', root, clone])
  const cold = await firstPage('cold')
  const warm = await firstPage('warm')
  await rm(join(clone, 'node_modules'), { recursive: true })
  const began = performance.now()
  execFileSync('npm', ['ci', '--silent'], { cwd: clone, env, stdio: 'ignore' })
  const install = (performance.now() - began) / 1000
  const figures = {
    'cold, s': cold.toFixed(1),
    'warm, s': warm.toFixed(1),
    'npm ci alone, s': install.toFixed(1),
    'cold / npm ci': (cold / install).toFixed(2),
  }
  console.table(figures)
  console.log(JSON.stringify({ bench: 'start', cpu: cpus()[0]?.model, ...figures }))
} finally {
  await rm(dir, { recursive: true, force: true })
}

async function firstPage(name: string): Promise<number> {
  const began = performance.now()
  const child = spawn('npm', ['start', '--', '--port', '0', '--empty', '--data', join(dir, name)], {
    cwd: clone,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const url = await new Promise<string>((resolve, reject) => {
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      const found = /is at (http:\S+)/.exec(output)
      if (found?.[1]) resolve(found[1])
    })
    child.once('exit', (code) => reject(new Error(`npm start ended with ${code}: ${output}`)))
  })
  const response = await fetch(url)
  await response.text()
  if (!response.ok) throw new Error(`The first page answered ${response.status}`)
  const seconds = (performance.now() - began) / 1000
  const gone = once(child, 'exit')
  // Ctrl-C as a terminal sends it: to the whole group.
  process.kill(-(child.pid ?? 0), 'SIGINT')
  await gone
  return seconds
}
