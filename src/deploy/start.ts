import { Command, CommanderError } from 'commander'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isQalError } from '../core/error.ts'
import { fillWithDemo, wantsDemo } from '../demo/demo.ts'
import { startNode, untilStopped } from './node.ts'
import { inWords, signInHint } from './stores.ts'
import { addServeOptions, parseServeSettings, type ServeOptions } from './settings.ts'

/** `npm start`: serves, and fills an empty ledger with the demo. */
const program = addServeOptions(new Command('npm start --'))
  .exitOverride()
  .option('--empty', 'start without the demo')
  .action(async (options: ServeOptions & { empty?: boolean }) => {
    const settings = parseServeSettings(options)
    const words = (error: unknown): never => {
      throw inWords(error, settings)
    }
    const demo = await wantsDemo(settings.data, options.empty === true).catch(words)
    const site = await startNode(settings, demo !== 'no').catch(words)
    // Whoever reads the address may send a signal at once.
    const stopped = untilStopped(site)
    process.stdout.write(
      `\n  Qal.to is at ${site.url}\n  Ctrl-C stops it. Data: ${settings.data}\n  ${signInHint(settings, site.url)}${demo === 'no' ? '' : '; demo-moderator may approve and reject'}\n\n`,
    )
    if (demo === 'fill')
      fillWithDemo(site, settings.data, (line) => process.stdout.write(`  demo: ${line}\n`)).catch(
        (error: unknown) => {
          if (existsSync(join(settings.data, 'secret')))
            console.error('The demo could not be finished:', error)
        },
      )
    await stopped
  })

try {
  await program.parseAsync()
  process.exit(0)
} catch (error) {
  // Commander has printed its own message.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2)
  process.stderr.write(`npm start: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(isQalError(error) ? (error.facts.exit ?? 1) : 1)
}
