import { statSync } from 'node:fs'
import { Command } from 'commander'
import { QalError } from '../core/error.ts'
import { digestFound, type FoundDigests } from '../swarm/create-file.ts'
import { findFiles, type FoundFile } from '../swarm/read-files.ts'
import { exactBytes, printJson, printLines, safeLine, table, usageError } from './output.ts'
import { startProgress } from './progress.ts'

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
      const progress = startProgress('Hashing')
      let files: FoundDigests[]
      try {
        files = await digestFound(found, (done, total) => progress.update(done, total))
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

function asLines(file: FoundDigests): string[] {
  return table([
    ['file', safeLine(file.path)],
    ['size', exactBytes(file.size_bytes)],
    ['sha256', file.sha256],
    ['md5', file.md5],
  ])
}
