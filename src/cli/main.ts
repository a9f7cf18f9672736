import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { isQalError } from '../core/error.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const program = new Command('qal')
  .version(version)
  .showHelpAfterError('(see --help)')
  .description(
    'The torrent index for open-weight AI models in which every badge is computed from public evidence',
  )
  .addHelpText(
    'after',
    '\nExit codes: 0 fine, 1 unexpected failure, 2 usage, 3 the claim does not hold, 4 invalid or hostile input',
  )
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })

/** Loaded when they are asked for: a command should not wait for what the others need. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  create: async () => (await import('./create.ts')).createCommand(),
  show: async () => (await import('./show.ts')).showCommand(),
  magnet: async () => (await import('./magnet.ts')).magnetCommand(),
  hash: async () => (await import('./hash.ts')).hashCommand(),
  inspect: async () => (await import('./inspect.ts')).inspectCommand(),
  verify: async () => (await import('./verify.ts')).verifyCommand(),
  get: async () => (await import('./get.ts')).getCommand(),
  seed: async () => (await import('./seed.ts')).seedCommand(),
  audit: async () => (await import('./audit.ts')).auditCommand(),
  serve: async () => (await import('./serve.ts')).serveCommand(),
  admin: async () => (await import('./admin.ts')).adminCommand(),
}
const asked = process.argv[2] ?? ''
const load = Object.hasOwn(COMMANDS, asked) ? COMMANDS[asked] : undefined
for (const make of load === undefined ? Object.values(COMMANDS) : [load])
  program.addCommand(overridden(await make()))

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

/** Commands made on their own do not inherit their parent's settings. */
function overridden(command: Command): Command {
  command.exitOverride().showHelpAfterError('(see --help)')
  for (const sub of command.commands) overridden(sub)
  return command
}

/** Prints what went wrong, once, and says which exit code it is. */
function exitCodeOf(error: unknown): number {
  // Commander has printed its own message; asking for help is not an error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const json = process.argv.includes('--json')
  if (isQalError(error)) {
    const { code, message, facts } = error
    const { field, expected, found, offset } = facts
    if (json)
      process.stdout.write(
        `${JSON.stringify({ error: { code, message, field, expected, found, offset } })}\n`,
      )
    else {
      process.stderr.write(`qal: ${message}\n`)
      if (expected !== undefined && !message.includes(expected))
        process.stderr.write(`  expected: ${expected}\n`)
    }
    // As shells have it: 128 and the number of SIGINT.
    return code === 'swarm_stopped' ? 130 : (facts.exit ?? 1)
  }
  const nodeCode = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reason = error instanceof Error ? error.message : String(error)
  if (json)
    process.stdout.write(
      `${JSON.stringify({ error: { code: nodeCode || 'unexpected', message: reason } })}\n`,
    )
  else process.stderr.write(`qal: ${reason}\n`)
  // A path that is not there is how the command was called.
  return nodeCode === 'ENOENT' || nodeCode === 'EISDIR' || nodeCode === 'EACCES' ? 2 : 1
}
