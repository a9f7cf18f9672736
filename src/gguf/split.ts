import type { ByteSource } from '../core/byte-source.ts'
import { isQalError } from '../core/error.ts'
import type { Finding } from './finding.ts'
import { numberOf, type GgufHeader, type GgufTensor, type MetaValue } from './header.ts'
import { parseGguf } from './parse.ts'

/** Finds the shard of a file name beside the first; null where it is absent. */
export type OpenShard = (fileName: string) => Promise<ByteSource | null>

/** A shard with its header, first shard included. */
export interface Shard {
  source: ByteSource
  header: GgufHeader
}

export interface Split {
  no: number
  count: number
  tensors: number
}

const MAX_SHARDS = 1_000
const SHARD_NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/

/** What a header says of its place among shards; null for a whole file or a split of one. */
export function splitOf(header: GgufHeader): Split | null {
  const count = numberOf(header, 'split.count')
  if (count === null || (count <= 1 && (numberOf(header, 'split.no') ?? 0) === 0)) return null
  return {
    no: numberOf(header, 'split.no') ?? 0,
    count,
    tensors: numberOf(header, 'split.tensors.count') ?? -1,
  }
}

/** The name llama.cpp looks for: it builds shard paths from the first shard's file name. */
function shardName(fileName: string, index: number): string | null {
  const match = SHARD_NAME.exec(fileName)
  return match === null ? null : `${match[1]}-${String(index + 1).padStart(5, '0')}-of-${match[3]}.gguf`
}

/** Opens and checks the other shards of a split model: all there, in order, no tensor twice, as many as promised. */
export async function gatherShards(
  first: Shard,
  split: Split,
  { fileName, openShard }: { fileName?: string | undefined; openShard?: OpenShard | undefined },
): Promise<{ shards: Shard[]; findings: Finding[] }> {
  const broken = (code: Finding['code'], message: string) => ({
    shards: [first],
    findings: [{ code, severity: 'reject' as const, message }],
  })
  if (split.no !== 0)
    return broken(
      'gguf_split_not_first',
      `This is shard ${split.no + 1} of ${split.count}: open the first one`,
    )
  if (split.tensors === -1 || !first.header.metadata.has('split.no'))
    return broken(
      'gguf_split_count',
      'The first shard does not say that it is the first, and how many tensors the model has',
    )
  if (split.count > MAX_SHARDS) return broken('gguf_split_count', `The model claims ${split.count} shards`)
  const named = SHARD_NAME.exec(fileName ?? '')
  if (named !== null && (named[2] !== '00001' || Number(named[3]) !== split.count))
    return broken(
      'gguf_split_name',
      `The file name does not fit shard 1 of ${split.count}, which the header claims`,
    )
  const shards = [first]
  const findings: Finding[] = []
  for (let index = 1; index < split.count; index += 1) {
    const name = fileName === undefined ? null : shardName(fileName, index)
    const source = name === null || openShard === undefined ? null : await openShard(name)
    if (source === null)
      return broken('gguf_split_missing', `Shard ${index + 1} of ${split.count} is not beside this file`)
    let header: GgufHeader
    try {
      header = await parseGguf(source)
    } catch (error) {
      if (!isQalError(error)) throw error
      return broken(error.code as Finding['code'], `Shard ${index + 1}: ${error.message}`)
    }
    const place = splitOf(header)
    if (
      place === null ||
      place.no !== index ||
      place.count !== split.count ||
      place.tensors !== split.tensors
    )
      return broken(
        'gguf_split_mixed',
        `Shard ${index + 1} does not say that it is shard ${index + 1} of this model`,
      )
    const foreign = foreignKey(first.header, header)
    if (foreign !== null)
      return broken(
        'gguf_split_mixed',
        `Shard ${index + 1} says another thing of "${foreign}" than the first, as a shard of another model would`,
      )
    if ([...header.metadata.keys()].some((key) => !key.startsWith('split.')))
      findings.push({
        code: 'gguf_split_metadata',
        severity: 'info',
        message: `Shard ${index + 1} holds metadata of its own, which llama.cpp does not read`,
      })
    shards.push({ source, header })
  }
  const names = new Set<string>()
  for (const { name } of tensorsOf(shards)) {
    if (names.has(name)) return broken('gguf_tensor_duplicate', `The tensor "${name}" is in two shards`)
    names.add(name)
  }
  if (names.size !== split.tensors)
    return broken(
      'gguf_split_count',
      `The shards hold ${names.size} tensors, the first promises ${split.tensors}`,
    )
  return { shards, findings }
}

/** A key of which a later shard says another thing than the first; null where they agree. */
function foreignKey(first: GgufHeader, later: GgufHeader): string | null {
  for (const [key, value] of later.metadata) {
    if (key === 'split.no') continue
    const own = first.metadata.get(key)
    if (own !== undefined && !sameValue(own, value)) return key
  }
  return null
}

function sameValue(a: MetaValue, b: MetaValue): boolean {
  if (a.type === 'array' && b.type === 'array')
    return (
      a.of === b.of && a.bytes.length === b.bytes.length && a.bytes.every((byte, i) => byte === b.bytes[i])
    )
  return a.type !== 'array' && b.type !== 'array' && a.type === b.type && Object.is(a.value, b.value)
}

/** What is odd about the split keys of a file that is whole. */
export function lonelyShard(header: GgufHeader): Finding[] {
  const promised = numberOf(header, 'split.tensors.count')
  if (promised === null || promised === header.tensors.length) return []
  return [
    {
      code: 'gguf_split_count',
      severity: 'warn',
      message: `"split.tensors.count" promises ${promised} tensors, the file holds ${header.tensors.length}`,
    },
  ]
}

/** The tensors of all shards, in order. */
export function tensorsOf(shards: readonly Shard[]): GgufTensor[] {
  return shards.flatMap(({ header }) => header.tensors)
}
