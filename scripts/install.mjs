/**
 * What `npm start` and `npm test` need, put there where it is missing. Plain
 * JavaScript, since it runs under whichever Node is there before the pinned one is.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')
export const node = join(root, 'node_modules/node/bin/node')

const say = (text) => process.stderr.write(`${text}\n`)

/** Installs npm packages where package-lock.json has changed since the last time. */
function installPackages(folder, args) {
  const lock = join(folder, 'package-lock.json')
  const stamp = join(folder, 'node_modules/.qal-lock')
  const wanted = hashOf([lock, join(folder, 'package.json')])
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  say(`Installing npm packages in ${folder === root ? '.' : folder.slice(root.length + 1)} …`)
  run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], folder)
  writeFileSync(stamp, wanted)
}

/** Debian packages by the command that shows they are there; says what is missing where they cannot be installed. */
export function installTools(tools) {
  const missing = Object.entries(tools).filter(([, probe]) => !probe())
  if (missing.length === 0) return []
  const names = missing.map(([name]) => name)
  const canInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
  if (!canInstall) return names
  say(`Installing Debian packages: ${names.join(' ')} …`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const options = { stdio: ['ignore', 'ignore', 'inherit'], env }
  spawnSync('apt-get', ['update', '-qq'], options)
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], options)
  return missing.filter(([, probe]) => !probe()).map(([name]) => name)
}

export function hasCommand(name) {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, name)))
}

/** Everything that running the site needs. */
export function installRuntime() {
  installPackages(root, ['ci'])
  if (process.platform === 'linux' && process.arch === 'x64')
    // Whole, node-llama-cpp brings 640 MB for GPUs; its scripts would build llama.cpp from source.
    // `ci` wants every other platform's package in the registry too; this takes the lock's versions without asking.
    installPackages(join(root, 'llama'), ['install', '--no-save', '--omit=optional', '--ignore-scripts'])
  else say('llama.cpp is only set up for Linux on x64: the behaviour judge is skipped here')
  const missing =
    process.platform === 'linux' ? installTools({ bubblewrap: () => hasCommand('bwrap') }) : ['bubblewrap']
  if (missing.length > 0)
    say('bubblewrap is missing: the behaviour judge is skipped, since models are only run in its sandbox')
}

/** Builds the browser's part where its sources have changed. */
export function buildSite() {
  const stamp = join(root, 'dist/.qal-sources')
  const wanted = hashOf([
    join(root, 'vite.config.ts'),
    join(root, 'package-lock.json'),
    ...filesUnder(join(root, 'src/web')),
    ...['core', 'torrent', 'gguf', 'sign'].flatMap((part) => filesUnder(join(root, 'src', part))),
  ])
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  say('Building the site …')
  run(node, [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'], root)
  writeFileSync(stamp, wanted)
}

function run(command, args, cwd) {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
}

function hashOf(files) {
  const hash = createHash('sha256')
  for (const file of files)
    if (existsSync(file)) hash.update(file.slice(root.length)).update(readFileSync(file))
  return hash.digest('hex')
}

function filesUnder(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => /\.(?:tsx?|css|svg)$/.test(path) && statSync(path).isFile())
    .toSorted((a, b) => (a < b ? -1 : 1))
}
