import { statSync } from 'node:fs'
import { Command } from 'commander'
import { QalError } from '../core/error.ts'
import { withHashes } from '../swarm/create-file.ts'
import { findFiles, readChunks, type FoundFile } from '../swarm/read-files.ts'
import type { HashProvider } from '../torrent/hash-provider.ts'
import { exactBytes, printJson, printLines, safeLine, table, usageError } from './output.ts'
import { startProgress, type Progress } from './progress.ts'

interface FileDigests {
  path: string
  size_bytes: number
  sha256: string
  md5: string
}

/** `qal hash FILE…`: size, SHA-256 and MD5 in one read each. */
export function hashCommand(): Command {
  return new Command('hash')
    .description('Print size, SHA-256 and MD5 of files, each read once')
    .argument('<file...>', 'files')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  bin/qal hash model.gguf
  bin/qal hash *.gguf --json`,
    )
    .action(async (paths: string[], flags: { json?: true }) => {
      const found: FoundFile[] = []
      for (const path of paths) found.push(await findOne(path))
      const total = found.reduce((sum, file) => sum + file.size, 0)
      const progress = startProgress('Hashing')
      let files: FileDigests[]
      try {
        files = await withHashes(total, (hash) => hashAll(found, total, hash, progress))
      } finally {
        progress.end()
      }
      if (flags.json === true) printJson({ files })
      else printLines(files.flatMap((file, index) => [...(index === 0 ? [] : ['']), ...asLines(file)]))
    })
}

async function findOne(path: string): Promise<FoundFile> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new QalError('input_path', `Cannot hash ${safeLine(path)}: expected a file, got a folder`, {
      field: path,
      expected: 'a file',
      found: 'a folder',
      exit: 2,
    })
  const [file] = (await findFiles(path, { onlyFile: true })).files
  if (file === undefined) throw usageError('the argument', 'a file', path)
  return { ...file, path }
}

async function hashAll(
  files: readonly FoundFile[],
  total: number,
  hash: HashProvider,
  progress: Progress,
): Promise<FileDigests[]> {
  const done: FileDigests[] = []
  let bytes = 0
  for (const file of files) {
    const sha256 = await hash.sha256Stream()
    const md5 = await hash.md5Stream()
    for await (const chunk of readChunks(file)) {
      await Promise.all([md5.update(chunk), sha256.update(chunk)])
      bytes += chunk.length
      progress.update(bytes, total)
    }
    done.push({
      path: file.path,
      size_bytes: file.size,
      sha256: await sha256.digestHex(),
      md5: await md5.digestHex(),
    })
  }
  return done
}

function asLines(file: FileDigests): string[] {
  return table([
    ['file', safeLine(file.path)],
    ['size', exactBytes(file.size_bytes)],
    ['sha256', file.sha256],
    ['md5', file.md5],
  ])
}
