import { join } from 'node:path'
import { Command } from 'commander'
import { isQalError } from '../core/error.ts'
import type { SignatureResult } from '../sign/detached.ts'
import { fetchMetainfo, fetchTorrent, type FetchedFile, type KnownTorrent } from '../swarm/fetch.ts'
import { unfinishedFolder } from '../swarm/fetch-folder.ts'
import type { FetchLimits } from '../swarm/fetch-run.ts'
import { chooseFiles } from './get-files.ts'
import {
  checkDigests,
  checkSignature,
  checkTorrent,
  claimOf,
  mismatch,
  refuseDanger,
  type Listing,
} from './get-listing.ts'
import { startGetProgress, type GetProgress } from './get-progress.ts'
import { printFiles, printResult, type Checked, type Got } from './get-report.ts'
import { siteNamed, sourceOf, type GetSource } from './get-source.ts'
import { collect, safeLine, usageError } from './output.ts'
import { dhtRouters, isLocalUrl, listenOn, policyOf, rateOf, type SwarmFlags } from './swarm-options.ts'

interface GetFlags extends SwarmFlags {
  output: string
  site?: string
  file?: string[]
  list?: true
  force?: true
  anyway?: true
  sha256?: string
  md5?: true
  peer?: string[]
  downLimit?: string
  timeout: string
  json?: true
}

const LONGEST_MS = 24 * 24 * 3_600_000
/** What somebody sends may end the process that speaks with the swarm. */
const RESTARTS = 5

/** `qal get ID|MAGNET|F.torrent`: a download that is verified while it arrives. */
export function getCommand(): Command {
  return new Command('get')
    .description('Download a model and verify it while it arrives')
    .argument('<what>', "a listing's id or page, a magnet link in quotes, an info hash, or a .torrent file")
    .option('-o, --output <dir>', 'the folder to download into', '.')
    .option('--site <url>', 'the site to ask for an id (default: QAL_SITE)', process.env['QAL_SITE'])
    .option('--file <pattern>', 'only these files: a path, a name, or a glob; repeat for more', collect)
    .option('--list', 'only list the files')
    .option('--sha256 <hex>', 'what the only file must have')
    .option('--md5', 'work out the MD5 too, where the listing gives none')
    .option('--force', 'replace files that are there and are others')
    .option('--anyway', 'also what its listing warns of')
    .option('--peer <ip:port>', 'a peer to ask; repeat for more', collect)
    .option(
      '--allow <address>',
      'an address beside public ones, host:port or a range; repeat for more',
      collect,
    )
    .option('--dht <how>', 'on, off, or routers as host:port,host:port (default: QAL_DHT, else on)')
    .option('--listen <where>', 'port or address:port that peers may connect to, or off (default: any port)')
    .option('--down-limit <rate>', 'bytes a second to take, such as 500K or 2M')
    .option('--up-limit <rate>', 'bytes a second to give')
    .option('--timeout <seconds>', 'give up when nothing new came for so long; 0 waits for ever', '300')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Every piece is checked before it counts, by SHA-1 and by its v2 tree, and the SHA-256 of each file is worked
out while it arrives. By id, what came is compared with the listing: SHA-256, MD5, size and signature. Only
then does a file get its name; until then it lies in .qal-INFOHASH in the folder, and stays there where
something does not match. The same command goes on after Ctrl-C, a crash or a power cut.

Only public addresses are spoken to, and those that --allow names; with a site on this machine, this machine's
own too. The DHT is asked for peers unless the torrent is private, the site is on this machine or --dht is off.
While it downloads, what is there is given to others.

Exit codes: 0 all there and verified, 1 not to be had now, 2 usage, 3 not what was published, 4 invalid or
hostile torrent, 130 stopped.

Examples:
  bin/qal get 01JZ0000000000000000000000 --site https://qal.example.org -o models
  bin/qal get https://qal.example.org/models/01JZ0000000000000000000000
  bin/qal get model.gguf.torrent --list
  bin/qal get model.gguf.torrent --file '*Q4_K_M*' --down-limit 5M
  bin/qal get 'magnet:?xt=urn:btih:${'0123456789'.repeat(4)}' --sha256 ${'0123456789abcdef'.repeat(4)}`,
    )
    .action(get)
}

async function get(what: string, flags: GetFlags): Promise<void> {
  const askedAt = flags.site || undefined
  const sha256 = flags.sha256 === undefined ? null : hex64(flags.sha256)
  const site = siteNamed(what, askedAt)
  const stop = new AbortController()
  const progress = startGetProgress()
  const limits = limitsOf(flags, { local: site !== null && isLocalUrl(site), stop, progress })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const onSignal = (): void => stop.abort()
  for (const signal of signals) process.on(signal, onSignal)
  let source: GetSource | undefined
  try {
    source = await sourceOf(what, askedAt)
    if (source.listing) introduce(source.listing, flags, progress)
    const torrent = await knownOf(source, { ...limits, into: flags.output })
    const files = chooseFiles(torrent.metainfo, flags.file, source.select)
    if (flags.list === true) {
      progress.end()
      printFiles(torrent.metainfo, files, flags.json === true)
      return
    }
    const got = await download(source.listing, { torrent, files, sha256 }, { ...limits, flags, progress })
    progress.end()
    printResult(got, flags.json === true)
  } catch (error) {
    progress.end()
    explain(error, { flags, source, progress })
    if (!isQalError(error) || error.code !== 'swarm_stopped' || flags.json === true) throw error
  } finally {
    if (stop.signal.aborted) process.exitCode = STOPPED
    for (const signal of signals) process.off(signal, onSignal)
  }
}

/** 128 and the number of SIGINT, as shells have it. */
const STOPPED = 130

function limitsOf(
  flags: GetFlags,
  { local, stop, progress }: { local: boolean; stop: AbortController; progress: GetProgress },
): FetchLimits {
  const seconds = Number(flags.timeout)
  if (!/^\d{1,7}$/.test(flags.timeout)) throw usageError('--timeout', 'whole seconds', flags.timeout)
  const dht = dhtRouters(flags.dht, local)
  const listen = listenOn(flags.listen, local)
  const down = rateOf('--down-limit', flags.downLimit)
  const up = rateOf('--up-limit', flags.upLimit)
  for (const peer of flags.peer ?? [])
    if (!/^(?:[\d.]+|\[[\da-f:.]+\]):\d{1,5}$/i.test(peer)) throw usageError('--peer', 'ip:port', peer)
  return {
    policy: policyOf(flags.allow, local),
    idleTimeoutMs: seconds === 0 ? LONGEST_MS : Math.min(seconds * 1000, LONGEST_MS),
    totalTimeoutMs: LONGEST_MS,
    signal: stop.signal,
    onProgress: (state) => progress.update(state),
    onProblem: (problem) => progress.problem(problem),
    peers: flags.peer ?? [],
    ...(dht && { dht }),
    ...(listen && { listen }),
    ...(down !== null && { maxDownRate: down }),
    ...(up !== null && { maxUpRate: up }),
  }
}

function hex64(text: string): string {
  const lower = text.trim().toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(lower)) throw usageError('--sha256', '64 hexadecimal digits', text)
  return lower
}

/** Says whose word it is that will be compared with, and warns where nobody has verified it. */
function introduce(listing: Listing, flags: GetFlags, progress: GetProgress): void {
  const { model, status, tier, consensus } = listing
  progress.say(`${safeLine(model)}: ${safeLine([status, tier, consensus].join(', '))}`)
  if (flags.anyway !== true) refuseDanger(listing)
  else if (consensus !== 'VERIFIED' || status !== 'published')
    progress.say('Got anyway: this listing is not in good standing, or nobody has verified it')
  if (consensus === 'PENDING')
    progress.say('Nobody has verified this listing yet: its hashes are the word of its uploader')
}

async function knownOf(source: GetSource, limits: FetchLimits & { into: string }): Promise<KnownTorrent> {
  const known = 'metainfo' in source.torrent ? source.torrent : await fetchMetainfo(source.torrent, limits)
  if (source.listing) checkTorrent(source.listing, known.metainfo)
  return known
}

interface Wanted {
  torrent: KnownTorrent
  files: readonly number[]
  sha256: string | null
}

async function download(
  listing: Listing | null,
  { torrent, files: numbers, sha256 }: Wanted,
  { flags, progress, ...limits }: FetchLimits & { flags: GetFlags; progress: GetProgress },
): Promise<Got> {
  const { metainfo } = torrent
  const count = metainfo.files.length
  if (sha256 !== null && numbers.length !== 1)
    throw usageError('--sha256', 'one file, or --file that names one', `${numbers.length} files`)
  const paths = numbers.map((number) => metainfo.files[number]?.path ?? '')
  const claimsMd5 = listing !== null && paths.some((path) => claimOf(listing, path, count)?.md5)
  const checked: Checked = { listed: 0, given: sha256 !== null, signature: null }
  const accept = async (files: readonly FetchedFile[]): Promise<void> => {
    const [only] = files
    if (sha256 !== null && only && only.sha256 !== sha256)
      throw mismatch(only.path, 'SHA-256', sha256, only.sha256 ?? 'none')
    if (!listing) return
    checked.listed = checkDigests(listing, files, count)
    checked.signature = await signed(listing, files, progress)
  }
  const result = await fetchTorrent({
    ...limits,
    torrent,
    into: flags.output,
    maxBytes: Number.MAX_SAFE_INTEGER,
    files: numbers,
    algorithms: claimsMd5 || flags.md5 === true ? ['sha256', 'md5'] : ['sha256'],
    accept,
    replace: flags.force === true,
    restarts: RESTARTS,
  })
  return { metainfo, listing, result, checked }
}

async function signed(
  listing: Listing,
  files: readonly FetchedFile[],
  progress: GetProgress,
): Promise<SignatureResult | null> {
  return checkSignature(listing, files, (done, total) => progress.step('Checking the signature', done, total))
}

/** What the error itself does not say: what may help, and where what was downloaded lies. */
function explain(
  error: unknown,
  { flags, source, progress }: { flags: GetFlags; source: GetSource | undefined; progress: GetProgress },
): void {
  if (!isQalError(error)) return
  const { code } = error
  const known = source?.torrent
  const infoHash =
    known === undefined
      ? undefined
      : 'metainfo' in known
        ? (known.metainfo.info_hash ?? known.metainfo.info_hash_v2)
        : known.infoHash
  const folder = infoHash ? unfinishedFolder(join(flags.output), infoHash) : 'the folder'
  if (code === 'swarm_stopped')
    progress.say(`Stopped. What is here stays in ${folder}; the same command goes on from there.`)
  if (code === 'cli_get_mismatch' || code === 'cli_get_signature')
    progress.say(
      `It is not put under its name. What was downloaded stays in ${folder}; remove that to free the space.`,
    )
  if (code === 'swarm_no_peers' || code === 'swarm_timeout')
    progress.say(
      'Nobody has it now, or nobody can be reached. Try again later: what is here stays. --timeout 0 waits for ever, --dht on asks the DHT, --peer names somebody.',
    )
  if (code === 'swarm_address_refused')
    progress.say(
      'Only public addresses are spoken to. If you know this one, name it: --allow ADDRESS, host:port, or a range such as 192.168.0.0/16.',
    )
}
