import { z } from '@hono/zod-openapi'
import { AttestationKind, ReportCategory } from '../../core/community-events.ts'
import { isPlain } from '../../core/fields.ts'
import type { Scope } from '../../store/private.ts'
import {
  attest,
  comment,
  editComment,
  rate,
  withdrawAttestation,
  withdrawComment,
  withdrawRating,
} from '../commands/community.ts'
import {
  appeal,
  dismissAppeal,
  eraseText,
  hideComment,
  requestVerification,
  supersede,
  withdrawListing,
  undoDecision,
} from '../commands/moderation.ts'
import { decideReports, report } from '../commands/reports.ts'
import { review } from '../commands/review.ts'
import { addWebSeed, removeWebSeed } from '../commands/web-seeds.ts'
import type { Actor, AppDeps } from '../deps.ts'
import { RatingBody, ReviewBody } from './documents.ts'

/** Something a member may do to a listing: one row serves the API and the pages' forms. */
export interface ListingAct {
  /** Below `/api/models/{id}/`, and below `/models/{id}/` as a form. */
  path: string
  scope: Scope
  summary: string
  /** What a page says when it is done. */
  done: string
  body: z.ZodObject
  status: 200 | 201
  /** What to answer; null for the listing as it is then. */
  run: (deps: AppDeps, actor: Actor, id: string, body: unknown) => Promise<object | null>
}

const position = z.coerce.number().int().min(1)
const seen = { seen_seq: position.optional() }
const words = (max: number, empty: string) =>
  z.string().trim().min(1, empty).max(max, `expected at most ${max} characters`)
const reason = z.string().max(4_000, 'expected at most 4000 characters').default('')
/** As a form's box or buttons say it, too. */
const yes = z.union([z.boolean(), z.enum(['true', 'false', 'on']).transform((text) => text !== 'false')])
const blank = (value: unknown): unknown => (value === '' ? undefined : value)
const sha256 = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits')
const positions = z.union([z.array(position).min(1).max(1_000), position.transform((one) => [one])])

const CommentBody = z.strictObject({
  text: words(8_000, 'expected a comment'),
  reply_to: z.preprocess(blank, position.nullish()),
})
const ReportBody = z.strictObject({
  category: ReportCategory,
  text: words(8_000, 'expected what you saw'),
  /** Of the reporter's own file, where it differs from the listed one. */
  evidence_sha256: z.preprocess(blank, sha256.optional()),
  evidence_size_bytes: z.preprocess(blank, z.coerce.number().int().min(0).optional()),
})
const AttestationBody = z.strictObject({
  kind: AttestationKind,
  sha256,
  hardware: z.preprocess(
    blank,
    words(120, 'expected what it runs on').refine(isPlain, 'expected plain text on one line').optional(),
  ),
})
const WebSeedBody = z.strictObject({
  url: z
    .string()
    .trim()
    .min(1, 'expected an http or https URL')
    .max(2_000, 'expected at most 2000 characters'),
})
const listingId = z
  .string()
  .trim()
  .regex(/^[0-9A-Za-z]{26}$/, 'expected the id of a listing')

function act<Body extends z.ZodObject>(
  named: Pick<ListingAct, 'path' | 'scope' | 'summary' | 'done'>,
  body: Body,
  run: (deps: AppDeps, actor: Actor, id: string, body: z.infer<Body>) => Promise<object | void>,
  status: 200 | 201 = 200,
): ListingAct {
  return {
    ...named,
    body,
    status,
    run: async (deps, actor, id, input) => (await run(deps, actor, id, input as z.infer<Body>)) ?? null,
  }
}

const Nothing = z.strictObject({})

/** All that members do to listings after submitting them; verifications come by a route of their own. */
export const LISTING_ACTS: readonly ListingAct[] = [
  act(
    {
      path: 'review',
      scope: 'review',
      summary: 'Approve, reject, restore or remove',
      done: 'Your decision was recorded',
    },
    ReviewBody,
    review,
  ),
  act(
    {
      path: 'review/undo',
      scope: 'review',
      summary: 'Take the decision that stands back',
      done: 'The decision was taken back',
    },
    z.strictObject(seen),
    undoDecision,
  ),
  act(
    {
      path: 'ratings',
      scope: 'community',
      summary: 'Rate a listing of another member',
      done: 'Your rating was recorded',
    },
    RatingBody,
    rate,
  ),
  act(
    {
      path: 'ratings/withdrawal',
      scope: 'community',
      summary: 'Withdraw your rating',
      done: 'Your rating was withdrawn',
    },
    Nothing,
    withdrawRating,
  ),
  act(
    {
      path: 'comments',
      scope: 'community',
      summary: 'Comment, or reply to a comment',
      done: 'Your comment was recorded',
    },
    CommentBody,
    comment,
    201,
  ),
  act(
    {
      path: 'comments/edit',
      scope: 'community',
      summary: 'Change a comment of yours',
      done: 'Your comment was changed',
    },
    z.strictObject({ comment: position, text: CommentBody.shape.text }),
    editComment,
  ),
  act(
    {
      path: 'comments/withdrawal',
      scope: 'community',
      summary: 'Withdraw a comment of yours and erase its text',
      done: 'Your comment was withdrawn and its text erased',
    },
    z.strictObject({ comment: position }),
    withdrawComment,
  ),
  act(
    {
      path: 'comments/hidden',
      scope: 'review',
      summary: 'Hide a comment, or show it again',
      done: 'The comment was changed for all visitors',
    },
    z.strictObject({ comment: position, hidden: yes }),
    hideComment,
  ),
  act(
    {
      path: 'attestations',
      scope: 'community',
      summary: 'Attest a check of your own',
      done: 'Your attestation was recorded',
    },
    AttestationBody,
    attest,
    201,
  ),
  act(
    {
      path: 'attestations/withdrawal',
      scope: 'community',
      summary: 'Withdraw an attestation',
      done: 'Your attestation was withdrawn',
    },
    z.strictObject({ kind: AttestationKind }),
    (deps, actor, id, { kind }) => withdrawAttestation(deps, actor, id, kind),
  ),
  act(
    { path: 'reports', scope: 'community', summary: 'Report a listing', done: 'Your report was recorded' },
    ReportBody,
    (deps, actor, id, { category, text, evidence_sha256, evidence_size_bytes }) =>
      report(deps, actor, id, {
        category,
        text,
        ...(evidence_sha256 === undefined
          ? {}
          : { evidence: { sha256: evidence_sha256, size_bytes: evidence_size_bytes ?? 0 } }),
      }),
    201,
  ),
  act(
    {
      path: 'reports/decisions',
      scope: 'review',
      summary: 'Uphold or dismiss reports',
      done: 'Your decision on the reports was recorded',
    },
    z.strictObject({ upheld: yes, reports: positions.optional(), reason, ...seen }),
    decideReports,
  ),
  act(
    {
      path: 'appeals',
      scope: 'submit',
      summary: 'Appeal against the decision on your listing',
      done: 'Your appeal was recorded: a moderator will answer it',
    },
    z.strictObject({ text: words(8_000, 'expected why the decision is wrong') }),
    appeal,
    201,
  ),
  act(
    {
      path: 'appeals/dismissal',
      scope: 'review',
      summary: 'Answer an appeal without another decision',
      done: 'The appeal was answered',
    },
    z.strictObject({ reason, ...seen }),
    dismissAppeal,
  ),
  act(
    {
      path: 'superseded',
      scope: 'submit',
      summary: 'Say which listing takes this one’s place',
      done: 'What takes its place was recorded',
    },
    z.strictObject({ by: z.preprocess(blank, listingId.nullish()) }),
    (deps, actor, id, { by }) => supersede(deps, actor, id, { by: by ?? null }),
  ),
  act(
    {
      path: 'web-seeds',
      scope: 'submit',
      summary: 'Add a web seed; the info hash stays',
      done: 'The web seed was added: the .torrent and the magnets carry it now',
    },
    WebSeedBody,
    addWebSeed,
    201,
  ),
  act(
    {
      path: 'web-seeds/removal',
      scope: 'submit',
      summary: 'Remove a web seed; the info hash stays',
      done: 'The web seed was removed from the .torrent and the magnets',
    },
    WebSeedBody,
    removeWebSeed,
  ),
  act(
    {
      path: 'verifications/request',
      scope: 'submit',
      summary: 'Ask verifiers to look again',
      done: 'Verifiers were asked to look again',
    },
    Nothing,
    requestVerification,
  ),
  act(
    {
      path: 'erasures',
      scope: 'community',
      summary: 'Erase a text of yours for ever',
      done: 'The text was erased',
    },
    z.strictObject({ text: sha256 }),
    eraseText,
  ),
  act(
    {
      path: 'withdrawal',
      scope: 'submit',
      summary: 'Withdraw your listing',
      done: 'The listing was withdrawn',
    },
    Nothing,
    withdrawListing,
  ),
]
