import { basename, matchesGlob } from 'node:path'
import type { Metainfo } from '../torrent/metainfo.ts'
import { safeLine, usageError } from './output.ts'

/**
 * The numbers of the files that patterns and a magnet's selection name; all
 * where neither does. A pattern is a path, a name or a glob of either.
 */
export function chooseFiles(
  metainfo: Metainfo,
  patterns: readonly string[] | undefined,
  select: readonly (readonly [number, number])[],
): number[] {
  const { files } = metainfo
  const all = files.map((_, number) => number)
  if (patterns !== undefined && patterns.length > 0) {
    const chosen = new Set<number>()
    for (const pattern of patterns) {
      const found = all.filter((number) => matches(files[number]?.path ?? '', pattern))
      if (found.length === 0)
        throw usageError(
          '--file',
          `a file of the torrent, such as ${safeLine(files[0]?.path ?? '')}`,
          pattern,
        )
      for (const number of found) chosen.add(number)
    }
    return [...chosen].toSorted((a, b) => a - b)
  }
  if (select.length === 0) return all
  const listed = listedIndexes(metainfo)
  const chosen = all.filter((number) => {
    const index = listed[number] ?? -1
    return select.some(([from, to]) => index >= from && index <= to)
  })
  if (chosen.length === 0) throw usageError('so', `indexes of the torrent's ${files.length} files`, 'others')
  return chosen
}

function matches(path: string, pattern: string): boolean {
  const inside = path.split('/').slice(1).join('/')
  return [path, inside, basename(path)].some(
    (candidate) => candidate !== '' && (candidate === pattern || matchesGlob(candidate, pattern)),
  )
}

/** BEP 53 counts the files as the torrent lists them, and v1 lists pad files too: each gap between two files is one. */
function listedIndexes({ files, info_hash }: Metainfo): number[] {
  let pads = 0
  let end = 0
  return files.map(({ offset, size_bytes: size }, number) => {
    if (info_hash !== null && size > 0) {
      if (offset > end) pads++
      end = offset + size
    }
    return number + pads
  })
}
