import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { Command } from 'commander'
import { isQalError } from '../core/error.ts'
import { createFromPath, type CreatedFromPath } from '../swarm/create-file.ts'
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
    .option('--announce <url>', 'a tracker; repeat for more, each a tier of its own', collect)
    .option('--web-seed <url>', 'where the file is on the web too; repeat for more', collect)
    .option('--hf <source>', 'the same file on Hugging Face, org/repo@commit:path, as web seed and source')
    .option('--comment <text>', 'a comment for the torrent')
    .option('--v1', 'only BitTorrent v1, for old clients, instead of hybrid v1 and v2')
    .option('--force', 'replace the output also where it is no torrent; never what the torrent is made of')
    .option('--no-md5', 'leave MD5 out, which is the slowest')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Files and folders whose names begin with a dot are left out of a folder and named.
With SOURCE_DATE_EPOCH set, the same input gives the same bytes.
QAL_HF_URL is the address of Hugging Face for --hf (default https://huggingface.co).

Examples:
  bin/qal create model-Q4_K_M.gguf --announce udp://tracker.opentrackr.org:1337/announce
  bin/qal create models/ -o models.torrent --comment "All quantisations" --json
  bin/qal create model.gguf --hf meta-llama/Llama-3.3-70B@${'0123456789'.repeat(4)}:model.gguf`,
    )
    .action(create)
}

async function create(path: string, flags: CreateFlags): Promise<void> {
  for (const url of flags.announce ?? []) checkUrl('--announce', url, trackerProblem(url))
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
      announce: [...new Set(flags.announce)],
      webSeeds,
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
  report(created, output, source, { trackers: flags.announce ?? [], webSeeds }, flags.json === true)
}

function checkUrl(option: string, url: string, problem: string | undefined): void {
  if (problem !== undefined) throw usageError(option, problem, url)
}

function report(
  created: CreatedFromPath,
  output: string,
  source: HubSource | undefined,
  urls: { trackers: string[]; webSeeds: string[] },
  json: boolean,
): void {
  const { bytes: _, skipped, ...facts } = created
  const trackers = [...new Set(urls.trackers)].map((url) => [url])
  const magnets = magnetsOf({ ...facts, trackers, web_seeds: urls.webSeeds })
  if (json) {
    printJson({
      torrent: output,
      ...magnets,
      ...facts,
      trackers,
      web_seeds: urls.webSeeds,
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
