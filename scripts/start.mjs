/** `npm start`: installs what is missing, builds what has changed, then runs the site with the pinned Node. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { buildSite, installRuntime, node, root } from './install.mjs'

try {
  installRuntime()
  buildSite()
} catch (error) {
  process.stderr.write(`npm start: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
const child = spawn(
  node,
  [
    '--disable-warning=ExperimentalWarning',
    '--import',
    join(root, 'scripts/tsx.mjs'),
    join(root, 'src/deploy/start.ts'),
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
)
// What is sent to this process alone is passed on; what the terminal sends to the whole group then comes twice, which the site takes as once.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
// npm ends at once when it is told to, without a word to us: then the site ends too.
const parent = process.ppid
setInterval(() => process.ppid === parent || child.kill('SIGTERM'), 500).unref()
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))
