import { Command } from 'commander'
import { parseServeSettings, SERVE_DEFAULTS } from '../deploy/settings.ts'

/** Runs the site, API, tracker, seeder and verifier on this machine until Ctrl-C. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('Run the site, API, tracker, seeder and verifier on this machine')
    .option('--port <n>', 'port of the site and of the tracker (HTTP, UDP, WebSocket)', SERVE_DEFAULTS.port)
    .option('--host <host>', 'address to listen on', SERVE_DEFAULTS.host)
    .option('--data <dir>', 'the data folder', process.env['QAL_DATA'] ?? SERVE_DEFAULTS.data)
    .option('--json', 'print the address as JSON')
    .addHelpText(
      'after',
      `
Examples:
  bin/qal serve
  bin/qal serve --port 9000 --data /srv/qal
  QAL_BASE_URL=https://qal.example.org bin/qal serve --host 0.0.0.0

Where visitors come from elsewhere, also through a proxy, QAL_BASE_URL says by which address.

People sign in with GitHub where QAL_GITHUB_CLIENT_ID and QAL_GITHUB_CLIENT_SECRET are set (an OAuth app
with the callback BASE/sign-in/github/callback), and by e-mail where QAL_SMTP_URL and QAL_MAIL_FROM are.`,
    )
    .action(async (options: { port: string; host: string; data: string; json?: boolean }) => {
      const settings = parseServeSettings(options)
      const { startNode, untilStopped } = await import('../deploy/node.ts')
      const { inWords, signInHint } = await import('../deploy/stores.ts')
      const site = await startNode(settings).catch((error: unknown) => {
        throw inWords(error, settings)
      })
      // Whoever reads the address may send a signal at once.
      const stopped = untilStopped(site)
      process.stdout.write(options.json ? `${JSON.stringify({ url: site.url })}\n` : `${site.url}\n`)
      // Beside the address, which a script reads.
      process.stderr.write(`${signInHint(settings, site.url)}\n`)
      await stopped
    })
}
