import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { Command } from 'commander'
import { isQalError } from '../core/error.ts'
import { createFromPath, type CreatedFromPath } from '../swarm/create-file.ts'
import { isPieceLength } from '../torrent/limits.ts'
import { magnetsOf } from '../torrent/magnet.ts'
import { trackerProblem, webSeedProblem } from '../torrent/urls.ts'
import { parseHubSource, type HubSource } from './hub-source.ts'
import {
  collect,
  exactBytes,
  humanBytes,
  printJson,
  printLines,
  safeLine,
  table,
  usageError,
} from './output.ts'
import { startProgress } from './progress.ts'
import { readTorrentFile } from './torrent-file.ts'
import { checkWritable, writeWhole } from './write-whole.ts'

interface CreateFlags {
  output?: string
  announce?: string[]
  pieceLength?: string
  webSeed?: string[]
  hf?: string
  comment?: string
  v1?: true
  md5: boolean
  force?: true
  json?: true
}

/** `qal create PATH`: a torrent and checksums in one read. */
export function createCommand(): Command {
  return new Command('create')
    .description('Make a torrent of a file or folder, with SHA-256, MD5 and magnet link, in one read')
    .argument('<path>', 'the model file, or a folder')
    .option('-o, --output <file>', 'where to write the torrent (default: NAME.torrent here)')
    .option(
      '--announce <urls>',
      'a tracker; repeat for a tier after it, join with commas for more in one tier',
      collect,
    )
    .option('--web-seed <url>', 'where the file is on the web too; repeat for more', collect)
    .option('--hf <source>', 'the same file on Hugging Face, org/repo@commit:path, as web seed and source')
    .option('--comment <text>', 'a comment for the torrent')
    .option('--piece-length <size>', 'such as 4MiB (default: for 1,000 to 2,000 pieces, 16KiB to 16MiB)')
    .option('--v1', 'only BitTorrent v1, for old clients, instead of hybrid v1 and v2')
    .option('--force', 'replace the output also where it is no torrent; never what the torrent is made of')
    .option('--no-md5', 'leave MD5 out, which is the slowest')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Clients ask the trackers of the first tier, in any order, and those of the next when
none of them answers. A web seed of a folder is the address that the folder lies in.
Files and folders whose names begin with a dot are left out of a folder and named.
With SOURCE_DATE_EPOCH set, the same input gives the same bytes.
QAL_HF_URL is the address of Hugging Face for --hf (default https://huggingface.co).

Examples:
  bin/qal create model-Q4_K_M.gguf --announce udp://tracker.opentrackr.org:1337/announce
  bin/qal create models/ -o models.torrent --comment "All quantisations" --json
  bin/qal create model.gguf --announce udp://a.example:1/announce,udp://b.example:1/announce \\
    --announce wss://backup.example/announce --web-seed https://files.example/model.gguf
  bin/qal create model.gguf --hf meta-llama/Llama-3.3-70B@${'0123456789'.repeat(4)}:model.gguf`,
    )
    .action(create)
}

async function create(path: string, flags: CreateFlags): Promise<void> {
  const trackers = readTiers(flags.announce ?? [])
  for (const url of trackers.flat()) checkUrl('--announce', url, trackerProblem(url))
  const pieceLength = flags.pieceLength === undefined ? undefined : readPieceLength(flags.pieceLength)
  for (const url of flags.webSeed ?? []) checkUrl('--web-seed', url, webSeedProblem(url))
  const source = flags.hf === undefined ? undefined : parseHubSource(flags.hf)
  const webSeeds = [...new Set([...(source === undefined ? [] : [source.url]), ...(flags.webSeed ?? [])])]
  const output = flags.output ?? `${basename(resolve(path))}.torrent`
  checkWritable(output, '--output')
  await refuseLoss(path, output, flags.force === true)

  const progress = startProgress('Hashing')
  let created: CreatedFromPath
  try {
    created = await createFromPath(path, {
      trackers,
      webSeeds,
      ...(pieceLength === undefined ? {} : { pieceLength }),
      ...(flags.comment === undefined ? {} : { comment: flags.comment }),
      v1: flags.v1 === true,
      noMd5: !flags.md5,
      onProgress: (done, total) => progress.update(done, total),
      // What the Hub serves under one URL is one file.
      onlyFile: source !== undefined,
    })
  } finally {
    progress.end()
  }
  writeWhole(output, created.bytes)
  report(created, output, source, flags.json === true)
}

/** Each `--announce` is a tier (BEP 12); a comma before a scheme joins trackers in one. A tracker named twice counts where it comes first. */
function readTiers(announce: readonly string[]): string[][] {
  const seen = new Set<string>()
  const tiers = announce.map((tier) =>
    tier.split(/,(?=[a-z]+:\/\/)/i).filter((url) => {
      const known = seen.has(url)
      seen.add(url)
      return !known
    }),
  )
  return tiers.filter((tier) => tier.length > 0)
}

const PIECE_UNITS: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20 }

/** Bytes of `65536`, `64k`, `64KiB` or `4MiB`; whether a torrent may have such pieces is checked where it is made. */
function readPieceLength(text: string): number {
  const [, digits, unit = ''] = /^([0-9]{1,9})(?:(k|m)(?:i?b)?)?$/i.exec(text) ?? []
  const bytes = Number(digits) * (PIECE_UNITS[unit.toLowerCase()] ?? Number.NaN)
  if (!isPieceLength(bytes))
    throw usageError('--piece-length', 'a power of two from 16KiB to 256MiB, such as 4MiB', text)
  return bytes
}

function checkUrl(option: string, url: string, problem: string | undefined): void {
  if (problem !== undefined) throw usageError(option, problem, url)
}

function report(
  created: CreatedFromPath,
  output: string,
  source: HubSource | undefined,
  json: boolean,
): void {
  const { bytes: _, skipped, ...facts } = created
  const magnets = magnetsOf(facts)
  if (json) {
    printJson({
      torrent: output,
      ...magnets,
      ...facts,
      ...(source === undefined ? {} : { source }),
      skipped,
    })
    return
  }
  const [only] = facts.files.length === 1 ? facts.files : []
  printLines(
    table([
      ['torrent', safeLine(output)],
      ['name', safeLine(facts.name)],
      ['size', exactBytes(facts.size_bytes)],
      ['pieces', `${facts.piece_count} of ${humanBytes(facts.piece_length)}`],
      ['info hash', facts.info_hash],
      ['info hash v2', facts.info_hash_v2],
      ['sha256', only?.sha256],
      ['md5', only?.md5],
      ['source', source === undefined ? null : `${source.repository} at ${source.commit}`],
      ['magnet', magnets.magnet],
      ['magnet v1', magnets.magnet_v1 === magnets.magnet ? null : magnets.magnet_v1],
    ]),
  )
  if (only === undefined) {
    printLines(['', ...facts.files.flatMap((file) => fileLines(file))])
  }
  if (skipped.length > 0) {
    process.stderr.write(
      `Left out, as names that begin with a dot are: ${skipped.slice(0, 20).map(safeLine).join(', ')}${skipped.length > 20 ? ` and ${skipped.length - 20} more` : ''}\n`,
    )
  }
}

function fileLines(file: CreatedFromPath['files'][number]): string[] {
  return [
    `${safeLine(file.path)}  ${exactBytes(file.size_bytes)}`,
    `  sha256 ${file.sha256}`,
    ...(file.md5 === null ? [] : [`  md5    ${file.md5}`]),
  ]
}

/** A torrent is never written over or among what it is made of, nor unasked over a file that is no torrent. */
async function refuseLoss(input: string, output: string, force: boolean): Promise<void> {
  // What is not there is refused where it is read.
  if (!existsSync(input)) return
  const source = realpathSync(input)
  const made = statSync(source, { bigint: true })
  const folder = realpathSync(dirname(resolve(output)))
  if (made.isDirectory() && isWithin(folder, source))
    throw usageError('--output', 'a file outside the folder that the torrent is made of', output)
  const target = statSync(output, { bigint: true, throwIfNoEntry: false })
  if (target === undefined) return
  const real = realpathSync(output)
  // A hard link is the same file by another name.
  const same = real === source || (target.dev === made.dev && target.ino === made.ino)
  if (same || (made.isDirectory() && isWithin(real, source)))
    throw usageError('--output', 'another file than the torrent is made of', output)
  if (!target.isFile()) throw usageError('--output', 'the name of a file', output)
  if (!(await isTorrent(output))) {
    if (!force)
      throw usageError('--output', 'a new file, or a torrent to replace (or --force)', `the file ${output}`)
    process.stderr.write(`Replacing the file ${safeLine(output)}\n`)
  } else process.stderr.write(`Replacing the torrent ${safeLine(output)}\n`)
}

function isWithin(path: string, folder: string): boolean {
  return `${path}/`.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

async function isTorrent(path: string): Promise<boolean> {
  try {
    await readTorrentFile(path)
    return true
  } catch (error) {
    if (isQalError(error)) return false
    throw error
  }
}
