/** gguf-split's names: `model-00001-of-00003.gguf`. */
const SHARD = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i

/**
 * Puts dropped files together that are read as one: the shards of a split
 * model, in their order. Every other file stands alone. Groups come in the
 * order in which their first file was dropped.
 */
export function groupFiles<Named extends { name: string }>(files: readonly Named[]): Named[][] {
  const groups = new Map<string, Named[]>()
  for (const [index, file] of files.entries()) {
    const shard = SHARD.exec(file.name)
    // A name that cannot be a shard's keeps lone files apart.
    const key = shard === null ? `/${index}` : `${shard[1]}-of-${shard[3]}`
    groups.set(key, [...(groups.get(key) ?? []), file])
  }
  return [...groups.values()].map((group) => group.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
}
