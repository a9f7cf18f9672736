import type { BDictionary, BValue } from './bencode.ts'
import { asKind, optional, required, requiredNumber } from './fields.ts'
import { MAX_FILE_BYTES, MAX_FILES } from './limits.ts'
import { checkName, joinPath, readName, utf8 } from './path-rules.ts'
import { printable, refusal } from './refuse.ts'

/** One entry of a file list, v1 or v2, paths joined by slashes and checked. */
export interface FileEntry {
  path: string
  size: number
  /** Where it starts in the space that pieces divide, in bytes. */
  offset: number
  /** BEP 47: zeros that only align the next file. */
  pad: boolean
  /** v2 only: root of its tree; null for an empty file and in v1. */
  root: Uint8Array | null
}

export interface FileList {
  files: FileEntry[]
  /** One file outside any folder. */
  single: boolean
  /** End of the last file, pad files included, in bytes. */
  total: number
}

/** The torrent's name, checked as a file name. */
export function readTorrentName(info: BDictionary): string {
  return readText(info, 'name', 'info.')
}

/** The v1 file list (BEP 3) with pad files marked (BEP 47). */
export function readV1Files(info: BDictionary, name: string): FileList {
  const list = optional(info, 'files', 'list', 'info.')
  if (list === undefined) {
    const size = requiredNumber(info, 'length', 'info.', 0, MAX_FILE_BYTES)
    refuseSymlink(info, 'info.')
    const pad = isPad(info, name, 'info.')
    return { files: [{ path: name, size, offset: 0, pad, root: null }], single: true, total: size }
  }
  if (info.entries.has('length')) {
    throw refusal(
      'torrent_files_ambiguous',
      'Cannot read torrent: expected either length or files, got both',
      {
        field: 'info.length',
        expected: 'either length or files',
        found: 'both',
      },
    )
  }
  checkFileCount(list.items.length)
  const files: FileEntry[] = []
  let total = 0
  for (const [index, item] of list.items.entries()) {
    const at = `info.files.${index}.`
    const dict = asKind(item, 'dictionary', at.slice(0, -1))
    refuseSymlink(dict, at)
    const size = requiredNumber(dict, 'length', at, 0, MAX_FILE_BYTES)
    // A pad file may go without a path: it is never written to a disk.
    const nameless = hasAttribute(dict, 'p', at) && !dict.entries.has('path')
    const names = nameless ? ['.pad', String(size)] : readPath(dict, at)
    const path = joinPath([name, ...names], `${at}path`)
    files.push({ path, size, offset: total, pad: isPad(dict, path, at), root: null })
    total = addSize(total, size)
  }
  return { files, single: false, total }
}

/** BEP 47's attribute, or the name that BitComet gives to what it aligns files with, as libtorrent has it. */
function isPad(dict: BDictionary, path: string, at: string): boolean {
  return hasAttribute(dict, 'p', at) || path.includes('_____padding_file_')
}

/** Refuses more files than any listing needs, or none: `torrent_files_count`. */
export function checkFileCount(count: number): void {
  if (count < 1 || count > MAX_FILES) {
    throw refusal(
      'torrent_files_count',
      `Cannot read torrent: expected 1 to ${MAX_FILES} files, got ${count}`,
      {
        field: 'info.files',
        expected: `1 to ${MAX_FILES} files`,
        found: String(count),
      },
    )
  }
}

/** Adds sizes without losing precision: `torrent_size`. */
export function addSize(total: number, size: number): number {
  const sum = total + size
  if (!Number.isSafeInteger(sum)) {
    throw refusal(
      'torrent_size',
      'Cannot read torrent: expected files of less than 2^53 bytes in all, got more',
      {
        field: 'info.files',
        expected: 'less than 2^53 bytes',
      },
    )
  }
  return sum
}

/** Whether BEP 47's `attr` carries a letter. */
export function hasAttribute(dict: BDictionary, letter: string, at: string): boolean {
  return optional(dict, 'attr', 'string', at)?.value.includes(letter.charCodeAt(0)) ?? false
}

/** A symlink can lead a client anywhere on the disk: `torrent_path_symlink`. */
export function refuseSymlink(dict: BDictionary, at: string): void {
  if (hasAttribute(dict, 'l', at) || dict.entries.has('symlink path')) {
    throw refusal(
      'torrent_path_symlink',
      `Cannot use ${at.slice(0, -1)}: expected a file, got a symbolic link`,
      {
        field: at.slice(0, -1),
        expected: 'a file',
        found: 'a symbolic link',
      },
    )
  }
}

function readPath(dict: BDictionary, at: string): string[] {
  const plain = required(dict, 'path', 'list', at).items
  if (plain.length === 0) return [checkName('', `${at}path`)]
  const twin = optional(dict, 'path.utf-8', 'list', at)?.items
  if (twin !== undefined && twin.length !== plain.length) throw ambiguous(`${at}path`)
  return plain.map((item, index) => readTwin(item, twin?.[index], `${at}path.${index}`))
}

function readText(dict: BDictionary, key: string, at: string): string {
  return readTwin(required(dict, key, 'string', at), dict.entries.get(`${key}.utf-8`), `${at}${key}`)
}

/**
 * Old creators wrote a name twice: in a local encoding, and in UTF-8 as
 * `….utf-8`. The second counts where the first is not UTF-8; where both are and
 * differ, two clients would show two names, so it is refused.
 */
function readTwin(plain: BValue, twin: BValue | undefined, field: string): string {
  const bytes = asKind(plain, 'string', field).value
  if (twin === undefined) return readName(bytes, field)
  const second = readName(asKind(twin, 'string', `${field}.utf-8`).value, `${field}.utf-8`)
  const first = utf8(bytes)
  if (first !== undefined && first !== second) throw ambiguous(field, second)
  return second
}

function ambiguous(field: string, found?: string): Error {
  return refusal(
    'torrent_path_ambiguous',
    `Cannot read ${field}: expected one name, got another in its UTF-8 twin`,
    {
      field,
      expected: 'the same name twice',
      ...(found === undefined ? {} : { found: printable(found) }),
    },
  )
}
