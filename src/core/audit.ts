import { z } from 'zod'
import { QalError } from './error.ts'
import type { StoredEvent } from './events.ts'
import { emptyWorld, foldInto } from './fold.ts'
import { EventId } from './ids.ts'
import { projectAll, type CatalogueViews } from './project.ts'

/** Where a published document says otherwise than its ledger. */
export interface Difference {
  /** `listing ID` or `member @handle`. */
  subject: string
  /** Path in the document, such as `community.rating_centi`. */
  field: string
  published: string
  computed: string
}

const header = {
  version: z.literal(1),
  site: z.string().max(200),
  generated_at: z.iso.datetime({ precision: 3 }),
  ledger: z.object({ last: EventId.nullable() }),
  policy: z.object({ version: z.int(), site_seq: z.int() }),
}

/** What `/models.json` and `/members.json` must hold to be audited; the rest of an entry is read as it is. */
export const AuditedModels = z.object({ ...header, models: z.array(z.looseObject({ id: z.string() })) })
export const AuditedMembers = z.object({ ...header, members: z.array(z.looseObject({ id: z.string() })) })
export type AuditedModels = z.infer<typeof AuditedModels>
export type AuditedMembers = z.infer<typeof AuditedMembers>

/** All that a listing shows by rule; what it only quotes from its submission is compared too, where people act by it. */
const LISTING_FIELDS = [
  'model',
  'sha256',
  'md5',
  'size_bytes',
  'info_hash',
  'info_hash_v2',
  'tier',
  'badge_reasons',
  'status',
  'status_reasons',
  'consensus',
  'verification',
  'verified_by',
  'quantisation',
  'uploader',
  'source',
  'provenance',
  'signature',
  'community',
  'review',
  'appeal',
  'superseded_by',
  'published_at',
] as const

const MEMBER_FIELDS = [
  'handle',
  'tier',
  'conditions',
  'roles',
  'keys',
  'listings',
  'identity',
  'endorsements',
  'banned',
] as const

/** Replays events up to the one the document names, at its time, and compares every published listing. */
export function auditModels(events: readonly StoredEvent[], document: AuditedModels): Difference[] {
  const views = viewsFor(events, document)
  const published = new Map([...views.listings].filter(([, { status }]) => status === 'published'))
  return [
    ...policyDifference(events, document),
    ...compareAll('listing', document.models, published, LISTING_FIELDS),
  ]
}

/** The same for members: tier, its conditions, roles, keys and standing. */
export function auditMembers(events: readonly StoredEvent[], document: AuditedMembers): Difference[] {
  const views = viewsFor(events, document)
  return [
    ...policyDifference(events, document),
    ...compareAll('member', document.members, views.members, MEMBER_FIELDS),
  ]
}

type Header = Pick<AuditedModels, 'ledger' | 'generated_at' | 'site' | 'policy'>

function upTo(events: readonly StoredEvent[], { ledger: { last } }: Header): readonly StoredEvent[] {
  if (last === null) return []
  const end = events.findLastIndex(({ id }) => id === last)
  if (end < 0)
    throw new QalError(
      'ledger_published',
      `Cannot audit: the document names event ${last} as its last, and the ledger does not hold it`,
      { field: 'ledger.last', expected: 'an event of the published ledger', found: last, exit: 4 },
    )
  return events.slice(0, end + 1)
}

function viewsFor(events: readonly StoredEvent[], document: Header): CatalogueViews {
  const world = emptyWorld()
  for (const event of upTo(events, document)) foldInto(world, event)
  return projectAll(world, document.generated_at, document.site)
}

/** A document that names a policy other than the one in force was computed by other rules. */
function policyDifference(events: readonly StoredEvent[], document: Header): Difference[] {
  const world = emptyWorld()
  for (const event of upTo(events, document)) if (event.stream === 'site') foldInto(world, event)
  const { policy, policy_seq } = world.site
  const field = 'policy'
  return differing('the document', field, document.policy, {
    version: policy.version,
    site_seq: policy_seq,
  })
}

function compareAll<View extends { id: string }>(
  kind: string,
  published: readonly (Record<string, unknown> & { id: string })[],
  computed: ReadonlyMap<string, View>,
  fields: readonly (keyof View & string)[],
): Difference[] {
  const differences: Difference[] = []
  const seen = new Set<string>()
  for (const entry of published) {
    const subject = `${kind} ${entry.id}`
    const wanted = computed.get(entry.id)
    if (seen.has(entry.id)) differences.push({ subject, field: 'id', published: 'twice', computed: 'once' })
    seen.add(entry.id)
    if (wanted === undefined)
      differences.push({ subject, field: 'id', published: 'shown', computed: 'not shown' })
    else
      for (const field of fields) differences.push(...differing(subject, field, entry[field], wanted[field]))
  }
  for (const id of computed.keys())
    if (!seen.has(id))
      differences.push({ subject: `${kind} ${id}`, field: 'id', published: 'not shown', computed: 'shown' })
  return differences
}

/** Walks both values; every leaf that differs is named by its path. */
function differing(subject: string, field: string, published: unknown, computed: unknown): Difference[] {
  if (isObject(published) && isObject(computed)) {
    const keys = new Set([...Object.keys(published), ...Object.keys(computed)])
    return [...keys].flatMap((key) => differing(subject, `${field}.${key}`, published[key], computed[key]))
  }
  if (JSON.stringify(published) === JSON.stringify(computed)) return []
  return [{ subject, field, published: shown(published), computed: shown(computed) }]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 200)
}
