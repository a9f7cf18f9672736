import { randomBytes } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { usageError } from './output.ts'

/** Refuses, before any work is done, a path that cannot be written in the end: exit code 2. */
export function checkWritable(path: string, option: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isDirectory() === true) throw usageError(option, 'the name of a file', `the folder ${path}`)
  try {
    accessSync(dirname(resolve(path)), constants.W_OK)
  } catch {
    throw usageError(option, 'a file in a folder that can be written', path)
  }
}

/**
 * Writes a file whole or not at all: beside its place, then renamed into it. A
 * Ctrl-C meanwhile takes effect when that is done, so nothing partial stays.
 */
export function writeWhole(path: string, bytes: Uint8Array): void {
  const target = resolve(path)
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`)
  // With a handler there, a signal waits for the end of this synchronous part.
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    const file = openSync(temporary, 'wx', 0o644)
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, target)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  } finally {
    setImmediate(() => {
      process.off('SIGINT', interrupted)
      process.off('SIGTERM', interrupted)
    })
  }
}

/** 128 and the signal's number, as shells have it. */
function interrupted(): void {
  process.exit(130)
}
