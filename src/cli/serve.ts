import { Command } from 'commander'
import { addServeOptions, parseServeSettings, type ServeOptions } from '../deploy/settings.ts'

/** Runs the site, API, tracker, seeder and verifier on this machine until Ctrl-C. */
export function serveCommand(): Command {
  return addServeOptions(new Command('serve'))
    .description('Run the site, API, tracker, seeder and verifier on this machine')
    .option('--json', 'print the address as JSON')
    .addHelpText(
      'after',
      `
Examples:
  bin/qal serve
  bin/qal serve --port 9000 --data /srv/qal
  QAL_BASE_URL=https://qal.example.org bin/qal serve --host 0.0.0.0
  bin/qal serve --tracker own --tracker udp://tracker.example.org:1337/announce
  bin/qal serve --dht --dht-port 6881

Where visitors come from elsewhere, also through a proxy, QAL_BASE_URL says by which address.

Beside the trackers, web seeds and peers of what is submitted, the site speaks with other trackers and with the
DHT only where they are named: --tracker, or QAL_TRACKERS=url,url; --dht, or QAL_DHT=on or QAL_DHT=host:port,…

People sign in with GitHub where QAL_GITHUB_CLIENT_ID and QAL_GITHUB_CLIENT_SECRET are set (an OAuth app
with the callback BASE/sign-in/github/callback), and by e-mail where QAL_SMTP_URL and QAL_MAIL_FROM are.`,
    )
    .action(async (options: ServeOptions & { json?: boolean }) => {
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
