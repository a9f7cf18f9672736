/**
 * `npm test`: installs what is missing, then type checks, lints, checks the
 * format, builds and runs every test. The last line is `N passed, N failed`.
 */
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { buildSite, hasCommand, installRuntime, installTools, node, root } from './install.mjs'

/** Debian's package and how to see that it is there. */
const JUDGES = {
  bubblewrap: () => hasCommand('bwrap'),
  'transmission-cli': () => hasCommand('transmission-show'),
  mktorrent: () => hasCommand('mktorrent'),
  aria2: () => hasCommand('aria2c'),
  opentracker: () => hasCommand('opentracker'),
  'python3-libtorrent': () => spawnSync('/usr/bin/python3', ['-c', 'import libtorrent']).status === 0,
  gnupg: () => hasCommand('gpg'),
  chromium: () => hasCommand('chromium'),
}

// As `inCi` of test/tools.ts: CI=false and CI=0 say that it is not.
const inCi = !['', 'false', '0'].includes(process.env.CI ?? '')

installRuntime()
const missing = installTools(JUDGES)
if (missing.length > 0) {
  console.log(`Missing, so their tests are skipped: ${missing.join(', ')}`)
  if (inCi) process.exitCode = 1
}
buildSite()

const bin = (name) => join(root, 'node_modules/.bin', name)
const steps = [
  ['types', bin('tsc'), ['-p', 'tsconfig.json']],
  ['types of the pure folders', bin('tsc'), ['-p', 'tsconfig.pure.json']],
  ['lint', bin('oxlint'), ['--type-aware']],
  ['format', bin('oxfmt'), ['--check', '.']],
]
let passed = 0
let failed = missing.length > 0 && inCi ? missing.length : 0
for (const [name, command, args] of steps) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (status === 0) passed += 1
  else {
    failed += 1
    console.log(`✖ ${name}\n${stdout}${stderr}`)
  }
}

const only = process.argv.slice(2)
const files = only.length > 0 ? only : testFiles()
const child = spawn(
  node,
  [
    '--disable-warning=ExperimentalWarning',
    '--import',
    join(root, 'scripts/tsx.mjs'),
    '--test',
    '--test-concurrency=2',
    '--test-timeout=300000',
    `--test-reporter=${join(root, 'scripts/reporter.mjs')}`,
    '--test-reporter-destination=stdout',
    ...files,
  ],
  { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
)
let tail = ''
child.stdout.on('data', (chunk) => {
  tail = (tail + chunk).slice(-4_000)
  process.stdout.write(chunk)
})
process.on('SIGINT', () => child.kill('SIGINT'))
// Not `exit`: its last lines may still be in the pipe then.
child.on('close', (code) => {
  // The last one: a test may print such a line too.
  const counts = [...tail.matchAll(/^tests: (\d+) passed, (\d+) failed, (\d+) skipped$/gm)].at(-1)
  if (counts === undefined) failed += 1
  passed += Number(counts?.[1] ?? 0)
  failed += Number(counts?.[2] ?? 0)
  const skipped = Number(counts?.[3] ?? 0)
  if (failed === 0 && code !== 0) failed += 1
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  process.exit(failed > 0 ? 1 : 0)
})

function testFiles() {
  return ['src', 'test']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)),
    )
    .filter((path) => /\.test\.tsx?$/.test(path) && !path.includes('node_modules'))
    .toSorted((a, b) => (a < b ? -1 : 1))
}
