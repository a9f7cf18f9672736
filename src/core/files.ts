import type { ListedFile } from './events.ts'

/** The file that a listing is about: its model, or the first shard of it. */
export function primaryFile<File extends Pick<ListedFile, 'path' | 'role'>>(
  files: readonly File[],
): File | undefined {
  const shards = files.filter(({ role }) => role === 'shard').toSorted((a, b) => (a.path < b.path ? -1 : 1))
  return files.find(({ role }) => role === 'model') ?? shards[0]
}
