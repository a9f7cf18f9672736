import { z } from 'zod'
import { COMMUNITY_EVENTS, MODERATION_EVENTS } from './community-events.ts'
import { httpUrl, isPlain, line, TextRef, trackerUrl, webSeedUrl } from './fields.ts'
import {
  EventId,
  Fingerprint,
  Handle,
  InfoHash,
  InfoHashV2,
  ListingId,
  Md5,
  MemberId,
  Sha256,
} from './ids.ts'
import { Policy } from './policy.ts'

/** Names of streams: `site`, `member/<id>`, `listing/<id>`. */
export const StreamName = z.union([
  z.literal('site'),
  z.templateLiteral(['member/', MemberId]),
  z.templateLiteral(['listing/', ListingId]),
])
export type StreamName = 'site' | `member/${string}` | `listing/${string}`

/** Roles that an admin grants in the site's stream; tiers are never granted, except Official. */
export const Role = z.enum(['admin', 'moderator', 'verifier', 'official'])
export type Role = z.infer<typeof Role>

/**
 * By what right an event was appended, checked then and recorded: as the
 * member themselves, by a role held at a position of the site's stream, by a
 * rule of docs/trust.md, or by the operator at the machine.
 */
export const Authority = z.discriminatedUnion('as', [
  z.strictObject({ as: z.literal('self') }),
  z.strictObject({ as: z.literal('role'), role: Role, site_seq: z.int().min(1) }),
  z.strictObject({ as: z.literal('rule'), rule: z.string().regex(/^T\d{1,2}$/) }),
  z.strictObject({ as: z.literal('operator') }),
])
export type Authority = z.infer<typeof Authority>

/** A relative path that stays inside its folder on every system, and reads as what it is. */
const filePath = z
  .string()
  .min(1)
  .max(1_024)
  .refine(
    (path) =>
      isPlain(path) &&
      !path.includes('\\') &&
      path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
    'expected a relative path of plain names',
  )

export const FileRole = z.enum([
  'model',
  'shard',
  'mmproj',
  'lora',
  'imatrix',
  'signature',
  'readme',
  'other',
])
export type FileRole = z.infer<typeof FileRole>

/** One file of a listing's torrent, as the submission claims it. */
export const ListedFile = z.strictObject({
  path: filePath,
  size_bytes: z.int().min(0),
  sha256: Sha256.nullable(),
  md5: Md5.nullable(),
  pieces_root: Sha256.nullable(),
  role: FileRole,
})
export type ListedFile = z.infer<typeof ListedFile>

/** The mission's four source types. */
export const SourceType = z.enum([
  'official_huggingface',
  'community_quant',
  'qalarc_verified',
  'user_upload',
])
export type SourceType = z.infer<typeof SourceType>

const Repository = z.string().regex(/^[\w.-]{1,96}\/[\w.-]{1,96}$/, 'expected organisation/name')
const Commit = z
  .string()
  .regex(
    /^[0-9a-f]{40}$/,
    'expected 40 lower-case hexadecimal digits: a branch such as main can change, so it pins nothing',
  )

export const Source = z.strictObject({
  type: SourceType,
  url: httpUrl.nullable(),
  /** The publisher's repository, as `organisation/name`. */
  repository: Repository.nullable(),
  /** The commit that the repository is pinned at. */
  commit: Commit.nullable(),
  /** Of this very file in the repository at that commit: what the publisher's digest is asked for (T13). */
  path: filePath.nullable(),
  /** Who quantised it, in the uploader's words. */
  quantised_by: line(80).nullable(),
})
export type Source = z.infer<typeof Source>

export const Tag = z.string().regex(/^[a-z0-9][a-z0-9.+-]{0,31}$/, 'expected 1 to 32 of a-z, 0-9, . + -')

const ListingSubmitted = z
  .strictObject({
    name: line(120),
    files: z.array(ListedFile).min(1).max(2_000),
    sha256: Sha256,
    md5: Md5.nullable(),
    size_bytes: z.int().min(1),
    info_hash: InfoHash.nullable(),
    info_hash_v2: InfoHashV2.nullable(),
    piece_length: z.int().min(1).nullable(),
    /** The .torrent in the blob store, where one was given. */
    torrent: Sha256.nullable(),
    trackers: z.array(trackerUrl).max(50),
    web_seeds: z.array(httpUrl).max(50),
    /** Quantisation as the uploader labels it. */
    quantisation: z
      .string()
      .regex(/^[A-Z0-9][A-Z0-9_]{1,23}$/, 'expected a name such as Q4_K_M')
      .nullable(),
    licence: line(80).nullable(),
    source: Source,
    readme: TextRef.nullable(),
    tags: z.array(Tag).max(16),
    hardware: line(200).nullable(),
    benchmarks: TextRef.nullable(),
    /** A detached OpenPGP signature over the model file, and the key it says it is of. */
    signature: z.strictObject({ blob: Sha256, fingerprint: Fingerprint }).nullable(),
    /** Made by `npm start` to show the site at work. */
    demo: z.boolean(),
  })
  .refine(({ info_hash, info_hash_v2 }) => info_hash !== null || info_hash_v2 !== null, {
    path: ['info_hash'],
    message: 'expected an info hash, v1 or v2',
  })
export type ListingSubmitted = z.infer<typeof ListingSubmitted>

export const JudgeVerdict = z.enum(['pass', 'fail', 'skipped', 'pending'])
export type JudgeVerdict = z.infer<typeof JudgeVerdict>

export const Judges = z.strictObject({
  integrity: JudgeVerdict,
  form: JudgeVerdict,
  behaviour: JudgeVerdict,
})
export type Judges = z.infer<typeof Judges>

/**
 * A chat template as a verifier found it in the file: the SHA-256 of its bytes
 * as they stand there, and the worst that the lint says of it.
 */
export const TemplateRecorded = z.strictObject({
  /** `default`, or what the template is for, such as `tool_use`. */
  name: line(64),
  sha256: Sha256,
  state: z.enum(['clean', 'warn', 'reject']),
})
export type TemplateRecorded = z.infer<typeof TemplateRecorded>

/**
 * What the publisher's own hub said of the file that the source names, asked by
 * a verifier (T13). Where nothing was learnt the state is `unknown`, with why.
 */
export const PublisherRecorded = z.strictObject({
  state: z.enum(['equal', 'differs', 'unknown']),
  /** The address that was asked. */
  hub: z
    .string()
    .max(200)
    .regex(/^https?:\/\/[\x21-\x7e]+$/, 'expected an http or https URL'),
  repository: Repository,
  commit: Commit,
  path: filePath,
  /** The name it answered under, where the repository was renamed. */
  renamed_to: Repository.nullable(),
  /** What it holds there; of a split model its first file. */
  sha256: Sha256.nullable(),
  size_bytes: z.int().min(0).nullable(),
  /** Why it is unknown, or which file differs. */
  reason: z.string().max(300).nullable(),
})
export type PublisherRecorded = z.infer<typeof PublisherRecorded>

/** What a verification found, beside its whole report in the blob store. */
const VerificationRecorded = z.strictObject({
  report: Sha256,
  judges: Judges,
  /** One sentence a judge, as shown in its chamber. */
  summary: z.strictObject({
    integrity: z.string().max(300),
    form: z.string().max(300),
    behaviour: z.string().max(300),
  }),
  sha256: Sha256.nullable(),
  size_bytes: z.int().min(0).nullable(),
  quantisation: z
    .strictObject({
      claimed: z.string().max(40).nullable(),
      proven: z.array(z.string().max(40)).max(8),
      match: z.enum(['exact', 'variant', 'mislabelled', 'unknown']),
      matched: z.int().min(0),
      total: z.int().min(0),
      /** Thousandths of a bit. */
      bits_per_weight_milli: z.int().min(0),
    })
    .nullable(),
  architecture: z.string().max(64).nullable(),
  parameters: z.int().min(0).nullable(),
  /** Empty for a file without one; null where nobody looked. */
  templates: z.array(TemplateRecorded).max(8).nullable(),
  signature: z
    .strictObject({
      state: z.enum(['good', 'bad', 'expired', 'unknown_key', 'weak']),
      fingerprint: Fingerprint.nullable(),
    })
    .nullable(),
  /** Null where the source names no file at a commit, or the verifier asks nobody. */
  publisher: PublisherRecorded.nullable(),
  recommendation: z.strictObject({
    decision: z.enum(['approve', 'reject', 'review']),
    reasons: z.array(z.string().max(500)).max(20),
  }),
})
export type VerificationRecorded = z.infer<typeof VerificationRecorded>

export const IdentityKind = z.enum(['email', 'github', 'openpgp'])
export type IdentityKind = z.infer<typeof IdentityKind>

/** Every event type with the shape of its data, by the kind of stream it belongs to. */
export const EVENT_DATA = {
  site: {
    policy_set: z.strictObject({ policy: Policy }),
    role_granted: z.strictObject({ member: MemberId, role: Role }),
    role_revoked: z.strictObject({ member: MemberId, role: Role }),
    /** By a moderator or an admin; what the member rated and reported no longer counts (T18). */
    member_banned: z.strictObject({ member: MemberId, reason: TextRef.nullable() }),
    member_unbanned: z.strictObject({ member: MemberId }),
  },
  member: {
    member_joined: z.strictObject({ handle: Handle }),
    identity_proved: z.strictObject({ kind: IdentityKind }),
    identity_withdrawn: z.strictObject({ kind: IdentityKind }),
    key_registered: z.strictObject({ fingerprint: Fingerprint, public_key: Sha256 }),
    key_revoked: z.strictObject({ fingerprint: Fingerprint, compromised: z.boolean() }),
    /** In the endorsed member's stream, by who endorses. */
    member_endorsed: z.strictObject({}),
    endorsement_withdrawn: z.strictObject({}),
  },
  listing: {
    listing_submitted: ListingSubmitted,
    listing_published: z.strictObject({ reason: z.string().max(200) }),
    listing_withdrawn: z.strictObject({}),
    verification_recorded: VerificationRecorded,
    /** By the uploader or a moderator; the torrent's info dictionary is not touched (T16). */
    web_seed_added: z.strictObject({ url: webSeedUrl }),
    web_seed_removed: z.strictObject({ url: httpUrl }),
    ...COMMUNITY_EVENTS,
    ...MODERATION_EVENTS,
  },
} as const

type DataOf<Table> = { [Type in keyof Table]: Table[Type] extends z.ZodType ? z.infer<Table[Type]> : never }
export type EventData = DataOf<(typeof EVENT_DATA)['site']> &
  DataOf<(typeof EVENT_DATA)['member']> &
  DataOf<(typeof EVENT_DATA)['listing']>
export type EventType = keyof EventData

/** What all events have, whatever their type and age. */
export const Envelope = z.strictObject({
  v: z.int().min(1),
  type: z.string().regex(/^[a-z_]{1,40}$/),
  id: EventId,
  stream: StreamName,
  /** Position in its stream, from 1. */
  seq: z.int().min(1),
  /** When it was appended, ISO 8601 in UTC with milliseconds. */
  at: z.iso.datetime({ precision: 3 }),
  /** The member who acted; null for the site's operator and for rules. */
  by: MemberId.nullable(),
  authority: Authority,
  data: z.record(z.string(), z.unknown()),
})

interface EventOf<Type extends EventType> {
  v: number
  type: Type
  id: EventId
  stream: StreamName
  seq: number
  at: string
  by: MemberId | null
  authority: Authority
  data: EventData[Type]
}

/** An event of a type this version knows, in its newest shape. */
export type QalEvent = { [Type in EventType]: EventOf<Type> }[EventType]

/** An event of a listing's stream. */
export type ListingEvent = Extract<QalEvent, { type: keyof (typeof EVENT_DATA)['listing'] }>

/** An event as it is stored: perhaps of a type that only a newer version knows. */
export type StoredEvent = Omit<EventOf<EventType>, 'type' | 'data' | 'authority'> & {
  type: string
  authority: Authority
  data: Record<string, unknown>
}

/** An event before the store has given it a place. */
export type NewEvent = { [Type in EventType]: Omit<EventOf<Type>, 'seq' | 'stream'> }[EventType]

export const CURRENT_VERSION = 3

export function streamKind(stream: StreamName): 'site' | 'member' | 'listing' {
  if (stream === 'site') return 'site'
  return stream.startsWith('member/') ? 'member' : 'listing'
}

export function subjectOf(stream: StreamName): string {
  return stream.slice(stream.indexOf('/') + 1)
}
