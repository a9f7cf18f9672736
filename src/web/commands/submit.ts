import { EVENT_DATA, type ListedFile, type ListingSubmitted, type Source } from '../../core/events.ts'
import { primaryFile } from '../../core/files.ts'
import { readHubUrl } from '../../core/hub.ts'
import { InfoHash, InfoHashV2, ListingId, Sha256 } from '../../core/ids.ts'
import { isQalError, QalError } from '../../core/error.ts'
import { ALLOWED_WORDS } from '../../gguf/extra-names.ts'
import { namedIssuer } from '../../sign/issuer.ts'
import { putText } from '../../store/texts.ts'
import { parseMagnet } from '../../torrent/magnet.ts'
import type { Metainfo } from '../../torrent/metainfo.ts'
import { parseMetainfo } from '../../torrent/metainfo.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { DuplicateError, InputError } from '../problem.ts'
import { append, newEvent } from './append.ts'
import { inTurn } from './in-turn.ts'
import { chooseModelFile, extraFilesRefused, isShard, roleOf } from './listed-files.ts'
import type { Submission } from './submission.ts'
import { wanted } from './wanted.ts'

export interface Submitted {
  id: ListingId
  status: 'pending' | 'published'
  /** Listings that are not published and have the same info hash or SHA-256; a reviewer sees them too. */
  rivals: string[]
}

/**
 * Takes a submission: checks it against the .torrent and against what is
 * listed, then records it. A Trusted or Official member's is published at once
 * (T7); only published listings, and the member's own, block a duplicate.
 */
export async function submit(deps: AppDeps, actor: Actor, input: Submission): Promise<Submitted> {
  // One after the other: of two that come at once with the same hash, the second must see the first.
  return inTurn(deps.ledger, () => takeSubmission(deps, actor, input))
}

async function takeSubmission(deps: AppDeps, actor: Actor, input: Submission): Promise<Submitted> {
  const torrentBytes = input.torrent === undefined ? null : Uint8Array.fromBase64(input.torrent)
  const metainfo = torrentBytes === null ? null : await readTorrent(torrentBytes, deps)
  const described = metainfo === null ? fromHash(input) : fromMetainfo(metainfo, input)
  await deps.catalogue.catchUp(deps.ledger)
  const rivals = refuseDuplicates(deps, actor, described)

  const claims = {
    name: input.name,
    ...described,
    sha256: input.sha256,
    md5: input.md5 ?? null,
    quantisation: input.quantisation ?? null,
    licence: input.licence ?? null,
    source: sourceOf(input, described.files),
    tags: input.tags,
    hardware: input.hardware ?? null,
    demo: input.demo,
  }
  refuseInvalid(claims, input)
  const fingerprint = input.signature === undefined ? null : await namedIssuer(input.signature)

  const text = (value: string | undefined): Promise<Sha256> | null =>
    value === undefined ? null : putText(deps.blobs, value, deps.random(16))
  const data: ListingSubmitted = {
    ...claims,
    torrent: torrentBytes === null ? null : await deps.blobs.put(torrentBytes),
    readme: await text(input.readme),
    benchmarks: await text(input.benchmarks),
    signature:
      fingerprint === null || input.signature === undefined
        ? null
        : { blob: await deps.blobs.put(new TextEncoder().encode(input.signature)), fingerprint },
  }

  const event = newEvent(deps, { by: actor.member, authority: { as: 'self' } }, 'listing_submitted', data)
  const id = ListingId.parse(event.id)
  const tier = deps.catalogue.member(actor.member)?.tier
  const publishes = tier === 'trusted' || tier === 'official'
  // trust.md T7: the rule's decision is an event of its own, with its reason.
  const published = newEvent(deps, { by: null, authority: { as: 'rule', rule: 'T7' } }, 'listing_published', {
    reason: `the uploader is ${tier === 'official' ? 'Official' : 'Trusted'}`,
  })
  await append(deps, `listing/${id}`, 0, publishes ? [event, published] : [event])
  return { id, status: publishes ? 'published' : 'pending', rivals }
}

/**
 * The source as it is recorded: an address of the Hub fills in what was left
 * blank. The path only where it has the listed file's name: an address may be of
 * what this file was made from, and no digest should contradict that.
 */
function sourceOf({ source }: Submission, files: readonly ListedFile[]): Source {
  const { type, url = null, repository, commit, path, quantised_by = null } = source
  const named = readHubUrl(url ?? '')
  const there = named?.path ?? null
  const isThis = there !== null && baseName(there) === baseName(primaryFile(files)?.path ?? '')
  return {
    type,
    url,
    repository: repository ?? named?.repository ?? null,
    commit: commit ?? named?.commit ?? null,
    path: path ?? (isThis ? there : null),
    quantised_by,
  }
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The .torrent as its form's field: whatever is wrong inside is wrong with `torrent`. */
async function readTorrent(bytes: Uint8Array, deps: AppDeps): Promise<Metainfo> {
  try {
    return await parseMetainfo(bytes, deps.hash)
  } catch (error) {
    if (!isQalError(error)) throw error
    throw new QalError(error.code, error.message, { ...error.facts, field: 'torrent', cause: error })
  }
}

type Described = Pick<
  ListingSubmitted,
  'files' | 'size_bytes' | 'info_hash' | 'info_hash_v2' | 'piece_length' | 'trackers' | 'web_seeds'
>

function fromMetainfo(metainfo: Metainfo, input: Submission): Described {
  if (metainfo.private)
    throw new InputError([{ field: 'torrent', expected: 'a torrent without the private flag' }])
  const claimed = input.info_hash
  if (claimed !== undefined && claimed !== metainfo.info_hash && claimed !== metainfo.info_hash_v2)
    throw new InputError([
      {
        field: 'info_hash',
        expected: `the info hash of the .torrent, ${metainfo.info_hash ?? metainfo.info_hash_v2}`,
      },
    ])
  const model = modelFile(metainfo.files)
  refuseExtraFiles(metainfo.files, model)
  if (input.size_bytes !== undefined && input.size_bytes !== model.size_bytes)
    throw new InputError([
      { field: 'size_bytes', expected: `${model.size_bytes}, the size of ${model.path} in the .torrent` },
    ])
  return {
    files: metainfo.files.map((file) => ({
      path: file.path,
      size_bytes: file.size_bytes,
      sha256: file === model ? input.sha256 : null,
      md5: file === model ? (input.md5 ?? null) : null,
      pieces_root: file.pieces_root === null ? null : Sha256.parse(file.pieces_root),
      role: file === model && !isShard(file.path) ? 'model' : roleOf(file.path),
    })),
    size_bytes: model.size_bytes,
    info_hash: metainfo.info_hash === null ? null : InfoHash.parse(metainfo.info_hash),
    info_hash_v2: metainfo.info_hash_v2 === null ? null : InfoHashV2.parse(metainfo.info_hash_v2),
    piece_length: metainfo.piece_length,
    trackers: metainfo.trackers.flat().slice(0, 50),
    web_seeds: metainfo.web_seeds.slice(0, 50),
  }
}

/** A listing by info hash or magnet alone: the name and size are what the submission says; the verifier holds them against what it downloads. */
function fromHash(input: Submission): Described {
  const magnet = input.magnet === undefined ? null : parseMagnet(input.magnet)
  const v1 = magnet?.infoHash ?? (input.info_hash?.length === 40 ? input.info_hash : null)
  const v2 = magnet?.infoHashV2 ?? (input.info_hash?.length === 64 ? input.info_hash : null)
  const size_bytes = input.size_bytes ?? magnet?.size ?? null
  if (size_bytes === null)
    throw new InputError([
      { field: 'size_bytes', expected: 'the size of the file in bytes, where no .torrent tells it' },
    ])
  const file: ListedFile = {
    path: magnet?.name ?? input.name,
    size_bytes,
    sha256: input.sha256,
    md5: input.md5 ?? null,
    pieces_root: null,
    role: 'model',
  }
  return {
    files: [file],
    size_bytes,
    info_hash: v1 === null ? null : InfoHash.parse(v1),
    info_hash_v2: v2 === null ? null : InfoHashV2.parse(v2),
    piece_length: null,
    trackers: (magnet?.trackers ?? []).slice(0, 50),
    web_seeds: (magnet?.webSeeds ?? []).slice(0, 50),
  }
}

function modelFile(files: Metainfo['files']): Metainfo['files'][number] {
  const model = chooseModelFile(files)
  if (model === null || model.size_bytes === 0)
    throw new InputError([{ field: 'torrent', expected: 'a torrent with a model file in it' }])
  return model
}

const MAX_NAMED = 5

/** trust.md T8: a torrent that could not pass is refused at once, by the names alone; the verifier looks at the content. */
function refuseExtraFiles(files: Metainfo['files'], model: Metainfo['files'][number]): void {
  const refused = extraFilesRefused(files, model)
  if (refused.length === 0) return
  const more = refused.length > MAX_NAMED ? ` and ${refused.length - MAX_NAMED} more` : ''
  throw new InputError([
    {
      field: 'torrent',
      expected: `a torrent of models and what explains them (T8), without ${refused.slice(0, MAX_NAMED).join(', ')}${more}. Allowed are ${ALLOWED_WORDS}`,
    },
  ])
}

function refuseDuplicates(
  deps: AppDeps,
  actor: Actor,
  described: Described & { files: ListedFile[] },
): string[] {
  const sha256 = described.files.find(({ sha256: known }) => known !== null)?.sha256 ?? null
  const rivals = new Set<string>()
  for (const [field, hash] of [
    ['info_hash', described.info_hash],
    ['info_hash', described.info_hash_v2],
    ['sha256', sha256],
  ] as const)
    for (const id of hash === null ? [] : deps.catalogue.byHash(hash)) {
      const other = deps.catalogue.listing(id)
      const alive =
        other?.status === 'pending' || other?.status === 'published' || other?.status === 'suspended'
      if (!other || !alive) continue
      const blocks = other.status !== 'pending' || other.uploader.id === actor.member
      if (blocks) throw new DuplicateError(field, { id, url: `/models/${id}` })
      rivals.add(id)
    }
  return [...rivals]
}

/** What the ledger would refuse is refused before anything is stored, and named by the field that it came in. */
function refuseInvalid(claims: object, input: Submission): void {
  const blobs = { torrent: null, readme: null, benchmarks: null, signature: null }
  const parsed = EVENT_DATA.listing.listing_submitted.safeParse({ ...claims, ...blobs })
  if (parsed.success) return
  const carrier = input.torrent === undefined ? (input.magnet === undefined ? 'name' : 'magnet') : 'torrent'
  const carried = /^(?:files|trackers|web_seeds|piece_length|info_hash_v2)\b/
  throw new InputError(
    parsed.error.issues.map(({ path, message }) => {
      const field = path.join('.')
      return { field: carried.test(field) ? carrier : field, expected: wanted(message) }
    }),
  )
}
